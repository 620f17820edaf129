// The live incident list.
import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Link, useLocation, useSearch } from 'wouter';

import { IncidentRow } from '../components/incident_row';
import { Icon } from '../components/icon';
import { ListFilter } from '../components/list_filter';
import { Empty, ErrorNotice, Loading } from '../components/notices';
import { showToast } from '../components/toasts';
import {
  DEFAULT_FILTER,
  filterFromSearch,
  isDefaultFilter,
  searchFromFilter,
  type IncidentFilter,
} from '../lib/filters';
import { formatCount, plural } from '../lib/format';
import { useKeys } from '../lib/keys';
import { PHONE, useMedia } from '../lib/media';
import { transition } from '../live/actions';
import { incidentStore, ROWS_MAX, type IncidentListView } from '../live/incident_store';
import { newsSentence, type News } from '../live/news';
import { perform } from '../live/perform';
import { useServerStatus } from '../live/queries';

/** After the last movement in the list, rows may move again. */
const HOLD_MS = 2500;
const NEWS_MS = 3000;

// What coming back from an incident restores.
const memory = { search: '', selected: null as string | null, scrollTop: 0 };

export function listHref(): string {
  return `/${memory.search}`;
}

export function IncidentsPage() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const view = useSyncExternalStore(incidentStore.subscribe, incidentStore.getView);
  const searchRef = useRef<HTMLInputElement>(null);
  const filter = filterFromSearch(search);

  useEffect(() => {
    memory.search = search === '' ? '' : `?${search}`;
    incidentStore.setFilter(filterFromSearch(search));
  }, [search]);

  useKeys({ '/': () => searchRef.current?.focus() });
  const setFilter = (next: IncidentFilter) =>
    navigate(`/${searchFromFilter(next)}`, { replace: true });

  return (
    <>
      <header className="page-head list-head">
        <h1>
          Incidents <ListCount view={view} />
        </h1>
        <ListFilter filter={filter} onChange={setFilter} searchRef={searchRef} />
      </header>
      {view.error && (
        <div className="page-body">
          <ErrorNotice error={view.error} onRetry={() => void incidentStore.reload()} />
        </div>
      )}
      {view.list.order.length === 0 ? (
        <NoRows view={view} filter={filter} onClear={() => setFilter(DEFAULT_FILTER)} />
      ) : (
        <IncidentGrid view={view} />
      )}
      <NewsRegion />
    </>
  );
}

function ListCount({ view }: { view: IncidentListView }) {
  if (!view.list.loaded) return null;
  const shown = view.list.order.length;
  const total = view.truncated ? (view.total ?? null) : null;
  return (
    <span className="count" title={view.truncated ? `The first ${ROWS_MAX} are shown` : undefined}>
      {formatCount(shown)}
      {view.truncated && ` of ${total === null ? 'more' : formatCount(total)}`}
    </span>
  );
}

function NoRows(props: { view: IncidentListView; filter: IncidentFilter; onClear: () => void }) {
  const status = useServerStatus().data;
  if (!props.view.list.loaded) return props.view.error ? null : <Loading />;
  if (!isDefaultFilter(props.filter)) {
    return (
      <Empty icon="search" title="No incident matches">
        <p>Nothing passes this filter right now. What starts to match will appear here.</p>
        <button type="button" className="button" onClick={props.onClear}>
          Clear the filter
        </button>
      </Empty>
    );
  }
  if (status && status.events_total > 0) {
    return (
      <Empty icon="calm" title="All quiet">
        <p>
          No active incident, {plural(status.firing_alerts, 'alert')} firing,{' '}
          {plural(status.events_total, 'event')} seen. A new incident appears here by itself.
        </p>
        <Link className="button" href="/?status=any">
          Show earlier incidents
        </Link>
      </Empty>
    );
  }
  return (
    <Empty icon="sources" title="Nothing has arrived yet">
      <p>
        Point your tools at Quell: Prometheus, Alertmanager, GitHub, or anything that speaks HTTP.
      </p>
      <Link className="button primary" href="/sources">
        Connect a source
      </Link>
    </Empty>
  );
}

function IncidentGrid({ view }: { view: IncidentListView }) {
  const [, navigate] = useLocation();
  const scroller = useRef<HTMLDivElement>(null);
  const rowHeight = useMedia(PHONE) ? 92 : 56;
  const { order, entries, marks } = view.list;
  const [selected, setSelected] = useState(memory.selected);
  const hold = useHold(scroller);
  const rows = useVirtualizer({
    count: order.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => order[index] ?? index,
    overscan: 12,
    initialOffset: memory.scrollTop,
  });
  useEffect(() => rows.measure(), [rows, rowHeight]);

  const select = useCallback((id: string) => {
    memory.selected = id;
    setSelected(id);
  }, []);
  const open = useCallback(
    (id: string) => {
      select(id);
      navigate(`/incidents/${id}`);
    },
    [navigate, select],
  );
  const selectedIndex = selected === null ? -1 : order.indexOf(selected);
  // A row that left (it was resolved, say) is gone on from where it stood.
  const lastIndex = useRef(-1);
  useEffect(() => {
    if (selectedIndex >= 0) lastIndex.current = selectedIndex;
  }, [selectedIndex]);
  const move = (step: number) => {
    hold();
    const gone = selectedIndex < 0 && lastIndex.current >= 0;
    const from = gone ? lastIndex.current - (step > 0 ? 1 : 0) : selectedIndex;
    const index = Math.max(0, Math.min(order.length - 1, from + step));
    const id = order[index];
    if (id === undefined) return;
    select(id);
    rows.scrollToIndex(index);
    window.requestAnimationFrame(() => {
      document.getElementById(`row-${id}`)?.focus({ preventScroll: true });
    });
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Home: () => move(-order.length),
    End: () => move(order.length),
    Enter: () => {
      const focused = document.activeElement;
      if (focused instanceof HTMLButtonElement || focused instanceof HTMLAnchorElement) {
        focused.click();
      } else if (selected !== null && selectedIndex >= 0) {
        open(selected);
      }
    },
    a: () => acknowledge(view, selected),
    r: () => resolve(view, selected),
  });

  return (
    <div className="grid-wrap">
      {view.added > 0 && (
        <button
          type="button"
          className="pill"
          onClick={() => {
            incidentStore.show();
            scroller.current?.scrollTo({ top: 0 });
          }}
        >
          <Icon name="up" />
          {plural(view.added, 'new incident')}
        </button>
      )}
      <div
        role="grid"
        aria-label="Incidents"
        aria-rowcount={order.length + 1}
        aria-busy={view.loading}
        className="grid"
        ref={scroller}
        onScroll={(event) => {
          memory.scrollTop = event.currentTarget.scrollTop;
          hold();
        }}
        onPointerMove={hold}
      >
        <div role="row" aria-rowindex={1} className="grid-head">
          <span role="columnheader">Severity</span>
          <span role="columnheader">Incident</span>
          <span role="columnheader">Firing</span>
          <span role="columnheader">Status</span>
          <span role="columnheader">Assignee</span>
          <span role="columnheader">Age</span>
          <span role="columnheader">Updated</span>
        </div>
        <div role="rowgroup" className="grid-rows" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const id = order[row.index] ?? '';
            const incident = entries.get(id)?.incident;
            if (!incident) return null;
            return (
              <IncidentRow
                key={id}
                incident={incident}
                index={row.index}
                top={row.start}
                height={rowHeight}
                selected={id === selected}
                tabbable={selectedIndex < 0 ? row.index === 0 : id === selected}
                mark={marks.get(id)?.kind ?? null}
                onSelect={select}
                onOpen={open}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** Holds the order of rows while a person moves in the list, or has scrolled down. */
function useHold(scroller: React.RefObject<HTMLDivElement | null>): () => void {
  const timer = useRef<number | null>(null);
  useEffect(
    () => () => {
      if (timer.current !== null) window.clearTimeout(timer.current);
      incidentStore.setHeld(false);
    },
    [],
  );
  return useCallback(() => {
    incidentStore.setHeld(true);
    if (timer.current !== null) window.clearTimeout(timer.current);
    const release = () => {
      timer.current = null;
      if ((scroller.current?.scrollTop ?? 0) <= 4) incidentStore.setHeld(false);
    };
    timer.current = window.setTimeout(release, HOLD_MS);
  }, [scroller]);
}

function acknowledge(view: IncidentListView, id: string | null): void {
  const incident = id === null ? undefined : view.list.entries.get(id)?.incident;
  if (!incident) return;
  if (incident.status !== 'open') {
    showToast(`${incident.id} is already ${incident.status}.`);
    return;
  }
  void perform(incident.id, `${incident.id} acknowledged.`, () => transition(incident, 'ack'));
}

function resolve(view: IncidentListView, id: string | null): void {
  const incident = id === null ? undefined : view.list.entries.get(id)?.incident;
  if (!incident) return;
  if (incident.status === 'resolved' || incident.status === 'closed') {
    showToast(`${incident.id} is already ${incident.status}.`);
    return;
  }
  void perform(
    incident.id,
    `${incident.id} resolved.`,
    () => transition(incident, 'resolve'),
    (after) =>
      void perform(after.id, `${after.id} is open again.`, () => transition(after, 'reopen')),
  );
}

/** Reads news to screen readers, gathered so that it does not chatter. */
function NewsRegion() {
  const [text, setText] = useState('');
  useEffect(() => {
    let gathered: News = { opened: [], changed: 0 };
    let timer: number | null = null;
    incidentStore.onNews = (news) => {
      gathered = {
        opened: [...gathered.opened, ...news.opened],
        changed: gathered.changed + news.changed,
      };
      timer ??= window.setTimeout(() => {
        timer = null;
        setText(newsSentence(gathered));
        gathered = { opened: [], changed: 0 };
      }, NEWS_MS);
    };
    return () => {
      incidentStore.onNews = null;
      if (timer !== null) window.clearTimeout(timer);
    };
  }, []);
  return (
    <div className="offscreen" role="status" aria-live="polite">
      {text}
    </div>
  );
}
