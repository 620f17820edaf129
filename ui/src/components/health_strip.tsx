// The last health windows of all sources and of the worst ones, on top of every page.
import { Link } from 'wouter';

import type { HealthWindow } from '../api/types';
import { formatClock, plural } from '../lib/format';
import { groupWindows, scopeName, slots, type Scope } from '../lib/health';
import { useHealthWindows } from '../live/queries';
import { HealthMark } from './marks';
import { useIsExplained } from './notices';

const STRIP_SOURCES = 5;

export function HealthStrip() {
  const windows = useHealthWindows();
  const isExplained = useIsExplained(windows.error);
  const scopes = groupWindows(windows.data ?? []);
  const [first, ...others] = scopes;
  return (
    <nav className="strip" aria-label="Health">
      {first ? (
        <>
          <ScopeLink scope={first} count={24} />
          {others.slice(0, STRIP_SOURCES).map((scope) => (
            <ScopeLink key={scope.key} scope={scope} count={12} />
          ))}
        </>
      ) : (
        <span className="quiet">
          {(windows.isPending || isExplained) && 'Health…'}
          {windows.isError && !isExplained && `Health is not available: ${windows.error.message}`}
          {windows.isSuccess && 'No health window yet: the first events open one.'}
        </span>
      )}
    </nav>
  );
}

export function healthHref(scope: { tenant: string; scope: string }): string {
  const params = new URLSearchParams({ scope: scope.scope, tenant: scope.tenant });
  return `/health?${params.toString()}`;
}

function ScopeLink({ scope, count }: { scope: Scope; count: number }) {
  const { latest } = scope;
  return (
    <Link
      href={healthHref(scope)}
      className={scope.scope === '' ? '' : 'source'}
      title={describe(scope)}
    >
      <span className="what">
        <span className="name">{scopeName(scope)}</span>
        <HealthMark status={latest.status} />
      </span>
      <Bars windows={slots(scope, count)} height={26} />
      <span className="offscreen">{describe(scope)}</span>
    </Link>
  );
}

function describe({ latest }: Scope): string {
  return (
    `${plural(latest.total, 'event')} since ${formatClock(latest.starts_at)}, ` +
    `${latest.by_severity.critical} critical, ${latest.by_severity.error} errors, ` +
    `trend ${latest.trend.toLowerCase().replace('_', ' ')}`
  );
}

/** One bar per window: its height is the number of events (logarithmic), its colour the status. */
export function Bars(props: {
  windows: (HealthWindow | null)[];
  height: number;
  width?: number;
  gap?: number;
}) {
  const { windows, height, width = 4, gap = 2 } = props;
  const most = Math.max(10, ...windows.map((w) => w?.total ?? 0));
  return (
    <svg
      className="bars"
      width={windows.length * (width + gap) - gap}
      height={height}
      aria-hidden="true"
    >
      {windows.map((window, i) => {
        const share = window ? Math.log1p(window.total) / Math.log1p(most) : 0;
        const h = window ? Math.max(3, Math.round(share * height)) : 2;
        return (
          <rect
            key={i}
            x={i * (width + gap)}
            y={height - h}
            width={width}
            height={h}
            rx={Math.min(1, width / 4)}
            className={window ? `${window.status} ${window.closed ? '' : 'counting'}` : 'none'}
          >
            {window && (
              <title>{`${formatClock(window.starts_at)} ${window.status}, ${window.total}`}</title>
            )}
          </rect>
        );
      })}
    </svg>
  );
}
