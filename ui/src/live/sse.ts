// Parser of Server-Sent Events, fed with text in any pieces.
//
// Method: "Interpreting an event stream" of the HTML standard. Needed because EventSource cannot
// send an Authorization header.

export interface StreamMessage {
  id: string;
  event: string;
  data: string;
}

export class SseParser {
  private rest = '';
  private lastId = '';
  private event = '';
  private data: string[] = [];
  private begun = false;

  /** The messages that end within `text`. */
  feed(text: string): StreamMessage[] {
    let input = this.rest + text;
    if (!this.begun && input.length > 0) {
      this.begun = true;
      if (input.startsWith('\uFEFF')) input = input.slice(1);
    }
    const messages: StreamMessage[] = [];
    let start = 0;
    for (;;) {
      const end = lineEnd(input, start);
      if (end === null) break;
      const message = this.line(input.slice(start, end.at));
      if (message) messages.push(message);
      start = end.next;
    }
    this.rest = input.slice(start);
    return messages;
  }

  private line(line: string): StreamMessage | null {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return null; // A comment: keeps the connection alive.
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
    else if (field === 'id' && !value.includes('\0')) this.lastId = value;
    return null;
  }

  private dispatch(): StreamMessage | null {
    const data = this.data;
    const event = this.event === '' ? 'message' : this.event;
    this.data = [];
    this.event = '';
    return data.length === 0 ? null : { id: this.lastId, event, data: data.join('\n') };
  }
}

/** Where the line that begins at `start` ends. A CR at the very end may be half of a CR LF. */
function lineEnd(text: string, start: number): { at: number; next: number } | null {
  for (let i = start; i < text.length; i += 1) {
    const c = text.charAt(i);
    if (c === '\n') return { at: i, next: i + 1 };
    if (c === '\r') {
      if (i + 1 === text.length) return null;
      return { at: i, next: text.charAt(i + 1) === '\n' ? i + 2 : i + 1 };
    }
  }
  return null;
}
