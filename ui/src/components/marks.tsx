// Small marks that say one thing: severity, status, health, entity, time. Never by colour alone.
import type { ReactNode } from 'react';

import type { HealthStatus, IncidentStatus, Severity } from '../api/types';
import { useNow } from '../lib/now';
import { formatAge, formatAgo, formatProse, formatTime, parseTime } from '../lib/format';
import { safeHref } from '../lib/links';
import { Icon } from './icon';

export const SEVERITY_WORDS = ['', 'critical', 'error', 'warning', 'info', 'low'] as const;

/** An incident's severity: 1 is the worst. */
export function SeverityBadge({ severity }: { severity: number }) {
  return (
    <span
      className={`sev sev-${severity}`}
      title={`Severity ${severity}: ${SEVERITY_WORDS[severity] ?? ''}`}
    >
      SEV{severity}
    </span>
  );
}

// How far along an incident is, as the filled part of a ring.
const STATUS_SHARE: Record<IncidentStatus, number> = {
  open: 0,
  acknowledged: 0.25,
  investigating: 0.5,
  mitigated: 0.75,
  resolved: 1,
  closed: 1,
};
const STATUS_TONE: Record<IncidentStatus, string> = {
  open: 'is-bad',
  acknowledged: 'is-warn',
  investigating: 'is-watch',
  mitigated: 'is-calm',
  resolved: 'is-good',
  closed: 'is-none',
};

export function StatusRing({ status }: { status: IncidentStatus }) {
  const share = STATUS_SHARE[status];
  return (
    <svg viewBox="0 0 14 14" className={STATUS_TONE[status]} aria-hidden="true">
      <circle
        cx="7"
        cy="7"
        r="5.6"
        strokeWidth="1.6"
        fill={share === 1 ? 'currentColor' : 'none'}
        stroke="currentColor"
      />
      {share > 0 && share < 1 && (
        <circle
          cx="7"
          cy="7"
          r="1.9"
          fill="none"
          stroke="currentColor"
          strokeWidth="3.8"
          strokeDasharray={`${share * 11.94} 11.94`}
          transform="rotate(-90 7 7)"
        />
      )}
      {status === 'resolved' && (
        <path d="m4.4 7.2 1.8 1.8 3.4-3.7" fill="none" stroke="var(--surface)" strokeWidth="1.5" />
      )}
      {status === 'closed' && (
        <path d="M4.6 7h4.8" fill="none" stroke="var(--surface)" strokeWidth="1.5" />
      )}
    </svg>
  );
}

export function StatusMark({ status }: { status: IncidentStatus }) {
  return (
    <span className="status">
      <StatusRing status={status} />
      {status}
    </span>
  );
}

const SHAPES = {
  square: 'M0.5 0.5h9v9h-9z',
  triangle: 'M5 0.3 9.9 9.5H0.1z',
  diamond: 'M5 0 10 5 5 10 0 5z',
  circle: 'M5 0.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9z',
} as const;

function Level(props: { shape: keyof typeof SHAPES; tone: string; children: ReactNode }) {
  return (
    <span className={`level ${props.tone}`}>
      <svg viewBox="0 0 10 10" aria-hidden="true">
        <path d={SHAPES[props.shape]} />
      </svg>
      {props.children}
    </span>
  );
}

export function HealthMark({ status }: { status: HealthStatus }) {
  switch (status) {
    case 'CRITICAL':
      return (
        <Level shape="square" tone="is-bad">
          CRITICAL
        </Level>
      );
    case 'DEGRADED':
      return (
        <Level shape="triangle" tone="is-warn">
          DEGRADED
        </Level>
      );
    case 'WARNING':
      return (
        <Level shape="diamond" tone="is-watch">
          WARNING
        </Level>
      );
    case 'HEALTHY':
      return (
        <Level shape="circle" tone="is-good">
          HEALTHY
        </Level>
      );
  }
}

/** An event's or alert's severity. */
export function SeverityMark({ severity }: { severity: Severity }) {
  switch (severity) {
    case 'critical':
      return (
        <Level shape="square" tone="is-bad">
          critical
        </Level>
      );
    case 'error':
      return (
        <Level shape="triangle" tone="is-warn">
          error
        </Level>
      );
    case 'warning':
      return (
        <Level shape="diamond" tone="is-watch">
          warning
        </Level>
      );
    case 'info':
      return (
        <Level shape="circle" tone="is-calm">
          info
        </Level>
      );
  }
}

/** `service:checkout` with its kind in a quieter tone. */
export function EntityChip({ entity }: { entity: string }) {
  const colon = entity.indexOf(':');
  return (
    <span className="chip" title={entity}>
      <span>
        {colon > 0 && <span className="kind">{entity.slice(0, colon + 1)}</span>}
        {entity.slice(colon + 1)}
      </span>
    </span>
  );
}

/** The absolute time in the reader's zone and in UTC, for tooltips. */
function wholeTime(iso: string): string {
  const at = parseTime(iso);
  if (at === null) return iso;
  const date = new Date(at);
  return `${date.toLocaleString('en-GB')} (${iso})`;
}

/** How long ago, kept current; `ago` makes it part of a sentence. */
export function Age({ at, ago = false }: { at: string | null; ago?: boolean }) {
  const now = useNow();
  if (at === null) return <span>–</span>;
  return (
    <time dateTime={at} title={wholeTime(at)}>
      {ago ? formatAgo(at, now) : formatAge(at, now)}
    </time>
  );
}

export function Time({ at }: { at: string | null }) {
  const now = useNow();
  if (at === null) return <span>–</span>;
  return (
    <time dateTime={at} title={wholeTime(at)} className="nowrap">
      {formatTime(at, now)}
    </time>
  );
}

/** A sentence of the server; its times are shown in the reader's zone. */
export function Prose({ text }: { text: string }) {
  return <>{formatProse(text, useNow())}</>;
}

/** A link from an event: only http and https, and it learns nothing about this page. */
export function OutsideLink({ href, text }: { href: string | null; text: string }) {
  const safe = safeHref(href);
  if (safe === null) return <span title={href ?? undefined}>{text}</span>;
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer" title={safe}>
      {text} <Icon name="external" />
    </a>
  );
}
