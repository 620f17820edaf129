// Starts the real binary for each test, on a free port and an empty data directory, and feeds it
// as real senders do.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { expect, test as base, type Page } from '@playwright/test';

const BINARY =
  process.env['QUELL'] ?? path.resolve(import.meta.dirname, '../../build/release/quell');

export class Quell {
  private child: ChildProcess | null = null;
  private log: string[] = [];
  url = '';

  constructor(
    private readonly directory: string,
    private readonly config: string,
  ) {}

  /** Starts it; a second start uses the same port and data again. */
  async start(): Promise<void> {
    const file = path.join(this.directory, 'quell.yaml');
    await writeFile(file, this.config);
    const listen = this.url === '' ? '127.0.0.1:0' : new URL(this.url).host;
    const data = path.join(this.directory, 'data');
    const child = spawn(BINARY, ['serve', '--config', file, '--data', data, '--listen', listen], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stderr?.on('data', (chunk: Buffer) => this.log.push(chunk.toString()));
    this.url = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new Error(`${BINARY} ended with ${code}:\n${this.log.join('')}`)),
      );
      if (!child.stdout) throw new Error('no stdout');
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.log.push(`${line}\n`);
        const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
        if (url) resolve(url.replace(/\/$/, ''));
      });
    });
  }

  async stop(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  async post(
    where: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return fetch(`${this.url}${where}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  /** What Prometheus sends. */
  async fire(...alerts: Alert[]): Promise<void> {
    const now = Date.now();
    const body = alerts.map(({ labels, annotations, minutesAgo = 1, resolved = false }) => ({
      labels,
      annotations: annotations ?? {},
      startsAt: new Date(now - minutesAgo * 60_000).toISOString(),
      endsAt: new Date(resolved ? now - 1000 : now + 10 * 60_000).toISOString(),
      generatorURL: 'http://prometheus.example:9090/graph?g0.expr=up',
    }));
    const response = await this.post('/alertmanager/api/v2/alerts', body);
    expect(response.status, await response.text()).toBe(200);
  }

  async get<T>(where: string): Promise<T> {
    const response = await fetch(`${this.url}${where}`);
    expect(response.status, where).toBe(200);
    return (await response.json()) as T;
  }
}

export interface Alert {
  labels: Record<string, string>;
  annotations?: Record<string, string>;
  minutesAgo?: number;
  resolved?: boolean;
}

/** A critical alert: it opens an incident by itself. */
export function critical(name: string, service: string, more: Record<string, string> = {}): Alert {
  return {
    labels: { alertname: name, service, severity: 'critical', ...more },
    annotations: { summary: `${name} on ${service}` },
  };
}

interface Fixtures {
  config: string;
  quell: Quell;
  /** Fails the test when the page reports an error, such as a breach of the CSP. */
  quietConsole: void;
}

export const test = base.extend<Fixtures>({
  config: ['', { option: true }],
  quell: async ({ config }, use) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'quell-e2e-'));
    const quell = new Quell(directory, config);
    await quell.start();
    await use(quell);
    await quell.stop();
    await rm(directory, { recursive: true, force: true });
  },
  quietConsole: [
    async ({ page }, use) => {
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        // The browser itself reports failed requests; tests of failures cause them on purpose.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
          errors.push(message.text());
        }
      });
      await use();
      expect(errors).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width, page.url()).toBeLessThanOrEqual(page.viewportSize()?.width ?? 0);
}

export function incidentRow(page: Page, text: string | RegExp) {
  return page.getByRole('row').filter({ hasText: text });
}
