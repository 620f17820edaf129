"""Rules choose detectors: a real server gets samples with times of their own, and says what it found."""
import datetime
import json
import math
import pathlib

from harness import AcceptanceTest, parse_json, run_quell

CONFIG = """
incidents: {auto_resolve_after: 2s}
detection:
  rules:
    - {name: hot, metric: temperature, detector: threshold, above: 80, min_duration: 10s, severity: error}
    - {name: beat, metric: heartbeat, detector: absence, silence: 5s}
    - {name: fills, metric: disk_used, detector: forecast, above: 95, horizon: 6h}
    - {name: users, metric: users, detector: seasonal}
    - {name: level, metric: throughput, detector: change_point, calm: 10m}
    - {name: shop, match: '__name__=~"shop_.*"', detector: isolation, p: 0.001}
    - {name: deployed, metric: errors, detector: threshold, above: 5, suppress_during_deploys: 1h}
"""
MINUTE = 60


def noise(i, k=0):
    return math.sin(12.9898 * i + 78.233 * k) * 43758.5453 % 1 - 0.5


class DetectionRulesTest(AcceptanceTest):
    config = CONFIG

    def send(self, quell, rows):
        lines = [json.dumps({"host": "a", "metric": metric, "value": value, "ts_event": at})
                 for metric, value, at in rows]
        answer = quell.post("/ingest/agent", "\n".join(lines) + "\n", "application/x-ndjson")
        self.assertEqual(answer.status // 100, 2, answer.body)

    def history(self, now):
        """Two quiet days, by the minute."""
        for i in range(2 * 24 * 60):
            at = now - 2 * 24 * 3600 + i * MINUTE
            load = 50 + 30 * noise(i, 5)
            for metric, value in (("temperature", 60 + noise(i)), ("disk_used", 40 + 0.1 * noise(i, 1)),
                                  ("users", 200 + noise(i, 2)), ("throughput", 1000 + 10 * noise(i, 3)),
                                  ("shop_in", load), ("shop_out", load + noise(i, 6))):
                yield metric, value, at

    def faults(self, now):
        """What goes wrong, in the minutes before now."""
        for i in range(48):
            at = now - 240 + 5 * i
            yield "temperature", 90, at
            yield "disk_used", 40 + i, at
            yield "users", 300, at
            yield "throughput", 1400 + 10 * noise(i), at
            yield "shop_in", 78, at
            yield "shop_out", 22, at

    def found(self, quell, rule):
        def by_rule(finding):
            detail = parse_json(quell.get(f"/api/v1/findings/{finding['id']}"))
            return any(s["rule"] and s["rule"]["name"] == rule for s in detail["signals"])
        finding = quell.wait_for("/api/v1/findings", by_rule, topics="findings,status")
        detail = parse_json(quell.get(f"/api/v1/findings/{finding['id']}"))
        return next(s for s in detail["signals"] if s["rule"] and s["rule"]["name"] == rule)

    def rules(self, quell):
        return {rule["name"]: rule
                for rule in parse_json(quell.get("/api/v1/detection/rules"))["items"]}

    def test_every_detector_finds_its_own_and_survives_a_kill(self):
        quell = self.start_quell()
        now = datetime.datetime.now().timestamp()
        rows = list(self.history(now - 300))
        for first in range(0, len(rows), 6000):
            self.send(quell, rows[first:first + 6000])
        quell.settle()
        self.assertEqual(quell.all_items("/api/v1/findings"), [])
        rules = self.rules(quell)
        self.assertEqual({name: (rule["series"], rule["learning"]) for name, rule in rules.items()},
                         {"hot": (1, 0), "beat": (0, 0), "fills": (1, 0), "users": (1, 0),
                          "level": (1, 0), "shop": (2, 0), "deployed": (0, 0)})
        port = int(quell.address.rsplit(":", 1)[1])
        quell.kill()
        quell.start(port)
        self.assertEqual(self.rules(quell), rules)
        self.send(quell, [("heartbeat", 1, now)])
        self.send(quell, list(self.faults(now)))
        hot = self.found(quell, "hot")
        self.assertEqual((hot["components"][0]["name"], hot["value"], hot["high"], hot["low"]),
                         ("threshold", 90, 80, None))
        self.assertEqual(hot["rule"]["text"], "is 90, above the limit of 80")
        fills = self.found(quell, "fills")["rule"]
        self.assertTrue(fills["earliest"] <= fills["crosses_at"], fills)
        users = self.found(quell, "users")
        self.assertTrue(190 < users["low"] < users["high"] < 210, users)
        self.assertRegex(self.found(quell, "level")["rule"]["text"], "is at another level since")
        self.assertRegex(self.found(quell, "shop")["rule"]["text"], "2 series together")
        self.assertRegex(self.found(quell, "beat")["rule"]["text"], "has no data for .* expected")
        incident = quell.wait_for_incident(lambda i: True)
        self.assertEqual(incident["severity"], 2, incident)
        before = sorted(f["id"] for f in quell.all_items("/api/v1/findings"))
        quell.settle()
        quell.kill()
        quell.start(port)
        self.assertEqual(sorted(f["id"] for f in quell.all_items("/api/v1/findings")), before)
        self.send(quell, [("heartbeat", 1, datetime.datetime.now().timestamp())])
        self.assertEqual(self.rules(quell)["hot"]["open"], 1)

    def test_what_follows_a_deploy_is_held(self):
        quell = self.start_quell()
        now = datetime.datetime.now().timestamp()
        change = {"specversion": "1.0", "id": "7", "source": "/ci", "type": "io.example.deployment.finished",
                  "time": datetime.datetime.fromtimestamp(now - 60, datetime.timezone.utc).isoformat(),
                  "subject": "host:a", "host": "a", "data": {"title": "release 7"}}
        answer = quell.post("/ingest/cloudevents", change, "application/cloudevents+json")
        self.assertEqual(answer.status // 100, 2, answer.body)
        self.send(quell, [("errors", 50, now)])
        quell.settle()
        self.assertEqual(quell.all_items("/api/v1/findings"), [])
        rule = self.rules(quell)["deployed"]
        self.assertEqual(rule["held"], 1, rule)
        self.assertRegex(rule["why_held"], r"^'.*' 1m.* before$|^'.*' \d+s before$")

    def test_a_wrong_rule_is_refused_with_its_place(self):
        wrong = pathlib.Path(self.directory) / "wrong.yaml"
        wrong.write_text(
            "detection:\n  rules:\n    - {metric: a, detector: threshold, above: 1, horizon: 4h}\n")
        checked = run_quell("check", str(wrong))
        self.assertNotEqual(checked.returncode, 0)
        self.assertRegex(checked.stdout + checked.stderr,
                         r"wrong\.yaml:3:59: 'horizon' cannot be used with the detector 'threshold'")
