// What a page shows instead of data: loading, failure, nothing there; and what is copied from it.
import { useState, type ReactNode } from 'react';

import { ApiError } from '../api/client';
import { copyText } from '../lib/clipboard';
import { useLostSince } from '../live/live';
import { Icon, type IconName } from './icon';

/** Whether the page's one statement that the server is lost explains this error, too. */
export function useIsExplained(error: Error | null): boolean {
  const lost = useLostSince() !== null;
  return lost && error instanceof ApiError && error.status === 0;
}

export function ErrorNotice({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  if (useIsExplained(error)) return null;
  const place = error instanceof ApiError && error.place ? ` (${error.place})` : '';
  return (
    <div className="notice bad" role="alert">
      <span className="is-bad">
        <Icon name="warning" />
      </span>
      <span className="grow">
        {error.message}
        {place}
      </span>
      {onRetry && (
        <button type="button" className="button small" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty(props: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={props.icon} />
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

export function Loading() {
  return (
    <p className="empty" role="status">
      Loading…
    </p>
  );
}

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      className="button small"
      onClick={() => {
        void copyText(text).then((ok) => {
          setDone(ok);
          if (ok) window.setTimeout(() => setDone(false), 1600);
        });
      }}
    >
      <Icon name={done ? 'check' : 'copy'} />
      <span aria-live="polite">{done ? 'Copied' : label}</span>
    </button>
  );
}

/** Below a list that has more pages. */
export function OlderButton(props: {
  pages: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage(): Promise<unknown> };
}) {
  const { pages } = props;
  if (!pages.hasNextPage) return null;
  return (
    <button
      type="button"
      className="button"
      disabled={pages.isFetchingNextPage}
      onClick={() => void pages.fetchNextPage()}
    >
      Show older
    </button>
  );
}
