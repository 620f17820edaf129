// Values for tests: complete, with what matters to the test given.
import type { HealthWindow, IncidentSummary } from '../api/types';

export function makeIncident(change: Partial<IncidentSummary> = {}): IncidentSummary {
  return {
    id: 'INC-000001',
    tenant: 'default',
    title: 'checkout: 5xx above 5%',
    severity: 1,
    status: 'open',
    assignee: null,
    opened_at: '2026-11-21T08:00:00Z',
    updated_at: '2026-11-21T08:05:00Z',
    acknowledged_at: null,
    resolved_at: null,
    merged_into: null,
    alert_count: 3,
    firing_count: 2,
    entities: ['service:checkout'],
    changes_count: 0,
    version: 1,
    ...change,
  };
}

export function makeWindow(change: Partial<HealthWindow> = {}): HealthWindow {
  return {
    tenant: 'default',
    scope: '',
    starts_at: '2026-11-21T08:00:00Z',
    ends_at: '2026-11-21T08:05:00Z',
    closed: true,
    total: 10,
    by_severity: { critical: 0, error: 1, warning: 2, info: 7 },
    unique_types: 2,
    error_rate: 0.1,
    status: 'HEALTHY',
    health_score: 0.9,
    trend: 'STABLE',
    zscore: null,
    late: 0,
    future: 0,
    top_error_sources: [],
    correlated_groups: [],
    ...change,
  };
}
