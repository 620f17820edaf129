import { expect, test } from 'vitest';

import type { ConnectionState } from './connection';
import { lostSince, NO_LOSS, nextLoss } from './loss';

const LIVE: ConnectionState = { kind: 'live' };
const CONNECTING: ConnectionState = { kind: 'connecting' };
const STOPPED: ConnectionState = { kind: 'stopped' };
const waiting = (attempt: number): ConnectionState => ({ kind: 'waiting', attempt, retryAt: 0 });

/** The states come at 1000, 2000 and so on. */
function checkLost(what: string, states: ConnectionState[], want: number | null) {
  test(what, () => {
    let loss = NO_LOSS;
    states.forEach((state, i) => {
      loss = nextLoss(loss, state, (i + 1) * 1000);
    });
    expect(lostSince(loss)).toBe(want);
  });
}

checkLost('at first nothing is lost', [CONNECTING], null);
checkLost('one break is not told', [CONNECTING, LIVE, waiting(1), CONNECTING], null);
checkLost('it is lost since it broke', [LIVE, waiting(1), CONNECTING, waiting(2)], 2000);
checkLost(
  'a try by hand does not start over',
  [LIVE, waiting(1), CONNECTING, waiting(2), CONNECTING, waiting(1)],
  2000,
);
checkLost('a page in the background does not forget', [waiting(1), waiting(2), STOPPED], 1000);
checkLost('a connection ends it', [LIVE, waiting(1), waiting(2), CONNECTING, LIVE], null);
checkLost('so does an answer', [waiting(1), waiting(2), { kind: 'unauthorized' }], null);
checkLost(
  'the next loss has its own beginning',
  [waiting(1), waiting(2), LIVE, waiting(1), waiting(2)],
  4000,
);
