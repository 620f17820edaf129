import { expect, test } from 'vitest';

import type { IncidentStatus, Transition } from '../api/types';
import { makeIncident } from '../testing/make';
import { transitionsFrom } from './transitions';

function checkFirst(status: IncidentStatus, want: Transition) {
  test(`${status} offers ${want} first`, () => {
    expect(transitionsFrom(makeIncident({ status }))[0]).toBe(want);
  });
}
checkFirst('open', 'ack');
checkFirst('acknowledged', 'investigate');
checkFirst('investigating', 'mitigate');
checkFirst('mitigated', 'resolve');
checkFirst('resolved', 'close');
checkFirst('closed', 'reopen');

test('a merged incident offers nothing', () => {
  const incident = makeIncident({ status: 'closed', merged_into: 'INC-000002' });
  expect(transitionsFrom(incident)).toEqual([]);
});
