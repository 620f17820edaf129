import { expect, test } from 'vitest';

import { parseMatchers } from './matchers';

function checkMatchers(text: string, want: string[]) {
  test(`matchers ${text}`, () => {
    expect(parseMatchers(text)).toEqual({ matchers: want, error: null });
  });
}
checkMatchers('', []);
checkMatchers('  ', []);
checkMatchers('a=b', ['a=b']);
checkMatchers('{a="b", c=~"d|e"}', ['a="b"', 'c=~"d|e"']);
checkMatchers('a="x,y",b!="z"', ['a="x,y"', 'b!="z"']);
checkMatchers('a="say \\"hi, you\\"",b!~"z.*"', ['a="say \\"hi, you\\""', 'b!~"z.*"']);
checkMatchers('"service.name"="checkout"', ['"service.name"="checkout"']);
checkMatchers('a="b",', ['a="b"']);

function checkError(text: string, want: string) {
  test(`matchers ${text} are refused`, () => {
    expect(parseMatchers(text)).toEqual({ matchers: [], error: want });
  });
}
checkError('checkout', 'after checkout comes =, !=, =~ or !~');
checkError('="x"', '="x" does not begin with a label name');
checkError('a="x', 'the value of a has an open quote');
checkError('ok="1", b', 'after b comes =, !=, =~ or !~');
