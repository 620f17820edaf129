// One alert: where senders' report links lead to.
import { useQuery } from '@tanstack/react-query';
import { useSearch } from 'wouter';

import { api, unwrap } from '../api/client';
import { AlertFacts, AlertStatus } from '../components/alerts';
import { DetailPage } from '../components/detail_page';
import { Icon } from '../components/icon';
import { EntityChip, Prose, SeverityMark } from '../components/marks';
import { TraceView } from '../components/trace';
import { listHref } from './incidents';

const REFRESH_MS = 10_000;

export function AlertPage({ fingerprint }: { fingerprint: string }) {
  const tenant = new URLSearchParams(useSearch()).get('tenant');
  const query = tenant === null ? {} : { tenant };
  const answer = useQuery({
    queryKey: ['alert', fingerprint, tenant],
    queryFn: () =>
      unwrap(api.GET('/api/v1/alerts/{fingerprint}', { params: { path: { fingerprint }, query } })),
    refetchInterval: REFRESH_MS,
  });
  const incident = answer.data?.incident;
  const back = incident
    ? { href: `/incidents/${incident}`, name: incident }
    : { href: listHref(), name: 'Incidents' };
  return (
    <DetailPage back={back} id={fingerprint} answer={answer}>
      {(alert) => (
        <article aria-label={`Alert ${alert.title}`}>
          <header className="incident-head">
            <div className="row wrap">
              <SeverityMark severity={alert.severity} />
              <AlertStatus alert={alert} />
              {alert.entity && <EntityChip entity={alert.entity} />}
            </div>
            <h1>
              <Prose text={alert.title} />
            </h1>
            {alert.incident === null && (
              <p className="muted">It belongs to no incident; the trace says why.</p>
            )}
          </header>
          <div className="page-body stack">
            <section className="panel">
              <div className="panel-body">
                <AlertFacts alert={alert} />
              </div>
            </section>
            <section className="panel">
              <header>
                <Icon name="why" />
                <h2>Why?</h2>
              </header>
              <div className="panel-body">
                <TraceView
                  subject={{ kind: 'alert', fingerprint, tenant: alert.tenant }}
                  version={`${alert.event_count} ${alert.status}`}
                />
              </div>
            </section>
          </div>
        </article>
      )}
    </DetailPage>
  );
}
