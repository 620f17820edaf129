// The live events page's own stream: history first, then every event that passes the filter.
import { useEffect, useReducer, useRef, useState } from 'react';

import { api, ApiError, authHeaders, reportUnauthorized, unwrap } from '../api/client';
import type { EventItem } from '../api/types';
import { StreamConnection } from './connection';
import {
  addEvents,
  addHistory,
  addSkipped,
  emptyEvents,
  passes,
  setPaused,
  type EventFilter,
  type EventListState,
} from './event_list';
import type { StreamMessage } from './sse';

type Action =
  | { kind: 'clear' }
  | { kind: 'events'; events: EventItem[] }
  | { kind: 'history'; events: EventItem[] }
  | { kind: 'paused'; paused: boolean }
  | { kind: 'skipped'; count: number };

function reduce(state: EventListState, action: Action): EventListState {
  switch (action.kind) {
    case 'clear':
      return { ...emptyEvents(), paused: state.paused };
    case 'events':
      return addEvents(state, action.events);
    case 'history':
      return addHistory(state, action.events);
    case 'paused':
      return setPaused(state, action.paused);
    case 'skipped':
      return addSkipped(state, action.count);
  }
}

const BATCH_MS = 150;
const HISTORY = 200;

async function loadHistory(filter: EventFilter): Promise<EventItem[]> {
  const query = {
    limit: HISTORY,
    ...(filter.source === '' ? {} : { source: filter.source }),
    ...(filter.kind === '' ? {} : { kind: filter.kind }),
    ...(filter.severityMin === '' ? {} : { severity_min: filter.severityMin }),
    ...(filter.text.trim() === '' ? {} : { q: filter.text.trim() }),
  };
  return (await unwrap(api.GET('/api/v1/events', { params: { query } }))).items;
}

export interface EventStream {
  list: EventListState;
  loading: boolean;
  error: Error | null;
  setPaused: (paused: boolean) => void;
}

export function useEventStream(filter: EventFilter): EventStream {
  const [list, dispatch] = useReducer(reduce, undefined, emptyEvents);
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<Error | null>(null);
  const key = JSON.stringify(filter);
  const latest = useRef(filter);
  latest.current = filter;

  useEffect(() => {
    const wanted = latest.current;
    let ended = false;
    let queue: EventItem[] = [];
    let timer: number | null = null;
    const load = async () => {
      try {
        const events = await loadHistory(wanted);
        if (ended) return;
        dispatch({ kind: 'history', events });
        setError(null);
      } catch (e) {
        if (!ended) setError(e instanceof Error ? e : new ApiError(0, String(e), 'unknown'));
      }
      if (!ended) setLoading(false);
    };
    const flush = () => {
      timer = null;
      dispatch({ kind: 'events', events: queue });
      queue = [];
    };
    const receive = (message: StreamMessage) => {
      if (message.event === 'reset') {
        void load();
        return;
      }
      const data: unknown = JSON.parse(message.data);
      if (message.event === 'skipped') {
        dispatch({ kind: 'skipped', count: (data as { count: number }).count });
      } else if (message.event === 'event' && passes(wanted, data as EventItem)) {
        queue.push(data as EventItem);
        timer ??= window.setTimeout(flush, BATCH_MS);
      }
    };
    const severity = wanted.severityMin === '' ? '' : `&severity_min=${wanted.severityMin}`;
    let first = true;
    const connection = new StreamConnection({
      url: `/api/v1/stream?topics=events${severity}`,
      headers: authHeaders,
      onMessage: receive,
      onState: (state) => {
        if (state.kind === 'unauthorized') reportUnauthorized();
        // Loaded once the stream is open: nothing falls between the two.
        if (state.kind === 'live' && first) {
          first = false;
          void load();
        }
      },
    });
    dispatch({ kind: 'clear' });
    setLoading(true);
    connection.start();
    return () => {
      ended = true;
      if (timer !== null) window.clearTimeout(timer);
      connection.stop();
    };
  }, [key]);

  return {
    list,
    loading,
    error,
    setPaused: (paused) => dispatch({ kind: 'paused', paused }),
  };
}
