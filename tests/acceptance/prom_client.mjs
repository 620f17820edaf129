// A service with npm's prom-client: `node prom_client.mjs [open]`. Prints its port; answers /metrics,
// as OpenMetrics with `open`; each GET of /gone removes the series of one route.
import http from 'node:http';
import client from 'prom-client';

const register = new client.Registry();
if (process.argv[2] === 'open') {
  register.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE);
}
client.collectDefaultMetrics({register});
const requests = new client.Counter({
  name: 'shop_requests_total', help: 'Requests, "all" of them.', labelNames: ['route', 'code'],
  registers: [register],
});
const load = new client.Gauge({name: 'shop_load', help: 'Load.', registers: [register]});
const duration = new client.Histogram({
  name: 'shop_duration_seconds', help: 'Durations.', labelNames: ['route'], buckets: [0.1, 1],
  registers: [register],
});
const size = new client.Summary({
  name: 'shop_size_bytes', help: 'Sizes.', percentiles: [0.5, 0.9], registers: [register],
});
load.set(0.75);
for (const route of ['/buy', '/a "quoted"\\path\n']) {
  requests.inc({route, code: 200}, 3);
  for (const seconds of [0.05, 0.5, 5]) duration.observe({route}, seconds);
}
for (let i = 1; i <= 100; ++i) size.observe(i);

const server = http.createServer(async (request, response) => {
  if (request.url === '/gone') {
    requests.remove({route: '/buy', code: 200});
    return response.end();
  }
  response.setHeader('content-type', register.contentType);
  response.end(await register.metrics());
});
server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
