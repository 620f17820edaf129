"""Debian's Prometheus writes metrics; what becomes unusual in them is found, named and explained."""
import json
import random
import re

from harness import AcceptanceTest, parse_json

CONFIG = """
incidents: {auto_resolve_after: 2s}
detection:
  warmup: 100
  rules:
    - {metric: checkout_errors, direction: up, severity: error}
    - {match: '__name__=~"scrape_.*|up"', detector: off}
"""

QUIET_SAMPLES = 280  # Of each series: a fifth of a second each.


class FindingsTest(AcceptanceTest):
    config = CONFIG

    def start_shop(self):
        """A target with ten metrics of noise, which the test moves."""
        noise = random.Random(7)
        gauge = self.start_gauge("shop_queue_length")
        gauge.value = 5
        self.moved = {}

        def more():
            if "errors" in self.moved:  # It gets worse: a young series soon takes a step as usual.
                self.moved["errors"] *= 1.1
            lines = [f"shop_metric_{i} {50 + noise.random() + self.moved.get(i, 0)}" for i in range(10)]
            lines.append(f"checkout_errors {1 + noise.random() + self.moved.get('errors', 0)}")
            return "\n".join(lines) + "\n"

        gauge.more = more
        return gauge

    def learn(self, quell, gauge):
        self.start_prometheus(gauge.address, "groups: []", quell.address,
                              f"http://{quell.address}/api/v1/write")
        for samples in range(QUIET_SAMPLES // 4, QUIET_SAMPLES + 1, QUIET_SAMPLES // 4):
            quell.wait_for_metric("shop_metric_9", lambda m: m["series"] and
                                  len(m["series"][0]["samples"]) >= samples)

    def models(self, quell, series):
        return parse_json(quell.get("/api/v1/models", series=series))

    def test_a_deviation_is_found_named_and_joined(self):
        quell = self.start_quell()
        gauge = self.start_shop()
        self.learn(quell, gauge)
        model = self.models(quell, 'shop_metric_3{job="shop"}')["items"][0]
        self.assertFalse(model["learning"], model)
        self.assertAlmostEqual(model["expected"], 50.5, delta=1)
        self.assertEqual(quell.all_items("/api/v1/findings"), [])
        for metric in range(8):
            self.moved[metric] = 30
        self.moved["errors"] = 100
        finding = quell.wait_for("/api/v1/findings", lambda f: f["metrics"] >= 5,
                                 topics="findings,status")
        self.assertEqual(finding["entity"], "host:127.0.0.1")
        self.assertEqual((finding["status"], finding["severity"]), ("open", "error"))
        self.assertEqual(finding["direction"], "up")
        self.assertRegex(finding["title"], r"on 127.0.0.1 is .*, usual is .*; \d+ more series")
        alert = quell.wait_for_alert(lambda a: a["fingerprint"] == finding["alert"])
        self.assertEqual(alert["labels"], {"alertname": "UnusualMetrics", "host": "127.0.0.1"})
        incident = quell.wait_for_incident(lambda i: "127.0.0.1" in i["title"])
        finding = quell.wait_for("/api/v1/findings", lambda f: f["incident"] == incident["id"])
        self.check_detail(quell, finding["id"])
        self.check_judging(quell, finding["id"])
        self.moved.clear()
        quell.wait_for("/api/v1/findings", lambda f: f["status"] == "open", status="open")

    def check_detail(self, quell, finding_id):
        detail = parse_json(quell.get(f"/api/v1/findings/{finding_id}"))
        errors = next(s for s in detail["signals"] if s["metric"] == "checkout_errors")
        self.assertGreater(errors["value"], 100)
        self.assertLess(errors["expected"], 10)
        self.assertTrue(errors["low"] <= errors["expected"] <= errors["high"] < errors["value"])
        self.assertIn("maximum", [c["name"] for c in errors["components"]])
        points = detail["charts"][0]["points"]
        self.assertTrue(any(low is None for _, _, _, low, _ in points))
        self.assertTrue(any(low is not None for _, _, _, low, _ in points))
        self.assertEqual(points, sorted(points, key=lambda p: p[0]))
        self.assertRegex(detail["trace"][0]["text"], "^began: ")
        self.assertTrue(detail["why"][0])

    def check_judging(self, quell, finding_id):
        shown = quell.run("finding", finding_id)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r'checkout_errors\{.*instance="127.0.0.1')
        judged = quell.run("finding", finding_id, "--noise")
        self.assertIn("must deviate a quarter more", judged.stdout)
        again = quell.post(f"/api/v1/findings/{finding_id}/feedback", json.dumps({"verdict": "useful"}))
        self.assertEqual(parse_json(again)["feedback"], "useful")
        listed = quell.run("findings", "--status", "open", "--json")
        self.assertEqual(json.loads(listed.stdout)["items"][0]["id"], finding_id)

    def test_models_and_findings_survive_a_kill(self):
        quell = self.start_quell()
        gauge = self.start_shop()
        self.learn(quell, gauge)
        before = self.models(quell, "shop_metric_3")["items"][0]["samples"]
        port = int(quell.address.rsplit(":", 1)[1])
        quell.kill()
        quell.start(port)
        self.assertGreaterEqual(self.models(quell, "shop_metric_3")["items"][0]["samples"], before)
        self.moved["errors"] = 100
        finding = quell.wait_for("/api/v1/findings", lambda f: True, topics="findings,status")
        quell.kill()
        quell.start(port)
        self.assertEqual([f["id"] for f in quell.all_items("/api/v1/findings")], [finding["id"]])

    def test_what_is_asked_wrongly_is_refused(self):
        quell = self.start_quell()
        self.check_problem(quell.get("/api/v1/findings", state="open"), 400)
        self.check_problem(quell.get("/api/v1/findings", status="closed"), 400)
        self.check_problem(quell.get("/api/v1/findings/FND-000007"), 404)
        self.check_problem(quell.get("/api/v1/findings/x"), 400)
        self.check_problem(quell.get("/api/v1/models", series="{"), 400)
        for body, place in (({"verdict": "bad"}, "useful, noise"), ({"verdit": "noise"}, "verdict")):
            answer = quell.post("/api/v1/findings/1/feedback", json.dumps(body))
            self.assertRegex(self.check_problem(answer, 400)["detail"], re.escape(place))
        answer = quell.post("/api/v1/findings/1/feedback", '{"verdict":"noise"}')
        self.check_problem(answer, 404)
        reset = quell.post("/api/v1/models/reset", '{"series":"nothing"}')
        self.assertEqual(parse_json(reset), {"reset": 0})

    def test_many_models_are_reset_by_one_request(self):
        quell = self.start_quell()
        lines = [json.dumps({"tenant_id": tenant, "host": f"h{n}", "metric": "load", "value": 1})
                 for tenant in ("default", "acme") for n in range(22_000)]
        self.assertEqual(quell.post("/ingest/agent", "\n".join(lines)).status, 202)
        quell.wait_for_metric("load", lambda m: m["matched"] == 44_000)
        for tenant, want in ((None, 22_000), ("acme", 22_000), ("nobody", 0)):
            body = {"series": "load"} | ({"tenant": tenant} if tenant else {})
            reset = quell.post("/api/v1/models/reset", json.dumps(body))
            self.assertEqual(parse_json(reset), {"reset": want})
