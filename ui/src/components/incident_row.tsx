// One row of the incident list.
import { memo } from 'react';
import { Link } from 'wouter';

import type { IncidentSummary } from '../api/types';
import { formatCount, plural } from '../lib/format';
import type { Mark } from '../live/incident_list';
import { Icon } from './icon';
import { Age, EntityChip, Prose, SeverityBadge, StatusMark } from './marks';

const CHIPS_MAX = 3;

interface Props {
  incident: IncidentSummary;
  index: number;
  top: number;
  height: number;
  selected: boolean;
  tabbable: boolean;
  mark: Mark['kind'] | null;
  onSelect: (id: string) => void;
  onOpen: (id: string) => void;
}

export const IncidentRow = memo(function IncidentRow(props: Props) {
  const { incident, mark } = props;
  const active = incident.status !== 'resolved' && incident.status !== 'closed';
  const classes = [
    'incident-row',
    active ? `edge-${incident.severity}` : 'done',
    mark === null ? '' : `mark-${mark}`,
  ];
  return (
    <div
      role="row"
      id={`row-${incident.id}`}
      aria-rowindex={props.index + 2}
      aria-selected={props.selected}
      tabIndex={props.tabbable ? 0 : -1}
      className={classes.join(' ')}
      style={{ transform: `translateY(${props.top}px)`, height: props.height }}
      onFocus={() => props.onSelect(incident.id)}
      onClick={(event) => {
        const link = event.target instanceof Element && event.target.closest('a');
        if (!link && window.getSelection()?.isCollapsed !== false) props.onOpen(incident.id);
      }}
    >
      <span role="gridcell" className="cell-sev">
        <SeverityBadge severity={incident.severity} />
      </span>
      <span role="gridcell" className="cell-what">
        <Link href={`/incidents/${incident.id}`} className="title ellipsis" tabIndex={-1}>
          <Prose text={incident.title} />
        </Link>
        <span className="sub">
          <span className="mono">{incident.id}</span>
          {mark !== null && <span className="mark-word">{mark}</span>}
          {incident.tenant !== 'default' && <span className="mono">{incident.tenant}</span>}
          {incident.merged_into && <span>merged into {incident.merged_into}</span>}
          <Entities entities={incident.entities} />
        </span>
      </span>
      <span role="gridcell" className="cell-alerts">
        <AlertCounts incident={incident} />
      </span>
      <span role="gridcell" className="cell-status">
        <StatusMark status={incident.status} />
      </span>
      <span role="gridcell" className="cell-assignee ellipsis">
        {incident.assignee ?? <span className="muted">nobody</span>}
      </span>
      <span role="gridcell" className="cell-age">
        <Age at={incident.opened_at} />
      </span>
      <span role="gridcell" className="cell-updated">
        <Age at={incident.updated_at} />
      </span>
    </div>
  );
});

function Entities({ entities }: { entities: string[] }) {
  const rest = entities.length - CHIPS_MAX;
  return (
    <span className="chips">
      {entities.slice(0, CHIPS_MAX).map((entity) => (
        <EntityChip key={entity} entity={entity} />
      ))}
      {rest > 0 && (
        <span className="chip" title={entities.slice(CHIPS_MAX).join(', ')}>
          +{rest}
        </span>
      )}
    </span>
  );
}

function AlertCounts({ incident }: { incident: IncidentSummary }) {
  const { firing_count: firing, alert_count: all, changes_count: changes } = incident;
  const words = `${formatCount(firing)} of ${plural(all, 'alert')} firing`;
  return (
    <span className="alert-counts" title={words}>
      <span className="offscreen">
        {words}
        {changes > 0 ? `, ${plural(changes, 'change')}` : ''}
      </span>
      <span aria-hidden="true" className={firing > 0 ? 'firing' : 'muted'}>
        <Icon name="alert" />
        <b>{formatCount(firing)}</b>
        <span className="muted">/{formatCount(all)}</span>
      </span>
      {changes > 0 && (
        <span aria-hidden="true" className="is-calm" title={plural(changes, 'change')}>
          <Icon name="change" />
          {changes}
        </span>
      )}
    </span>
  );
}
