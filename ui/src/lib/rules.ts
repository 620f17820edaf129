// What a detection rule does at present, in words. Pure.
import type { DetectionRule } from '../api/types';
import { formatCount, plural } from './format';

/** `3 series, 1 learning, 1 held back, 1 open`; what is nothing is left out. */
export function ruleWords(rule: DetectionRule): string {
  if (rule.detector === 'auto') return 'tunes what is learned of the series that it matches';
  if (rule.detector === 'off') return 'what it matches is learned from, and never told of';
  if (rule.series === 0) return 'has matched no series yet';
  const parts = [plural(rule.series, 'series', 'series')];
  if (rule.learning > 0) parts.push(`${formatCount(rule.learning)} learning`);
  if (rule.held > 0) parts.push(`${formatCount(rule.held)} held back`);
  if (rule.open > 0) parts.push(`${formatCount(rule.open)} open`);
  return parts.join(', ');
}
