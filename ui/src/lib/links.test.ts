import { expect, test } from 'vitest';

import { safeHref } from './links';

function checkHref(in_: string | null, want: string | null) {
  test(`href ${JSON.stringify(in_)}`, () => expect(safeHref(in_)).toBe(want));
}
checkHref('https://a.example/x?y=1', 'https://a.example/x?y=1');
checkHref('HTTP://A.example', 'http://a.example/');
checkHref('javascript:alert(1)', null);
checkHref(' \tjava\nscript:alert(1)', null);
checkHref('data:text/html,<script>', null);
checkHref('//a.example/x', null);
checkHref('/relative', null);
checkHref('file:///etc/passwd', null);
checkHref('', null);
checkHref(null, null);
