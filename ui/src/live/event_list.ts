// The live events page as a pure fold: history and stream in, a bounded list out.
import type { EventItem, Severity } from '../api/types';

export interface EventFilter {
  source: string;
  kind: '' | EventItem['kind'];
  severityMin: '' | Severity;
  text: string;
}

export interface EventListState {
  /** Newest first by place in the journal, each once. */
  readonly rows: readonly EventItem[];
  /** Came while paused; newest first. */
  readonly waiting: readonly EventItem[];
  readonly paused: boolean;
  /** Left out by the server's rate limit since the list began. */
  readonly skipped: number;
  /** More came while paused than is kept. */
  readonly overflowed: boolean;
}

export const EVENTS_MAX = 2000;
const RANK: Record<Severity, number> = { info: 0, warning: 1, error: 2, critical: 3 };

export function emptyEvents(): EventListState {
  return { rows: [], waiting: [], paused: false, skipped: 0, overflowed: false };
}

export function eventKey(event: EventItem): string {
  return `${event.offset}/${event.index}`;
}

function newerFirst(a: EventItem, b: EventItem): number {
  return b.offset - a.offset || b.index - a.index;
}

/** Merges in any order, drops what is there already, keeps the newest. */
export function mergeEvents(
  rows: readonly EventItem[],
  more: readonly EventItem[],
): { rows: EventItem[]; dropped: number } {
  const byKey = new Map(rows.map((event) => [eventKey(event), event]));
  for (const event of more) byKey.set(eventKey(event), event);
  const merged = [...byKey.values()].sort(newerFirst);
  return { rows: merged.slice(0, EVENTS_MAX), dropped: Math.max(0, merged.length - EVENTS_MAX) };
}

export function addEvents(state: EventListState, events: readonly EventItem[]): EventListState {
  if (events.length === 0) return state;
  if (!state.paused) return { ...state, rows: mergeEvents(state.rows, events).rows };
  const shown = new Set(state.rows.map(eventKey));
  const fresh = events.filter((event) => !shown.has(eventKey(event)));
  const { rows, dropped } = mergeEvents(state.waiting, fresh);
  return { ...state, waiting: rows, overflowed: state.overflowed || dropped > 0 };
}

/** The server's answer for the past: always shown, paused or not. */
export function addHistory(state: EventListState, events: readonly EventItem[]): EventListState {
  return { ...state, rows: mergeEvents(state.rows, events).rows };
}

export function setPaused(state: EventListState, paused: boolean): EventListState {
  if (paused) return state.paused ? state : { ...state, paused };
  const { rows } = mergeEvents(state.rows, state.waiting);
  return { ...state, rows, waiting: [], paused, overflowed: false };
}

export function addSkipped(state: EventListState, count: number): EventListState {
  return { ...state, skipped: state.skipped + count };
}

/** The same meaning as the server's query: words that all occur, in any case. */
export function passes(filter: EventFilter, event: EventItem): boolean {
  if (filter.source !== '' && event.source !== filter.source) return false;
  if (filter.kind !== '' && event.kind !== filter.kind) return false;
  if (filter.severityMin !== '' && RANK[event.severity] < RANK[filter.severityMin]) return false;
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const labels = Object.entries(event.labels).flat();
  const all = [event.title, event.entity ?? '', ...labels].join(' ').toLowerCase();
  return words.every((word) => all.includes(word));
}
