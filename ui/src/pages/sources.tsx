// Where to send to: every endpoint with what came through it, and configuration to copy.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { api, unwrap } from '../api/client';
import type { Source } from '../api/types';
import { Icon } from '../components/icon';
import { Age } from '../components/marks';
import { CopyButton, ErrorNotice, Loading } from '../components/notices';
import { formatCount, plural } from '../lib/format';
import { orderSources, snippetsFor, sourceTitle } from '../lib/snippets';

const REFRESH_MS = 5_000;

export function SourcesPage() {
  const answer = useQuery({
    queryKey: ['sources'],
    queryFn: () => unwrap(api.GET('/api/v1/sources')),
    refetchInterval: REFRESH_MS,
  });
  const sources = orderSources(answer.data?.items ?? []);
  const [chosen, setChosen] = useState<string | null>(null);
  const active = sources.filter((source) => source.events + source.rejected > 0).length;
  return (
    <div className="page scroll">
      <header className="page-head">
        <h1>Sources</h1>
        <span className="muted">
          {answer.data && `${plural(sources.length, 'endpoint')}, ${active} in use`}
        </span>
      </header>
      <div className="page-body stack">
        {answer.error && <ErrorNotice error={answer.error} onRetry={() => void answer.refetch()} />}
        {answer.isPending && <Loading />}
        <ul className="panel source-list">
          {sources.map((source) => (
            <SourceRow
              key={source.path}
              source={source}
              open={(chosen ?? sources[0]?.path) === source.path}
              onToggle={(open) => setChosen(open ? source.path : '')}
            />
          ))}
        </ul>
      </div>
    </div>
  );
}

function SourceRow(props: { source: Source; open: boolean; onToggle: (open: boolean) => void }) {
  const { source, open } = props;
  return (
    <li>
      <button
        type="button"
        className="opener source-row"
        aria-expanded={open}
        onClick={() => props.onToggle(!open)}
      >
        <span className={open ? 'turn open' : 'turn'}>
          <Icon name="right" />
        </span>
        <span className="title">{sourceTitle(source)}</span>
        <span className="mono muted ellipsis cell-path">{source.path}</span>
        <span className="row cell-flags">
          {source.protected && (
            <span className="muted row" title="Needs a token or a signature">
              <Icon name="lock" />
              protected
            </span>
          )}
          {source.rejected > 0 && (
            <span className="level is-warn">
              <Icon name="deadletters" />
              {formatCount(source.rejected)} rejected
            </span>
          )}
        </span>
        <span className="num">
          {source.events > 0 ? plural(source.events, 'event') : <span className="muted">–</span>}
        </span>
        <span className="num muted">
          {source.last_event_at === null ? 'never' : <Age at={source.last_event_at} ago />}
        </span>
      </button>
      {open && (
        <div className="snippets">
          {snippetsFor(source, window.location.origin).map((snippet) => (
            <figure key={snippet.title}>
              <figcaption>{snippet.title}</figcaption>
              <div className="code-box">
                <CopyButton text={snippet.text} />
                <pre className="code" tabIndex={0}>
                  {snippet.text}
                </pre>
              </div>
            </figure>
          ))}
        </div>
      )}
    </li>
  );
}
