import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { IncidentSummary } from '../api/types';
import { DEFAULT_FILTER } from '../lib/filters';
import { makeIncident } from '../testing/make';
import { IncidentStore } from './incident_store';

function incident(n: number, change: Partial<IncidentSummary> = {}): IncidentSummary {
  const id = `INC-${String(n).padStart(6, '0')}`;
  const updated_at = new Date(Date.UTC(2026, 10, 21, 8, 0, n)).toISOString();
  return makeIncident({ id, updated_at, ...change });
}

/** Answers list requests with these pages; the cursor is the number of the page. */
function serve(pages: IncidentSummary[][]) {
  return vi.spyOn(window, 'fetch').mockImplementation(async (input) => {
    const url = new URL((input as Request).url);
    const page = Number(url.searchParams.get('cursor') ?? 0);
    const next = page + 1 < pages.length ? String(page + 1) : null;
    return new Response(JSON.stringify({ items: pages[page] ?? [], next }), {
      headers: { 'Content-Type': 'application/json' },
    });
  });
}

let end: (() => void) | null = null;
async function started(filter = DEFAULT_FILTER): Promise<IncidentStore> {
  const store = new IncidentStore(filter);
  end = store.start();
  await vi.waitFor(() => expect(store.getView().loading).toBe(false));
  return store;
}
const ids = (store: IncidentStore) => store.getView().list.order.map((id) => Number(id.slice(4)));

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => {
  end?.();
  end = null;
  vi.useRealTimers();
});

describe('IncidentStore', () => {
  test('loads all pages', async () => {
    const fetch = serve([[incident(3)], [incident(2)], [incident(1)]]);
    const store = await started();
    expect(ids(store)).toEqual([3, 2, 1]);
    expect(fetch).toHaveBeenCalledTimes(3);
    expect(store.getView().truncated).toBe(false);
  });

  test('asks for what the filter says', async () => {
    const fetch = serve([[]]);
    await started({
      statuses: ['open', 'closed'],
      severityMax: 2,
      text: ' pool ',
      matchers: 'env="a,b", x=y',
      sort: 'severity',
    });
    const { searchParams } = new URL((fetch.mock.calls[0]?.[0] as Request).url);
    expect(searchParams.getAll('status')).toEqual(['open', 'closed']);
    expect(searchParams.get('severity_max')).toBe('2');
    expect(searchParams.get('q')).toBe('pool');
    expect(searchParams.getAll('filter')).toEqual(['env="a,b"', 'x=y']);
    expect(searchParams.has('sort')).toBe(false);
  });

  test('rows wait while somebody works in the list, and come in after', async () => {
    serve([[incident(1)]]);
    const store = await started();
    store.setHeld(true);
    store.push(incident(2));
    await vi.advanceTimersByTimeAsync(200);
    expect(ids(store)).toEqual([1]);
    expect(store.getView().added).toBe(1);
    store.setHeld(false);
    expect(ids(store)).toEqual([2, 1]);
    expect(store.getView().added).toBe(0);
  });

  test('tells what is news', async () => {
    serve([[incident(1)]]);
    const store = await started();
    const news = vi.fn();
    store.onNews = news;
    store.push(incident(2));
    store.push(incident(1, { version: 9 }));
    await vi.advanceTimersByTimeAsync(200);
    expect(news).toHaveBeenCalledTimes(1);
    expect(news).toHaveBeenCalledWith({ opened: [incident(2)], changed: 1 });
  });

  test('marks fade by themselves', async () => {
    serve([[]]);
    const store = await started();
    store.push(incident(2));
    await vi.advanceTimersByTimeAsync(200);
    expect(store.getView().list.marks.size).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(store.getView().list.marks.size).toBe(0);
  });

  test('with a text, an unknown incident makes it ask the server again, once', async () => {
    const fetch = serve([[incident(1)]]);
    const store = await started({ ...DEFAULT_FILTER, text: 'pool' });
    fetch.mockClear();
    for (let n = 2; n < 30; n += 1) store.push(incident(n));
    await vi.advanceTimersByTimeAsync(1000);
    expect(fetch).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(3000);
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(ids(store)).toEqual([1]);
  });

  test('a failure is shown, what is there stays, and trying again heals it', async () => {
    const fetch = serve([[incident(1)]]);
    const store = await started();
    fetch.mockImplementation(async () => {
      const problem = { type: 'about:blank', title: 'x', status: 400, detail: 'bad', code: 'y' };
      return new Response(JSON.stringify(problem), { status: 400 });
    });
    await store.reload();
    expect(store.getView().error?.message).toBe('bad');
    expect(ids(store)).toEqual([1]);
    serve([[incident(1), incident(2)]]);
    await store.reload();
    expect(store.getView().error).toBeNull();
    expect(ids(store)).toEqual([2, 1]);
  });
});
