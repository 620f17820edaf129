// The trace: every recorded verdict about an incident or alert, with its reason.
import { useQuery } from '@tanstack/react-query';

import { api, unwrap } from '../api/client';
import type { Trace, Verdict } from '../api/types';
import { formatCount, plural } from '../lib/format';
import { ErrorNotice, Loading } from './notices';
import { Time } from './marks';

type Subject =
  { kind: 'incident'; id: string } | { kind: 'alert'; fingerprint: string; tenant: string };

/** `version` changes when the subject does, so that the trace is asked for again. */
export function TraceView({ subject, version }: { subject: Subject; version: number | string }) {
  const trace = useQuery({
    queryKey: ['trace', subject, version],
    queryFn: () => fetchTrace(subject),
    placeholderData: (previous) => previous,
  });
  if (trace.error) {
    return <ErrorNotice error={trace.error} onRetry={() => void trace.refetch()} />;
  }
  return trace.data ? <Verdicts trace={trace.data} /> : <Loading />;
}

function fetchTrace(subject: Subject): Promise<Trace> {
  if (subject.kind === 'incident') {
    const params = { path: { id: subject.id } };
    return unwrap(api.GET('/api/v1/incidents/{id}/trace', { params }));
  }
  const { fingerprint, tenant } = subject;
  const params = { path: { fingerprint }, query: { tenant } };
  return unwrap(api.GET('/api/v1/alerts/{fingerprint}/trace', { params }));
}

/** The server keeps the first 16 verdicts and the last 48. */
const HEAD = 16;

export function Verdicts({ trace }: { trace: Trace }) {
  if (trace.verdicts.length === 0) return <p className="muted">No verdict is recorded.</p>;
  const head = trace.omitted > 0 ? trace.verdicts.slice(0, HEAD) : trace.verdicts;
  const tail = trace.omitted > 0 ? trace.verdicts.slice(HEAD) : [];
  return (
    <ol className="verdicts">
      {head.map((verdict, i) => (
        <VerdictLine key={i} verdict={verdict} />
      ))}
      {trace.omitted > 0 && (
        <li className="omitted muted">
          {plural(trace.omitted, 'verdict')} in between are not kept
        </li>
      )}
      {tail.map((verdict, i) => (
        <VerdictLine key={HEAD + i} verdict={verdict} />
      ))}
    </ol>
  );
}

const TONES: Partial<Record<Verdict['kind'], string>> = {
  opened: 'is-bad',
  refired: 'is-bad',
  grouped: 'is-calm',
  attached: 'is-calm',
  resolved: 'is-good',
  expired: 'is-good',
  dropped: 'is-good',
  held: 'is-watch',
  flapping: 'is-watch',
  not_opened: 'is-watch',
};

function VerdictLine({ verdict }: { verdict: Verdict }) {
  return (
    <li>
      <span className={`verdict mono ${TONES[verdict.kind] ?? 'is-none'}`}>
        {verdict.kind.replace('_', ' ')}
      </span>
      <span className="reason">{verdict.reason}</span>
      <span className="meta muted">
        {verdict.count > 1 && <b title="times in a row">×{formatCount(verdict.count)} </b>}
        <Time at={verdict.count > 1 ? verdict.last_at : verdict.at} />
        <span className="mono" title="Offset of the frame in the journal that caused it">
          {' '}
          @{verdict.offset}
        </span>
      </span>
    </li>
  );
}
