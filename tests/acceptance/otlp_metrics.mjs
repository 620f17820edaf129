// OpenTelemetry's SDK with its own OTLP exporters: `node otlp_metrics.mjs URL proto|json|grpc gzip|none
// cumulative|delta`. Exports twice and prints [{code, error}] of both as JSON.
import {resourceFromAttributes} from '@opentelemetry/resources';
import {
  AggregationTemporality, AggregationType, MeterProvider, PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {OTLPMetricExporter as JsonExporter} from '@opentelemetry/exporter-metrics-otlp-http';
import {OTLPMetricExporter as GrpcExporter} from '@opentelemetry/exporter-metrics-otlp-grpc';
import {OTLPMetricExporter as ProtoExporter} from '@opentelemetry/exporter-metrics-otlp-proto';

const [url, encoding, compression, temporality] = process.argv.slice(2);
const Exporter = {json: JsonExporter, proto: ProtoExporter, grpc: GrpcExporter}[encoding];
const exporter = new Exporter({
  url, compression,
  temporalityPreference: temporality === 'delta' ? AggregationTemporality.DELTA
                                                 : AggregationTemporality.CUMULATIVE,
});
const results = [];
const send = exporter.export.bind(exporter);
exporter.export = (metrics, done) => send(metrics, (result) => {
  results.push({code: result.code, error: result.error?.message ?? null});
  done(result);
});

const provider = new MeterProvider({
  resource: resourceFromAttributes({
    'service.name': 'checkout', 'service.namespace': 'shop', 'service.version': '1.2.3',
    'service.instance.id': 'checkout-1', 'process.command_args': ['node', 'app.js'],
  }),
  readers: [new PeriodicExportingMetricReader({exporter, exportIntervalMillis: 3_600_000})],
  views: [{instrumentName: 'shop.size', aggregation: {type: AggregationType.EXPONENTIAL_HISTOGRAM}}],
});
const meter = provider.getMeter('shop-meter', '0.1');
const orders = meter.createCounter('shop.orders', {unit: '{order}', description: 'Orders taken.'});
const queue = meter.createUpDownCounter('shop.queue');
const duration = meter.createHistogram(
  'shop.duration', {unit: 's', advice: {explicitBucketBoundaries: [0.1, 1, 10]}});
const size = meter.createHistogram('shop.size');
let load = 0.25;
meter.createObservableGauge('shop.load').addCallback((r) => r.observe(load, {core: 3}));

for (let round = 0; round < 2; ++round) {
  orders.add(5, {'payment.kind': 'card'});
  queue.add(2);
  for (const seconds of [0.05, 0.5, 5, 50]) duration.record(seconds, {route: '/buy'});
  size.record(1000);
  await provider.forceFlush();
  load += 0.5;
}
await provider.shutdown();
console.log(JSON.stringify(results));
