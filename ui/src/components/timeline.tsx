// The timeline of an incident, newest first, with a field to add a note.
import { useState } from 'react';
import { Link } from 'wouter';

import type { AlertSummary, TimelineEntry } from '../api/types';
import { formatCount, plural } from '../lib/format';
import { groupTimeline, type TimelineGroup } from '../lib/timeline';
import { Icon, type IconName } from './icon';
import { EntityChip, Prose, SeverityBadge, StatusMark, Time } from './marks';

type AlertsById = ReadonlyMap<string, AlertSummary>;

const ICONS: Record<TimelineEntry['kind'], IconName> = {
  opened: 'incidents',
  alert_added: 'alert',
  alert_removed: 'split',
  alert_firing: 'alert',
  alert_resolved: 'check',
  change_attached: 'change',
  severity_changed: 'warning',
  status_changed: 'right',
  title_changed: 'edit',
  note: 'note',
  assigned: 'person',
  merged: 'merge',
  absorbed: 'merge',
  split_from: 'split',
};

export function Timeline(props: { entries: readonly TimelineEntry[]; alerts: AlertsById }) {
  return (
    <ol className="timeline">
      {groupTimeline(props.entries).map((group) => (
        <li key={group.key} className={`kind-${group.kind}`}>
          <span className="bullet">
            <Icon name={ICONS[group.kind]} />
          </span>
          <div className="grow">
            <Group group={group} alerts={props.alerts} />
          </div>
        </li>
      ))}
    </ol>
  );
}

const FOLDED_WORDS: Partial<Record<TimelineEntry['kind'], string>> = {
  alert_added: 'joined',
  alert_removed: 'moved away',
  alert_firing: 'fired again',
  alert_resolved: 'resolved',
};

/** A storm folds thousands of entries into one line; no more than this many are unfolded. */
const UNFOLDED_MAX = 300;

function Group({ group, alerts }: { group: TimelineGroup; alerts: AlertsById }) {
  const [open, setOpen] = useState(false);
  const [first] = group.entries;
  if (!first) return null;
  if (group.entries.length === 1) return <Entry entry={first} alerts={alerts} />;
  const shown = open ? group.entries.slice(0, UNFOLDED_MAX) : [];
  const rest = group.entries.length - shown.length;
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className="line">
          <When entry={first} />
          <b>{plural(group.entries.length, 'alert')}</b> {FOLDED_WORDS[group.kind]}{' '}
          <Icon name="down" />
        </span>
      </summary>
      {shown.map((entry) => (
        <Entry key={entry.seq} entry={entry} alerts={alerts} />
      ))}
      {open && rest > 0 && <p className="entry muted">and {formatCount(rest)} before them</p>}
    </details>
  );
}

function When({ entry }: { entry: TimelineEntry }) {
  return (
    <span className="when">
      <Time at={entry.at} />
    </span>
  );
}

function Entry({ entry, alerts }: { entry: TimelineEntry; alerts: AlertsById }) {
  const byPerson = entry.actor !== 'quell' && entry.actor !== '';
  const body = entryBody(entry);
  return (
    <div className="entry">
      <span className="line">
        <When entry={entry} />
        {byPerson && <b>{entry.actor} </b>}
        <What entry={entry} alerts={alerts} />
      </span>
      {body !== '' && (
        <p className={entry.kind === 'note' ? 'note-text pre' : 'pre muted'}>{body}</p>
      )}
    </div>
  );
}

/** The text that the sentence itself does not show. */
function entryBody(entry: TimelineEntry): string {
  switch (entry.kind) {
    case 'note':
    case 'status_changed':
    case 'severity_changed':
    case 'merged':
    case 'absorbed':
    case 'split_from':
    case 'alert_removed':
      return entry.text;
    default:
      return '';
  }
}

function What({ entry, alerts }: { entry: TimelineEntry; alerts: AlertsById }) {
  const alert = <AlertName entry={entry} alerts={alerts} />;
  switch (entry.kind) {
    case 'opened':
      return (
        <>
          Opened: <Prose text={entry.text} />
        </>
      );
    case 'alert_added':
      return <>Alert joined: {alert}</>;
    case 'alert_removed':
      return (
        <>
          Alert moved{entry.other ? <> to {<Other id={entry.other} />}</> : ' away'}: {alert}
        </>
      );
    case 'alert_firing':
      return <>Fires again: {alert}</>;
    case 'alert_resolved':
      return <>Alert resolved: {alert}</>;
    case 'change_attached':
      return (
        <>
          Change: {entry.text} {entry.entity && <EntityChip entity={entry.entity} />}
        </>
      );
    case 'severity_changed':
      return <>Severity is now {entry.severity && <SeverityBadge severity={entry.severity} />}</>;
    case 'status_changed':
      return <>Status is now {entry.status && <StatusMark status={entry.status} />}</>;
    case 'title_changed':
      return <>Title is now “{entry.text}”</>;
    case 'note':
      return <>Note</>;
    case 'assigned':
      return entry.text === '' ? <>Assigned to nobody</> : <>Assigned to {entry.text}</>;
    case 'merged':
      return <>Merged into {entry.other && <Other id={entry.other} />}</>;
    case 'absorbed':
      return <>Took over {entry.other && <Other id={entry.other} />}</>;
    case 'split_from':
      return <>Split from {entry.other && <Other id={entry.other} />}</>;
  }
}

function Other({ id }: { id: string }) {
  return <Link href={`/incidents/${id}`}>{id}</Link>;
}

function AlertName({ entry, alerts }: { entry: TimelineEntry; alerts: AlertsById }) {
  const alert = entry.alert === null ? undefined : alerts.get(entry.alert);
  const text = alert?.title ?? (entry.kind === 'alert_removed' ? '' : entry.text);
  const name = <Prose text={text === '' ? (entry.alert ?? 'an alert') : text} />;
  return (
    <>
      {entry.alert === null ? name : <Link href={`/alerts/${entry.alert}`}>{name}</Link>}{' '}
      {entry.entity && <EntityChip entity={entry.entity} />}
    </>
  );
}

export function NoteComposer(props: {
  fieldRef: React.RefObject<HTMLTextAreaElement | null>;
  onNote: (text: string) => Promise<boolean>;
}) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const send = async () => {
    const note = text.trim();
    if (note === '' || busy) return;
    setBusy(true);
    const done = await props.onNote(note);
    setBusy(false);
    if (done) setText('');
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label>
        <span className="offscreen">Note</span>
        <textarea
          ref={props.fieldRef}
          className="field"
          rows={2}
          maxLength={8000}
          placeholder="What did you see or do?"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void send();
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
        />
      </label>
      <button type="submit" className="button" disabled={busy || text.trim() === ''}>
        Add note
      </button>
    </form>
  );
}
