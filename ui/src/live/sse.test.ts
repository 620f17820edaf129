import { expect, test } from 'vitest';

import { SseParser, type StreamMessage } from './sse';

const TEXT =
  ': hello\r\n\r\nid: 7\nevent: incident\ndata: {"a":1}\n\nid: 8\rdata: one\rdata: two\r\r' +
  'event: status\r\ndata:{}\r\n\r\nid: 9\n\ndata: after\n\n';
const WANT: StreamMessage[] = [
  { id: '7', event: 'incident', data: '{"a":1}' },
  { id: '8', event: 'message', data: 'one\ntwo' },
  { id: '8', event: 'status', data: '{}' },
  { id: '9', event: 'message', data: 'after' },
];

test('reads a stream in one piece', () => {
  expect(new SseParser().feed(TEXT)).toEqual(WANT);
});

test('reads the same however the stream is cut', () => {
  for (let size = 1; size <= 16; size += 1) {
    const parser = new SseParser();
    const messages: StreamMessage[] = [];
    for (let i = 0; i < TEXT.length; i += size)
      messages.push(...parser.feed(TEXT.slice(i, i + size)));
    expect(messages, `in pieces of ${size}`).toEqual(WANT);
  }
});

function checkFeed(name: string, text: string, want: StreamMessage[]) {
  test(name, () => expect(new SseParser().feed(text)).toEqual(want));
}
checkFeed('an unfinished message waits', 'data: x\n', []);
checkFeed('a message without data is none', 'event: ping\n\n', []);
checkFeed('one space after the colon goes, not two', 'data:  x\n\n', [
  { id: '', event: 'message', data: ' x' },
]);
checkFeed('a field without a colon is empty', 'data\n\n', [{ id: '', event: 'message', data: '' }]);
checkFeed('unknown fields are ignored', 'colour: red\ndata: x\n\n', [
  { id: '', event: 'message', data: 'x' },
]);
checkFeed('an id with NUL is ignored', 'id: a\0b\ndata: x\n\n', [
  { id: '', event: 'message', data: 'x' },
]);
checkFeed('a byte order mark at the start is ignored', '\uFEFFdata: x\n\n', [
  { id: '', event: 'message', data: 'x' },
]);
