// @vitest-environment node
// Holds the colours to WCAG AA: 4.5:1 for text, 3:1 for marks that carry meaning.
import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

function token(name: string, theme: 0 | 1): string {
  const pair = new RegExp(`--${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\);`).exec(css);
  const single = new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(css);
  const value = pair?.[theme + 1] ?? single?.[1];
  if (!value) throw new Error(`there is no colour --${name}`);
  return value;
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function check(front: string, back: string, least: number) {
  for (const theme of [0, 1] as const) {
    test(`${front} on ${back}, ${theme === 0 ? 'light' : 'dark'}`, () => {
      expect(contrast(token(front, theme), token(back, theme))).toBeGreaterThanOrEqual(least);
    });
  }
}

test('the measure is right', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 1);
});

describe('text', () => {
  for (const back of ['bg', 'surface', 'raised', 'sunken', 'hover', 'selected']) {
    for (const front of ['text', 'text-2', 'text-3', 'accent', 'accent-strong']) {
      check(front, back, 4.5);
    }
  }
  for (const back of ['bg', 'surface', 'hover', 'selected']) {
    for (const front of ['bad', 'warn', 'watch', 'good', 'calm']) check(front, back, 4.5);
  }
  for (const tone of ['bad', 'warn', 'watch', 'good', 'calm']) {
    check(tone, `${tone}-bg`, 4.5);
    check('text', `${tone}-bg`, 4.5);
  }
  for (const fill of ['accent-fill', 'sev1', 'sev2']) check('on-fill', fill, 4.5);
  for (const severity of [3, 4, 5]) check(`sev${severity}-text`, `sev${severity}-bg`, 4.5);
});

describe('marks', () => {
  for (const mark of ['bad', 'warn', 'watch', 'good', 'calm', 'none']) {
    check(`mark-${mark}`, 'surface', 3);
    check(`mark-${mark}`, 'bg', 3);
  }
  check('focus', 'surface', 3);
  check('focus', 'bg', 3);
  check('border-strong', 'surface', 3);
});
