// Checks what is typed as matchers (`name="v"`, `!=`, `=~`, `!~`) before it is sent. The server
// decides; this only gives an answer while typing.

export interface ParsedMatchers {
  matchers: string[];
  error: string | null;
}

/** Splits `a="b", c=~"d"` (braces allowed) at the commas outside quotes. */
export function parseMatchers(text: string): ParsedMatchers {
  const inner = text.trim().replace(/^\{/, '').replace(/\}$/, '');
  const matchers: string[] = [];
  for (const part of splitOutsideQuotes(inner)) {
    const matcher = part.trim();
    if (matcher === '') continue;
    const error = checkMatcher(matcher);
    if (error) return { matchers: [], error };
    matchers.push(matcher);
  }
  return { matchers, error: null };
}

function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charAt(i);
    if (quoted && c === '\\') {
      part += c + text.charAt(i + 1);
      i += 1;
      continue;
    }
    if (c === '"') quoted = !quoted;
    if (c === ',' && !quoted) {
      parts.push(part);
      part = '';
    } else {
      part += c;
    }
  }
  parts.push(part);
  return parts;
}

const NAME = /^(?:"(?:[^"\\]|\\.)+"|[^\s"=!~,{}]+)/;

function checkMatcher(matcher: string): string | null {
  const name = NAME.exec(matcher)?.[0];
  if (!name) return `${matcher} does not begin with a label name`;
  const rest = matcher.slice(name.length).trimStart();
  const op = /^(=~|!~|!=|=)/.exec(rest)?.[0];
  if (!op) return `after ${name} comes =, !=, =~ or !~`;
  const value = rest.slice(op.length).trim();
  if (value.startsWith('"') && !/^"(?:[^"\\]|\\.)*"$/.test(value)) {
    return `the value of ${name} has an open quote`;
  }
  return null;
}
