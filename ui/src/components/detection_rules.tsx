// The detection rules of the configuration: what each watches, still learns, and holds back.
import { useQuery } from '@tanstack/react-query';

import { api, unwrap } from '../api/client';
import type { DetectionRule } from '../api/types';
import { formatCount, plural } from '../lib/format';
import { ruleWords } from '../lib/rules';
import { Icon } from './icon';
import { ErrorNotice } from './notices';

const REFRESH_MS = 15_000;

/** Nothing when there are no rules. */
export function DetectionRules() {
  const answer = useQuery({
    queryKey: ['findings', 'rules'],
    queryFn: () => unwrap(api.GET('/api/v1/detection/rules')),
    refetchInterval: REFRESH_MS,
  });
  if (answer.error) {
    return <ErrorNotice error={answer.error} onRetry={() => void answer.refetch()} />;
  }
  if (!answer.data || answer.data.items.length === 0) return null;
  const { items, refused, series_max: max } = answer.data;
  return (
    <section className="panel" aria-labelledby="rules-title">
      <header>
        <Icon name="filter" />
        <h2 id="rules-title">Rules</h2>
        <span className="count">{formatCount(items.length)}</span>
        <span className="muted explain">the first that matches a series holds</span>
      </header>
      {refused > 0 && (
        <p className="panel-body is-warn">
          {plural(refused, 'series', 'series')} beyond the limit of {formatCount(max)}{' '}
          (detection.named_series_max) {refused === 1 ? 'is' : 'are'} not watched.
        </p>
      )}
      <ul className="letters">
        {items.map((rule, i) => (
          <RuleRow key={i} rule={rule} />
        ))}
      </ul>
    </section>
  );
}

function RuleRow({ rule }: { rule: DetectionRule }) {
  return (
    <li className="rule">
      <span className="row wrap">
        <b className="mono reason">{rule.name}</b>
        <span className="chip">{rule.detector}</span>
        <span className={rule.open > 0 ? 'is-bad' : 'muted'}>{ruleWords(rule)}</span>
      </span>
      {rule.why_held !== '' && <span className="muted">held back: {rule.why_held}</span>}
    </li>
  );
}
