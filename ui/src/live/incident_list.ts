// The live incident list as a pure fold: pages and stream messages in, an ordered list out.
//
// Order of arrival does not matter: an incident's version decides which of two copies is newer. So
// a page that was asked for before a change and arrives after it cannot undo the change.
import type { IncidentSummary } from '../api/types';
import { compareIncidents, decide, type IncidentFilter } from '../lib/filters';

export interface Mark {
  kind: 'new' | 'changed';
  at: number;
}

interface Entry {
  incident: IncidentSummary;
  matches: boolean;
  /** The load that last confirmed it; older ones go when a reload is complete. */
  generation: number;
}

export interface IncidentListState {
  readonly filter: IncidentFilter;
  readonly entries: ReadonlyMap<string, Entry>;
  /** What is shown, in this order; may lag behind while a person works in the list. */
  readonly order: readonly string[];
  readonly marks: ReadonlyMap<string, Mark>;
  readonly generation: number;
  /** The first page is there. */
  readonly loaded: boolean;
  /** An unknown incident came that only the server can judge: the list must be asked for again. */
  readonly stale: boolean;
}

export function emptyList(filter: IncidentFilter): IncidentListState {
  return {
    filter,
    entries: new Map(),
    order: [],
    marks: new Map(),
    generation: 0,
    loaded: false,
    stale: false,
  };
}

/** A new load begins: at the start, after a `reset`, or because the list is stale. */
export function beginLoad(state: IncidentListState): IncidentListState {
  return { ...state, generation: state.generation + 1, stale: false };
}

/** One page of the current load. What the server lists matches, whatever it was before. */
export function addPage(
  state: IncidentListState,
  items: readonly IncidentSummary[],
): IncidentListState {
  const entries = new Map(state.entries);
  for (const incident of items) {
    const known = entries.get(incident.id);
    const newer = !known || incident.version >= known.incident.version;
    entries.set(incident.id, {
      incident: newer ? incident : known.incident,
      matches: newer || decide(state.filter, known.incident) !== 'no',
      generation: state.generation,
    });
  }
  return { ...state, entries, loaded: true };
}

/** The load is complete: what it did not mention, and no stream message confirmed, is gone. */
export function endLoad(state: IncidentListState): IncidentListState {
  const entries = new Map(state.entries);
  for (const [id, entry] of entries) {
    if (entry.generation < state.generation) entries.delete(id);
  }
  return { ...state, entries, loaded: true };
}

/** An incident from the stream, or the answer to an action. */
export function applyIncident(
  state: IncidentListState,
  incident: IncidentSummary,
  at: number,
): IncidentListState {
  return applyIncidents(state, [incident], at).state;
}

export interface Applied {
  state: IncidentListState;
  /** New to the reader. */
  opened: IncidentSummary[];
  changed: number;
}

/** A batch of them, in the order in which they came. Cost: one copy of the list, however many. */
export function applyIncidents(
  before: IncidentListState,
  incidents: readonly IncidentSummary[],
  at: number,
): Applied {
  const entries = new Map(before.entries);
  const marks = new Map(before.marks);
  const opened: IncidentSummary[] = [];
  let changed = 0;
  let touched = false;
  let stale = before.stale;
  for (const incident of incidents) {
    const known = entries.get(incident.id);
    if (known && known.incident.version >= incident.version) continue;
    const verdict = decide(before.filter, incident);
    if (!known && verdict === 'no') continue;
    if (verdict === 'ask' && !known?.matches) {
      stale = true;
      continue;
    }
    const matches = verdict !== 'no';
    entries.set(incident.id, { incident, matches, generation: before.generation });
    touched = true;
    if (!matches && !known?.matches) continue;
    marks.set(incident.id, { kind: known?.matches ? 'changed' : 'new', at });
    if (known?.matches) changed += 1;
    else opened.push(incident);
  }
  if (touched) return { state: { ...before, entries, marks, stale }, opened, changed };
  return { state: stale === before.stale ? before : { ...before, stale }, opened, changed };
}

/** Brings the shown order up to date. */
export function settle(state: IncidentListState): IncidentListState {
  return { ...state, order: wantedOrder(state) };
}

/** What settle() would change: ids that are not shown yet, and rows that would move or leave. */
export function pending(state: IncidentListState): { added: number; moved: boolean } {
  const wanted = wantedOrder(state);
  const shown = new Set(state.order);
  const added = wanted.filter((id) => !shown.has(id)).length;
  const moved =
    wanted.length !== state.order.length || wanted.some((id, i) => state.order[i] !== id);
  return { added, moved };
}

function wantedOrder(state: IncidentListState): string[] {
  const compare = compareIncidents(state.filter.sort);
  const matching: IncidentSummary[] = [];
  for (const entry of state.entries.values()) {
    if (entry.matches) matching.push(entry.incident);
  }
  return matching.sort(compare).map((incident) => incident.id);
}

/** Another filter: nothing of the old list is certain. Only the sort keeps it. */
export function withFilter(state: IncidentListState, filter: IncidentFilter): IncidentListState {
  const same =
    JSON.stringify({ ...state.filter, sort: '' }) === JSON.stringify({ ...filter, sort: '' });
  return same ? settle({ ...state, filter }) : { ...emptyList(filter), marks: state.marks };
}

/** Forgets marks that are older than `before`. The same state when there are none. */
export function fadeMarks(state: IncidentListState, before: number): IncidentListState {
  const marks = new Map([...state.marks].filter(([, mark]) => mark.at >= before));
  return marks.size === state.marks.size ? state : { ...state, marks };
}
