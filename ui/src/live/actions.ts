// What a person does to incidents, as calls with optimistic concurrency.
import { api, unwrap } from '../api/client';
import type { IncidentSummary, Transition } from '../api/types';
import { settings } from '../lib/settings';

/** The incident as the person saw it: a change is refused (412) when it has moved on. */
export interface Seen {
  id: string;
  version: number;
}

function actor(): { actor?: string } {
  const name = settings.name();
  return name === '' ? {} : { actor: name };
}

function params(seen: Seen) {
  return { path: { id: seen.id }, header: { 'If-Match': `"${seen.version}"` } };
}

export function transition(seen: Seen, to: Transition): Promise<IncidentSummary> {
  const options = { params: params(seen), body: actor() };
  switch (to) {
    case 'ack':
      return unwrap(api.POST('/api/v1/incidents/{id}/ack', options));
    case 'investigate':
      return unwrap(api.POST('/api/v1/incidents/{id}/investigate', options));
    case 'mitigate':
      return unwrap(api.POST('/api/v1/incidents/{id}/mitigate', options));
    case 'resolve':
      return unwrap(api.POST('/api/v1/incidents/{id}/resolve', options));
    case 'close':
      return unwrap(api.POST('/api/v1/incidents/{id}/close', options));
    case 'reopen':
      return unwrap(api.POST('/api/v1/incidents/{id}/reopen', options));
  }
}

export function addNote(id: string, text: string): Promise<IncidentSummary> {
  // A note says nothing about the state: it is right whatever happened in between.
  const options = { params: { path: { id } }, body: { ...actor(), text } };
  return unwrap(api.POST('/api/v1/incidents/{id}/note', options));
}

export function assign(seen: Seen, assignee: string): Promise<IncidentSummary> {
  const options = { params: params(seen), body: { ...actor(), assignee } };
  return unwrap(api.POST('/api/v1/incidents/{id}/assign', options));
}

export function setSeverity(seen: Seen, severity: number): Promise<IncidentSummary> {
  const options = { params: params(seen), body: { ...actor(), severity } };
  return unwrap(api.POST('/api/v1/incidents/{id}/severity', options));
}

export function setTitle(seen: Seen, title: string): Promise<IncidentSummary> {
  const options = { params: params(seen), body: { ...actor(), title } };
  return unwrap(api.POST('/api/v1/incidents/{id}/title', options));
}

export function merge(seen: Seen, into: string, reason: string): Promise<IncidentSummary> {
  const body = { ...actor(), into, ...(reason === '' ? {} : { reason }) };
  return unwrap(api.POST('/api/v1/incidents/{id}/merge', { params: params(seen), body }));
}

export function split(seen: Seen, alerts: string[], reason: string): Promise<IncidentSummary> {
  const body = { ...actor(), alerts, ...(reason === '' ? {} : { reason }) };
  return unwrap(api.POST('/api/v1/incidents/{id}/split', { params: params(seen), body }));
}
