// The sentence that a screen reader hears about what happened in the list, at most every few
// seconds.
import type { IncidentSummary } from '../api/types';
import { plural } from '../lib/format';

export interface News {
  opened: IncidentSummary[];
  changed: number;
}

/** `New incident INC-000012, severity 1: title.` or counts when there is more than one. */
export function newsSentence({ opened, changed }: News): string {
  const parts: string[] = [];
  const [first] = opened;
  if (opened.length === 1 && first) {
    parts.push(`New incident ${first.id}, severity ${first.severity}: ${first.title}.`);
  } else if (opened.length > 1) {
    const worst = Math.min(...opened.map((incident) => incident.severity));
    parts.push(`${plural(opened.length, 'new incident')}, the worst of severity ${worst}.`);
  }
  if (changed > 0) parts.push(`${plural(changed, 'incident')} changed.`);
  return parts.join(' ');
}
