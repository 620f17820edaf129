// Health windows, grouped for display: one line of windows per tenant and scope.
import type { HealthStatus, HealthWindow } from '../api/types';

export interface Scope {
  key: string;
  tenant: string;
  /** Empty: all sources together. */
  scope: string;
  /** Oldest first, never empty. */
  windows: HealthWindow[];
  latest: HealthWindow;
}

export const WINDOW_MS = 5 * 60 * 1000;
const RANK: Record<HealthStatus, number> = { CRITICAL: 0, DEGRADED: 1, WARNING: 2, HEALTHY: 3 };

export function scopeKey(window: { tenant: string; scope: string }): string {
  return `${window.tenant}\u0000${window.scope}`;
}

/** Adds a window or replaces an older copy of it. */
export function upsertWindow(
  windows: readonly HealthWindow[],
  window: HealthWindow,
): HealthWindow[] {
  const same = (w: HealthWindow) =>
    w.starts_at === window.starts_at && scopeKey(w) === scopeKey(window);
  const known = windows.find(same);
  // A closed window does not open again: an older copy can come late.
  if (known?.closed && !window.closed) return [...windows];
  return [window, ...windows.filter((w) => !same(w))];
}

/** All sources first, then the worst and busiest. */
export function groupWindows(windows: readonly HealthWindow[]): Scope[] {
  const groups = new Map<string, HealthWindow[]>();
  for (const window of windows) {
    const key = scopeKey(window);
    const group = groups.get(key);
    if (group) group.push(window);
    else groups.set(key, [window]);
  }
  const scopes: Scope[] = [];
  for (const [key, group] of groups) {
    group.sort((a, b) => Date.parse(a.starts_at) - Date.parse(b.starts_at));
    const latest = group.at(-1);
    if (latest) {
      scopes.push({ key, tenant: latest.tenant, scope: latest.scope, windows: group, latest });
    }
  }
  return scopes.sort(
    (a, b) =>
      Number(a.scope !== '') - Number(b.scope !== '') ||
      RANK[a.latest.status] - RANK[b.latest.status] ||
      b.latest.total - a.latest.total ||
      (a.key < b.key ? -1 : 1),
  );
}

/** The last `count` five-minute slots up to the newest window; null where nothing happened. */
export function slots(scope: Scope, count: number): (HealthWindow | null)[] {
  const end = Date.parse(scope.latest.starts_at);
  const byStart = new Map(scope.windows.map((w) => [Date.parse(w.starts_at), w]));
  return Array.from(
    { length: count },
    (_, i) => byStart.get(end - (count - 1 - i) * WINDOW_MS) ?? null,
  );
}

export function scopeName(scope: { scope: string }): string {
  return scope.scope === '' ? 'All sources' : scope.scope;
}
