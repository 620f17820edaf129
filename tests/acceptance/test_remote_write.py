"""Debian's Prometheus writes what it scrapes to Quell, and requests made from the specifications."""
import math

from harness import AcceptanceTest, parse_json

CONFIG = """
incidents:
  auto_resolve_after: 1s
thresholds:
  - {name: QueueTooLong, metric: shop_queue_length, critical: 100}
  - {name: TooManyRequests, metric: shop_requests_total, critical: 1000}
metrics:
  series_max: 5000
"""


def values_of(metric):
    return [value for series in metric["series"] for _, value in series["samples"]]


class RemoteWriteTest(AcceptanceTest):
    config = CONFIG

    def start_writing(self, quell, gauge, path="/api/v1/write"):
        return self.start_prometheus(gauge.address, "groups: []", quell.address,
                                     f"http://{quell.address}{path}")

    def own_counters(self, prometheus, *names):
        lines = prometheus.get("/metrics").body.decode().splitlines()
        return {name: sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{"))
                for name in names}

    def history(self, prometheus, selector):
        """{time in ms: value} as Prometheus has it."""
        result = parse_json(prometheus.get("/api/v1/query", query=f"{selector}[10m]"))["data"]["result"]
        return {round(time * 1000): float(value) for time, value in result[0]["values"]}

    def test_every_sample_arrives(self):
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        gauge.value = 42.5
        prometheus = self.start_writing(quell, gauge)
        metric = quell.wait_for_metric("shop_queue_length", lambda m: 42.5 in values_of(m))
        series = metric["series"][0]
        self.assertEqual(series["labels"], {"cluster": "eu", "instance": gauge.address, "job": "shop"})
        self.assertEqual(series["entity"], "host:127.0.0.1")
        quell.wait_for_metric("shop_queue_length",
                              lambda m: m["kind"] == "gauge" and m["help"] == "What a test says.")
        for value in range(5):
            gauge.value = value
            quell.wait_for_metric("shop_queue_length", lambda m: value in values_of(m))
        theirs = self.history(prometheus, "shop_queue_length")
        ours = quell.wait_for_metric(
            "shop_queue_length",
            lambda m: max(theirs) <= max(time for time, _ in m["series"][0]["samples"]))
        ours = dict(ours["series"][0]["samples"])
        self.assertEqual({time: ours.get(time) for time in theirs}, theirs)
        failed = self.own_counters(prometheus, "prometheus_remote_storage_samples_failed_total",
                                   "prometheus_remote_storage_samples_dropped_total",
                                   "prometheus_remote_storage_metadata_failed_total")
        self.assertEqual(sum(failed.values()), 0, failed)
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])
        self.assertIn("up", parse_json(quell.get("/api/v1/metrics"))["items"])
        found = quell.metric("up", filter='job="shop",instance=~"127.*"')
        self.assertEqual(found["matched"], 1)
        self.assertEqual(quell.metric("up", filter='job="other"')["series"], [])

    def test_thresholds_see_values_and_rates(self):
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        total = [0]

        def more():
            total[0] += 10_000
            return f"# TYPE shop_requests_total counter\nshop_requests_total {total[0]}\n"

        gauge.more = more
        gauge.value = 250
        self.start_writing(quell, gauge)
        queue = quell.wait_for_alert(
            lambda a: a["labels"]["alertname"] == "QueueTooLong" and a["status"] == "firing")
        self.assertEqual(queue["labels"]["metric"], "shop_queue_length")
        rate = quell.wait_for_alert(
            lambda a: a["labels"]["alertname"] == "TooManyRequests" and a["status"] == "firing")
        self.assertRegex(rate["title"], r"^shop_requests_total on 127.0.0.1 is .*/s ")
        self.assertEqual(quell.metric("shop_requests_total")["kind"], "counter")
        gauge.value = 1
        quell.wait_for_alert(
            lambda a: a["labels"]["alertname"] == "QueueTooLong" and a["status"] == "resolved")

    def test_a_series_that_ends_is_marked(self):
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        gauge.value = 250
        self.start_writing(quell, gauge)
        quell.wait_for_alert(
            lambda a: a["labels"]["alertname"] == "QueueTooLong" and a["status"] == "firing")
        gauge.close()
        metric = quell.wait_for_metric("shop_queue_length", lambda m: None in values_of(m))
        self.assertEqual(metric["series"][0]["samples"][-1][1], None)
        # Long before the five minutes after which silence ends it.
        quell.wait_for_alert(
            lambda a: a["labels"]["alertname"] == "QueueTooLong" and a["status"] == "resolved")

    def test_a_crash_leaves_no_gap(self):
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        prometheus = self.start_writing(quell, gauge, "/ingest/prometheus/api/v1/write")
        port = int(quell.address.rsplit(":", 1)[1])
        for value in range(1, 4):
            gauge.value = value
            quell.wait_for_metric("shop_queue_length", lambda m: value in values_of(m))
            quell.kill()
            gauge.value = value + 100
            quell.start(port)
        quell.wait_for_metric("shop_queue_length", lambda m: 103 in values_of(m))
        theirs = self.history(prometheus, "shop_queue_length")
        ours = quell.wait_for_metric(
            "shop_queue_length",
            lambda m: max(theirs) <= max(time for time, _ in m["series"][0]["samples"]))
        ours = dict(ours["series"][0]["samples"])
        self.assertEqual({time: ours.get(time) for time in theirs}, theirs)

    def check_answer(self, answer, status, pattern, samples="0", histograms="0"):
        self.assertEqual(answer["status"], status, answer)
        self.assertRegex(answer["body"], pattern)
        if status in (204, 400):
            written = "x-prometheus-remote-write-{}-written"
            self.assertEqual(answer["headers"][written.format("samples")], samples, answer)
            self.assertEqual(answer["headers"][written.format("histograms")], histograms, answer)
            self.assertEqual(answer["headers"][written.format("exemplars")], "0", answer)

    def test_requests_from_the_specifications(self):
        quell = self.start_quell()
        sent = self.node("remote_write.mjs", f"http://{quell.address}/api/v1/write")
        answers = {one["name"]: one for one in sent}
        self.check_answer(answers["two"], 204, "^$", samples="3", histograms="1")
        self.check_answer(
            answers["two, partly"], 400,
            r"(?s)^6 samples were refused, 1 were taken\n"
            r"timeseries 3: label 'pod': 10485760 bytes, the limit is 8192\n"
            r"timeseries 4, sample 0: the time 2100-01-01T00:00:00Z is more than 10m after the arrival"
            r".*timeseries 5, sample 0: the time 1970-01-01T00:00:00.001Z is more than 31d before"
            r".*timeseries 1, label 'a': appears twice"
            r".*timeseries 2: there is no metric name", samples="1")
        self.check_answer(answers["one"], 204, "^$", samples="6")
        self.check_answer(answers["one, a flood"], 400, "timeseries 0: more than 130 labels",
                          samples="1")
        self.check_answer(answers["nothing"], 204, "^$")
        self.check_answer(answers["no snappy"], 400, "no snappy block")
        self.check_answer(answers["cut off"], 400, "no snappy block: it is damaged or cut off")
        self.check_answer(answers["no protobuf"], 400, "byte 0: the request is no protobuf message")
        self.check_answer(answers["another type"], 415, "is not a type of remote write")
        self.check_answer(answers["a newer type"], 415, "is not a type of remote write")
        self.check_answer(answers["plain"], 415, "comes with 'Content-Encoding: snappy'")
        self.check_answer(answers["zstd"], 415, "this request has 'zstd'")

        requests = quell.metric("two_requests_total")
        self.assertEqual((requests["kind"], requests["unit"], requests["help"]),
                         ("counter", "requests", "Requests."))
        self.assertEqual(requests["series"][0]["entity"], "service:checkout")
        self.assertEqual(values_of(requests), [10, 20, 40])
        self.assertEqual(values_of(quell.metric("two_latency_count")), [12])
        self.assertEqual(values_of(quell.metric("two_latency_sum")), [18.4])
        self.assertEqual(values_of(quell.metric("two_good")), [1])
        unsorted = quell.metric("one_sorted")
        self.assertEqual(unsorted["matched"], 1)
        self.assertEqual(values_of(unsorted), [1, 3])  # The same time again: the last one counts.
        self.assertEqual(values_of(quell.metric("one_nan")), [None, None, 0])
        for name in ("two_bad", "two_long", "two_future", "two_past", "one_flood", "one_cut"):
            self.assertEqual(quell.metric(name)["series"], [], name)
        quell.settle()
        self.assertEqual(len(quell.all_items("/api/v1/deadletters")), 3)  # Those that nobody can read.

    def test_too_many_series(self):
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        gauge.value = 7
        self.start_writing(quell, gauge)
        quell.wait_for_metric("shop_queue_length", lambda m: 7 in values_of(m))
        gauge.more = lambda: "".join(f'flood{{id="{i}"}} 1\n' for i in range(20_000))
        report = {}

        def flooded():
            report.update(parse_json(quell.get("/api/v1/series")))
            return report["sources"][0]["refused"] > 0

        quell.wait_for_metric("flood", lambda m: flooded(), series_max=1)
        source = report["sources"][0]
        self.assertEqual((source["tenant"], source["source"]), ("default", "prometheus"))
        self.assertEqual((source["series"], source["series_max"]), (5000, 5000))
        self.assertEqual(source["top_metrics"][0]["metric"], "flood")
        self.assertEqual(source["top_metrics"][0]["labels"][0], {"name": "id", "values": 1000})
        self.assertEqual(source["refused_metrics"][0]["metric"], "flood")
        gauge.value = 8  # What was there before goes on.
        quell.wait_for_metric("shop_queue_length", lambda m: 8 in values_of(m))
        quell.settle()
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])

    def test_a_source_with_a_token(self):
        quell = self.start_quell("""
sources:
  - {name: eu, kind: prometheus, tenant: acme, token: s3cret}
""")
        url = f"http://{quell.address}/ingest/eu/api/v1/write"
        self.assertEqual({one["status"] for one in self.node("remote_write.mjs", url)}, {401})
        sent = self.node("remote_write.mjs", f"{url}?token=s3cret")
        self.assertEqual(sent[0]["status"], 204)
        self.assertEqual(quell.metric("two_good")["series"][0]["tenant"], "acme")
        source = parse_json(quell.get("/api/v1/series"))["sources"][0]
        self.assertEqual((source["tenant"], source["source"]), ("acme", "eu"))
        self.assertTrue(math.isclose(quell.metric("two_latency_sum", tenant="acme")["series"][0]
                                     ["samples"][0][1], 18.4))
