// One event in full: attributes, payload, and the frame that it came in.
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';

import { api, unwrap } from '../api/client';
import type { EventDetail } from '../api/types';
import { alertHref, Labels, Pairs } from './alerts';
import { Dialog } from './dialog';
import { FrameView } from './frame';
import { EntityChip, OutsideLink, SeverityMark, Time } from './marks';
import { ErrorNotice, Loading } from './notices';

export function EventDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [offset, index] = id.split('/').map(Number);
  const answer = useQuery({
    queryKey: ['event', id],
    queryFn: () => {
      const params = { path: { offset: offset ?? 0, index: index ?? 0 } };
      return unwrap(api.GET('/api/v1/events/{offset}/{index}', { params }));
    },
    staleTime: Infinity,
  });
  return (
    <Dialog title={answer.data?.title || `Event ${id}`} wide onClose={onClose}>
      {answer.isPending && <Loading />}
      {answer.error && <ErrorNotice error={answer.error} />}
      {answer.data && <EventFacts event={answer.data} />}
      <div className="actions">
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function EventFacts({ event }: { event: EventDetail }) {
  return (
    <div className="stack">
      <dl className="facts">
        <dt>Severity</dt>
        <dd className="row">
          <SeverityMark severity={event.severity} />
          {event.severity_text !== '' && event.severity_text !== event.severity && (
            <span className="muted">sent as “{event.severity_text}”</span>
          )}
        </dd>
        <dt>Kind</dt>
        <dd>
          {event.kind}
          {event.status && `, ${event.status}`}
        </dd>
        <dt>Happened</dt>
        <dd>
          <Time at={event.time} />, arrived <Time at={event.arrived_at} />
        </dd>
        {event.entity && (
          <>
            <dt>Entity</dt>
            <dd>
              <EntityChip entity={event.entity} />
            </dd>
          </>
        )}
        <dt>Source</dt>
        <dd className="mono">{event.source}</dd>
        <dt>Type</dt>
        <dd className="mono">{event.type}</dd>
        {event.id !== '' && (
          <>
            <dt>Id</dt>
            <dd className="mono">{event.id}</dd>
          </>
        )}
        {event.correlation_id && (
          <>
            <dt>Correlation id</dt>
            <dd className="mono">{event.correlation_id}</dd>
          </>
        )}
        <Pairs pairs={event.annotations} />
        <dt>Labels</dt>
        <dd>
          <Labels labels={event.labels} />
        </dd>
        {event.links.length > 0 && (
          <>
            <dt>Links</dt>
            <dd className="row wrap">
              {event.links.map((link, i) => (
                <OutsideLink key={i} href={link.href} text={link.text || link.href} />
              ))}
            </dd>
          </>
        )}
        {(event.alert ?? event.incident) !== null && (
          <>
            <dt>Belongs to</dt>
            <dd className="row wrap">
              {event.incident && (
                <Link href={`/incidents/${event.incident}`}>{event.incident}</Link>
              )}
              {event.alert && (
                <Link href={alertHref({ fingerprint: event.alert, tenant: event.tenant })}>
                  alert {event.alert}
                </Link>
              )}
            </dd>
          </>
        )}
      </dl>
      {event.data !== null && (
        <details>
          <summary>Payload</summary>
          <pre className="code" tabIndex={0}>
            {typeof event.data === 'string' ? event.data : JSON.stringify(event.data, null, 2)}
          </pre>
        </details>
      )}
      <details>
        <summary>Frame {event.offset} as it arrived</summary>
        <FrameView frame={event.frame} />
      </details>
    </div>
  );
}
