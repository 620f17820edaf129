import { expect, test } from 'vitest';

import { orderSources, snippetsFor } from './snippets';

const ORIGIN = 'https://quell.example:8420';

test('Prometheus gets host, scheme and prefix apart', () => {
  const source = {
    name: 'prometheus',
    kind: 'prometheus',
    path: '/alertmanager/api/v2/alerts',
    protected: false,
  };
  expect(snippetsFor(source, ORIGIN)[0]?.text).toBe(
    `alerting:
  alertmanagers:
    - path_prefix: /alertmanager
      scheme: https
      static_configs:
        - targets: ['quell.example:8420']`,
  );
});

test('a protected source shows where the token goes', () => {
  const source = {
    name: 'alertmanager',
    kind: 'alertmanager',
    path: '/ingest/alertmanager',
    protected: true,
  };
  expect(snippetsFor(source, ORIGIN)[0]?.text).toContain('credentials: <token>');
  const events = {
    name: 'cloudevents',
    kind: 'cloudevents',
    path: '/ingest/cloudevents',
    protected: true,
  };
  for (const snippet of snippetsFor(events, ORIGIN)) {
    expect(snippet.text).toContain('Authorization: Bearer $QUELL_TOKEN');
  }
});

test('what has no words of its own gets its address', () => {
  const source = { name: 'zabbix', kind: 'pack', path: '/ingest/zabbix', protected: false };
  expect(snippetsFor(source, ORIGIN)).toEqual([
    { title: 'Webhook address', text: 'https://quell.example:8420/ingest/zabbix' },
  ]);
});

test('bodies of the samples are JSON', () => {
  for (const name of ['cloudevents', 'agent', 'pagerduty-events', 'generic']) {
    const source = { name, kind: 'pack', path: `/ingest/${name}`, protected: false };
    for (const { text } of snippetsFor(source, ORIGIN)) {
      const body = /-d '(.*)'$/s.exec(text)?.[1];
      if (body === undefined) continue;
      expect(() => JSON.parse(body.replace("'$(date -u +%FT%TZ)'", 'now')), text).not.toThrow();
    }
  }
});

test('a source with a name of its own is known by its kind', () => {
  const source = { name: 'shop', kind: 'github', path: '/ingest/shop', protected: true };
  expect(snippetsFor(source, ORIGIN)[0]?.text).toContain(
    'Payload URL:  https://quell.example:8420/ingest/shop',
  );
});

test('what is in use comes first, then what most people begin with', () => {
  const source = (name: string, events = 0, path = `/ingest/${name}`) => ({ name, path, events });
  const ordered = orderSources([
    source('agent'),
    source('alertmanager-v2', 0, '/alertmanager/api/v2/alerts'),
    source('argocd'),
    source('zabbix', 3),
    source('alertmanager'),
  ]);
  expect(ordered.map((s) => s.name)).toEqual([
    'zabbix',
    'alertmanager-v2',
    'alertmanager',
    'agent',
    'argocd',
  ]);
});
