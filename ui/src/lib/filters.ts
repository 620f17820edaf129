// The incident list's filter: what the address bar holds, what the server is asked, and what can
// be decided here about an incident that the stream brings.
import type { IncidentStatus, IncidentSummary } from '../api/types';

export const STATUSES: readonly IncidentStatus[] = [
  'open',
  'acknowledged',
  'investigating',
  'mitigated',
  'resolved',
  'closed',
];
export const ACTIVE_STATUSES: readonly IncidentStatus[] = STATUSES.slice(0, 4);

export const SORTS = ['updated', 'severity', 'opened', 'alerts'] as const;
export type Sort = (typeof SORTS)[number];

export interface IncidentFilter {
  /** Empty means every status. */
  statuses: IncidentStatus[];
  /** Only severities up to this number (1 is the worst). */
  severityMax: number | null;
  text: string;
  matchers: string;
  sort: Sort;
}

export const DEFAULT_FILTER: IncidentFilter = {
  statuses: [...ACTIVE_STATUSES],
  severityMax: null,
  text: '',
  matchers: '',
  sort: 'updated',
};

/** Reads the query of the address. Unknown words are ignored: old links keep working. */
export function filterFromSearch(search: string): IncidentFilter {
  const params = new URLSearchParams(search);
  const severity = Number(params.get('severity_max'));
  const sort = params.get('sort');
  return {
    statuses: statusesFrom(params.getAll('status')),
    severityMax: Number.isInteger(severity) && severity >= 1 && severity <= 5 ? severity : null,
    text: params.get('q') ?? '',
    matchers: params.get('filter') ?? '',
    sort: SORTS.find((s) => s === sort) ?? 'updated',
  };
}

function statusesFrom(words: string[]): IncidentStatus[] {
  if (words.includes('any')) return [];
  const wanted = STATUSES.filter((s) => words.includes(s));
  return wanted.length === 0 ? [...ACTIVE_STATUSES] : wanted;
}

/** The query for the address; what is default is left out. Begins with `?` unless empty. */
export function searchFromFilter(filter: IncidentFilter): string {
  const params = new URLSearchParams();
  if (filter.statuses.length === 0) {
    params.append('status', 'any');
  } else if (!sameStatuses(filter.statuses, ACTIVE_STATUSES)) {
    for (const status of STATUSES.filter((s) => filter.statuses.includes(s))) {
      params.append('status', status);
    }
  }
  if (filter.severityMax !== null) params.set('severity_max', String(filter.severityMax));
  if (filter.text !== '') params.set('q', filter.text);
  if (filter.matchers !== '') params.set('filter', filter.matchers);
  if (filter.sort !== 'updated') params.set('sort', filter.sort);
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

export function sameStatuses(a: readonly IncidentStatus[], b: readonly IncidentStatus[]): boolean {
  return a.length === b.length && a.every((status) => b.includes(status));
}

export function isDefaultFilter(filter: IncidentFilter): boolean {
  return searchFromFilter({ ...filter, sort: 'updated' }) === '';
}

/** Whether the incident passes; `ask` when only the server can say (text and matchers look into
 *  member alerts too). */
export function decide(filter: IncidentFilter, incident: IncidentSummary): 'yes' | 'no' | 'ask' {
  if (filter.statuses.length > 0 && !filter.statuses.includes(incident.status)) return 'no';
  if (filter.severityMax !== null && incident.severity > filter.severityMax) return 'no';
  return filter.text.trim() === '' && filter.matchers.trim() === '' ? 'yes' : 'ask';
}

/** Worst, newest or largest first; ties by id so that the order is total. */
export function compareIncidents(sort: Sort): (a: IncidentSummary, b: IncidentSummary) => number {
  const newestFirst = (a: IncidentSummary, b: IncidentSummary) =>
    compareTime(b.updated_at, a.updated_at) || compareText(b.id, a.id);
  switch (sort) {
    case 'updated':
      return newestFirst;
    case 'severity':
      return (a, b) => a.severity - b.severity || newestFirst(a, b);
    case 'opened':
      return (a, b) => compareTime(b.opened_at, a.opened_at) || compareText(b.id, a.id);
    case 'alerts':
      return (a, b) =>
        b.firing_count - a.firing_count || b.alert_count - a.alert_count || newestFirst(a, b);
  }
}

// The server writes UTC with 0 to 9 fraction digits: without the `Z` text order is time order.
function compareTime(a: string, b: string): number {
  if (a.length === b.length) return compareText(a, b);
  return compareText(a.replace('Z', ''), b.replace('Z', ''));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
