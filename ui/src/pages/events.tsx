// Every event as it arrives, with filters, and pause.
import { useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';
import { Link, useLocation, useSearch } from 'wouter';

import { api, unwrap } from '../api/client';
import type { EventItem, Severity } from '../api/types';
import { alertHref } from '../components/alerts';
import { EventDialog } from '../components/event_dialog';
import { Icon } from '../components/icon';
import { EntityChip, SeverityMark, Time } from '../components/marks';
import { Empty, ErrorNotice, Loading } from '../components/notices';
import { formatCount } from '../lib/format';
import { useKeys } from '../lib/keys';
import { PHONE, useMedia } from '../lib/media';
import { EVENTS_MAX, eventKey, type EventFilter } from '../live/event_list';
import { useEventStream, type EventStream } from '../live/event_stream';

const KINDS = ['alert', 'change', 'note'] as const;
const SEVERITIES: readonly Severity[] = ['critical', 'error', 'warning', 'info'];

function filterFrom(search: string): EventFilter {
  const params = new URLSearchParams(search);
  return {
    source: params.get('source') ?? '',
    kind: KINDS.find((kind) => kind === params.get('kind')) ?? '',
    severityMin: SEVERITIES.find((s) => s === params.get('severity_min')) ?? '',
    text: params.get('q') ?? '',
  };
}

function searchFrom(filter: EventFilter): string {
  const params = new URLSearchParams();
  if (filter.source !== '') params.set('source', filter.source);
  if (filter.kind !== '') params.set('kind', filter.kind);
  if (filter.severityMin !== '') params.set('severity_min', filter.severityMin);
  if (filter.text !== '') params.set('q', filter.text);
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** `open` is the event of the address, `4711/0`, or null. */
export function EventsPage({ open }: { open: string | null }) {
  const search = useSearch();
  const [, navigate] = useLocation();
  const filter = filterFrom(search);
  const stream = useEventStream(filter);
  const { list } = stream;
  const change = (part: Partial<EventFilter>) =>
    navigate(`/events${searchFrom({ ...filter, ...part })}`, { replace: true });
  const suffix = search === '' ? '' : `?${search}`;
  useKeys({
    ' ': () => stream.setPaused(!list.paused),
    '/': () => document.getElementById('event-text')?.focus(),
  });
  return (
    <>
      <header className="page-head list-head">
        <h1>Live events</h1>
        <Filters filter={filter} rows={list.rows} onChange={change} />
        <PauseButton stream={stream} />
        {list.skipped > 0 && (
          <span
            className="level is-watch"
            title="More arrive than the stream shows; nothing is lost"
          >
            <Icon name="warning" />
            {formatCount(list.skipped)} skipped
          </span>
        )}
      </header>
      {stream.error && (
        <div className="page-body">
          <ErrorNotice error={stream.error} />
        </div>
      )}
      {list.rows.length > 0 ? (
        <EventRows
          rows={list.rows}
          paused={list.paused}
          onScrolledDown={() => stream.setPaused(true)}
          onOpen={(event) => navigate(`/events/${eventKey(event)}${suffix}`)}
        />
      ) : stream.loading ? (
        <Loading />
      ) : (
        <Empty icon="events" title="No event yet">
          <p>Events that pass the filter appear here as they arrive.</p>
          <Link className="button" href="/sources">
            Connect a source
          </Link>
        </Empty>
      )}
      {open !== null && (
        <EventDialog id={open} onClose={() => navigate(`/events${suffix}`, { replace: true })} />
      )}
    </>
  );
}

function PauseButton({ stream }: { stream: EventStream }) {
  const { list } = stream;
  const more = list.overflowed
    ? `over ${formatCount(EVENTS_MAX)}`
    : formatCount(list.waiting.length);
  return (
    <button
      type="button"
      className={list.paused ? 'button primary' : 'button'}
      aria-pressed={list.paused}
      title="Space"
      onClick={() => stream.setPaused(!list.paused)}
    >
      <Icon name={list.paused ? 'play' : 'pause'} />
      {list.paused ? `Resume${list.waiting.length > 0 ? ` (${more} new)` : ''}` : 'Pause'}
    </button>
  );
}

function Filters(props: {
  filter: EventFilter;
  rows: readonly EventItem[];
  onChange: (part: Partial<EventFilter>) => void;
}) {
  const { filter, onChange } = props;
  const known = useEventSources(props.rows, filter.source);
  return (
    <div className="event-filter" role="search" aria-label="Filter events">
      <label className="search">
        <span className="offscreen">Search</span>
        <Icon name="search" />
        <input
          id="event-text"
          className="field"
          type="search"
          placeholder="Search title, entity, label"
          value={filter.text}
          onChange={(event) => onChange({ text: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
        />
        <kbd>/</kbd>
      </label>
      <select
        className="field"
        aria-label="Source"
        value={filter.source}
        onChange={(event) => onChange({ source: event.target.value })}
      >
        <option value="">Any source</option>
        {known.map((source) => (
          <option key={source}>{source}</option>
        ))}
      </select>
      <select
        className="field"
        aria-label="Kind"
        value={filter.kind}
        onChange={(event) => onChange({ kind: event.target.value as EventFilter['kind'] })}
      >
        <option value="">Any kind</option>
        {KINDS.map((kind) => (
          <option key={kind}>{kind}</option>
        ))}
      </select>
      <select
        className="field"
        aria-label="Severity"
        value={filter.severityMin}
        onChange={(event) =>
          onChange({ severityMin: event.target.value as EventFilter['severityMin'] })
        }
      >
        <option value="">Any severity</option>
        {SEVERITIES.slice(0, 3).map((severity) => (
          <option key={severity} value={severity}>
            {severity === 'critical' ? severity : `${severity} and worse`}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The sources that recent events named (CloudEvents sources, which windows know by scope). */
function useEventSources(rows: readonly EventItem[], chosen: string): string[] {
  const windows = useQuery({
    queryKey: ['windows', 'sources'],
    queryFn: async () => {
      const query = { since: '24h', limit: 1000 };
      const { items } = await unwrap(api.GET('/api/v1/health/windows', { params: { query } }));
      return [...new Set(items.map((window) => window.scope))];
    },
    staleTime: 60_000,
  });
  const names = new Set([...(windows.data ?? []), ...rows.map((row) => row.source), chosen]);
  names.delete('');
  return [...names].sort();
}

function EventRows(props: {
  rows: readonly EventItem[];
  paused: boolean;
  onScrolledDown: () => void;
  onOpen: (event: EventItem) => void;
}) {
  const { rows, paused, onScrolledDown, onOpen } = props;
  const scroller = useRef<HTMLDivElement>(null);
  // Who scrolls down reads: new rows must not push the text away. Resuming goes back to the top.
  useEffect(() => {
    if (!paused) scroller.current?.scrollTo({ top: 0 });
  }, [paused]);
  const height = useMedia(PHONE) ? 58 : 34;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: (index) => {
      const row = rows[index];
      return row ? eventKey(row) : index;
    },
    overscan: 16,
  });
  return (
    <div className="grid-wrap">
      <div
        className="grid"
        role="table"
        aria-label="Events"
        aria-rowcount={rows.length}
        ref={scroller}
        onScroll={(event) => {
          if (!paused && event.currentTarget.scrollTop > height) onScrolledDown();
        }}
      >
        <div role="rowgroup" className="grid-rows" style={{ height: rows.length * height }}>
          {virtual.getVirtualItems().map((item) => {
            const event = rows[item.index];
            if (!event) return null;
            return (
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 1}
                className="event-row"
                style={{ transform: `translateY(${item.index * height}px)`, height }}
              >
                <EventCells event={event} onOpen={() => onOpen(event)} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function EventCells({ event, onOpen }: { event: EventItem; onOpen: () => void }) {
  return (
    <>
      <span role="cell" className="cell-time muted">
        <Time at={event.arrived_at} />
      </span>
      <span role="cell" className="cell-level">
        <SeverityMark severity={event.severity} />
      </span>
      <span role="cell" className="cell-kind">
        <span className="chip">{event.status ? `${event.kind} ${event.status}` : event.kind}</span>
      </span>
      <span role="cell" className="cell-title">
        <button type="button" className="text-button ellipsis" onClick={onOpen}>
          {event.title || event.type}
        </button>
      </span>
      <span role="cell" className="cell-entity">
        {event.entity && <EntityChip entity={event.entity} />}
      </span>
      <span role="cell" className="cell-source mono muted ellipsis" title={event.source}>
        {event.source}
      </span>
      <span role="cell" className="cell-incident mono">
        {event.incident ? (
          <Link href={`/incidents/${event.incident}`}>{event.incident}</Link>
        ) : event.alert ? (
          <Link href={alertHref({ fingerprint: event.alert, tenant: event.tenant })}>alert</Link>
        ) : null}
      </span>
    </>
  );
}
