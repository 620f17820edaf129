// The page's one stream: parses its messages and hands them to whoever listens.
import { useSyncExternalStore } from 'react';

import { authHeaders, reportUnauthorized } from '../api/client';
import type {
  DeadLetter,
  Finding,
  HealthWindow,
  IncidentSummary,
  ServerStatus,
} from '../api/types';
import {
  browserWorld,
  StreamConnection,
  type ConnectionState,
  type ConnectionWorld,
} from './connection';
import { lostSince, NO_LOSS, nextLoss } from './loss';
import type { StreamMessage } from './sse';

/** What the stream can say. `resync` is ours: something may have been missed, load again. */
export interface LiveEvents {
  incident: IncidentSummary;
  window: HealthWindow;
  deadletter: DeadLetter;
  finding: Finding;
  status: ServerStatus;
  /** Rate-limited: some messages of a topic were left out. */
  skipped: { topic: string; count: number };
  resync: null;
  /** Ours, too: the stream is open (again). What could not be loaded can be, now. */
  connected: null;
}

type Handlers = { [K in keyof LiveEvents]: Set<(data: LiveEvents[K]) => void> };

/** How long a hidden page keeps its stream: browsers allow few connections per server. */
export const HIDDEN_MS = 60_000;

export class Live {
  private readonly handlers: Handlers = {
    incident: new Set(),
    window: new Set(),
    deadletter: new Set(),
    finding: new Set(),
    status: new Set(),
    skipped: new Set(),
    resync: new Set(),
    connected: new Set(),
  };
  private readonly stateListeners = new Set<() => void>();
  private state: ConnectionState = { kind: 'connecting' };
  private loss = NO_LOSS;
  private seenId = false;
  private readonly connection: StreamConnection;

  constructor(private readonly world: ConnectionWorld = browserWorld) {
    this.connection = new StreamConnection(
      {
        url: '/api/v1/stream?topics=incidents,windows,deadletters,findings,status',
        headers: authHeaders,
        onMessage: (message) => this.receive(message),
        onState: (state) => this.setState(state),
      },
      world,
    );
  }

  /** Connects, and minds the page's visibility and network. The result ends it all. */
  start(): () => void {
    let cancelHide: (() => void) | null = null;
    const onVisibility = () => {
      cancelHide?.();
      cancelHide = null;
      if (document.visibilityState === 'visible') this.connection.start();
      else cancelHide = this.world.after(HIDDEN_MS, () => this.connection.stop());
    };
    const onOnline = () => this.connection.retryNow();
    document.addEventListener('visibilitychange', onVisibility);
    window.addEventListener('online', onOnline);
    this.connection.start();
    return () => {
      cancelHide?.();
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('online', onOnline);
      this.connection.stop();
    };
  }

  retryNow(): void {
    this.connection.retryNow();
  }

  on<K extends keyof LiveEvents>(event: K, handler: (data: LiveEvents[K]) => void): () => void {
    this.handlers[event].add(handler);
    return () => {
      this.handlers[event].delete(handler);
    };
  }

  readonly subscribeState = (listener: () => void): (() => void) => {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  };
  readonly getState = (): ConnectionState => this.state;
  /** Since when the server is lost, in milliseconds since 1970; null: it is not. */
  readonly getLostSince = (): number | null => lostSince(this.loss);

  private setState(state: ConnectionState): void {
    this.state = state;
    this.loss = nextLoss(this.loss, state, this.world.now());
    if (state.kind === 'unauthorized') reportUnauthorized();
    // Without an id there is nothing to resume from: what happened in between is unknown.
    if (state.kind === 'live' && !this.seenId) this.emit('resync', null);
    if (state.kind === 'live') this.emit('connected', null);
    for (const listener of this.stateListeners) listener();
  }

  private receive(message: StreamMessage): void {
    if (message.id !== '') this.seenId = true;
    if (message.event === 'reset') {
      this.emit('resync', null);
      return;
    }
    if (!(message.event in this.handlers)) return;
    let data: unknown;
    try {
      data = JSON.parse(message.data);
    } catch {
      return;
    }
    // The server's own messages have the shapes of its contract.
    this.emit(message.event as keyof LiveEvents, data as never);
  }

  private emit<K extends keyof LiveEvents>(event: K, data: LiveEvents[K]): void {
    for (const handler of this.handlers[event]) handler(data);
  }
}

export const live = new Live();

export function useConnectionState(): ConnectionState {
  return useSyncExternalStore(live.subscribeState, live.getState);
}

export function useLostSince(): number | null {
  return useSyncExternalStore(live.subscribeState, live.getLostSince);
}
