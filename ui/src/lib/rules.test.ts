import { expect, test } from 'vitest';

import type { DetectionRule } from '../api/types';
import { ruleWords } from './rules';

const NOTHING: DetectionRule = {
  name: 'deep',
  detector: 'threshold',
  series: 0,
  learning: 0,
  open: 0,
  held: 0,
  why_held: '',
};

function checkWords(rule: Partial<DetectionRule>, want: string) {
  test(want, () => expect(ruleWords({ ...NOTHING, ...rule })).toBe(want));
}
checkWords({}, 'has matched no series yet');
checkWords({ series: 1 }, '1 series');
checkWords({ series: 3, learning: 3 }, '3 series, 3 learning');
checkWords({ series: 2, open: 1 }, '2 series, 1 open');
checkWords(
  { series: 12_000, learning: 1200, open: 2, held: 1 },
  '12,000 series, 1,200 learning, 1 held back, 2 open',
);
checkWords({ detector: 'auto' }, 'tunes what is learned of the series that it matches');
checkWords({ detector: 'off' }, 'what it matches is learned from, and never told of');
