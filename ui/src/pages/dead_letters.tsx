// Dead letters: what could not be decoded, why, where, and trying it again.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useLocation, useSearch } from 'wouter';

import { api, unwrap } from '../api/client';
import type { DeadLetter } from '../api/types';
import { DetailPage } from '../components/detail_page';
import { FrameView } from '../components/frame';
import { Icon } from '../components/icon';
import { Age, Time } from '../components/marks';
import { Empty, ErrorNotice, Loading, OlderButton } from '../components/notices';
import { showToast } from '../components/toasts';
import { plural } from '../lib/format';
import { findPlace } from '../lib/place';
import { useMayChange } from '../live/queries';

const PAGE = 100;
const REFRESH_MS = 5_000;

interface Retried {
  retried: number;
  resolved: number;
  failed: number;
  without_frame: number;
}

function retrySentence({ retried, resolved, failed, without_frame }: Retried): string {
  const gone =
    without_frame > 0 ? ` ${without_frame} not: what was received is not kept any more.` : '';
  if (retried === 0) return gone ? `Not processed:${gone}` : 'There was nothing to process again.';
  if (failed === 0) return `${plural(resolved, 'dead letter')} processed with success.${gone}`;
  const what = `${plural(retried, 'dead letter')} processed again`;
  return `${what}: ${resolved} with success, ${failed} failed as before.${gone}`;
}

/** The server takes a page of them at a time. */
async function retryAll(): Promise<Retried> {
  const sum: Retried = { retried: 0, resolved: 0, failed: 0, without_frame: 0 };
  for (let before: string | null | undefined; before !== null;) {
    const query = before === undefined ? {} : { before };
    const page = await unwrap(api.POST('/api/v1/deadletters/retry', { params: { query } }));
    sum.retried += page.retried;
    sum.resolved += page.resolved;
    sum.failed += page.failed;
    sum.without_frame += page.without_frame;
    before = page.next;
  }
  return sum;
}

/** Processes one again, or all. */
function useRetry() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string | null): Promise<Retried> =>
      id === null
        ? retryAll()
        : unwrap(api.POST('/api/v1/deadletters/{id}/retry', { params: { path: { id } } })),
    onSuccess: (result) =>
      showToast(retrySentence(result), { bad: result.failed + result.without_frame > 0 }),
    onError: (error) => showToast(error.message, { bad: true }),
    onSettled: () => client.invalidateQueries({ queryKey: ['deadletters'] }),
  });
}

export function DeadLettersPage() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const resolved = new URLSearchParams(search).get('resolved') === 'true';
  const retry = useRetry();
  const mayChange = useMayChange();
  const pages = useInfiniteQuery({
    queryKey: ['deadletters', 'list', resolved],
    queryFn: ({ pageParam }) => {
      const query = {
        limit: PAGE,
        include_resolved: resolved,
        ...(pageParam === null ? {} : { cursor: pageParam }),
      };
      return unwrap(api.GET('/api/v1/deadletters', { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    // A page that was opened between a dead letter's arrival and its commit would miss it.
    refetchInterval: REFRESH_MS,
  });
  const letters = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const waiting = letters.some((letter) => !letter.resolved);
  return (
    <div className="page scroll">
      <header className="page-head">
        <h1>Dead letters</h1>
        <span className="muted grow explain">
          could not be decoded; nothing is lost, each can be processed again
        </span>
        <label className="check">
          <input
            type="checkbox"
            checked={resolved}
            onChange={(event) =>
              navigate(event.target.checked ? '/deadletters?resolved=true' : '/deadletters', {
                replace: true,
              })
            }
          />
          Show resolved
        </label>
        <button
          type="button"
          className="button"
          disabled={!mayChange || !waiting || retry.isPending}
          onClick={() => retry.mutate(null)}
        >
          <Icon name="retry" />
          Retry all
        </button>
      </header>
      <div className="page-body stack">
        {pages.error && <ErrorNotice error={pages.error} onRetry={() => void pages.refetch()} />}
        {pages.isPending && <Loading />}
        {pages.data && letters.length === 0 && (
          <Empty icon="check" title="No dead letters">
            <p>Everything that arrived could be decoded.</p>
          </Empty>
        )}
        {letters.length > 0 && (
          <ul className="panel letters">
            {letters.map((letter) => (
              <LetterRow key={letter.id} letter={letter} />
            ))}
          </ul>
        )}
        <OlderButton pages={pages} />
      </div>
    </div>
  );
}

function LetterRow({ letter }: { letter: DeadLetter }) {
  return (
    <li>
      <Link href={`/deadletters/${letter.id}`} className="letter">
        <span className="letter-head">
          <span className="mono">{letter.source}</span>
          {letter.place !== '' && <span className="chip">{letter.place}</span>}
          <LetterState letter={letter} />
          <span className="muted letter-age">
            <Age at={letter.arrived_at} ago />
          </span>
        </span>
        <span className="reason">{letter.reason}</span>
        <span className="mono muted ellipsis">{letter.excerpt}</span>
      </Link>
    </li>
  );
}

function LetterState({ letter }: { letter: DeadLetter }) {
  if (letter.resolved) {
    return (
      <span className="level is-good">
        <Icon name="check" />
        resolved
      </span>
    );
  }
  return <span className="muted">{plural(letter.attempts, 'attempt')}</span>;
}

export function DeadLetterPage({ id }: { id: string }) {
  const retry = useRetry();
  const mayChange = useMayChange();
  const answer = useQuery({
    queryKey: ['deadletters', 'one', id],
    queryFn: () => unwrap(api.GET('/api/v1/deadletters/{id}', { params: { path: { id } } })),
  });
  return (
    <DetailPage back={{ href: '/deadletters', name: 'Dead letters' }} id={id} answer={answer}>
      {(letter) => (
        <article aria-label={`Dead letter ${id}`}>
          <header className="incident-head">
            <div className="row wrap">
              <span className="mono">{letter.source}</span>
              <LetterState letter={letter} />
              <span className="muted">
                arrived <Time at={letter.arrived_at} /> (<Age at={letter.arrived_at} ago />)
              </span>
              {letter.tenant !== 'default' && <span className="muted">tenant {letter.tenant}</span>}
            </div>
            <h1>{letter.reason}</h1>
            <div className="actions">
              <button
                type="button"
                className="button primary"
                disabled={!mayChange || letter.resolved || retry.isPending}
                onClick={() => retry.mutate(id)}
              >
                <Icon name="retry" />
                Process again
              </button>
            </div>
          </header>
          <div className="page-body stack">
            <section className="panel">
              <header>
                <h2>Place</h2>
                <span className="mono">
                  {letter.place === '' ? 'the whole frame' : letter.place}
                </span>
              </header>
              <div className="panel-body stack">
                <pre className="code pre">{letter.excerpt}</pre>
                <PlaceNote place={letter.place} body={letter.frame?.body ?? ''} />
              </div>
            </section>
            <section className="panel">
              <header>
                <h2>Frame {letter.offset} as it arrived</h2>
              </header>
              <div className="panel-body">
                <FrameView frame={letter.frame}>
                  <MarkedBody body={letter.frame?.body ?? ''} place={letter.place} />
                </FrameView>
              </div>
            </section>
          </div>
        </article>
      )}
    </DetailPage>
  );
}

function PlaceNote({ place, body }: { place: string; body: string }) {
  const found = findPlace(body, place);
  if (found?.kind === 'value') {
    return (
      <p>
        There stands <code>{found.json}</code>
      </p>
    );
  }
  if (found?.kind === 'missing') {
    return (
      <p className="muted">
        Nothing stands there; the frame has {found.known === '' ? 'its beginning' : found.known}{' '}
        only.
      </p>
    );
  }
  return null;
}

/** The body as it is, the place marked in it when it can be found. */
function MarkedBody({ body, place }: { body: string; place: string }) {
  const found = findPlace(body, place);
  return (
    <pre className="code pre" tabIndex={0}>
      {found?.kind === 'range' ? (
        <>
          {body.slice(0, found.start)}
          <mark>{body.slice(found.start, found.end)}</mark>
          {body.slice(found.end)}
        </>
      ) : (
        body
      )}
    </pre>
  );
}
