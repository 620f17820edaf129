// Sends events with the CloudEvents SDK: `node cloudevents.mjs URL MODE`, where MODE is `structured`,
// `binary` or `batch`. Prints the status of each answer as JSON.
import {CloudEvent, HTTP} from 'cloudevents';

const [url, mode] = process.argv.slice(2);

function event(number) {
  return new CloudEvent({
    id: `${mode}-${number}`,
    source: '/shop/checkout',
    type: 'shop.order.failed',
    subject: `order/${number}`,
    time: new Date(Date.UTC(2026, 0, 2, 3, 4, number)).toISOString(),
    correlationid: `request-${number}`,
    data: {title: `Order ${number} failed`, status: 'firing', severity: 'error', umlaut: 'ü'},
  });
}

async function send({headers, body}) {
  const answer = await fetch(url, {method: 'POST', headers, body});
  return {status: answer.status, body: await answer.text()};
}

const events = [1, 2, 3].map(event);
const answers = [];
if (mode === 'batch') {
  // The SDK reads batches and writes their members: the batch is the list of structured events.
  const body = `[${events.map((one) => HTTP.structured(one).body).join(',')}]`;
  answers.push(await send({headers: {'content-type': 'application/cloudevents-batch+json'}, body}));
} else {
  for (const one of events) answers.push(await send(HTTP[mode](one)));
}
console.log(JSON.stringify(answers));
