// A finding's signal over time: what was seen, what was expected, and when it began.
import type { FindingSignal } from '../api/types';
import { formatValue, makeChart, type ChartPoint } from '../lib/chart';
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
  const chart = makeChart(points, WIDTH, HEIGHT);
  const onset = Date.parse(signal.onset);
  const time = (ms: number) => formatTime(new Date(ms).toISOString(), now);
  const words =
    `${signal.metric}: ${formatValue(signal.value)} where ${formatValue(signal.low)} to ` +
    `${formatValue(signal.high)} was usual, from ${time(onset)} on`;
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
        aria-label={words}
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
