// The frame around every page: navigation, health strip, connection state, theme and name.
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';

import { formatCount, formatDuration } from '../lib/format';
import { useKeys } from '../lib/keys';
import { useNow } from '../lib/now';
import { applyTheme, settings, type Theme } from '../lib/settings';
import { live, useConnectionState, useLostSince } from '../live/live';
import { useServerStatus } from '../live/queries';
import { FormDialog } from './dialog';
import { HealthStrip } from './health_strip';
import { KeyHelp } from './key_help';
import { Time } from './marks';
import { Icon, Logo, type IconName } from './icon';
import { Toasts } from './toasts';

interface Page {
  href: string;
  name: string;
  short: string;
  icon: IconName;
  key: string;
}

const PAGES: readonly Page[] = [
  { href: '/', name: 'Incidents', short: 'Incidents', icon: 'incidents', key: 'g i' },
  { href: '/findings', name: 'Findings', short: 'Findings', icon: 'finding', key: 'g f' },
  { href: '/health', name: 'Health', short: 'Health', icon: 'health', key: 'g h' },
  { href: '/events', name: 'Live events', short: 'Events', icon: 'events', key: 'g e' },
  { href: '/deadletters', name: 'Dead letters', short: 'Dead', icon: 'deadletters', key: 'g d' },
  { href: '/sources', name: 'Sources', short: 'Sources', icon: 'sources', key: 'g s' },
];

/** What the tab is called at an address. */
export function pageName(location: string): string {
  const [, first = '', second] = location.split('/');
  if (second && first !== 'events') return decodeURIComponent(second);
  return PAGES.find((page) => page.href === `/${first}`)?.name ?? 'No such page';
}

export function Shell({ children }: { children: ReactNode }) {
  const [location, navigate] = useLocation();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLDivElement>(null);
  const isFirst = useRef(true);

  useKeys({
    '?': () => setHelp(true),
    ...Object.fromEntries(PAGES.map((page) => [page.key, () => navigate(page.href)])),
  });
  // A new page: the keyboard and screen readers begin at its top.
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [location]);

  return (
    <div className="shell">
      <a className="skip" href="#page">
        Skip to the page
      </a>
      <header className="topbar">
        <Brand />
        <Connection compact />
        <ThemeButton />
        <NameButton compact />
      </header>
      <aside className="rail">
        <Brand />
        <Navigation location={location} />
        <div className="rail-foot">
          <Connection />
          <NameButton />
          <div className="foot-row">
            <ThemeButton />
            <button
              type="button"
              className="button plain"
              aria-label="Keyboard shortcuts"
              title="Keyboard shortcuts (?)"
              onClick={() => setHelp(true)}
            >
              <Icon name="help" />
              <span className="text">Keys</span>
            </button>
          </div>
        </div>
      </aside>
      <main className="main">
        <HealthStrip />
        <OfflineNotice />
        <div className="page" id="page" ref={main} tabIndex={-1}>
          {children}
        </div>
      </main>
      {help && <KeyHelp onClose={() => setHelp(false)} />}
      <Toasts />
    </div>
  );
}

function Brand() {
  return (
    <Link href="/" className="brand" aria-label="Quell, incidents">
      <Logo />
      <span className="text">Quell</span>
    </Link>
  );
}

function Navigation({ location }: { location: string }) {
  const status = useServerStatus().data;
  const counts: Record<string, number | undefined> = {
    '/': status?.open_incidents,
    '/deadletters': status?.dead_letters,
  };
  return (
    <nav className="nav" aria-label="Pages">
      {PAGES.map((page) => {
        const count = counts[page.href] ?? 0;
        return (
          <Link
            key={page.href}
            href={page.href}
            title={page.name}
            aria-current={isCurrent(page.href, location) ? 'page' : undefined}
          >
            <Icon name={page.icon} />
            <span className="text">
              {page.short === page.name ? page.name : <Name page={page} />}
            </span>
            {count > 0 && <span className="count">{formatCount(count)}</span>}
          </Link>
        );
      })}
    </nav>
  );
}

// The phone has room for the short name only; CSS picks.
function Name({ page }: { page: Page }) {
  return (
    <>
      <span className="long">{page.name}</span>
      <span className="short" aria-hidden="true">
        {page.short}
      </span>
    </>
  );
}

function isCurrent(href: string, location: string): boolean {
  if (href !== '/') return location.startsWith(href);
  return location === '/' || location.startsWith('/incidents') || location.startsWith('/alerts');
}

/** The one place that says that the server is lost; notices about single requests stay away. */
function OfflineNotice() {
  const since = useLostSince();
  if (since === null) return null;
  return (
    <div className="offline">
      <Icon name="warning" />
      <span className="grow" role="alert">
        <b>
          No connection to the server since <Time at={new Date(since).toISOString()} />.
        </b>{' '}
        What you see is from before, and nothing can be changed.
      </span>
      <NextTry />
      <button type="button" className="button small" onClick={() => live.retryNow()}>
        Connect now
      </button>
    </div>
  );
}

// Outside of the alert: screen readers would read every second.
function NextTry() {
  const state = useConnectionState();
  const now = useNow();
  return (
    <span className="nowrap">
      {state.kind === 'waiting' ? `Next try in ${formatDuration(state.retryAt - now + 999)}` : ''}
      {state.kind === 'connecting' && 'Trying…'}
    </span>
  );
}

function Connection({ compact = false }: { compact?: boolean }) {
  const state = useConnectionState();
  const now = useNow();
  const [kind, text] = ((): [string, string] => {
    switch (state.kind) {
      case 'live':
        return ['live', 'Live'];
      case 'connecting':
        return ['connecting', 'Connecting…'];
      case 'waiting':
        return ['waiting', `Reconnecting in ${formatDuration(state.retryAt - now + 999)}`];
      case 'unauthorized':
        return ['waiting', 'Needs a token'];
      case 'stopped':
        return ['connecting', 'Paused'];
    }
  })();
  const label = compact && kind === 'live' ? '' : text;
  return (
    <button
      type="button"
      className={`connection ${kind}`}
      title={kind === 'live' ? 'Changes appear at once' : 'Connect now'}
      onClick={() => live.retryNow()}
      disabled={kind === 'live'}
      aria-label={`Connection: ${kind === 'waiting' ? 'lost, reconnecting' : text}`}
    >
      <span className="dot" />
      <span className={compact ? '' : 'text'}>{label}</span>
    </button>
  );
}

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
const THEME_ICONS: Record<Theme, IconName> = { system: 'system', light: 'sun', dark: 'moon' };

function ThemeButton() {
  const [theme, setTheme] = useState(settings.theme());
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  return (
    <button
      type="button"
      className="button plain"
      aria-label={`Theme: ${theme}. Change to ${next}.`}
      title={`Theme: ${theme}`}
      onClick={() => {
        settings.setTheme(next);
        applyTheme(next);
        setTheme(next);
      }}
    >
      <Icon name={THEME_ICONS[theme]} />
    </button>
  );
}

function NameButton({ compact = false }: { compact?: boolean }) {
  const [name, setName] = useState(settings.name());
  const [draft, setDraft] = useState<string | null>(null);
  return (
    <>
      <button
        type="button"
        className="button plain"
        aria-label={name === '' ? 'Set your name' : `You are ${name}. Change your name.`}
        title="The name that timelines show for what you do"
        onClick={() => setDraft(name)}
      >
        <Icon name="person" />
        {!compact && <span className="text ellipsis">{name === '' ? 'Your name' : name}</span>}
      </button>
      {draft !== null && (
        <FormDialog
          title="Your name"
          submit="Save"
          onClose={() => setDraft(null)}
          onSubmit={() => {
            settings.setName(draft);
            setName(settings.name());
            setDraft(null);
          }}
        >
          <label className="label">
            Timelines show it for what you do. It stays in this browser.
            <input
              className="field"
              value={draft}
              maxLength={80}
              autoFocus
              onChange={(event) => setDraft(event.target.value)}
            />
          </label>
        </FormDialog>
      )}
    </>
  );
}
