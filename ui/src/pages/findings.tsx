// Findings: what the detectors noticed in metrics, with the band that was expected, and what people
// said about it.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Link, useLocation, useSearch } from 'wouter';

import { api, unwrap } from '../api/client';
import type { Finding, FindingDetail, FindingSignal } from '../api/types';
import { alertHref } from '../components/alerts';
import { DetectionRules } from '../components/detection_rules';
import { DetailPage } from '../components/detail_page';
import { FindingChart } from '../components/finding_chart';
import { Icon } from '../components/icon';
import { Age, EntityChip, Prose, SeverityMark, Time } from '../components/marks';
import { Empty, ErrorNotice, Loading, OlderButton } from '../components/notices';
import { showToast } from '../components/toasts';
import { boundsWords, formatValue } from '../lib/chart';
import { formatCount, plural } from '../lib/format';
import { settings } from '../lib/settings';
import { live } from '../live/live';
import { useMayChange } from '../live/queries';

const PAGE = 100;
const REFRESH_MS = 15_000;
const SOON_MS = 500;

/** Asks again (not too often) when the stream says that a finding changed. */
function useFindingNews(): void {
  const client = useQueryClient();
  useEffect(() => {
    let timer: number | null = null;
    const end = live.on('finding', () => {
      timer ??= window.setTimeout(() => {
        timer = null;
        void client.invalidateQueries({ queryKey: ['findings'] });
      }, SOON_MS);
    });
    return () => {
      end();
      if (timer !== null) window.clearTimeout(timer);
    };
  }, [client]);
}

export function FindingsPage() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const all = new URLSearchParams(search).get('status') === 'all';
  useFindingNews();
  const pages = useInfiniteQuery({
    queryKey: ['findings', 'list', all],
    queryFn: ({ pageParam }) => {
      const query = {
        limit: PAGE,
        ...(all ? {} : { status: 'open' as const }),
        ...(pageParam === null ? {} : { cursor: pageParam }),
      };
      return unwrap(api.GET('/api/v1/findings', { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: REFRESH_MS,
  });
  const findings = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="page scroll">
      <header className="page-head">
        <h1>Findings</h1>
        <span className="muted grow explain">
          what is unusual in metrics, before an alert says so
        </span>
        <label className="check">
          <input
            type="checkbox"
            checked={all}
            onChange={(event) =>
              navigate(event.target.checked ? '/findings?status=all' : '/findings', {
                replace: true,
              })
            }
          />
          Show ended
        </label>
      </header>
      <div className="page-body stack">
        {pages.error && <ErrorNotice error={pages.error} onRetry={() => void pages.refetch()} />}
        {pages.isPending && <Loading />}
        {pages.data && findings.length === 0 && (
          <Empty icon="calm" title={all ? 'No finding yet' : 'Nothing unusual'}>
            <p>
              Every series learns its own normal, and says nothing while it learns. Send metrics by{' '}
              <Link href="/sources">Prometheus remote write or OpenTelemetry</Link>.
            </p>
          </Empty>
        )}
        {findings.length > 0 && (
          <ul className="panel letters">
            {findings.map((finding) => (
              <FindingRow key={finding.id} finding={finding} />
            ))}
          </ul>
        )}
        <OlderButton pages={pages} />
        {!pages.error && <DetectionRules />}
      </div>
    </div>
  );
}

function FindingRow({ finding }: { finding: Finding }) {
  return (
    <li>
      <Link href={`/findings/${finding.id}`} className="letter">
        <span className="letter-head">
          <span className="mono">{finding.id}</span>
          <SeverityMark severity={finding.severity} />
          <FindingState finding={finding} />
          <FindingEntity finding={finding} />
          {finding.incident !== null && <span className="chip">{finding.incident}</span>}
          <span className="muted letter-age">
            <Age at={finding.onset} ago />
          </span>
        </span>
        <span className="reason">
          <Prose text={finding.title} />
        </span>
      </Link>
    </li>
  );
}

function FindingState({ finding }: { finding: Finding }) {
  return (
    <span className={finding.status === 'open' ? 'status is-bad' : 'status is-good'}>
      <Icon name={finding.status === 'open' ? 'health' : 'check'} />
      {finding.status}
      {finding.feedback !== null && <span className="chip">{finding.feedback}</span>}
    </span>
  );
}

function FindingEntity({ finding }: { finding: Finding }) {
  if (finding.entities > 1)
    return <span className="chip">{plural(finding.entities, 'entity', 'entities')}</span>;
  return finding.entity === '' ? null : <EntityChip entity={finding.entity} />;
}

export function FindingPage({ id }: { id: string }) {
  useFindingNews();
  const answer = useQuery({
    queryKey: ['findings', 'one', id],
    queryFn: () => unwrap(api.GET('/api/v1/findings/{id}', { params: { path: { id } } })),
    refetchInterval: REFRESH_MS,
  });
  return (
    <DetailPage back={{ href: '/findings', name: 'Findings' }} id={id} answer={answer}>
      {(finding) => <FindingView finding={finding} />}
    </DetailPage>
  );
}

function FindingView({ finding }: { finding: FindingDetail }) {
  const charts = new Map(finding.charts.map((chart) => [chart.signal, chart.points]));
  return (
    <article aria-label={`Finding ${finding.id}`}>
      <FindingHead finding={finding} />
      <div className="page-body stack">
        <section className="panel">
          <header>
            <Icon name="health" />
            <h2>Signals</h2>
            <span className="count">
              {formatCount(finding.series)} of {formatCount(finding.entity_series)} series
            </span>
          </header>
          <ul className="signals">
            {finding.signals.map((signal, i) => (
              <li key={i}>
                <SignalView signal={signal} />
                {charts.has(i) && <FindingChart signal={signal} points={charts.get(i) ?? []} />}
              </li>
            ))}
          </ul>
          {finding.signals_unlisted > 0 && (
            <p className="panel-body muted">
              {plural(finding.signals_unlisted, 'more series', 'more series')} of the same episode
            </p>
          )}
        </section>
        <section className="panel">
          <header>
            <Icon name="why" />
            <h2>Why?</h2>
          </header>
          <div className="panel-body stack">
            <ul className="why">
              {finding.why.map((sentence, i) => (
                <li key={i}>
                  <Prose text={sentence} />
                </li>
              ))}
            </ul>
            <ol className="verdicts">
              {finding.trace.map((line, i) => (
                <li key={i}>
                  <Time at={line.at} />
                  <span className="reason">
                    <Prose text={line.text} />
                  </span>
                </li>
              ))}
            </ol>
          </div>
        </section>
      </div>
    </article>
  );
}

function FindingHead({ finding }: { finding: FindingDetail }) {
  const mayChange = useMayChange();
  const feedback = useFeedback(finding.id);
  return (
    <header className="incident-head">
      <div className="row wrap">
        <SeverityMark severity={finding.severity} />
        <FindingState finding={finding} />
        <FindingEntity finding={finding} />
        <span className="head-facts muted">
          <span>
            began <Time at={finding.onset} /> (<Age at={finding.onset} ago />)
          </span>
          <span>
            noticed <Time at={finding.detected_at} />
          </span>
          {finding.ended_at !== null && (
            <span>
              ended <Time at={finding.ended_at} />
            </span>
          )}
        </span>
      </div>
      <h1>
        <Prose text={finding.title} />
      </h1>
      <p className="row wrap muted">
        {finding.incident === null ? (
          <span>It belongs to no incident.</span>
        ) : (
          <Link href={`/incidents/${finding.incident}`}>{finding.incident}</Link>
        )}
        <Link href={alertHref({ fingerprint: finding.alert, tenant: finding.tenant })}>
          Its alert
        </Link>
      </p>
      {mayChange && (
        <div className="actions" role="group" aria-label="Feedback">
          <button
            type="button"
            className="button"
            aria-pressed={finding.feedback === 'useful'}
            disabled={feedback.isPending}
            onClick={() => feedback.mutate('useful')}
          >
            <Icon name="check" />
            Useful
          </button>
          <button
            type="button"
            className="button"
            aria-pressed={finding.feedback === 'noise'}
            disabled={feedback.isPending}
            onClick={() => feedback.mutate('noise')}
          >
            <Icon name="close" />
            Noise
          </button>
        </div>
      )}
    </header>
  );
}

function useFeedback(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (verdict: 'useful' | 'noise') => {
      const name = settings.name();
      const body = { verdict, ...(name === '' ? {} : { actor: name }) };
      return unwrap(api.POST('/api/v1/findings/{id}/feedback', { params: { path: { id } }, body }));
    },
    onSuccess: (answer) => showToast(answer.effect),
    onError: (error) => showToast(error.message, { bad: true }),
    onSettled: () => client.invalidateQueries({ queryKey: ['findings'] }),
  });
}

function SignalView({ signal }: { signal: FindingSignal }) {
  const labels = Object.entries(signal.labels).filter(([name]) => name !== '__name__');
  return (
    <div className="signal">
      <span className="row wrap">
        <b className="mono">{signal.metric}</b>
        {signal.is_rate && <span className="muted">per second</span>}
        {signal.rule?.detector !== 'absence' && (
          <>
            <span className="is-bad">
              {formatValue(signal.value)} {signal.unit}
            </span>
            <span className="muted">{boundsWords(signal)}</span>
          </>
        )}
        {signal.is_golden && (
          <span className="chip" title="It says directly how loaded, full or broken something is.">
            golden signal
          </span>
        )}
        {signal.rule && <span className="chip">rule {signal.rule.name}</span>}
      </span>
      <span className="row wrap muted mono">
        {labels.map(([name, value]) => (
          <span key={name} className="chip">
            <span>
              {name}={value}
            </span>
          </span>
        ))}
      </span>
      <span className="muted">
        <Prose text={signal.components.map((c) => c.sentence).join('; ')} />
      </span>
      {signal.rule?.held && <span className="muted">held until then: {signal.rule.held}</span>}
    </div>
  );
}
