// What the pages ask the server for, and how the stream keeps the answers current.
import { useQuery, useQueryClient, type Query, type QueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';

import { api, ApiError, unwrap } from '../api/client';
import type { HealthWindow, ServerStatus } from '../api/types';
import { upsertWindow } from '../lib/health';
import { live } from './live';

/** Failures of the network are tried again; answers of the server are final. */
export function shouldRetry(failures: number, error: Error): boolean {
  const status = error instanceof ApiError ? error.status : 0;
  return failures < 3 && (status === 0 || status === 429 || (status >= 500 && status !== 501));
}

export function useServerStatus() {
  return useQuery({
    queryKey: ['status'],
    queryFn: () => unwrap(api.GET('/api/v1/status')),
    // The stream brings news; this covers a page whose stream sleeps.
    refetchInterval: 60_000,
    refetchIntervalInBackground: true,
  });
}

/** Whether the token may change anything; until that is known it may. */
export function useMayChange(): boolean {
  const identity = useQuery({
    queryKey: ['identity'],
    queryFn: () => unwrap(api.GET('/api/v1/identity')),
    staleTime: Infinity,
  });
  return identity.data?.roles.includes('write') ?? true;
}

export const HEALTH_HOURS = 3;
const WINDOWS_MAX = 2000;

export function useHealthWindows() {
  return useQuery({
    queryKey: ['windows'],
    queryFn: async (): Promise<HealthWindow[]> => {
      const query = { scope: '*', since: `${HEALTH_HOURS}h`, limit: 1000 };
      return (await unwrap(api.GET('/api/v1/health/windows', { params: { query } }))).items;
    },
  });
}

/** The windows of one scope over a longer time, for its table. */
export function useScopeWindows(tenant: string, scope: string) {
  return useQuery({
    queryKey: ['windows', tenant, scope],
    queryFn: async (): Promise<HealthWindow[]> => {
      const query = { tenant, scope, since: '24h', limit: 288 };
      return (await unwrap(api.GET('/api/v1/health/windows', { params: { query } }))).items;
    },
  });
}

/** Patches the answers with what the stream says. Mounted once. */
export function useLiveQueries(): void {
  const client = useQueryClient();
  useEffect(() => {
    const ends = [
      live.on('status', (status) => client.setQueryData<ServerStatus>(['status'], status)),
      live.on('window', (window) => patchWindows(client, window)),
      live.on(
        'deadletter',
        soonAndLater(() => client.invalidateQueries(DEAD_LETTERS)),
      ),
      live.on('resync', () => void client.invalidateQueries()),
      live.on('connected', () => {
        const failed = (query: Query) => query.state.status === 'error';
        void client.invalidateQueries({ predicate: failed });
      }),
    ];
    return () => {
      for (const end of ends) end();
    };
  }, [client]);
}

const DEAD_LETTERS = { queryKey: ['deadletters'] };
const SOON_MS = 200;
const LATER_MS = 2000;

/** The stream can be ahead of what the store answers: asks at once and once more, however many
 *  messages come in between. */
function soonAndLater(ask: () => Promise<void>): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    window.setTimeout(() => void ask(), SOON_MS);
    window.setTimeout(() => {
      waiting = false;
      void ask();
    }, LATER_MS);
  };
}

function patchWindows(client: QueryClient, window: HealthWindow): void {
  const patch = (known: HealthWindow[] | undefined) =>
    known ? upsertWindow(known, window).slice(0, WINDOWS_MAX) : known;
  client.setQueryData<HealthWindow[]>(['windows'], patch);
  client.setQueryData<HealthWindow[]>(['windows', window.tenant, window.scope], patch);
}
