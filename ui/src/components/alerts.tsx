// Member alerts of an incident: a list whose rows open, and can be selected for a split.
import { useState } from 'react';
import { Link } from 'wouter';

import type { AlertSummary } from '../api/types';
import { plural } from '../lib/format';
import { Icon } from './icon';
import { Age, EntityChip, OutsideLink, Prose, SeverityMark, Time } from './marks';
import { TraceView } from './trace';

export function AlertStatus({ alert }: { alert: AlertSummary }) {
  const tone = { firing: 'is-bad', held: 'is-watch', resolved: 'is-good' }[alert.status];
  return (
    <span className={`status ${tone}`}>
      <Icon name={{ firing: 'alert', held: 'pause', resolved: 'check' }[alert.status] as 'alert'} />
      {alert.status}
      {alert.flapping && <span className="chip">flapping</span>}
    </span>
  );
}

/** The page of an alert; the tenant is named only when it is not the usual one. */
export function alertHref(alert: { fingerprint: string; tenant: string }): string {
  const query = alert.tenant === 'default' ? '' : `?tenant=${encodeURIComponent(alert.tenant)}`;
  return `/alerts/${alert.fingerprint}${query}`;
}

export function AlertRows(props: {
  alerts: readonly AlertSummary[];
  selected: ReadonlySet<string>;
  onToggle: ((fingerprint: string) => void) | null;
}) {
  return (
    <ul className="alert-rows">
      {props.alerts.map((alert) => (
        <AlertRow
          key={alert.fingerprint}
          alert={alert}
          selected={props.selected.has(alert.fingerprint)}
          onToggle={props.onToggle}
        />
      ))}
    </ul>
  );
}

function AlertRow(props: {
  alert: AlertSummary;
  selected: boolean;
  onToggle: ((fingerprint: string) => void) | null;
}) {
  const { alert, onToggle } = props;
  const [open, setOpen] = useState(false);
  return (
    <li className={props.selected ? 'selected' : ''}>
      <div className="alert-row">
        {onToggle && (
          <input
            type="checkbox"
            aria-label={`Select ${alert.title}`}
            checked={props.selected}
            onChange={() => onToggle(alert.fingerprint)}
          />
        )}
        <button
          type="button"
          className="opener"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <span className={open ? 'turn open' : 'turn'}>
            <Icon name="right" />
          </span>
          <span className="cell-what">
            <span className="title ellipsis">
              <Prose text={alert.title} />
            </span>
            <span className="sub">
              {alert.entity && <EntityChip entity={alert.entity} />}
              <span className="mono ellipsis">{alert.source}</span>
            </span>
          </span>
          <span className="cell-level">
            <SeverityMark severity={alert.severity} />
          </span>
          <AlertStatus alert={alert} />
          <span className="cell-age muted">
            <Age at={alert.starts_at} />
          </span>
        </button>
      </div>
      {open && (
        <div className="alert-open">
          <AlertFacts alert={alert} />
          <h3>Why?</h3>
          <TraceView
            subject={{ kind: 'alert', fingerprint: alert.fingerprint, tenant: alert.tenant }}
            version={`${alert.event_count} ${alert.status}`}
          />
          <Link href={alertHref(alert)} className="button small">
            Page of this alert
          </Link>
        </div>
      )}
    </li>
  );
}

export function AlertFacts({ alert }: { alert: AlertSummary }) {
  return (
    <dl className="facts">
      <Pairs pairs={alert.annotations} />
      <dt>Fires since</dt>
      <dd>
        <Time at={alert.starts_at} />
        {alert.ends_at && (
          <>
            {' '}
            until <Time at={alert.ends_at} />
          </>
        )}
        {alert.lease_until && (
          <span className="muted">
            {' '}
            (expires unless refreshed by <Time at={alert.lease_until} />)
          </span>
        )}
      </dd>
      <dt>Events</dt>
      <dd>
        {plural(alert.event_count, 'event')}, {plural(alert.duplicate_count, 'duplicate')}, fired{' '}
        {plural(alert.fire_count, 'time')}, last <Age at={alert.last_received_at} ago />
      </dd>
      <dt>Source</dt>
      <dd className="mono">{alert.source}</dd>
      <dt>Labels</dt>
      <dd>
        <Labels labels={alert.labels} />
      </dd>
      {alert.links.length > 0 && (
        <>
          <dt>Links</dt>
          <dd className="row wrap">
            {alert.links.map((link, i) => (
              <OutsideLink key={i} href={link.href} text={link.text || link.href} />
            ))}
          </dd>
        </>
      )}
      <dt>Fingerprint</dt>
      <dd className="mono">{alert.fingerprint}</dd>
    </dl>
  );
}

/** Annotations: text for people, with links where the value is nothing but one. */
export function Pairs({ pairs }: { pairs: Record<string, string> }) {
  return (
    <>
      {Object.entries(pairs).map(([name, value]) => (
        <div key={name} className="contents">
          <dt>{name}</dt>
          <dd className="pre">
            <Value name={name} value={value} />
          </dd>
        </div>
      ))}
    </>
  );
}

function Value({ name, value }: { name: string; value: string }) {
  if (/^https?:\/\/\S+$/.test(value)) return <OutsideLink href={value} text={value} />;
  if (name === 'finding' && /^FND-\d+$/.test(value)) {
    return <Link href={`/findings/${value}`}>{value}</Link>;
  }
  return <Prose text={value} />;
}

export function Labels({ labels }: { labels: Record<string, string> }) {
  return (
    <span className="labels">
      {Object.entries(labels).map(([name, value]) => (
        <span key={name} className="chip" title={`${name}="${value}"`}>
          <span>
            <span className="kind">{name}=</span>
            {value}
          </span>
        </span>
      ))}
    </span>
  );
}
