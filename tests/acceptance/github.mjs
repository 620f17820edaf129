// Sends every payload of @octokit/webhooks-examples, signed by @octokit/webhooks-methods:
// `node github.mjs URL SECRET`. Prints [{event, action, delivery, status, body}] as JSON.
import {createRequire} from 'node:module';
import {sign} from '@octokit/webhooks-methods';

const examples = createRequire(import.meta.url)('@octokit/webhooks-examples');
const [url, secret] = process.argv.slice(2);

const results = [];
for (const {name, examples: payloads} of examples) {
  for (const [number, payload] of payloads.entries()) {
    const body = JSON.stringify(payload);
    const delivery = `${name}-${number}`;
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-event': name,
        'x-github-delivery': delivery,
        'x-hub-signature-256': await sign(secret, body),
      },
      body,
    });
    results.push({event: name, action: payload.action ?? null, delivery, status: answer.status,
                  body: await answer.text()});
  }
}
console.log(JSON.stringify(results));
