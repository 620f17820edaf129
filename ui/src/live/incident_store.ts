// Feeds the incident list: loads pages, listens to the stream, and decides when rows may move.
import { api, ApiError, unwrap } from '../api/client';
import type { IncidentSummary } from '../api/types';
import { DEFAULT_FILTER, type IncidentFilter } from '../lib/filters';
import { parseMatchers } from '../lib/matchers';
import {
  addPage,
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
import { live } from './live';

const FIRST_PAGE = 100;
const PAGE = 1000;
export const ROWS_MAX = 20_000;
const MARK_MS = 6_000;
const BATCH_MS = 80;
/** Reloads are spaced out: a storm must not become a storm of reloads. */
const STALE_MS = 2_000;
const SOON_MS = 200;

export interface IncidentListView {
  list: IncidentListState;
  loading: boolean;
  error: ApiError | null;
  total: number | null;
  /** More match than are held. */
  truncated: boolean;
  /** Waiting because the person works in the list. */
  added: number;
  moved: boolean;
}

export class IncidentStore {
  private view: IncidentListView;
  private readonly listeners = new Set<() => void>();
  private queue: IncidentSummary[] = [];
  private flushTimer: number | null = null;
  private staleTimer: number | null = null;
  private fadeTimer: number | null = null;
  private held = false;
  private load = 0;
  private endings: (() => void)[] = [];
  /** Told about each batch, for the live region. */
  onNews: ((news: { opened: IncidentSummary[]; changed: number }) => void) | null = null;

  constructor(filter: IncidentFilter) {
    this.view = {
      list: emptyList(filter),
      loading: true,
      error: null,
      total: null,
      truncated: false,
      added: 0,
      moved: false,
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  readonly getView = (): IncidentListView => this.view;

  start(): () => void {
    this.endings = [
      live.on('incident', (incident) => this.push(incident)),
      live.on('resync', () => this.reloadIn(SOON_MS)),
      live.on('skipped', () => this.reloadIn(STALE_MS)),
      live.on('connected', () => {
        if (this.view.error) this.reloadIn(SOON_MS);
      }),
    ];
    void this.reload();
    return () => {
      for (const end of this.endings) end();
      this.load += 1;
      for (const timer of [this.flushTimer, this.staleTimer, this.fadeTimer]) {
        if (timer !== null) window.clearTimeout(timer);
      }
      this.flushTimer = null;
      this.staleTimer = null;
      this.fadeTimer = null;
    };
  }

  setFilter(filter: IncidentFilter): void {
    const before = this.view.list;
    const list = withFilter(before, filter);
    this.set({ list, added: 0, moved: false });
    if (!list.loaded) void this.reload();
  }

  /** While held, rows keep their places; only their content changes. */
  setHeld(held: boolean): void {
    if (this.held === held) return;
    this.held = held;
    if (!held) this.show();
  }

  /** Brings waiting rows in. */
  show(): void {
    this.set({ list: settle(this.view.list), added: 0, moved: false });
  }

  push(incident: IncidentSummary): void {
    this.queue.push(incident);
    this.flushTimer ??= window.setTimeout(() => this.flush(), BATCH_MS);
  }

  private flush(): void {
    this.flushTimer = null;
    const queue = this.queue;
    this.queue = [];
    const { state: list, opened, changed } = applyIncidents(this.view.list, queue, Date.now());
    if (list.stale) this.reloadIn(STALE_MS);
    this.place(list);
    this.fadeTimer ??= window.setTimeout(() => this.fade(), MARK_MS);
    if (opened.length + changed > 0) this.onNews?.({ opened, changed });
  }

  private place(list: IncidentListState): void {
    if (this.held) this.set({ list, ...pending(list) });
    else this.set({ list: settle(list), added: 0, moved: false });
  }

  private reloadIn(ms: number): void {
    this.staleTimer ??= window.setTimeout(() => {
      this.staleTimer = null;
      if (this.view.loading) this.reloadIn(STALE_MS);
      else void this.reload();
    }, ms);
  }

  private fade(): void {
    this.fadeTimer = null;
    const list = fadeMarks(this.view.list, Date.now() - MARK_MS);
    if (list !== this.view.list) this.set({ list });
    if (list.marks.size > 0) this.fadeTimer = window.setTimeout(() => this.fade(), 1000);
  }

  async reload(): Promise<void> {
    this.load += 1;
    const load = this.load;
    this.set({ list: beginLoad(this.view.list), loading: true });
    try {
      let cursor: string | null = null;
      let count = 0;
      do {
        const page = await this.fetchPage(cursor);
        if (load !== this.load) return;
        count += page.items.length;
        cursor = page.next;
        if (page.total !== undefined) this.set({ total: page.total });
        this.place(addPage(this.view.list, page.items));
      } while (cursor !== null && count < ROWS_MAX);
      this.place(endLoad(this.view.list));
      this.set({ loading: false, error: null, truncated: cursor !== null });
    } catch (e) {
      if (load !== this.load) return;
      const error = e instanceof ApiError ? e : new ApiError(0, String(e), 'unknown');
      this.set({ loading: false, error });
    }
  }

  private fetchPage(cursor: string | null) {
    const { statuses, severityMax, text, matchers } = this.view.list.filter;
    const parsed = parseMatchers(matchers);
    return unwrap(
      api.GET('/api/v1/incidents', {
        params: {
          query: {
            limit: cursor === null ? FIRST_PAGE : PAGE,
            ...(cursor === null ? {} : { cursor }),
            ...(statuses.length === 0 ? {} : { status: statuses }),
            ...(severityMax === null ? {} : { severity_max: severityMax }),
            ...(text.trim() === '' ? {} : { q: text.trim() }),
            ...(parsed.matchers.length === 0 ? {} : { filter: parsed.matchers }),
          },
        },
      }),
    );
  }

  private set(change: Partial<IncidentListView>): void {
    this.view = { ...this.view, ...change };
    for (const listener of this.listeners) listener();
  }
}

/** The one list; it stays current while other pages are shown. */
export const incidentStore = new IncidentStore(DEFAULT_FILTER);
