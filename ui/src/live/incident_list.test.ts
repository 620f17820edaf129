import { describe, expect, test } from 'vitest';

import type { IncidentSummary } from '../api/types';
import { DEFAULT_FILTER, type IncidentFilter } from '../lib/filters';
import { makeIncident } from '../testing/make';
import {
  addPage,
  applyIncident,
  applyIncidents,
  beginLoad,
  emptyList,
  endLoad,
  fadeMarks,
  pending,
  settle,
  withFilter,
  type IncidentListState,
} from './incident_list';

function loaded(items: IncidentSummary[], filter: Partial<IncidentFilter> = {}): IncidentListState {
  const list = beginLoad(emptyList({ ...DEFAULT_FILTER, ...filter }));
  return settle(endLoad(addPage(list, items)));
}
function at(minute: number): string {
  return `2026-11-21T08:${String(minute).padStart(2, '0')}:00Z`;
}
function incident(n: number, change: Partial<IncidentSummary> = {}): IncidentSummary {
  return makeIncident({ id: `INC-00000${n}`, updated_at: at(n), ...change });
}
const ids = (list: IncidentListState) => list.order.map((id) => Number(id.slice(4)));

describe('order of arrival does not matter', () => {
  test('an older copy from the stream changes nothing', () => {
    const list = loaded([incident(1, { version: 5, status: 'acknowledged' })]);
    expect(applyIncident(list, incident(1, { version: 4, status: 'open' }), 0)).toBe(list);
  });

  test('an equal copy is no news', () => {
    const list = loaded([incident(1, { version: 5 })]);
    expect(applyIncident(list, incident(1, { version: 5 }), 0)).toBe(list);
  });

  test('a page that was asked for before a change does not undo it', () => {
    let list = beginLoad(emptyList(DEFAULT_FILTER));
    list = applyIncident(list, incident(1, { version: 6, status: 'acknowledged' }), 0);
    list = endLoad(addPage(list, [incident(1, { version: 5, status: 'open' })]));
    expect(list.entries.get('INC-000001')?.incident.status).toBe('acknowledged');
  });

  test('a page from before the incident was resolved does not bring it back', () => {
    let list = loaded([incident(1, { version: 1 })]);
    list = applyIncident(list, incident(1, { version: 6, status: 'resolved' }), 0);
    list = settle(addPage(beginLoad(list), [incident(1, { version: 5, status: 'open' })]));
    expect(ids(list)).toEqual([]);
  });

  test('messages in any order end in the same list', () => {
    const messages = [
      incident(1, { version: 2, status: 'acknowledged' }),
      incident(1, { version: 3, status: 'resolved' }),
      incident(2, { version: 1 }),
      incident(2, { version: 4, severity: 3 }),
    ];
    const fold = (order: number[]) =>
      settle(
        order.reduce(
          (list, i) => {
            const message = messages[i];
            return message ? applyIncident(list, message, 0) : list;
          },
          loaded([incident(1, { version: 1 })]),
        ),
      );
    const want = fold([0, 1, 2, 3]);
    expect(ids(want)).toEqual([2]);
    for (const order of [
      [3, 2, 1, 0],
      [1, 0, 3, 2],
      [2, 0, 3, 1],
    ]) {
      const got = fold(order);
      expect(got.order).toEqual(want.order);
      expect(got.entries.get('INC-000002')?.incident).toEqual(
        want.entries.get('INC-000002')?.incident,
      );
    }
  });
});

describe('reset', () => {
  test('after a complete load, what it does not mention is gone', () => {
    const list = loaded([incident(1), incident(2)]);
    expect(ids(settle(endLoad(addPage(beginLoad(list), [incident(2)]))))).toEqual([2]);
  });

  test('what the stream brings during the load stays', () => {
    let list = beginLoad(loaded([incident(1)]));
    list = applyIncident(list, incident(3), 0);
    expect(ids(settle(endLoad(addPage(list, [incident(1)]))))).toEqual([3, 1]);
  });

  test('rows stay visible while the load runs', () => {
    const list = beginLoad(loaded([incident(1), incident(2)]));
    expect(ids(list)).toEqual([2, 1]);
    expect(list.loaded).toBe(true);
  });
});

describe('filters', () => {
  test('what stops to match leaves when rows may move', () => {
    const list = applyIncident(
      loaded([incident(1), incident(2)]),
      incident(1, { version: 2, status: 'resolved' }),
      0,
    );
    expect(ids(list)).toEqual([2, 1]);
    expect(ids(settle(list))).toEqual([2]);
  });

  test('what does not match and was not known is ignored', () => {
    const list = loaded([incident(1)]);
    expect(applyIncident(list, incident(2, { status: 'closed' }), 0)).toBe(list);
  });

  test('with a text only the server knows: unknown incidents make the list stale', () => {
    const list = applyIncident(loaded([incident(1)], { text: 'pool' }), incident(2), 0);
    expect(list.stale).toBe(true);
    expect(ids(settle(list))).toEqual([1]);
    expect(beginLoad(list).stale).toBe(false);
  });

  test('with a text, known incidents are updated in place', () => {
    const list = applyIncident(
      loaded([incident(1)], { text: 'pool' }),
      incident(1, { version: 2, severity: 3 }),
      0,
    );
    expect(list.stale).toBe(false);
    expect(list.entries.get('INC-000001')?.incident.severity).toBe(3);
  });

  test('another filter starts empty, another sort keeps the rows', () => {
    const list = loaded([incident(1, { severity: 1 }), incident(2, { severity: 4 })]);
    expect(ids(withFilter(list, { ...DEFAULT_FILTER, sort: 'severity' }))).toEqual([1, 2]);
    const other = withFilter(list, { ...DEFAULT_FILTER, text: 'x' });
    expect(other.order).toEqual([]);
    expect(other.loaded).toBe(false);
  });
});

describe('rows that wait', () => {
  test('new rows are counted, not shown', () => {
    const list = applyIncident(loaded([incident(1)]), incident(2), 0);
    expect(ids(list)).toEqual([1]);
    expect(pending(list)).toEqual({ added: 1, moved: true });
    expect(pending(settle(list))).toEqual({ added: 0, moved: false });
  });

  test('a change of content alone moves nothing', () => {
    const list = applyIncident(
      loaded([incident(1)], { sort: 'opened' }),
      incident(1, { version: 2, updated_at: at(9) }),
      0,
    );
    expect(pending(list)).toEqual({ added: 0, moved: false });
  });
});

describe('a batch', () => {
  test('says what is new to the reader and what changed, and equals one by one', () => {
    const before = loaded([incident(1)]);
    const batch = [
      incident(1, { version: 2 }),
      incident(2),
      incident(3, { status: 'closed' }),
      incident(2, { version: 2 }),
      incident(1, { version: 2 }),
    ];
    const { state, opened, changed } = applyIncidents(before, batch, 7);
    expect(opened.map((i) => i.id)).toEqual(['INC-000002']);
    expect(changed).toBe(2);
    expect(state).toEqual(batch.reduce((list, i) => applyIncident(list, i, 7), before));
  });
});

describe('marks', () => {
  test('new and changed rows are told apart', () => {
    let list = applyIncident(loaded([incident(1)]), incident(2), 10);
    list = applyIncident(list, incident(1, { version: 2 }), 20);
    expect(list.marks.get('INC-000002')).toEqual({ kind: 'new', at: 10 });
    expect(list.marks.get('INC-000001')).toEqual({ kind: 'changed', at: 20 });
  });

  test('what begins to match is new to the reader', () => {
    const resolved = applyIncident(
      loaded([incident(1)]),
      incident(1, { version: 2, status: 'resolved' }),
      0,
    );
    const again = applyIncident(resolved, incident(1, { version: 3, status: 'open' }), 5);
    expect(again.marks.get('INC-000001')).toEqual({ kind: 'new', at: 5 });
  });

  test('what did not match and still does not is no news', () => {
    const hidden = applyIncident(
      loaded([incident(1)]),
      incident(1, { version: 2, status: 'resolved' }),
      0,
    );
    const { opened, changed, state } = applyIncidents(
      fadeMarks(hidden, 1),
      [incident(1, { version: 3, status: 'closed' })],
      5,
    );
    expect([opened.length, changed, state.marks.size]).toEqual([0, 0, 0]);
  });

  test('a load marks nothing', () => {
    expect(loaded([incident(1)]).marks.size).toBe(0);
  });

  test('marks fade', () => {
    const list = applyIncident(loaded([]), incident(2), 10);
    expect(fadeMarks(list, 10)).toBe(list);
    expect(fadeMarks(list, 11).marks.size).toBe(0);
  });
});
