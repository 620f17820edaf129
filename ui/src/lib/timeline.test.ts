import { expect, test } from 'vitest';

import type { TimelineEntry } from '../api/types';
import { groupTimeline } from './timeline';

function entry(seq: number, kind: TimelineEntry['kind']): TimelineEntry {
  return {
    seq,
    at: '2026-11-21T08:00:00Z',
    event_time: '2026-11-21T08:00:00Z',
    kind,
    actor: 'quell',
    text: '',
    alert: null,
    other: null,
    severity: null,
    status: null,
    entity: null,
  };
}

function checkGroups(kinds: TimelineEntry['kind'][], want: number[][]) {
  test(kinds.join(' '), () => {
    const groups = groupTimeline(kinds.map((kind, i) => entry(i + 1, kind)));
    expect(groups.map((group) => group.entries.map((e) => e.seq))).toEqual(want);
  });
}
const added = 'alert_added';
checkGroups([], []);
checkGroups(['opened', 'note'], [[2], [1]]);
checkGroups(['opened', added, added, added], [[4], [3], [2], [1]]);
checkGroups(['opened', added, added, added, added], [[5, 4, 3, 2], [1]]);
checkGroups(
  [added, added, added, added, 'note', added, added, added, added, 'alert_resolved'],
  [[10], [9, 8, 7, 6], [5], [4, 3, 2, 1]],
);
checkGroups(['note', 'note', 'note', 'note', 'note'], [[5], [4], [3], [2], [1]]);
