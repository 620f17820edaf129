// The geometry of a finding's chart: points with an expected band, as SVG paths. Pure.

interface Bounded {
  low: number | null;
  high: number | null;
  rule: { detector: string } | null;
}

const LIMITED = new Set(['threshold', 'forecast']);

/** `usual 3 to 4`, `limit 100`: what a signal's value is held against; empty when nothing is known. */
export function boundsWords({ low, high, rule }: Bounded): string {
  const word = rule && LIMITED.has(rule.detector) ? 'limit' : 'usual';
  if (low === null && high === null) return '';
  if (low !== null && high !== null) {
    return `${word === 'limit' ? 'limits' : word} ${formatValue(low)} to ${formatValue(high)}`;
  }
  const side = low === null ? 'at most' : 'at least';
  return word === 'limit'
    ? `limit ${formatValue(low ?? high)}`
    : `usual ${side} ${formatValue(low ?? high)}`;
}

/** The bounds as values on the chart; those of silences are durations. */
export function boundsOf({ low, high, rule }: Bounded): number[] {
  if (rule?.detector === 'absence') return [];
  return [low, high].filter((v): v is number => v !== null && Number.isFinite(v));
}

/** [ms, value, expected, low, high]; null where it is not known. A null value is a gap. */
export type ChartPoint = readonly (number | null)[];

/** A silence's reading is how long it lasts, which is no value of the series: a gap until then. */
export function pointsOf(signal: Bounded, points: readonly ChartPoint[]): readonly ChartPoint[] {
  if (signal.rule?.detector !== 'absence') return points;
  return points.map((point) => (rowOf(point).expected === null ? point : point.slice(0, 1)));
}

interface Row {
  ms: number;
  value: number | null;
  expected: number | null;
  low: number | null;
  high: number | null;
}

function rowOf(point: ChartPoint): Row {
  const [ms = null, value = null, expected = null, low = null, high = null] = point;
  return { ms: ms ?? 0, value, expected, low, high };
}

export interface Chart {
  /** Of the values; broken where there is a gap. */
  line: string;
  expected: string;
  /** Closed areas between low and high. */
  band: string;
  from: number;
  to: number;
  min: number;
  max: number;
  x(ms: number): number;
  y(value: number): number;
}

/** A gap this many times the usual distance breaks the line. */
const GAP = 4;

/** Values in `bounds` are in its range, too. */
export function makeChart(
  points: readonly ChartPoint[],
  width: number,
  height: number,
  bounds: readonly number[] = [],
): Chart {
  const rows = points.map(rowOf);
  const times = rows.map((row) => row.ms);
  const from = Math.min(...times);
  const to = Math.max(...times);
  const [min, max] = range(rows, bounds);
  const x = (ms: number) => (to === from ? width / 2 : ((ms - from) / (to - from)) * width);
  const y = (value: number) => height - ((value - min) / (max - min)) * height;
  const pieces = split(rows);
  return {
    line: pieces.map((piece) => path(piece, x, y, 'value')).join(''),
    expected: pieces.map((piece) => path(piece, x, y, 'expected')).join(''),
    band: pieces.map((piece) => area(piece, x, y)).join(''),
    from,
    to,
    min,
    max,
    x,
    y,
  };
}

/** Of all that is drawn, with a little air; never empty. */
function range(rows: readonly Row[], bounds: readonly number[]): [number, number] {
  let min = Math.min(...bounds);
  let max = Math.max(...bounds);
  for (const { value, low, high } of rows) {
    for (const v of [value, low, high]) {
      if (v === null || !Number.isFinite(v)) continue;
      min = Math.min(min, v);
      max = Math.max(max, v);
    }
  }
  if (min > max) return [0, 1];
  const air = max === min ? Math.max(1, Math.abs(max)) * 0.1 : (max - min) * 0.05;
  return [min - air, max + air];
}

/** Into pieces without gaps. */
function split(rows: readonly Row[]): Row[][] {
  const steps = rows.slice(1).map((row, i) => row.ms - (rows[i]?.ms ?? 0));
  const usual = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const pieces: Row[][] = [[]];
  let last: number | null = null;
  for (const row of rows) {
    if (last !== null && usual > 0 && row.ms - last > GAP * usual) pieces.push([]);
    pieces.at(-1)?.push(row);
    last = row.ms;
  }
  return pieces;
}

type Scale = (value: number) => number;

function path(rows: readonly Row[], x: Scale, y: Scale, column: 'value' | 'expected'): string {
  let text = '';
  let pen = 'M';
  for (const row of rows) {
    const value = row[column];
    if (value === null || !Number.isFinite(value)) {
      pen = 'M';
      continue;
    }
    text += `${pen}${round(x(row.ms))} ${round(y(value))}`;
    pen = 'L';
  }
  return text;
}

function area(rows: readonly Row[], x: Scale, y: Scale): string {
  let text = '';
  let run: { x: string; low: string; high: string }[] = [];
  const close = () => {
    if (run.length > 1) {
      const upper = run.map((point) => `${point.x} ${point.high}`);
      const lower = run.map((point) => `${point.x} ${point.low}`);
      text += `M${upper.join('L')}L${lower.reverse().join('L')}Z`;
    }
    run = [];
  };
  for (const { ms, low, high } of rows) {
    if (low === null || high === null) close();
    else run.push({ x: round(x(ms)), low: round(y(low)), high: round(y(high)) });
  }
  close();
  return text;
}

function round(value: number): string {
  return (Math.round(value * 10) / 10).toString();
}

/** `0.61`, `1,240`, `4.2M`, `3.1e-7`: three digits that tell. */
export function formatValue(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 0.001) return value.toExponential(1);
  if (size < 1000) return Number(value.toPrecision(3)).toString();
  if (size < 100_000) return Math.round(value).toLocaleString('en-US');
  const units: readonly [number, string][] = [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ];
  for (const [factor, unit] of units) {
    if (size >= factor) return `${Number((value / factor).toPrecision(3))}${unit}`;
  }
  return value.toExponential(1);
}
