import { expect, test } from 'vitest';

import { makeIncident } from '../testing/make';
import {
  compareIncidents,
  decide,
  DEFAULT_FILTER,
  filterFromSearch,
  isDefaultFilter,
  searchFromFilter,
  type IncidentFilter,
} from './filters';

function checkRoundTrip(search: string, change: Partial<IncidentFilter>) {
  test(`the address ${search || '(empty)'}`, () => {
    const filter = { ...DEFAULT_FILTER, ...change };
    expect(filterFromSearch(search)).toEqual(filter);
    expect(searchFromFilter(filter)).toBe(search);
  });
}
checkRoundTrip('', {});
checkRoundTrip('?status=any', { statuses: [] });
checkRoundTrip('?status=open&status=closed', { statuses: ['open', 'closed'] });
checkRoundTrip('?severity_max=2', { severityMax: 2 });
checkRoundTrip('?q=pool+full', { text: 'pool full' });
checkRoundTrip('?filter=env%3D%7E%22prod.*%22', { matchers: 'env=~"prod.*"' });
checkRoundTrip('?sort=severity', { sort: 'severity' });

function checkIgnored(search: string) {
  test(`the address ${search} means the default`, () => {
    expect(filterFromSearch(search)).toEqual(DEFAULT_FILTER);
  });
}
checkIgnored('?severity_max=9');
checkIgnored('?severity_max=1.5');
checkIgnored('?severity_max=');
checkIgnored('?status=burning');
checkIgnored('?sort=colour');
checkIgnored('?unknown=1');

test('the sort alone does not make a filter', () => {
  expect(isDefaultFilter({ ...DEFAULT_FILTER, sort: 'severity' })).toBe(true);
  expect(isDefaultFilter({ ...DEFAULT_FILTER, text: 'x' })).toBe(false);
});

function checkDecision(
  filter: Partial<IncidentFilter>,
  incident: Parameters<typeof makeIncident>[0],
  want: string,
) {
  test(`${JSON.stringify(filter)} on ${JSON.stringify(incident)} is ${want}`, () => {
    expect(decide({ ...DEFAULT_FILTER, ...filter }, makeIncident(incident))).toBe(want);
  });
}
checkDecision({}, { status: 'mitigated' }, 'yes');
checkDecision({}, { status: 'resolved' }, 'no');
checkDecision({ statuses: [] }, { status: 'closed' }, 'yes');
checkDecision({ severityMax: 2 }, { severity: 2 }, 'yes');
checkDecision({ severityMax: 2 }, { severity: 3 }, 'no');
checkDecision({ text: 'pool' }, {}, 'ask');
checkDecision({ text: 'pool' }, { status: 'resolved' }, 'no');
checkDecision({ matchers: 'a="b"' }, {}, 'ask');
checkDecision({ text: '   ' }, {}, 'yes');

function checkOrder(sort: IncidentFilter['sort'], a: object, b: object) {
  test(`${sort}: ${JSON.stringify(a)} before ${JSON.stringify(b)}`, () => {
    const compare = compareIncidents(sort);
    expect(compare(makeIncident(a), makeIncident(b))).toBeLessThan(0);
    expect(compare(makeIncident(b), makeIncident(a))).toBeGreaterThan(0);
    expect(compare(makeIncident(a), makeIncident(a))).toBe(0);
  });
}
checkOrder(
  'updated',
  { updated_at: '2026-11-21T08:00:00.5Z' },
  { updated_at: '2026-11-21T08:00:00Z' },
);
checkOrder('updated', { id: 'INC-000002' }, { id: 'INC-000001' });
checkOrder('severity', { severity: 1, updated_at: '2020-01-01T00:00:00Z' }, { severity: 2 });
checkOrder(
  'opened',
  { opened_at: '2026-11-21T08:00:01Z' },
  { opened_at: '2026-11-21T08:00:00.999Z' },
);
checkOrder('alerts', { firing_count: 3 }, { firing_count: 2, alert_count: 90 });
checkOrder('alerts', { alert_count: 90 }, { alert_count: 9 });
