// Times, ages and counts as people read them. Every function is pure: `now` is an argument.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds since 1970, or null when the text is no time. */
export function parseTime(iso: string | null | undefined): number | null {
  if (!iso) return null;
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? null : ms;
}

/** A duration in at most two units: `8s`, `4m`, `3h 12m`, `2d 4h`, `41d`. */
export function formatDuration(ms: number): string {
  const t = Math.max(0, ms);
  if (t < MINUTE) return `${Math.floor(t / SECOND)}s`;
  if (t < HOUR) return `${Math.floor(t / MINUTE)}m`;
  if (t < DAY) return joinUnits(Math.floor(t / HOUR), 'h', Math.floor((t % HOUR) / MINUTE), 'm');
  const days = Math.floor(t / DAY);
  if (days >= 10) return `${formatCount(days)}d`;
  return joinUnits(days, 'd', Math.floor((t % DAY) / HOUR), 'h');
}

function joinUnits(a: number, unitA: string, b: number, unitB: string): string {
  return b === 0 ? `${a}${unitA}` : `${a}${unitA} ${b}${unitB}`;
}

/** How long ago: `now`, `4m`, or `in 4m` for clocks that run ahead. `–` when it is no time. */
export function formatAge(iso: string | null | undefined, now: number): string {
  const at = parseTime(iso);
  if (at === null) return '–';
  if (at - now > 5 * SECOND) return `in ${formatDuration(at - now)}`;
  return now - at < SECOND ? 'now' : formatDuration(now - at);
}

/** `4m ago`, `just now`, `in 4m`. */
export function formatAgo(iso: string | null | undefined, now: number): string {
  const age = formatAge(iso, now);
  if (age === 'now') return 'just now';
  return age === '–' || age.startsWith('in ') ? age : `${age} ago`;
}

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const clockShort = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const wholeDate = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
});

/** `14:03:22` today, `21 Nov, 14:03` within half a year, else the date. */
export function formatTime(iso: string | null | undefined, now: number): string {
  const at = parseTime(iso);
  if (at === null) return '–';
  const date = new Date(at);
  if (date.toDateString() === new Date(now).toDateString()) return clock.format(date);
  return Math.abs(now - at) < 180 * DAY ? dayAndClock.format(date) : wholeDate.format(date);
}

const INSTANT = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** A sentence of the server, its times (in UTC) as all others are shown: in the reader's zone. */
export function formatProse(text: string, now: number): string {
  return text.replace(INSTANT, (iso) => (parseTime(iso) === null ? iso : formatTime(iso, now)));
}

/** `14:05`: the start of a health window. */
export function formatClock(iso: string | null | undefined): string {
  const at = parseTime(iso);
  return at === null ? '–' : clockShort.format(new Date(at));
}

const whole = new Intl.NumberFormat('en-US');

/** `1,234`, from 100,000 on `123k`, then `4.6M`. */
export function formatCount(n: number): string {
  if (!Number.isFinite(n)) return '–';
  if (Math.abs(n) < 100_000) return whole.format(n);
  if (Math.abs(n) < 999_500) return `${Math.round(n / 1000)}k`;
  const millions = n / 1_000_000;
  return `${millions < 99.95 ? millions.toFixed(1) : whole.format(Math.round(millions))}M`;
}

/** `12 %`, with one decimal below ten. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0) return '0 %';
  return `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

export function formatBytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = n;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1 alert`, `2 alerts`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

/** JSON with two-space indentation when it is JSON, else the text as it is. */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
