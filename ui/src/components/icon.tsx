// Line icons, drawn on a 16-unit grid. Decorative: the text beside them says it.
const PATHS = {
  incidents: 'M8 2.2 14.2 13.3H1.8L8 2.2ZM8 6.4v3.4M8 11.6v.1',
  finding: 'M2 12.5c2-6 3-6 4-3s1.6 1 2.4-3.4L10 2.5l1.5 9 2.5-2',
  health: 'M1.5 8.5h3l2-5 3 9 2-4h3',
  events: 'M2.5 4h11M2.5 8h11M2.5 12h6.5M12.2 11.2v3M13.7 12.7h-3',
  deadletters: 'M2 3.5h12v9H2v-9ZM2 4l6 4.8L14 4M5.8 11.8l4.4-4.4',
  sources: 'M5.5 2v3.5M10.5 2v3.5M3.5 5.5h9v2.2a4.5 4.5 0 0 1-9 0V5.5ZM8 12.2V14',
  search: 'M7 11.8a4.8 4.8 0 1 0 0-9.6 4.8 4.8 0 0 0 0 9.6ZM10.6 10.6 14 14',
  filter: 'M2 3.5h12L9.5 8.6v4.2l-3-1.5V8.6L2 3.5Z',
  check: 'M3 8.5 6.5 12 13 4.5',
  close: 'M4 4l8 8M12 4l-8 8',
  up: 'M8 13V3.5M4 7.2l4-4 4 4',
  right: 'M6 3.5 10.5 8 6 12.5',
  down: 'M3.5 6 8 10.5 12.5 6',
  back: 'M13 8H3.5M7.2 4l-4 4 4 4',
  external: 'M6.5 3.5h-3v9h9v-3M9 2.5h4.5V7M13.2 2.8 7.5 8.5',
  copy: 'M5.5 5.5V2.8h7.7v7.7h-2.7M2.8 5.5h7.7v7.7H2.8V5.5Z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3l7.5 5L5 13V3Z',
  retry: 'M13.2 6.5A5.5 5.5 0 1 0 13.5 9M13.5 2.8v3.9H9.6',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  moon: 'M13.3 9.6A5.8 5.8 0 0 1 6.4 2.7a5.8 5.8 0 1 0 6.9 6.9Z',
  system: 'M2 3h12v8H2V3ZM6 13.5h4M8 11v2.5',
  person: 'M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8ZM2.8 14c.5-2.6 2.6-4 5.2-4s4.7 1.4 5.2 4',
  note: 'M3 2.5h10v8l-3 3H3v-11ZM13 10.5h-3v3M5.5 5.5h5M5.5 8h3.5',
  merge: 'M4 2.5v3C4 8 8 8 8 10.5v3M12 2.5v3C12 8 8 8 8 10.5M5.8 11.5 8 13.7l2.2-2.2',
  split: 'M8 13.5v-3C8 8 4 8 4 5.5v-3M8 10.5C8 8 12 8 12 5.5v-3M2 4.3l2-2 2 2M10 4.3l2-2 2 2',
  change: 'M2 8h3.2M10.8 8H14M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6Z',
  alert: 'M8 2a4 4 0 0 0-4 4v3l-1.3 2.5h10.6L12 9V6a4 4 0 0 0-4-4ZM6.7 13.7h2.6',
  why: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM6.3 6.4c.2-2.3 3.6-2.2 3.5 0-.1 1.3-1.8 1.4-1.8 2.9M8 11.3v.1',
  edit: 'M10.5 3 13 5.5 5.8 12.7l-3.1.6.6-3.1L10.5 3Z',
  lock: 'M3.5 7.2h9v6.3h-9V7.2ZM5.2 7.2V5a2.8 2.8 0 0 1 5.6 0v2.2',
  help: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM6.3 6.4c.2-2.3 3.6-2.2 3.5 0-.1 1.3-1.8 1.4-1.8 2.9M8 11.3v.1',
  warning: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 5v3.8M8 11v.1',
  calm: 'M1.5 6.5c2.2-2.4 4.3-2.4 6.5 0s4.3 2.4 6.5 0M1.5 10.5c2.2-2.4 4.3-2.4 6.5 0s4.3 2.4 6.5 0',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--accent-fill)" />
      <g fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round">
        <circle cx="16" cy="15.5" r="8" />
        <path d="m19 19 5 5.2" />
        <path d="M11.8 15.8c1.4-2 2.8-2 4.2 0s2.8 2 4.2 0" />
      </g>
    </svg>
  );
}
