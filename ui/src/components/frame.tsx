// A frame as it arrived: headers and body, as text.
import type { ReactNode } from 'react';

import type { Frame } from '../api/types';
import { formatBytes, prettyJson } from '../lib/format';
import { CopyButton } from './notices';

/** `children` replaces the plain body, for example with a place marked in it. */
export function FrameView({ frame, children }: { frame: Frame | null; children?: ReactNode }) {
  if (frame === null) {
    return <p className="muted">The frame is no longer kept (retention).</p>;
  }
  return (
    <div className="stack">
      <dl className="facts">
        <dt>Endpoint</dt>
        <dd className="mono">{frame.source}</dd>
        {Object.entries(frame.headers).map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="mono">{name}</dt>
            <dd className="mono">{value}</dd>
          </div>
        ))}
        <dt>Size</dt>
        <dd>
          {formatBytes(frame.body_bytes)}
          {frame.body_truncated && ', of which the first MiB is shown'}
        </dd>
      </dl>
      <div className="code-box">
        <CopyButton text={frame.body} />
        {children ?? (
          <pre className="code" tabIndex={0}>
            {prettyJson(frame.body)}
          </pre>
        )}
      </div>
    </div>
  );
}
