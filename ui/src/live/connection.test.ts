import { describe, expect, test } from 'vitest';

import {
  FIRST_DELAY_MS,
  MAX_DELAY_MS,
  SILENCE_MS,
  StreamConnection,
  type ConnectionState,
  type ConnectionWorld,
} from './connection';
import type { StreamMessage } from './sse';

interface Call {
  headers: Record<string, string>;
  signal: AbortSignal;
  answer(response: Response): void;
  fail(): void;
}

/** A world whose time moves and whose network answers only when the test says so. */
class FakeWorld implements ConnectionWorld {
  time = 0;
  calls: Call[] = [];
  private timers: { at: number; callback: () => void }[] = [];

  fetch(_url: string, init: RequestInit): Promise<Response> {
    return new Promise((resolve, reject) => {
      const signal = init.signal as AbortSignal;
      const fail = () => reject(new TypeError('failed'));
      signal.addEventListener('abort', fail);
      this.calls.push({
        headers: init.headers as Record<string, string>,
        signal,
        answer: resolve,
        fail,
      });
    });
  }
  now() {
    return this.time;
  }
  after(ms: number, callback: () => void) {
    const timer = { at: this.time + ms, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }
  random() {
    return 0.5;
  }
  async advance(ms: number) {
    this.time += ms;
    const due = this.timers.filter((timer) => timer.at <= this.time);
    this.timers = this.timers.filter((timer) => timer.at > this.time);
    for (const timer of due) timer.callback();
    await settled();
  }
  call(i: number): Call {
    const call = this.calls[i];
    if (!call) throw new Error(`there was no request ${i}`);
    return call;
  }
}

// The chain of promises from a chunk to the callback is finite; a task lets all of them run.
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function begin() {
  const world = new FakeWorld();
  const messages: StreamMessage[] = [];
  const states: ConnectionState[] = [];
  const connection = new StreamConnection(
    {
      url: '/stream',
      headers: () => ({ Authorization: 'Bearer t' }),
      onMessage: (message) => messages.push(message),
      onState: (state) => states.push(state),
    },
    world,
  );
  connection.start();
  return { world, messages, states, connection };
}

function openStream() {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const body = new ReadableStream<Uint8Array>({
    start: (c) => {
      controller = c;
    },
  });
  return {
    response: new Response(body),
    send: async (text: string) => {
      controller?.enqueue(new TextEncoder().encode(text));
      await settled();
    },
    end: async () => {
      controller?.close();
      await settled();
    },
  };
}

const last = <T>(items: T[]): T | undefined => items.at(-1);

describe('StreamConnection', () => {
  test('sends the token and delivers messages', async () => {
    const { world, messages, states } = begin();
    const stream = openStream();
    world.call(0).answer(stream.response);
    await settled();
    expect(world.call(0).headers).toMatchObject({
      Accept: 'text/event-stream',
      Authorization: 'Bearer t',
    });
    expect(world.call(0).headers).not.toHaveProperty('Last-Event-ID');
    expect(last(states)).toEqual({ kind: 'live' });
    await stream.send('id: 1\nevent: status\ndata: {}\n\n');
    expect(messages).toEqual([{ id: '1', event: 'status', data: '{}' }]);
  });

  test('resumes after the last id when the stream ends', async () => {
    const { world, states } = begin();
    const stream = openStream();
    world.call(0).answer(stream.response);
    await settled();
    await stream.send('id: 41\ndata: x\n\nid: 42\ndata: y\n\nid: 43\ndata: unfin');
    await stream.end();
    expect(last(states)).toEqual({ kind: 'waiting', attempt: 1, retryAt: FIRST_DELAY_MS });
    await world.advance(FIRST_DELAY_MS);
    expect(world.call(1).headers['Last-Event-ID']).toBe('42');
  });

  test('waits longer each time, up to a limit, and starts over after a message', async () => {
    const { world, states } = begin();
    const delays: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      world.call(i).fail();
      await settled();
      const state = last(states);
      if (state?.kind !== 'waiting') throw new Error(`not waiting but ${state?.kind}`);
      delays.push(state.retryAt - world.time);
      await world.advance(state.retryAt - world.time);
    }
    expect(delays.slice(0, 3)).toEqual([FIRST_DELAY_MS, 2 * FIRST_DELAY_MS, 4 * FIRST_DELAY_MS]);
    expect(Math.max(...delays)).toBe(MAX_DELAY_MS);
    const stream = openStream();
    world.call(8).answer(stream.response);
    await settled();
    await stream.send('data: x\n\n');
    await stream.end();
    expect(last(states)).toMatchObject({ kind: 'waiting', attempt: 1 });
  });

  test('a 503 with Retry-After is obeyed', async () => {
    const { world, states } = begin();
    world.call(0).answer(new Response('', { status: 503, headers: { 'Retry-After': '7' } }));
    await settled();
    expect(last(states)).toEqual({ kind: 'waiting', attempt: 1, retryAt: 7000 });
  });

  test('a 401 waits for a token', async () => {
    const { world, states, connection } = begin();
    world.call(0).answer(new Response('', { status: 401 }));
    await settled();
    expect(last(states)).toEqual({ kind: 'unauthorized' });
    await world.advance(10 * MAX_DELAY_MS);
    expect(world.calls).toHaveLength(1);
    connection.retryNow();
    expect(world.calls).toHaveLength(2);
  });

  test('a silent connection is given up', async () => {
    const { world, states } = begin();
    const stream = openStream();
    world.call(0).answer(stream.response);
    await settled();
    await world.advance(SILENCE_MS - 1);
    await stream.send(': still here\n\n');
    await world.advance(SILENCE_MS - 1);
    expect(last(states)).toEqual({ kind: 'live' });
    expect(world.call(0).signal.aborted).toBe(false);
    await world.advance(1);
    expect(world.call(0).signal.aborted).toBe(true);
  });

  test('a request that is never answered is given up and repeated', async () => {
    const { world, states } = begin();
    await world.advance(SILENCE_MS);
    expect(last(states)).toMatchObject({ kind: 'waiting', attempt: 1 });
    await world.advance(FIRST_DELAY_MS);
    expect(world.calls).toHaveLength(2);
  });

  test('stop ends it, start resumes', async () => {
    const { world, messages, states, connection } = begin();
    const stream = openStream();
    world.call(0).answer(stream.response);
    await settled();
    await stream.send('id: 5\ndata: x\n\n');
    connection.stop();
    expect(last(states)).toEqual({ kind: 'stopped' });
    await stream.send('id: 6\ndata: y\n\n');
    await world.advance(10 * MAX_DELAY_MS);
    expect(messages).toHaveLength(1);
    expect(world.calls).toHaveLength(1);
    connection.start();
    expect(world.call(1).headers['Last-Event-ID']).toBe('5');
  });

  test('retryNow does not wait, and the old try does not interfere', async () => {
    const { world, states, connection } = begin();
    world.call(0).fail();
    await settled();
    connection.retryNow();
    expect(world.calls).toHaveLength(2);
    await world.advance(10 * FIRST_DELAY_MS);
    expect(world.calls).toHaveLength(2);
    expect(last(states)).toEqual({ kind: 'connecting' });
  });
});
