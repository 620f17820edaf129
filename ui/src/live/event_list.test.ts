import { describe, expect, test } from 'vitest';

import type { EventItem } from '../api/types';
import {
  addEvents,
  addHistory,
  addSkipped,
  emptyEvents,
  EVENTS_MAX,
  passes,
  setPaused,
  type EventFilter,
} from './event_list';

function event(offset: number, change: Partial<EventItem> = {}): EventItem {
  return {
    offset,
    index: 0,
    arrived_at: '2026-11-21T08:00:00Z',
    id: '',
    source: '/ci',
    type: 'io.example.build',
    subject: '',
    time: '2026-11-21T08:00:00Z',
    kind: 'note',
    status: null,
    severity: 'info',
    tenant: 'default',
    entity: null,
    title: 'build 7 passed',
    correlation_id: null,
    labels: {},
    alert: null,
    incident: null,
    links: [],
    ...change,
  };
}
const offsets = (events: readonly EventItem[]) => events.map((e) => e.offset);

describe('the list', () => {
  test('history and stream overlap, in any order: each event once, newest first', () => {
    let state = addEvents(emptyEvents(), [event(5), event(7)]);
    state = addHistory(state, [event(6), event(5), event(4)]);
    state = addEvents(state, [event(6)]);
    expect(offsets(state.rows)).toEqual([7, 6, 5, 4]);
  });

  test('events of one frame are told apart and ordered', () => {
    const state = addEvents(emptyEvents(), [event(5, { index: 0 }), event(5, { index: 1 })]);
    expect(state.rows.map((e) => e.index)).toEqual([1, 0]);
  });

  test('the oldest fall out beyond the limit', () => {
    const many = Array.from({ length: EVENTS_MAX + 5 }, (_, i) => event(i));
    const state = addEvents(emptyEvents(), many);
    expect(state.rows).toHaveLength(EVENTS_MAX);
    expect(state.rows.at(-1)?.offset).toBe(5);
  });
});

describe('pause', () => {
  test('what comes while paused waits, and comes in on resume', () => {
    let state = setPaused(addEvents(emptyEvents(), [event(1)]), true);
    state = addEvents(state, [event(2), event(3)]);
    expect(offsets(state.rows)).toEqual([1]);
    expect(offsets(state.waiting)).toEqual([3, 2]);
    state = setPaused(state, false);
    expect(offsets(state.rows)).toEqual([3, 2, 1]);
    expect(state.waiting).toEqual([]);
  });

  test('what is shown already does not wait again', () => {
    const state = addEvents(setPaused(addEvents(emptyEvents(), [event(1)]), true), [event(1)]);
    expect(state.waiting).toEqual([]);
  });

  test('more than is kept is admitted', () => {
    const many = Array.from({ length: EVENTS_MAX + 1 }, (_, i) => event(i));
    const state = addEvents(setPaused(emptyEvents(), true), many);
    expect(state.waiting).toHaveLength(EVENTS_MAX);
    expect(state.overflowed).toBe(true);
    expect(setPaused(state, false).overflowed).toBe(false);
  });

  test('skipped events add up', () => {
    expect(addSkipped(addSkipped(emptyEvents(), 3), 4).skipped).toBe(7);
  });
});

const NONE: EventFilter = { source: '', kind: '', severityMin: '', text: '' };
function checkPasses(filter: Partial<EventFilter>, change: Partial<EventItem>, want: boolean) {
  test(`${JSON.stringify(filter)} on ${JSON.stringify(change)}: ${want}`, () => {
    expect(passes({ ...NONE, ...filter }, event(1, change))).toBe(want);
  });
}
checkPasses({}, {}, true);
checkPasses({ source: '/ci' }, {}, true);
checkPasses({ source: '/c' }, {}, false);
checkPasses({ kind: 'alert' }, {}, false);
checkPasses({ severityMin: 'warning' }, { severity: 'info' }, false);
checkPasses({ severityMin: 'warning' }, { severity: 'critical' }, true);
checkPasses({ text: 'BUILD passed' }, {}, true);
checkPasses({ text: 'build failed' }, {}, false);
checkPasses({ text: 'checkout' }, { entity: 'service:checkout' }, true);
checkPasses({ text: 'prod' }, { labels: { env: 'prod' } }, true);
