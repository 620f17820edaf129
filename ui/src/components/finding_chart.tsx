// A finding's signal over time: what was seen, what was expected, and when it began.
import type { FindingSignal } from '../api/types';
import {
  boundsOf,
  boundsWords,
  formatValue,
  makeChart,
  pointsOf,
  type ChartPoint,
} from '../lib/chart';
import { formatTime } from '../lib/format';
import { useNow } from '../lib/now';

const WIDTH = 640;
const HEIGHT = 150;

export function FindingChart(props: { signal: FindingSignal; points: readonly ChartPoint[] }) {
  const { signal, points } = props;
  const now = useNow();
  if (points.length === 0) {
    return <p className="muted">The samples of this time are not kept any more.</p>;
  }
  const bounds = boundsOf(signal);
  const chart = makeChart(pointsOf(signal, points), WIDTH, HEIGHT, bounds);
  const onset = Date.parse(signal.onset);
  const time = (ms: number) => formatTime(new Date(ms).toISOString(), now);
  const words = bounds.length > 0 ? ` (${boundsWords(signal)})` : '';
  const value = signal.rule?.detector === 'absence' ? '' : ` ${formatValue(signal.value)}${words}`;
  return (
    <figure className="chart">
      <div className="chart-scale mono" aria-hidden="true">
        <span>{formatValue(chart.max)}</span>
        <span>{formatValue(chart.min)}</span>
      </div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${signal.metric}:${value} from ${time(onset)} on`}
      >
        <path className="band" d={chart.band} />
        {onset >= chart.from && onset <= chart.to && (
          <rect
            className="since"
            x={chart.x(onset)}
            y={0}
            width={Math.max(1, chart.x(endOf(signal, chart.to)) - chart.x(onset))}
            height={HEIGHT}
          />
        )}
        {bounds.map((bound, i) => (
          <path key={i} className="bound" d={`M0 ${chart.y(bound)}H${WIDTH}`} />
        ))}
        <path className="expected" d={chart.expected} />
        <path className="line" d={chart.line} />
      </svg>
      <figcaption className="muted">
        <span>{time(chart.from)}</span>
        <span className="grow" />
        <span>{time(chart.to)}</span>
      </figcaption>
    </figure>
  );
}

function endOf(signal: FindingSignal, last: number): number {
  return signal.ended_at === null ? last : Math.min(last, Date.parse(signal.ended_at));
}
