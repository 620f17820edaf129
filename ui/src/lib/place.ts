// Finds the place that a dead letter names in the text of its frame: `byte 41`, `line 7`,
// `line 7 column 3`, or a JSON pointer such as `/0/type`.

export type Place =
  /** Characters of the text. */
  | { kind: 'range'; start: number; end: number }
  /** What stands at the pointer, as JSON. */
  | { kind: 'value'; json: string }
  /** The pointer leads nowhere: `known` is the part of it that exists. */
  | { kind: 'missing'; known: string };

export function findPlace(text: string, place: string): Place | null {
  const byte = /\bbyte (\d+)/.exec(place);
  if (byte) return characterAt(text, Number(byte[1]));
  const line = /\bline (\d+)(?:,? column (\d+))?/.exec(place);
  if (line) return lineAt(text, Number(line[1]));
  if (place.startsWith('/')) return valueAt(text, place);
  return null;
}

function characterAt(text: string, byte: number): Place | null {
  const bytes = new TextEncoder().encode(text);
  if (byte > bytes.length) return null;
  const start = new TextDecoder().decode(bytes.slice(0, byte)).length;
  // At the very end there is nothing to mark but the last character.
  const at = Math.min(start, Math.max(0, text.length - 1));
  return text === '' ? null : { kind: 'range', start: at, end: at + 1 };
}

function lineAt(text: string, number: number): Place | null {
  const lines = text.split('\n');
  const line = lines[number - 1];
  if (line === undefined) return null;
  const start = lines.slice(0, number - 1).reduce((sum, l) => sum + l.length + 1, 0);
  return { kind: 'range', start, end: start + line.length };
}

function valueAt(text: string, pointer: string): Place | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  let known = '';
  for (const token of pointer.slice(1).split('/')) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) {
      return { kind: 'missing', known };
    }
    value = (value as Record<string, unknown>)[name];
    known += `/${token}`;
  }
  return { kind: 'value', json: JSON.stringify(value, null, 2) };
}
