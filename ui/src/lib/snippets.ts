// Configuration to copy into the tools that send to Quell.

export interface Snippet {
  /** What to do with it. */
  title: string;
  text: string;
}

export interface SnippetSource {
  name: string;
  kind: string;
  path: string;
  protected: boolean;
}

const FIRST = ['prometheus', 'alertmanager', 'github', 'cloudevents', 'agent', 'generic'];

/** Quell as an Alertmanager is what people look for under the name of Prometheus. */
export function sourceTitle(source: { name: string; path: string }): string {
  return source.path.startsWith('/alertmanager') ? 'prometheus' : source.name;
}

/** What is in use comes first, then what most people begin with, then by name. */
export function orderSources<T extends { name: string; path: string; events: number }>(
  sources: readonly T[],
): T[] {
  const rank = (source: T) => {
    const at = FIRST.indexOf(sourceTitle(source));
    return (source.events > 0 ? 0 : 100) + (at < 0 ? FIRST.length : at);
  };
  return [...sources].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

interface Place {
  /** `http://quell.example:8420` */
  origin: string;
  /** `quell.example:8420` */
  host: string;
  scheme: string;
  url: string;
  protected: boolean;
}

type Writer = (place: Place) => Snippet[];

export function snippetsFor(source: SnippetSource, origin: string): Snippet[] {
  const url = new URL(origin);
  const place: Place = {
    origin,
    host: url.host,
    scheme: url.protocol.replace(':', ''),
    url: `${origin}${source.path}`,
    protected: source.protected,
  };
  return writerOf(source)(place);
}

// A configured source has a name of its own and says its kind; Quell as an Alertmanager is known
// by its path.
function writerOf(source: SnippetSource): Writer {
  if (sourceTitle(source) === 'prometheus') return prometheus;
  return WRITERS[source.kind] ?? WRITERS[source.name] ?? webhook;
}

function curl(place: Place, type: string, body: string): string {
  const token = place.protected ? `  -H "Authorization: Bearer $QUELL_TOKEN" \\\n` : '';
  return `curl -X POST ${place.url} \\\n${token}  -H 'Content-Type: ${type}' \\\n  -d '${body}'`;
}

const prometheus: Writer = ({ origin, host, scheme, protected: secured }) => [
  {
    title: 'prometheus.yml: send alerts to Quell, beside or instead of an Alertmanager',
    text: [
      'alerting:',
      '  alertmanagers:',
      '    - path_prefix: /alertmanager',
      `      scheme: ${scheme}`,
      ...(secured ? ['      authorization:', '        credentials: <token>'] : []),
      '      static_configs:',
      `        - targets: ['${host}']`,
    ].join('\n'),
  },
  {
    title: 'amtool reads it like an Alertmanager',
    text: `amtool --alertmanager.url=${origin}/alertmanager alert query`,
  },
];

const alertmanager: Writer = ({ url, protected: secured }) => [
  {
    title: 'alertmanager.yml: a receiver that hands every notification on',
    text: [
      'route:',
      '  receiver: quell',
      '  group_wait: 0s',
      'receivers:',
      '  - name: quell',
      '    webhook_configs:',
      `      - url: ${url}`,
      '        send_resolved: true',
      '        max_alerts: 0',
      ...(secured
        ? ['        http_config:', '          authorization:', '            credentials: <token>']
        : []),
    ].join('\n'),
  },
];

const cloudevents: Writer = (place) => [
  {
    title: 'A CloudEvent, structured mode',
    text: curl(
      place,
      'application/cloudevents+json',
      JSON.stringify(
        {
          specversion: '1.0',
          id: 'deploy-8841',
          source: '/ci/shop',
          type: 'io.example.deployment.finished',
          subject: 'service:checkout',
          data: { title: 'checkout 4.17.2 deployed' },
        },
        null,
        2,
      ),
    ),
  },
  {
    title: 'The same, binary mode',
    text: [
      `curl -X POST ${place.url} \\`,
      ...(place.protected ? ['  -H "Authorization: Bearer $QUELL_TOKEN" \\'] : []),
      "  -H 'ce-specversion: 1.0' -H 'ce-id: deploy-8842' -H 'ce-source: /ci/shop' \\",
      "  -H 'ce-type: io.example.deployment.finished' -H 'ce-subject: service:checkout' \\",
      "  -H 'Content-Type: application/json' \\",
      `  -d '{"title":"checkout 4.17.3 deployed"}'`,
    ].join('\n'),
  },
];

const agent: Writer = (place) => [
  {
    title: 'One sample, or many as NDJSON (one object per line)',
    text: curl(
      place,
      'application/json',
      '{"tenant_id":"default","host":"web-1","metric":"cpu_load","value":91.5,' +
        '"ts_event":"\'$(date -u +%FT%TZ)\'","unit":"percent","tags":{"env":"prod"}}',
    ),
  },
];

const pagerdutyEvents: Writer = (place) => [
  {
    title: 'Senders of PagerDuty events: change the address only',
    text: `${place.url}/v2/enqueue`,
  },
  {
    title: 'Or by hand',
    text: curl(
      place,
      'application/json',
      '{"routing_key":"quell","event_action":"trigger","dedup_key":"disk-log-1",' +
        '"payload":{"summary":"Disk of log-1 is full","source":"log-1","severity":"error"}}',
    ),
  },
];

const github: Writer = ({ url }) => [
  {
    title: 'Repository or organisation settings, Webhooks, Add webhook',
    text: [
      `Payload URL:  ${url}`,
      'Content type: application/json',
      'Secret:       the one in Quell’s configuration for this source',
      'Events:       Pushes, Pull requests, Deployments, Deployment statuses,',
      '              Workflow runs, Check runs',
    ].join('\n'),
  },
];

const gitlab: Writer = ({ url }) => [
  {
    title: 'Project or group settings, Webhooks',
    text: [
      `URL:          ${url}`,
      'Secret token: the one in Quell’s configuration for this source',
      'Trigger:      Push, Merge request, Deployment, Pipeline events',
    ].join('\n'),
  },
];

const grafana: Writer = ({ url }) => [
  {
    title: 'Alerting, Contact points, provisioned as a file',
    text: [
      'apiVersion: 1',
      'contactPoints:',
      '  - orgId: 1',
      '    name: quell',
      '    receivers:',
      '      - uid: quell',
      '        type: webhook',
      '        settings:',
      `          url: ${url}`,
    ].join('\n'),
  },
];

const generic: Writer = (place) => [
  {
    title: 'Anything that can send JSON',
    text: curl(
      place,
      'application/json',
      '{"title":"Disk of log-1 is full","severity":"error","entity":"node:log-1"}',
    ),
  },
];

const webhook: Writer = ({ url, protected: secured }) => [
  {
    title: 'Webhook address',
    text: secured ? `${url}\nAuthorization: Bearer <token>` : url,
  },
];

const WRITERS: Record<string, Writer> = {
  prometheus,
  alertmanager,
  cloudevents,
  agent,
  'pagerduty-events': pagerdutyEvents,
  github,
  gitlab,
  grafana,
  generic,
};
