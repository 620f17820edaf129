import { expect, test } from 'vitest';

import { findPlace, type Place } from './place';

function checkPlace(text: string, place: string, want: Place | null) {
  test(`${place || '(none)'} in ${JSON.stringify(text)}`, () => {
    expect(findPlace(text, place)).toEqual(want);
  });
}
checkPlace('abcdef', 'byte 2', { kind: 'range', start: 2, end: 3 });
checkPlace('äbc', 'byte 2', { kind: 'range', start: 1, end: 2 });
checkPlace('abc', 'byte 3', { kind: 'range', start: 2, end: 3 });
checkPlace('abc', 'byte 4', null);
checkPlace('', 'byte 0', null);
checkPlace('a\nbc\nd', 'line 2', { kind: 'range', start: 2, end: 4 });
checkPlace('a\nbc\nd', 'line 2 column 1', { kind: 'range', start: 2, end: 4 });
checkPlace('a\nb', 'line 3', null);
checkPlace('[{"type":7}]', '/0/type', { kind: 'value', json: '7' });
checkPlace('{"a":{"b":[1]}}', '/a/b', { kind: 'value', json: '[\n  1\n]' });
checkPlace('{"a/b":{"m~n":true}}', '/a~1b/m~0n', { kind: 'value', json: 'true' });
checkPlace('[{"id":"7"}]', '/0/type', { kind: 'missing', known: '/0' });
checkPlace('{}', '/constructor', { kind: 'missing', known: '' });
checkPlace('not JSON', '/0', null);
checkPlace('{}', '', null);
