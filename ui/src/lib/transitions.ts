// What a person may do next with an incident; the server has the last word.
import type { IncidentStatus, IncidentSummary, Transition } from '../api/types';

const FROM: Record<IncidentStatus, readonly Transition[]> = {
  open: ['ack', 'investigate', 'mitigate', 'resolve'],
  acknowledged: ['investigate', 'mitigate', 'resolve'],
  investigating: ['mitigate', 'resolve'],
  mitigated: ['resolve', 'investigate'],
  resolved: ['close', 'reopen'],
  closed: ['reopen'],
};

export const TRANSITION_WORDS: Record<Transition, { verb: string; done: string }> = {
  ack: { verb: 'Acknowledge', done: 'acknowledged' },
  investigate: { verb: 'Investigate', done: 'under investigation' },
  mitigate: { verb: 'Mitigate', done: 'mitigated' },
  resolve: { verb: 'Resolve', done: 'resolved' },
  close: { verb: 'Close', done: 'closed' },
  reopen: { verb: 'Reopen', done: 'open again' },
};

/** In the order of likelihood; a merged incident offers nothing. */
export function transitionsFrom(incident: IncidentSummary): readonly Transition[] {
  return incident.merged_into === null ? FROM[incident.status] : [];
}
