import { expect, test } from 'vitest';

import { makeWindow } from '../testing/make';
import { groupWindows, slots, upsertWindow } from './health';

test('all sources come first, then the worst, then the busiest', () => {
  const scopes = groupWindows([
    makeWindow({ scope: 'quiet' }),
    makeWindow({ scope: 'busy', total: 99 }),
    makeWindow({ scope: 'bad', status: 'CRITICAL' }),
    makeWindow({ scope: '' }),
  ]);
  expect(scopes.map((scope) => scope.scope)).toEqual(['', 'bad', 'busy', 'quiet']);
});

test('tenants do not mix', () => {
  const scopes = groupWindows([makeWindow({ tenant: 'a' }), makeWindow({ tenant: 'b' })]);
  expect(scopes).toHaveLength(2);
});

test('windows of a scope are in order of time, whatever order they come in', () => {
  const [scope] = groupWindows([
    makeWindow({ starts_at: '2026-11-21T08:05:00Z', total: 2 }),
    makeWindow({ starts_at: '2026-11-21T08:00:00Z', total: 1 }),
    makeWindow({ starts_at: '2026-11-21T08:10:00Z', total: 3 }),
  ]);
  expect(scope?.windows.map((window) => window.total)).toEqual([1, 2, 3]);
  expect(scope?.latest.total).toBe(3);
});

test('a slot in which nothing happened is empty', () => {
  const [scope] = groupWindows([
    makeWindow({ starts_at: '2026-11-21T08:00:00Z', total: 1 }),
    makeWindow({ starts_at: '2026-11-21T08:10:00Z', total: 3 }),
  ]);
  expect(scope && slots(scope, 4).map((window) => window?.total ?? null)).toEqual([
    null,
    1,
    null,
    3,
  ]);
});

test('a newer copy of a window replaces the older', () => {
  const open = makeWindow({ closed: false, total: 4 });
  const grown = makeWindow({ closed: false, total: 9 });
  expect(upsertWindow([open], grown)).toEqual([grown]);
});

test('a window that is closed stays closed', () => {
  const closed = makeWindow({ closed: true, total: 9 });
  const late = makeWindow({ closed: false, total: 8 });
  expect(upsertWindow([closed], late)).toEqual([closed]);
});

test('windows of other scopes and times stay', () => {
  const a = makeWindow({ scope: 'a' });
  const b = makeWindow({ starts_at: '2026-11-21T08:05:00Z' });
  expect(upsertWindow([a, b], makeWindow())).toHaveLength(3);
});
