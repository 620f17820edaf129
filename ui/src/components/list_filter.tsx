// The filter bar of the incident list. What it holds is in the address, so that it can be shared.
import { useEffect, useRef, useState } from 'react';

import type { IncidentStatus } from '../api/types';
import {
  ACTIVE_STATUSES,
  isDefaultFilter,
  sameStatuses,
  SORTS,
  STATUSES,
  type IncidentFilter,
  type Sort,
} from '../lib/filters';
import { parseMatchers } from '../lib/matchers';
import { Icon } from './icon';
import { SEVERITY_WORDS, StatusRing } from './marks';

const TYPING_MS = 250;
const SORT_NAMES: Record<Sort, string> = {
  updated: 'Last updated',
  severity: 'Severity',
  opened: 'Newest',
  alerts: 'Most alerts',
};

interface Props {
  filter: IncidentFilter;
  onChange: (filter: IncidentFilter) => void;
  searchRef: React.RefObject<HTMLInputElement | null>;
}

export function ListFilter({ filter, onChange, searchRef }: Props) {
  const [text, setText] = useDraft(filter.text, (value) => onChange({ ...filter, text: value }));
  const [matchers, setMatchers] = useDraft(filter.matchers, (value) => {
    if (parseMatchers(value).error === null) onChange({ ...filter, matchers: value });
  });
  const { error } = parseMatchers(matchers);
  // The phone shows the search only, until asked for more.
  const [more, setMore] = useState(false);
  const set = !isDefaultFilter({ ...filter, text: '' });
  return (
    <div className={more ? 'filter open' : 'filter'} role="search" aria-label="Filter incidents">
      <label className="search">
        <span className="offscreen">Search</span>
        <Icon name="search" />
        <input
          ref={searchRef}
          className="field"
          type="search"
          placeholder="Search title, entity, label"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
        />
        <kbd>/</kbd>
      </label>
      <button
        type="button"
        className={set ? 'button square filter-more set' : 'button square filter-more'}
        aria-expanded={more}
        aria-label={set ? 'Filter (set)' : 'Filter'}
        onClick={() => setMore(!more)}
      >
        <Icon name="filter" />
      </button>
      <label className="search matchers">
        <span className="offscreen">Matchers</span>
        <Icon name="filter" />
        <input
          className="field mono"
          placeholder='service="checkout", env=~"prod.*"'
          value={matchers}
          spellCheck={false}
          autoCapitalize="none"
          aria-invalid={error !== null}
          aria-describedby="matcher-error"
          onChange={(event) => setMatchers(event.target.value)}
        />
        <span id="matcher-error" className="field-error" aria-live="polite">
          {error}
        </span>
      </label>
      <label className="pick">
        <span>Sort</span>
        <select
          className="field"
          value={filter.sort}
          onChange={(event) => onChange({ ...filter, sort: event.target.value as Sort })}
        >
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {SORT_NAMES[sort]}
            </option>
          ))}
        </select>
      </label>
      <div className="filter-line">
        <StatusFilter
          statuses={filter.statuses}
          onChange={(statuses) => onChange({ ...filter, statuses })}
        />
        <label className="pick">
          <span className="offscreen">Severity</span>
          <select
            className="field"
            value={filter.severityMax ?? ''}
            onChange={(event) => {
              const value = event.target.value;
              onChange({ ...filter, severityMax: value === '' ? null : Number(value) });
            }}
          >
            <option value="">Any severity</option>
            {[1, 2, 3, 4].map((severity) => (
              <option key={severity} value={severity}>
                {severity === 1 ? 'SEV1 only' : `SEV${severity} and worse`} (
                {SEVERITY_WORDS[severity]})
              </option>
            ))}
          </select>
        </label>
      </div>
    </div>
  );
}

function StatusFilter(props: {
  statuses: IncidentStatus[];
  onChange: (statuses: IncidentStatus[]) => void;
}) {
  const { statuses, onChange } = props;
  const all = statuses.length === 0;
  const toggle = (status: IncidentStatus) => {
    const shown = all ? STATUSES : statuses;
    const next = shown.includes(status)
      ? shown.filter((s) => s !== status)
      : STATUSES.filter((s) => s === status || shown.includes(s));
    onChange(next.length === STATUSES.length ? [] : next.length === 0 ? [...shown] : next);
  };
  return (
    <div className="toggles" role="group" aria-label="Status">
      <button
        type="button"
        className="toggle"
        aria-pressed={sameStatuses(statuses, ACTIVE_STATUSES)}
        onClick={() => onChange([...ACTIVE_STATUSES])}
      >
        Active
      </button>
      <button type="button" className="toggle" aria-pressed={all} onClick={() => onChange([])}>
        All
      </button>
      <span className="divider" />
      {STATUSES.map((status) => (
        <button
          key={status}
          type="button"
          className="toggle"
          aria-pressed={all || statuses.includes(status)}
          onClick={() => toggle(status)}
        >
          <span className="status">
            <StatusRing status={status} />
            {status}
          </span>
        </button>
      ))}
    </div>
  );
}

/** What is being typed, handed on when the typing pauses; follows `value` from outside. */
function useDraft(value: string, commit: (value: string) => void): [string, (v: string) => void] {
  const [draft, setDraft] = useState(value);
  const [seen, setSeen] = useState(value);
  const latest = useRef(commit);
  const timer = useRef<number | null>(null);
  useEffect(() => {
    latest.current = commit;
  });
  if (value !== seen) {
    setSeen(value);
    setDraft(value);
  }
  useEffect(
    () => () => {
      if (timer.current !== null) window.clearTimeout(timer.current);
    },
    [],
  );
  const set = (next: string) => {
    setDraft(next);
    if (timer.current !== null) window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      timer.current = null;
      latest.current(next);
    }, TYPING_MS);
  };
  return [draft, set];
}
