// Health: every scope at a glance, and the one-row-per-window table of the chosen one.
import { Link, useSearch } from 'wouter';

import type { HealthWindow } from '../api/types';
import { Bars, healthHref } from '../components/health_strip';
import { HealthMark } from '../components/marks';
import { Empty, ErrorNotice, Loading } from '../components/notices';
import { formatClock, formatCount, formatShare, plural } from '../lib/format';
import { groupWindows, scopeName, slots, type Scope } from '../lib/health';
import { useHealthWindows, useScopeWindows } from '../live/queries';

const CARD_WINDOWS = 36;

export function HealthPage() {
  const params = new URLSearchParams(useSearch());
  const windows = useHealthWindows();
  const scopes = groupWindows(windows.data ?? []);
  const chosen =
    scopes.find(
      (scope) =>
        scope.scope === (params.get('scope') ?? '') && isTenant(scope, params.get('tenant')),
    ) ?? scopes[0];
  const tenants = new Set(scopes.map((scope) => scope.tenant));
  return (
    <div className="page scroll">
      <header className="page-head">
        <h1>Health</h1>
        <span className="muted explain">five-minute windows of event time, newest first</span>
      </header>
      <div className="page-body stack">
        {windows.error && (
          <ErrorNotice error={windows.error} onRetry={() => void windows.refetch()} />
        )}
        {windows.isPending && <Loading />}
        {windows.data && !chosen && (
          <Empty icon="health" title="No window yet">
            <p>The first events open the first window of five minutes.</p>
          </Empty>
        )}
        {chosen && (
          <>
            <ul className="scope-cards">
              {scopes.map((scope) => (
                <li key={scope.key}>
                  <ScopeCard
                    scope={scope}
                    current={scope.key === chosen.key}
                    tenant={tenants.size > 1 ? scope.tenant : null}
                  />
                </li>
              ))}
            </ul>
            <WindowTable key={chosen.key} scope={chosen} />
          </>
        )}
      </div>
    </div>
  );
}

function isTenant(scope: Scope, tenant: string | null): boolean {
  return tenant === null || scope.tenant === tenant;
}

function ScopeCard(props: { scope: Scope; current: boolean; tenant: string | null }) {
  const { scope, current, tenant } = props;
  return (
    <Link
      href={healthHref(scope)}
      className="scope-card"
      aria-current={current ? 'true' : undefined}
    >
      <span className="row">
        <span className={scope.scope === '' ? 'name' : 'name mono'}>
          {tenant !== null && <span className="muted">{tenant} / </span>}
          {scopeName(scope)}
        </span>
        <HealthMark status={scope.latest.status} />
      </span>
      <Bars windows={slots(scope, CARD_WINDOWS)} height={30} />
      <span className="muted">
        {plural(scope.latest.total, 'event')}, {trendWords(scope.latest)}
      </span>
    </Link>
  );
}

function trendWords(window: HealthWindow): string {
  return window.trend.toLowerCase().replace('_', ' ');
}

const TREND_TONES: Record<HealthWindow['trend'], string> = {
  NEW_ERRORS: 'is-bad',
  SPIKE: 'is-bad',
  INCREASING: 'is-warn',
  STABLE: 'is-none',
  DECREASING: 'is-good',
  IMPROVING: 'is-good',
};
const TREND_ARROWS: Record<HealthWindow['trend'], string> = {
  NEW_ERRORS: '✱',
  SPIKE: '⇈',
  INCREASING: '↑',
  STABLE: '→',
  DECREASING: '↓',
  IMPROVING: '⇊',
};

function WindowTable({ scope }: { scope: Scope }) {
  const answer = useScopeWindows(scope.tenant, scope.scope);
  const windows = [...(answer.data ?? [])].sort(
    (a, b) => Date.parse(b.starts_at) - Date.parse(a.starts_at),
  );
  return (
    <section className="panel">
      <header>
        <h2>{scopeName(scope)}</h2>
        <span className="count">{plural(windows.length, 'window')}</span>
      </header>
      {answer.error && (
        <div className="panel-body">
          <ErrorNotice error={answer.error} onRetry={() => void answer.refetch()} />
        </div>
      )}
      {/* A table wider than the phone scrolls by itself; focusable so that keys can do it. */}
      <div className="table-scroll" role="region" aria-label="Windows" tabIndex={0}>
        <table className="windows">
          <thead>
            <tr>
              <th scope="col">Window</th>
              <th scope="col">Status</th>
              <th scope="col" className="num">
                Score
              </th>
              <th scope="col">Trend</th>
              <th scope="col" className="num">
                Events
              </th>
              <th scope="col" className="num">
                Critical
              </th>
              <th scope="col" className="num">
                Error
              </th>
              <th scope="col" className="num">
                Warning
              </th>
              <th scope="col" className="num">
                Info
              </th>
              <th scope="col" className="num">
                Error rate
              </th>
              <th scope="col" className="num" title="Of the errors, against the 12 windows before">
                z
              </th>
              <th scope="col" className="num">
                Types
              </th>
              <th scope="col" className="num" title="Arrived after the window had closed">
                Late
              </th>
              <th scope="col" className="num" title="Said to be from the far future">
                Future
              </th>
              <th scope="col">Top error sources</th>
              <th scope="col">Correlated</th>
            </tr>
          </thead>
          <tbody>
            {windows.map((window) => (
              <WindowLine key={window.starts_at} window={window} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function WindowLine({ window }: { window: HealthWindow }) {
  const { by_severity: by } = window;
  return (
    <tr>
      <td className="nowrap" title={window.starts_at}>
        {formatClock(window.starts_at)}–{formatClock(window.ends_at)}
        {!window.closed && <span className="muted"> counting</span>}
      </td>
      <td>
        <HealthMark status={window.status} />
      </td>
      <td className="num">{window.health_score.toFixed(2)}</td>
      <td className={`nowrap ${TREND_TONES[window.trend]}`}>
        <span aria-hidden="true">{TREND_ARROWS[window.trend]} </span>
        {trendWords(window)}
      </td>
      <td className="num">{formatCount(window.total)}</td>
      <Severity count={by.critical} tone="is-bad" />
      <Severity count={by.error} tone="is-warn" />
      <Severity count={by.warning} tone="is-watch" />
      <Severity count={by.info} tone="" />
      <td className="num">{formatShare(window.error_rate)}</td>
      <td className="num">{window.zscore === null ? '–' : window.zscore.toFixed(1)}</td>
      <td className="num">{formatCount(window.unique_types)}</td>
      <td className={window.late > 0 ? 'num is-watch' : 'num muted'}>{formatCount(window.late)}</td>
      <td className={window.future > 0 ? 'num is-watch' : 'num muted'}>
        {formatCount(window.future)}
      </td>
      <td className="nowrap mono">
        {window.top_error_sources.map((top) => `${top.source} ${top.count}`).join(', ')}
      </td>
      <td className="nowrap mono">
        {window.correlated_groups.map((group) => (
          <span
            key={group.correlation_id}
            className="chip"
            title={`${plural(group.count, 'event')} from ${group.sources.join(', ')}`}
          >
            <span>
              {group.correlation_id} ×{group.count}
            </span>
          </span>
        ))}
      </td>
    </tr>
  );
}

function Severity({ count, tone }: { count: number; tone: string }) {
  if (count === 0) return <td className="num muted">0</td>;
  return (
    <td className={`num ${tone}`}>
      <b>{formatCount(count)}</b>
    </td>
  );
}
