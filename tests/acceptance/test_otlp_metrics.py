"""OpenTelemetry's SDK exports metrics to Quell with its own exporters."""
import gzip
import json
import re
import socket

from harness import DEADLINE_SECONDS, AcceptanceTest, parse_json

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

    def start_grpc(self, config=""):
        quell = self.start_quell(self.config + config + "\nserver: {grpc_listen: '127.0.0.1:0'}\n")
        return quell, self.grpc_address(quell)

    def grpc_address(self, quell):
        return next(re.search(r"address=(\S+)", line).group(1) for line in quell.process.lines
                    if "gRPC is served" in line)

    def check_exports(self, encoding, compression, temporality):
        if encoding == "grpc":
            quell, address = self.start_grpc()
            exported = self.node("otlp_metrics.mjs", f"http://{address}", encoding, compression,
                                 temporality)
        else:
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

    def test_grpc(self):
        self.check_exports("grpc", "none", "cumulative")

    def test_grpc_packed(self):
        self.check_exports("grpc", "gzip", "delta")

    def test_grpc_demands_a_token_too(self):
        _, address = self.start_grpc("""
sources:
  - {name: otlp, token: s3cret}
""")
        exported = self.node("otlp_metrics.mjs", f"http://{address}", "grpc", "none", "cumulative")
        self.assertNotEqual(exported[0]["code"], 0)
        self.assertIn("16 UNAUTHENTICATED", exported[0]["error"])

    def test_grpc_and_what_is_no_grpc(self):
        quell, address = self.start_grpc()
        host, port = address.rsplit(":", 1)
        for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 5000,
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 5000):
            with socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS) as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
        self.assertEqual(self.node("otlp_metrics.mjs", f"http://{address}", "grpc", "none",
                                   "cumulative")[0]["code"], 0)
        self.assertTrue(quell.metric("shop.load")["series"])

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
