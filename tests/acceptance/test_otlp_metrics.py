"""OpenTelemetry's SDK exports metrics to Quell with its own exporters."""
import gzip
import json

from harness import AcceptanceTest, parse_json

LABELS = {"service.name": "checkout", "service.namespace": "shop",
          "service.instance.id": "checkout-1", "otel.scope.name": "shop-meter"}


def values_of(metric):
    return [value for _, value in metric["series"][0]["samples"]]


class OtlpMetricsTest(AcceptanceTest):
    config = """
thresholds:
  - {name: Loaded, metric: shop.load, critical: 0.5}
"""

    def export(self, quell, encoding, compression, temporality, path="/v1/metrics"):
        return self.node("otlp_metrics.mjs", f"http://{quell.address}{path}", encoding, compression,
                         temporality)

    def check_exports(self, encoding, compression, temporality):
        quell = self.start_quell()
        exported = self.export(quell, encoding, compression, temporality)
        self.assertTrue(exported)
        self.assertEqual({(one["code"], one["error"]) for one in exported}, {(0, None)})

        orders = quell.metric("shop.orders")
        self.assertEqual(orders["unit"], "{order}")
        self.assertEqual(orders["help"], "Orders taken.")
        self.assertEqual(orders["kind"], "delta" if temporality == "delta" else "counter")
        series = orders["series"][0]
        self.assertEqual(series["labels"], {**LABELS, "payment.kind": "card"})
        self.assertEqual(series["entity"], "service:checkout")
        self.assertEqual(values_of(orders)[-1], 10)  # Totals, whichever way they were sent.

        load = quell.metric("shop.load", filter='core="3"')
        self.assertEqual(load["kind"], "gauge")
        self.assertEqual(values_of(load)[:2], [0.25, 0.75])
        buckets = {one["labels"]["le"]: one["samples"][-1][1]
                   for one in quell.metric("shop.duration_bucket")["series"]}
        self.assertEqual(buckets, {"0.1": 2, "1": 4, "10": 6, "+Inf": 8})
        self.assertEqual(values_of(quell.metric("shop.duration_count"))[-1], 8)
        self.assertAlmostEqual(values_of(quell.metric("shop.duration_sum"))[-1], 111.1)
        self.assertEqual(values_of(quell.metric("shop.size_count"))[-1], 2)
        alert = quell.wait_for_alert(lambda a: a["status"] == "firing")
        self.assertEqual(alert["title"], "shop.load on checkout is 0.75 (critical above 0.5)")
        self.assertEqual(alert["entity"], "service:checkout")
        quell.settle()
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])

    def test_protobuf(self):
        self.check_exports("proto", "none", "cumulative")

    def test_protobuf_packed(self):
        self.check_exports("proto", "gzip", "delta")

    def test_json(self):
        self.check_exports("json", "none", "delta")

    def test_json_packed(self):
        self.check_exports("json", "gzip", "cumulative")

    def test_a_source_with_a_token(self):
        quell = self.start_quell("""
sources:
  - {name: shop, kind: otlp, tenant: acme, token: s3cret}
""")
        refused = self.export(quell, "json", "none", "cumulative", "/ingest/shop/v1/metrics")
        self.assertNotEqual(refused[0]["code"], 0)
        taken = self.export(quell, "json", "none", "cumulative",
                            "/ingest/shop/v1/metrics?token=s3cret")
        self.assertEqual(taken[0]["code"], 0)
        self.assertEqual(quell.metric("shop.load")["series"][0]["tenant"], "acme")

    def post(self, quell, body, content_type="application/json", **headers):
        return quell.post("/v1/metrics", body, content_type, **headers)

    def test_bad_requests(self):
        quell = self.start_quell("metrics: {series_max: 1}")

        def gauges(*names, time=None):
            points = {"dataPoints": [{"asInt": 1, **({"timeUnixNano": time} if time else {})}]}
            return {"resourceMetrics": [{"scopeMetrics": [
                {"metrics": [{"name": name, "gauge": points} for name in names]}]}]}

        fine = self.post(quell, gauges("one"))
        self.assertEqual((fine.status, fine.body), (200, b"{}"))
        self.assertEqual(fine.headers["content-type"], "application/json")
        partial = self.post(quell, gauges("two", "one", "three"))
        self.assertEqual(partial.status, 200)
        success = parse_json(partial)["partialSuccess"]
        self.assertEqual(success["rejectedDataPoints"], "2")
        self.assertIn("the limit of metrics.series_max", success["errorMessage"])
        old = parse_json(self.post(quell, gauges("one", time="1")))["partialSuccess"]
        self.assertEqual(old["rejectedDataPoints"], "1")
        self.assertIn("before the arrival", old["errorMessage"])
        self.assertEqual(len(quell.metric("one")["series"][0]["samples"]), 2)

        broken = self.post(quell, "{")
        self.assertEqual(broken.status, 400)
        self.assertEqual(parse_json(broken)["code"], 3)
        wrong = self.post(quell, {"resourceMetrics": [7]})
        self.assertIn("/resourceMetrics/0: must be an object", parse_json(wrong)["message"])
        protobuf = self.post(quell, b"\xff\xff", "application/x-protobuf")
        self.assertEqual(protobuf.status, 400)
        self.assertEqual(protobuf.headers["content-type"], "application/x-protobuf")
        self.assertIn(b"byte 0", protobuf.body)
        self.check_problem(self.post(quell, "{}", "text/plain"), 415)
        self.check_problem(self.post(quell, "{}", content_encoding="snappy"), 415)
        bomb = self.post(quell, gzip.compress(b" " * (64 << 20)), content_encoding="gzip")
        self.assertEqual(bomb.status, 413)
        damaged = self.post(quell, gzip.compress(json.dumps(gauges("one")).encode())[:-4],
                            content_encoding="gzip")
        self.assertEqual(damaged.status, 400)
        quell.settle()
        letters = quell.all_items("/api/v1/deadletters")
        self.assertEqual(len(letters), 6)  # Those that nobody can read, and the one from 1970.
