import { expect, test } from 'vitest';

import { makeIncident } from '../testing/make';
import { newsSentence, type News } from './news';
import { conflictSentence } from './perform';

function checkNews(news: News, want: string) {
  test(want, () => expect(newsSentence(news)).toBe(want));
}
const one = makeIncident({ id: 'INC-000012', severity: 1, title: 'pool full' });
const two = makeIncident({ id: 'INC-000013', severity: 3 });
checkNews({ opened: [one], changed: 0 }, 'New incident INC-000012, severity 1: pool full.');
checkNews({ opened: [two, one], changed: 0 }, '2 new incidents, the worst of severity 1.');
checkNews({ opened: [], changed: 1 }, '1 incident changed.');
checkNews(
  { opened: [one], changed: 2 },
  'New incident INC-000012, severity 1: pool full. 2 incidents changed.',
);

test('a conflict says who was faster and what the incident is now', () => {
  const now = { ...makeIncident({ status: 'acknowledged' }), timeline: [{ actor: 'robin' }] };
  expect(conflictSentence(now)).toBe(
    'INC-000001 was changed by robin while you looked at it, so nothing was done. ' +
      'It is now acknowledged, severity 1. Look again, then repeat.',
  );
});
