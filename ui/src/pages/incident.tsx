// One incident: what it is, what can be done, its alerts and changes, its timeline, and why.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';

import { api, unwrap } from '../api/client';
import type {
  AlertSummary,
  Change,
  IncidentDetail,
  IncidentSummary,
  Transition,
} from '../api/types';
import { AlertRows } from '../components/alerts';
import { DetailPage } from '../components/detail_page';
import { Icon } from '../components/icon';
import {
  AssignDialog,
  MergeDialog,
  SplitDialog,
  TitleDialog,
} from '../components/incident_dialogs';
import {
  Age,
  EntityChip,
  OutsideLink,
  SEVERITY_WORDS,
  SeverityBadge,
  StatusMark,
  Time,
  Prose,
} from '../components/marks';
import { ErrorNotice } from '../components/notices';
import { NoteComposer, Timeline } from '../components/timeline';
import { TraceView } from '../components/trace';
import { formatCount, formatDuration, parseTime, plural } from '../lib/format';
import { useKeys } from '../lib/keys';
import { transitionsFrom, TRANSITION_WORDS } from '../lib/transitions';
import * as actions from '../live/actions';
import { live } from '../live/live';
import { perform } from '../live/perform';
import { useMayChange } from '../live/queries';
import { listHref } from './incidents';

const REFRESH_MS = 400;
const REFRESH_TRIES = 5;
/** An incident with a long timeline is large: it is asked for less often. */
const LONG_TIMELINE = 500;
const LONG_REFRESH_MS = 2500;

/** The incident, asked for again (not too often) when the stream says that it changed. */
function useIncident(id: string) {
  const client = useQueryClient();
  useEffect(() => {
    let timer: number | null = null;
    let wanted = 0;
    const known = () => client.getQueryData<IncidentDetail>(['incident', id]);
    const refresh = async (tries: number) => {
      timer = null;
      await client.invalidateQueries({ queryKey: ['incident', id] });
      // The stream can be ahead of the answer.
      if ((known()?.version ?? wanted) < wanted && tries > 1) schedule(tries - 1);
    };
    const schedule = (tries: number) => {
      const long = (known()?.timeline.length ?? 0) > LONG_TIMELINE;
      timer ??= window.setTimeout(() => void refresh(tries), long ? LONG_REFRESH_MS : REFRESH_MS);
    };
    const end = live.on('incident', (incident) => {
      if (incident.id !== id || (known()?.version ?? 0) >= incident.version) return;
      wanted = Math.max(wanted, incident.version);
      schedule(REFRESH_TRIES);
    });
    return () => {
      end();
      if (timer !== null) window.clearTimeout(timer);
      timer = -1; // Nothing is scheduled any more.
    };
  }, [client, id]);
  return useQuery({
    queryKey: ['incident', id],
    queryFn: () => unwrap(api.GET('/api/v1/incidents/{id}', { params: { path: { id } } })),
  });
}

export function IncidentPage({ id }: { id: string }) {
  const incident = useIncident(id);
  const [, navigate] = useLocation();
  useKeys({ u: () => navigate(listHref()) });
  return (
    <DetailPage back={{ href: listHref(), name: 'Incidents' }} id={id} answer={incident}>
      {(data) => <IncidentView incident={data} />}
    </DetailPage>
  );
}

type Question = 'assign' | 'title' | 'merge' | 'split' | null;

function IncidentView({ incident }: { incident: IncidentDetail }) {
  const client = useQueryClient();
  const mayChange = useMayChange();
  const [, navigate] = useLocation();
  const [question, setQuestion] = useState<Question>(null);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const noteField = useRef<HTMLTextAreaElement>(null);
  const close = () => setQuestion(null);

  /** Runs an action and shows what it made of the incident. */
  const act = async (done: string, action: () => Promise<IncidentSummary>) => {
    close();
    const after = await perform(incident.id, done, action);
    await client.invalidateQueries({ queryKey: ['incident', incident.id] });
    return after;
  };
  const split = async (reason: string) => {
    const alerts = [...selected];
    const after = await act(`${plural(alerts.length, 'alert')} split off.`, () =>
      actions.split(incident, alerts, reason),
    );
    if (after) {
      setSelected(new Set());
      navigate(`/incidents/${after.id}`);
    }
  };
  const next = transitionsFrom(incident);
  const transition = (to: Transition) =>
    void act(`${incident.id} is ${TRANSITION_WORDS[to].done}.`, () =>
      actions.transition(incident, to),
    );
  useKeys({
    a: () => mayChange && next.includes('ack') && transition('ack'),
    r: () => mayChange && next.includes('resolve') && transition('resolve'),
    n: () => noteField.current?.focus(),
  });
  const alertsById = new Map(incident.alerts.map((alert) => [alert.fingerprint, alert]));

  return (
    <article aria-label={`Incident ${incident.id}`}>
      <IncidentHead
        incident={incident}
        onTransition={transition}
        onSeverity={(severity) =>
          void act(`${incident.id} has severity ${severity}.`, () =>
            actions.setSeverity(incident, severity),
          )
        }
        onAsk={setQuestion}
      />
      <div className="incident-columns">
        <div className="column">
          <AlertsPanel
            incident={incident}
            selected={selected}
            onSelect={setSelected}
            onSplit={() => setQuestion('split')}
          />
          <ChangesPanel changes={incident.changes} />
          <section className="panel">
            <header>
              <Icon name="why" />
              <h2>Why?</h2>
              <span className="muted">every decision about this incident, with its reason</span>
            </header>
            <div className="panel-body">
              <TraceView
                subject={{ kind: 'incident', id: incident.id }}
                version={incident.version}
              />
            </div>
          </section>
        </div>
        <section className="panel column-timeline">
          <header>
            <Icon name="events" />
            <h2>Timeline</h2>
            <span className="count">{formatCount(incident.timeline.length)}</span>
          </header>
          <div className="panel-body">
            {mayChange && (
              <NoteComposer
                fieldRef={noteField}
                onNote={async (text) =>
                  (await act('Note added.', () => actions.addNote(incident.id, text))) !== null
                }
              />
            )}
            <Timeline entries={incident.timeline} alerts={alertsById} />
          </div>
        </section>
      </div>
      <Questions
        question={question}
        incident={incident}
        selected={selected.size}
        onClose={close}
        onAct={(done, action) => void act(done, action)}
        onSplit={(reason) => void split(reason)}
      />
    </article>
  );
}

interface HeadProps {
  incident: IncidentDetail;
  onTransition: (to: Transition) => void;
  onSeverity: (severity: number) => void;
  onAsk: (question: Question) => void;
}

function IncidentHead(props: HeadProps) {
  const { incident, onAsk } = props;
  const mayChange = useMayChange();
  return (
    <header className="incident-head">
      <div className="row wrap">
        <SeverityBadge severity={incident.severity} />
        <StatusMark status={incident.status} />
        {incident.merged_into && (
          <span>
            merged into{' '}
            <Link href={`/incidents/${incident.merged_into}`}>{incident.merged_into}</Link>
          </span>
        )}
        <Facts incident={incident} />
      </div>
      <div className="title-line">
        <h1 title={incident.title}>
          <Prose text={incident.title} />
        </h1>
        {mayChange && (
          <button
            type="button"
            className="button plain small"
            aria-label="Change the title"
            onClick={() => onAsk('title')}
          >
            <Icon name="edit" />
          </button>
        )}
      </div>
      <div className="row wrap">
        {incident.entities.map((entity) => (
          <EntityChip key={entity} entity={entity} />
        ))}
      </div>
      {mayChange ? (
        <IncidentActions {...props} />
      ) : (
        <p className="muted">Your token may read, not change.</p>
      )}
    </header>
  );
}

function IncidentActions(props: HeadProps) {
  const { incident, onAsk } = props;
  const next = transitionsFrom(incident);
  return (
    <div className="actions" role="group" aria-label="Actions">
      {next.map((to, i) => (
        <button
          key={to}
          type="button"
          className={i === 0 ? 'button primary' : 'button'}
          onClick={() => props.onTransition(to)}
        >
          {TRANSITION_WORDS[to].verb}
        </button>
      ))}
      {next.length > 0 && <span className="divider" />}
      <button type="button" className="button" onClick={() => onAsk('assign')}>
        <Icon name="person" />
        {incident.assignee ?? 'Assign'}
      </button>
      <SeverityPick severity={incident.severity} onPick={props.onSeverity} />
      {incident.merged_into === null && (
        <button type="button" className="button" onClick={() => onAsk('merge')}>
          <Icon name="merge" />
          Merge
        </button>
      )}
    </div>
  );
}

/** The dialog that is open, if any. */
function Questions(props: {
  question: Question;
  incident: IncidentDetail;
  selected: number;
  onClose: () => void;
  onAct: (done: string, action: () => Promise<IncidentSummary>) => void;
  onSplit: (reason: string) => void;
}) {
  const { question, incident, onClose, onAct } = props;
  return (
    <>
      {question === 'assign' && (
        <AssignDialog
          incident={incident}
          onClose={onClose}
          onSubmit={(assignee) =>
            onAct(assignee === '' ? 'Assigned to nobody.' : `Assigned to ${assignee}.`, () =>
              actions.assign(incident, assignee),
            )
          }
        />
      )}
      {question === 'title' && (
        <TitleDialog
          incident={incident}
          onClose={onClose}
          onSubmit={(title) => onAct('Title saved.', () => actions.setTitle(incident, title))}
        />
      )}
      {question === 'merge' && (
        <MergeDialog
          incident={incident}
          onClose={onClose}
          onSubmit={({ into, reason }) =>
            onAct(`Merged into ${into}.`, () => actions.merge(incident, into, reason))
          }
        />
      )}
      {question === 'split' && (
        <SplitDialog
          incident={incident}
          count={props.selected}
          onClose={onClose}
          onSubmit={props.onSplit}
        />
      )}
    </>
  );
}

function Facts({ incident }: { incident: IncidentDetail }) {
  const opened = parseTime(incident.opened_at);
  const after = (iso: string | null) => {
    const at = parseTime(iso);
    return at === null || opened === null ? null : formatDuration(at - opened);
  };
  const acknowledged = after(incident.acknowledged_at);
  const resolved = after(incident.resolved_at);
  return (
    <span className="head-facts muted">
      <span>
        opened <Time at={incident.opened_at} /> (<Age at={incident.opened_at} ago />)
      </span>
      {acknowledged !== null && <span>acknowledged after {acknowledged}</span>}
      {resolved !== null && <span>resolved after {resolved}</span>}
      <span>
        updated <Age at={incident.updated_at} ago />
      </span>
      {incident.tenant !== 'default' && <span>tenant {incident.tenant}</span>}
    </span>
  );
}

function SeverityPick(props: { severity: number; onPick: (severity: number) => void }) {
  return (
    <label className="pick">
      <span className="offscreen">Severity</span>
      <select
        className="field"
        value={props.severity}
        onChange={(event) => props.onPick(Number(event.target.value))}
      >
        {[1, 2, 3, 4, 5].map((severity) => (
          <option key={severity} value={severity}>
            SEV{severity} {SEVERITY_WORDS[severity]}
          </option>
        ))}
      </select>
    </label>
  );
}

const ALERTS_PAGE = 500;
/** At first: the reasons stand below them, and should be near. */
const ALERTS_FIRST = 12;

/** The incident brings its first 200 members; the rest comes page by page. */
function useMemberAlerts(incident: IncidentDetail) {
  const [more, setMore] = useState<{ items: AlertSummary[]; next: string | null } | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const loadMore = async () => {
    const query: { limit: number; cursor?: string } = { limit: ALERTS_PAGE };
    if (more?.next) query.cursor = more.next;
    try {
      const params = { path: { id: incident.id }, query };
      const page = await unwrap(api.GET('/api/v1/incidents/{id}/alerts', { params }));
      setMore({ items: [...(more?.items ?? []), ...page.items], next: page.next });
      setError(null);
    } catch (e) {
      setError(e instanceof Error ? e : new Error(String(e)));
    }
  };
  if (more === null) return { alerts: incident.alerts, loadMore, error };
  // What the incident itself brings is newer than an earlier page.
  const newest = new Map(incident.alerts.map((alert) => [alert.fingerprint, alert]));
  const alerts = more.items.map((alert) => newest.get(alert.fingerprint) ?? alert);
  return { alerts, loadMore, error };
}

function AlertsPanel(props: {
  incident: IncidentDetail;
  selected: ReadonlySet<string>;
  onSelect: (selected: ReadonlySet<string>) => void;
  onSplit: () => void;
}) {
  const { incident, selected } = props;
  const { alerts, loadMore, error } = useMemberAlerts(incident);
  const [few, setFew] = useState(true);
  const shown = few ? alerts.slice(0, ALERTS_FIRST) : alerts;
  const showMore = () => {
    if (shown.length === alerts.length) void loadMore();
    setFew(false);
  };
  const toggle = (fingerprint: string) => {
    const next = new Set(selected);
    if (!next.delete(fingerprint)) next.add(fingerprint);
    props.onSelect(next);
  };
  const mayChange = useMayChange();
  const mayBeSplit = mayChange && incident.merged_into === null && incident.alert_count > 1;
  return (
    <section className="panel">
      <header>
        <Icon name="alert" />
        <h2>Alerts</h2>
        <span className="count">
          {formatCount(incident.firing_count)} of {formatCount(incident.alert_count)} firing
        </span>
        <span className="grow" />
        {selected.size > 0 && (
          <>
            <button
              type="button"
              className="button small"
              disabled={selected.size >= incident.alert_count}
              title={selected.size >= incident.alert_count ? 'At least one must stay' : undefined}
              onClick={props.onSplit}
            >
              <Icon name="split" />
              Split {selected.size} off
            </button>
            <button
              type="button"
              className="button plain small"
              onClick={() => props.onSelect(new Set())}
            >
              Clear
            </button>
          </>
        )}
      </header>
      <AlertRows alerts={shown} selected={selected} onToggle={mayBeSplit ? toggle : null} />
      {incident.alert_count > shown.length && (
        <div className="panel-body">
          {error && <ErrorNotice error={error} />}
          <button type="button" className="button small" onClick={showMore}>
            Show more ({formatCount(shown.length)} of {formatCount(incident.alert_count)})
          </button>
        </div>
      )}
    </section>
  );
}

function ChangesPanel({ changes }: { changes: readonly Change[] }) {
  if (changes.length === 0) return null;
  return (
    <section className="panel">
      <header>
        <Icon name="change" />
        <h2>Changes nearby</h2>
        <span className="count">{changes.length}</span>
      </header>
      <ul className="panel-body change-list">
        {changes.map((change, i) => (
          <li key={i} className="row wrap">
            <Time at={change.time} />
            <OutsideLink href={change.href} text={change.title} />
            {change.entity && <EntityChip entity={change.entity} />}
          </li>
        ))}
      </ul>
    </section>
  );
}
