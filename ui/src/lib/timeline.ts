// The timeline as it is read: newest first, with runs of alert news folded together.
import type { TimelineEntry } from '../api/types';

export interface TimelineGroup {
  key: number;
  kind: TimelineEntry['kind'];
  /** Newest first, never empty. */
  entries: TimelineEntry[];
}

const FOLDED = new Set<TimelineEntry['kind']>([
  'alert_added',
  'alert_firing',
  'alert_resolved',
  'alert_removed',
]);

/** A run of at least this many becomes one line. */
export const FOLD_FROM = 4;

export function groupTimeline(timeline: readonly TimelineEntry[]): TimelineGroup[] {
  const groups: TimelineGroup[] = [];
  let run: TimelineEntry[] = [];
  const flush = () => {
    const [first] = run;
    if (!first) return;
    if (run.length >= FOLD_FROM) groups.push({ key: first.seq, kind: first.kind, entries: run });
    else
      for (const entry of run) groups.push({ key: entry.seq, kind: entry.kind, entries: [entry] });
    run = [];
  };
  const newestFirst = [...timeline].sort((a, b) => b.seq - a.seq);
  for (const entry of newestFirst) {
    if (run[0] && (run[0].kind !== entry.kind || !FOLDED.has(entry.kind))) flush();
    run.push(entry);
  }
  flush();
  return groups;
}
