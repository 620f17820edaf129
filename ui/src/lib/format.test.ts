import { expect, test } from 'vitest';

import {
  formatAge,
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatProse,
  formatShare,
  formatTime,
  plural,
  prettyJson,
} from './format';

const NOW = Date.parse('2026-11-21T12:00:00Z');

function checkDuration(ms: number, want: string) {
  test(`duration ${ms} is ${want}`, () => expect(formatDuration(ms)).toBe(want));
}
checkDuration(-5, '0s');
checkDuration(0, '0s');
checkDuration(59_999, '59s');
checkDuration(60_000, '1m');
checkDuration(3_599_000, '59m');
checkDuration(3_600_000, '1h');
checkDuration(3_600_000 * 3 + 60_000 * 12, '3h 12m');
checkDuration(86_400_000 * 2 + 3_600_000 * 4, '2d 4h');
checkDuration(86_400_000 * 10 + 3_600_000 * 4, '10d');
checkDuration(86_400_000 * 738_000, '738kd');

function checkAge(iso: string | null, want: string) {
  test(`age of ${iso} is ${want}`, () => expect(formatAge(iso, NOW)).toBe(want));
}
checkAge('2026-11-21T11:56:00Z', '4m');
checkAge('2026-11-21T11:59:59.9Z', 'now');
checkAge('2026-11-21T12:00:04Z', 'now');
checkAge('2026-11-21T12:10:00Z', 'in 10m');
checkAge('not a time', '–');
checkAge('', '–');
checkAge(null, '–');

function checkAgo(iso: string, want: string) {
  test(`${iso} is ${want}`, () => expect(formatAgo(iso, NOW)).toBe(want));
}
checkAgo('2026-11-21T11:56:00Z', '4m ago');
checkAgo('2026-11-21T12:00:00Z', 'just now');
checkAgo('2026-11-21T12:10:00Z', 'in 10m');
checkAgo('never', '–');

test('a time of today shows the clock, of another day the day, of another year the year', () => {
  expect(formatTime('2026-11-21T11:58:03Z', NOW)).toMatch(/^\d\d:\d\d:03$/);
  expect(formatTime('2026-11-02T11:58:03Z', NOW)).toMatch(/^2 Nov, \d\d:58$/);
  expect(formatTime('2020-03-02T11:58:03Z', NOW)).toMatch(/2020$/);
  expect(formatTime('0001-01-01T00:00:00Z', NOW)).not.toBe('–');
  expect(formatTime('nonsense', NOW)).toBe('–');
});

function checkProse(text: string, want: string) {
  test(`prose: ${text}`, () => expect(formatProse(text, NOW)).toBe(want));
}
const LATER = '2026-11-21T12:25:20Z';
checkProse('nothing to do with times', 'nothing to do with times');
checkProse(
  `reaches 1 at ${LATER} (it is 0.6)`,
  `reaches 1 at ${formatTime(LATER, NOW)} (it is 0.6)`,
);
checkProse(`${LATER} or ${LATER}`, `${formatTime(LATER, NOW)} or ${formatTime(LATER, NOW)}`);
checkProse('the 2026-11-21 and 2026-99-99T00:00:00Z', 'the 2026-11-21 and 2026-99-99T00:00:00Z');

function checkCount(n: number, want: string) {
  test(`count ${n} is ${want}`, () => expect(formatCount(n)).toBe(want));
}
checkCount(0, '0');
checkCount(1234, '1,234');
checkCount(99_999, '99,999');
checkCount(100_000, '100k');
checkCount(999_499, '999k');
checkCount(999_500, '1.0M');
checkCount(4_560_000, '4.6M');
checkCount(123_000_000, '123M');
checkCount(Number.NaN, '–');

test('shares, bytes, plurals', () => {
  expect(formatShare(0)).toBe('0 %');
  expect(formatShare(0.034)).toBe('3.4 %');
  expect(formatShare(0.5)).toBe('50 %');
  expect(formatBytes(512)).toBe('512 B');
  expect(formatBytes(1536)).toBe('1.5 KiB');
  expect(formatBytes(18_349_322)).toBe('17.5 MiB');
  expect(plural(1, 'alert')).toBe('1 alert');
  expect(plural(0, 'alert')).toBe('0 alerts');
  expect(plural(2, 'entity', 'entities')).toBe('2 entities');
});

test('JSON is indented, anything else stays as it is', () => {
  expect(prettyJson('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(prettyJson('{"a":')).toBe('{"a":');
});
