// The typed API client: adds the token, turns problem documents into ApiError.
import createClient, { type Middleware } from 'openapi-fetch';

import { settings } from '../lib/settings';
import type { paths } from './schema';
import type { Problem } from './types';

/** An answer other than 2xx, or none at all (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string,
    readonly place: string | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'detail' in value && 'status' in value;
}

/** Makes the error that a failed answer stands for. */
export function apiError(status: number, body: unknown): ApiError {
  if (isProblem(body)) return new ApiError(status, body.detail, body.code, body.place ?? null);
  const text = typeof body === 'string' && body.length > 0 && body.length < 200 ? body : null;
  return new ApiError(status, text ?? `the server answered ${status}`, 'unknown');
}

type Listener = () => void;
const unauthorizedListeners = new Set<Listener>();

/** Calls `listener` whenever the server asks for a (valid) token. */
export function onUnauthorized(listener: Listener): () => void {
  unauthorizedListeners.add(listener);
  return () => unauthorizedListeners.delete(listener);
}

export function reportUnauthorized(): void {
  for (const listener of unauthorizedListeners) listener();
}

export function authHeaders(): Record<string, string> {
  const token = settings.token();
  return token === '' ? {} : { Authorization: `Bearer ${token}` };
}

const authorize: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authHeaders())) request.headers.set(name, value);
    return request;
  },
  onResponse({ response }) {
    if (response.status === 401) reportUnauthorized();
  },
};

export const api = createClient<paths>({
  baseUrl: window.location.origin,
  // Looked up at the call, so that a test can replace it.
  fetch: (request) => window.fetch(request),
});
api.use(authorize);

interface Answer<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws ApiError: react-query and the actions catch it. */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e;
    throw new ApiError(0, 'the server cannot be reached', 'unreachable');
  }
  if (!answer.response.ok || answer.data === undefined) {
    throw apiError(answer.response.status, answer.error);
  }
  return answer.data;
}
