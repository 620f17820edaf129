// The questions that some actions ask first: whom, what, into which, why.
import { useState } from 'react';

import type { IncidentSummary } from '../api/types';
import { plural } from '../lib/format';
import { settings } from '../lib/settings';
import { incidentStore } from '../live/incident_store';
import { FormDialog } from './dialog';
import { SeverityBadge } from './marks';

interface Props<T> {
  incident: IncidentSummary;
  onClose: () => void;
  onSubmit: (value: T) => void;
}

export function AssignDialog({ incident, onClose, onSubmit }: Props<string>) {
  const [assignee, setAssignee] = useState(incident.assignee ?? settings.name());
  return (
    <FormDialog
      title={`Assign ${incident.id}`}
      submit={assignee.trim() === '' ? 'Assign to nobody' : 'Assign'}
      onClose={onClose}
      onSubmit={() => onSubmit(assignee.trim())}
    >
      <label className="label">
        Person or team; empty means nobody
        <input
          className="field"
          autoFocus
          maxLength={120}
          value={assignee}
          onChange={(event) => setAssignee(event.target.value)}
        />
      </label>
    </FormDialog>
  );
}

export function TitleDialog({ incident, onClose, onSubmit }: Props<string>) {
  const [title, setTitle] = useState(incident.title);
  return (
    <FormDialog
      title={`Title of ${incident.id}`}
      submit="Save"
      disabled={title.trim() === '' || title.trim() === incident.title}
      onClose={onClose}
      onSubmit={() => onSubmit(title.trim())}
    >
      <label className="label">
        Title
        <input
          className="field"
          autoFocus
          maxLength={300}
          value={title}
          onChange={(event) => setTitle(event.target.value)}
        />
      </label>
    </FormDialog>
  );
}

export function SplitDialog(props: Props<string> & { count: number }) {
  const [reason, setReason] = useState('');
  return (
    <FormDialog
      title={`Split ${plural(props.count, 'alert')} off ${props.incident.id}`}
      submit="Split"
      onClose={props.onClose}
      onSubmit={() => props.onSubmit(reason.trim())}
    >
      <p>They get an incident of their own. Both timelines say so.</p>
      <ReasonField value={reason} onChange={setReason} />
    </FormDialog>
  );
}

const CANDIDATES_MAX = 8;

export function MergeDialog(props: Props<{ into: string; reason: string }>) {
  const [text, setText] = useState('');
  const [into, setInto] = useState('');
  const [reason, setReason] = useState('');
  const candidates = mergeCandidates(props.incident, text);
  return (
    <FormDialog
      title={`Merge ${props.incident.id} into another`}
      submit={into === '' ? 'Merge' : `Merge into ${into}`}
      disabled={into === ''}
      onClose={props.onClose}
      onSubmit={() => props.onSubmit({ into, reason: reason.trim() })}
    >
      <p>Its alerts move there; this one is closed and points to it.</p>
      <label className="label">
        Find an incident
        <input
          className="field"
          autoFocus
          placeholder="Id, title or entity"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <div className="choices" role="radiogroup" aria-label="Incident to merge into">
        {candidates.map((candidate) => (
          <label key={candidate.id} className="choice">
            <input
              type="radio"
              name="into"
              checked={into === candidate.id}
              onChange={() => setInto(candidate.id)}
            />
            <SeverityBadge severity={candidate.severity} />
            <span className="ellipsis">
              <span className="mono">{candidate.id}</span> {candidate.title}
            </span>
          </label>
        ))}
        {candidates.length === 0 && <p className="muted">No other active incident fits.</p>}
      </div>
      <ReasonField value={reason} onChange={setReason} />
    </FormDialog>
  );
}

/** Active incidents of the list, those that share an entity first. */
function mergeCandidates(incident: IncidentSummary, text: string): IncidentSummary[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shares = (other: IncidentSummary) =>
    Number(other.entities.some((entity) => incident.entities.includes(entity)));
  return [...incidentStore.getView().list.entries.values()]
    .map((entry) => entry.incident)
    .filter((other) => other.id !== incident.id && other.tenant === incident.tenant)
    .filter((other) => other.merged_into === null)
    .filter((other) => other.status !== 'resolved' && other.status !== 'closed')
    .filter((other) => {
      const all = `${other.id} ${other.title} ${other.entities.join(' ')}`.toLowerCase();
      return words.every((word) => all.includes(word));
    })
    .sort((a, b) => shares(b) - shares(a) || (a.updated_at < b.updated_at ? 1 : -1))
    .slice(0, CANDIDATES_MAX);
}

function ReasonField(props: { value: string; onChange: (value: string) => void }) {
  return (
    <label className="label">
      Reason, for the timeline (optional)
      <input
        className="field"
        maxLength={500}
        value={props.value}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </label>
  );
}
