// Remote write requests made by protobufjs from the messages of the specifications, packed by
// snappyjs: `node remote_write.mjs URL`. Prints [{name, status, headers, body}] as JSON.
import protobuf from 'protobufjs';
import SnappyJS from 'snappyjs';

const url = process.argv[2];

const one = protobuf.parse(`
  syntax = "proto3"; package prometheus;
  message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
  message MetricMetadata { int32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
  message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; }
  message Label { string name = 1; string value = 2; }
  message Sample { double value = 1; int64 timestamp = 2; }
  message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
`, {keepCase: true}).root.lookupType('prometheus.WriteRequest');

const two = protobuf.parse(`
  syntax = "proto3"; package io.prometheus.write.v2;
  message Request { reserved 1 to 3; repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
  message TimeSeries {
    repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3;
    repeated Exemplar exemplars = 4; Metadata metadata = 5;
  }
  message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
  message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
  message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
  message Histogram {
    oneof count { uint64 count_int = 1; double count_float = 2; }
    double sum = 3; sint32 schema = 4; double zero_threshold = 5;
    oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
    repeated BucketSpan positive_spans = 11; repeated sint64 positive_deltas = 12;
    int32 reset_hint = 14; int64 timestamp = 15;
  }
  message BucketSpan { sint32 offset = 1; uint32 length = 2; }
`, {keepCase: true}).root.lookupType('io.prometheus.write.v2.Request');

const ONE = 'application/x-protobuf';
const TWO = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
const now = Date.now();
const results = [];

const pack = (bytes) => Buffer.from(SnappyJS.compress(bytes));
const encode = (type, message) => {
  const wrong = type.verify(message);
  if (wrong) throw new Error(wrong);
  return pack(type.encode(type.create(message)).finish());
};

async function send(name, body, contentType, headers = {'content-encoding': 'snappy'}) {
  const answer = await fetch(url, {
    method: 'POST', body,
    headers: {'content-type': contentType, 'x-prometheus-remote-write-version': '2.0.0', ...headers},
  });
  results.push({name, status: answer.status, headers: Object.fromEntries(answer.headers),
                body: await answer.text()});
}

const labels = (pairs) => Object.entries(pairs).map(([name, value]) => ({name, value}));
const samples = (...values) =>
  values.map((value, i) => ({value, timestamp: now - (values.length - 1 - i) * 1000}));

// Makes the symbol table as a sender does: each text once, the empty one first.
class Symbols {
  texts = [''];
  ref(text) {
    const known = this.texts.indexOf(text);
    return known >= 0 ? known : this.texts.push(text) - 1;
  }
  refs(pairs) {
    return Object.entries(pairs).flatMap(([name, value]) => [this.ref(name), this.ref(value)]);
  }
}

const s = new Symbols();
const request = {
  timeseries: [
    {labels_refs: s.refs({__name__: 'two_requests_total', service: 'checkout'}),
     samples: samples(10, 20, 40),
     exemplars: [{labels_refs: s.refs({trace_id: 'abc'}), value: 1, timestamp: now}],
     metadata: {type: 1, help_ref: s.ref('Requests.'), unit_ref: s.ref('requests')}},
    {labels_refs: s.refs({__name__: 'two_latency', service: 'checkout'}),
     histograms: [{count_int: 12, sum: 18.4, schema: 0, zero_threshold: 1e-128, zero_count_int: 2,
                   positive_spans: [{offset: 0, length: 2}], positive_deltas: [5, 0], timestamp: now}],
     metadata: {type: 3}},
  ],
};
await send('two', encode(two, {...request, symbols: s.texts}), TWO);

const p = new Symbols();
const partial = [
  {labels_refs: p.refs({__name__: 'two_good', service: 'checkout'}), samples: samples(1)},
  {labels_refs: [...p.refs({__name__: 'two_bad', a: '1'}), ...p.refs({a: '2'})], samples: samples(2)},
  {labels_refs: p.refs({service: 'without a name'}), samples: samples(3, 4)},
  {labels_refs: p.refs({__name__: 'two_long', pod: 'x'.repeat(10 << 20)}), samples: samples(5)},
  {labels_refs: p.refs({__name__: 'two_future'}), samples: [{value: 1, timestamp: 4102444800000}]},
  {labels_refs: p.refs({__name__: 'two_past'}), samples: [{value: 1, timestamp: 1}]},
];
await send('two, partly', encode(two, {symbols: p.texts, timeseries: partial}), TWO);

const flood = Object.fromEntries(Array.from({length: 1000}, (_, i) => [`l${i}`, 'v']));
await send('one', encode(one, {
  timeseries: [
    {labels: labels({__name__: 'one_sorted', a: '1', b: '2'}), samples: samples(1, 2)},
    {labels: labels({b: '2', a: '1', __name__: 'one_sorted'}), samples: samples(3)},
    {labels: labels({__name__: 'one_nan'}), samples: samples(NaN, Infinity, 0)},
  ],
  metadata: [{type: 2, metric_family_name: 'one_sorted', help: 'Sorted or not.', unit: 'ratio'}],
}), ONE);
await send('one, a flood', encode(one, {
  timeseries: [{labels: labels({__name__: 'one_flood', ...flood}), samples: samples(1)},
               {labels: labels({__name__: 'one_fine'}), samples: samples(1)}],
}), ONE);
await send('nothing', encode(one, {}), ONE);
await send('no snappy', Buffer.from('nonsense'), ONE);
await send('cut off', encode(one, {
  timeseries: [{labels: labels({__name__: 'one_cut'}), samples: samples(1)}]}).subarray(0, 12), ONE);
await send('no protobuf', pack(Buffer.from('\xff\xff\xff', 'latin1')), ONE);
await send('another type', encode(one, {}), 'application/json');
await send('a newer type', encode(one, {}),
           'application/x-protobuf;proto=io.prometheus.write.v3.Request');
await send('plain', one.encode(one.create({})).finish(), ONE, {});
await send('zstd', encode(one, {}), ONE, {'content-encoding': 'zstd'});
console.log(JSON.stringify(results));
