// One live stream: connects, reads, and when it breaks connects again where it left off.
import { SseParser, type StreamMessage } from './sse';

export type ConnectionState =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'waiting'; attempt: number; retryAt: number }
  | { kind: 'unauthorized' }
  | { kind: 'stopped' };

/** The world as the connection sees it; tests give their own. */
export interface ConnectionWorld {
  fetch(url: string, init: RequestInit): Promise<Response>;
  now(): number;
  /** Calls back once; the result cancels it. */
  after(ms: number, callback: () => void): () => void;
  /** In [0, 1): spreads the reconnects of many pages after a restart of the server. */
  random(): number;
}

export const browserWorld: ConnectionWorld = {
  fetch: (url, init) => window.fetch(url, init),
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = window.setTimeout(callback, ms);
    return () => window.clearTimeout(timer);
  },
  random: () => Math.random(),
};

export interface ConnectionOptions {
  url: string;
  headers(): Record<string, string>;
  onMessage(message: StreamMessage): void;
  onState(state: ConnectionState): void;
}

export const FIRST_DELAY_MS = 500;
export const MAX_DELAY_MS = 15_000;
/** Without a byte for this long the connection counts as dead. */
export const SILENCE_MS = 90_000;

export class StreamConnection {
  private lastId = '';
  private attempt = 0;
  private abort: AbortController | null = null;
  private cancelTimer: (() => void) | null = null;
  private cancelWatch: (() => void) | null = null;
  private running = false;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly world: ConnectionWorld = browserWorld,
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.attempt = 0;
    this.connect();
  }

  /** Ends the connection; start() resumes after the last id that was seen. */
  stop(): void {
    if (!this.running) return;
    this.running = false;
    this.drop();
    this.options.onState({ kind: 'stopped' });
  }

  /** Does not wait for the next try: the network is back, or a token was given. */
  retryNow(): void {
    if (!this.running) return;
    this.attempt = 0;
    this.drop();
    this.connect();
  }

  private drop(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    this.cancelWatch?.();
    this.cancelWatch = null;
    this.abort?.abort();
    this.abort = null;
  }

  private connect(): void {
    const abort = new AbortController();
    this.abort = abort;
    this.options.onState({ kind: 'connecting' });
    void this.read(abort);
  }

  private async read(abort: AbortController): Promise<void> {
    let delayHint: number | null = null;
    try {
      this.watch(abort);
      const response = await this.world.fetch(this.options.url, {
        headers: this.requestHeaders(),
        cache: 'no-store',
        signal: abort.signal,
      });
      if (abort.signal.aborted) return;
      if (response.status === 401) {
        this.drop();
        this.options.onState({ kind: 'unauthorized' });
        return;
      }
      delayHint = retryAfterMs(response);
      if (response.ok && response.body) await this.readBody(response.body, abort);
    } catch {
      // Refused, reset or aborted: handled below like an ended stream.
    }
    if (abort.signal.aborted && this.abort !== abort) return;
    if (this.running) this.wait(delayHint);
  }

  private requestHeaders(): Record<string, string> {
    const headers: Record<string, string> = {
      Accept: 'text/event-stream',
      ...this.options.headers(),
    };
    if (this.lastId !== '') headers['Last-Event-ID'] = this.lastId;
    return headers;
  }

  private async readBody(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    this.options.onState({ kind: 'live' });
    const parser = new SseParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || abort.signal.aborted) return;
      this.watch(abort);
      for (const message of parser.feed(decoder.decode(value, { stream: true }))) {
        this.attempt = 0;
        if (message.id !== '') this.lastId = message.id;
        this.options.onMessage(message);
      }
    }
  }

  private watch(abort: AbortController): void {
    this.cancelWatch?.();
    this.cancelWatch = this.world.after(SILENCE_MS, () => abort.abort());
  }

  private wait(delayHint: number | null): void {
    this.drop();
    this.attempt += 1;
    const steady = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.attempt - 1));
    const delay = Math.max(delayHint ?? 0, steady * (0.75 + 0.5 * this.world.random()));
    this.options.onState({
      kind: 'waiting',
      attempt: this.attempt,
      retryAt: this.world.now() + delay,
    });
    this.cancelTimer = this.world.after(delay, () => this.connect());
  }
}

function retryAfterMs(response: Response): number | null {
  const seconds = Number(response.headers.get('Retry-After') ?? 'x');
  return Number.isFinite(seconds) ? Math.min(60, seconds) * 1000 : null;
}
