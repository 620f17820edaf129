import { describe, expect, test } from 'vitest';

import { boundsOf, boundsWords, formatValue, makeChart, pointsOf, type ChartPoint } from './chart';

const flat = (ms: number, value: number | null): ChartPoint => [ms, value, null, null, null];

describe('makeChart', () => {
  test('the line spans the width, higher values are further up', () => {
    const chart = makeChart([flat(0, 0), flat(10, 10)], 100, 50);
    expect(chart.line).toBe('M0 47.7L100 2.3');
    expect([chart.min, chart.max]).toEqual([-0.5, 10.5]);
    expect(chart.x(5)).toBe(50);
  });

  test('gaps and missing values break the line', () => {
    const points = [flat(0, 1), flat(10, 1), flat(20, null), flat(30, 1), flat(300, 1)];
    expect(makeChart(points, 300, 10).line.match(/M/g)).toHaveLength(3);
  });

  test('the band is drawn where it is known', () => {
    const chart = makeChart([[0, 5, 5, 4, 6], [10, 5, 5, 4, 6], flat(20, 9)], 20, 10);
    expect(chart.band.match(/Z/g)).toHaveLength(1);
    expect(chart.expected).toMatch(/^M0 .*L10 /);
  });

  test('bounds are in the range', () => {
    const chart = makeChart([flat(0, 0), flat(10, 10)], 100, 50, [20]);
    expect([chart.min, chart.max]).toEqual([-1, 21]);
    expect(chart.y(21)).toBe(0);
  });

  test('one point, equal values and none at all still have a range', () => {
    expect(makeChart([flat(7, 3)], 100, 10).line).toBe('M50 5');
    expect(makeChart([flat(0, 0), flat(1, 0)], 100, 10).max).toBeGreaterThan(0);
    expect(makeChart([flat(0, null)], 100, 10).line).toBe('');
  });
});

test.each([
  [0, '0'],
  [0.6123, '0.612'],
  [41, '41'],
  [-12345, '-12,345'],
  [123456, '123k'],
  [4.2e6, '4.2M'],
  [3.1e-7, '3.1e-7'],
  [Number.NaN, '–'],
  [null, '–'],
])('formatValue(%s)', (value, want) => {
  expect(formatValue(value)).toBe(want);
});

function checkBounds(low: number | null, high: number | null, detector: string, want: string) {
  test(`${detector} ${low}..${high}: ${want}`, () => {
    const rule = detector === '' ? null : { detector };
    expect(boundsWords({ low, high, rule })).toBe(want);
  });
}
checkBounds(3.77, 4.37, '', 'usual 3.77 to 4.37');
checkBounds(null, 30, 'seasonal', 'usual at most 30');
checkBounds(30, null, 'seasonal', 'usual at least 30');
checkBounds(null, 100, 'threshold', 'limit 100');
checkBounds(0.1, null, 'forecast', 'limit 0.1');
checkBounds(1, 9, 'threshold', 'limits 1 to 9');
checkBounds(null, null, 'isolation', '');

test('how long a silence lasts is not drawn as a value', () => {
  const points: ChartPoint[] = [flat(0, 1), flat(10, 1), [600, 590, 10, 10, 10]];
  const of = (detector: string) => pointsOf({ low: null, high: 30, rule: { detector } }, points);
  expect(makeChart(of('absence'), 600, 10)).toMatchObject({ to: 600, max: 1.1, expected: '' });
  expect(of('threshold')).toBe(points);
});

test('the bounds of a silence are no values', () => {
  expect(boundsOf({ low: null, high: 30, rule: { detector: 'absence' } })).toEqual([]);
  expect(boundsOf({ low: 1, high: null, rule: { detector: 'threshold' } })).toEqual([1]);
  expect(boundsOf({ low: 1, high: 2, rule: null })).toEqual([1, 2]);
});
