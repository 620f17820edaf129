"""amtool, Alertmanager's own command line, reads and silences through Quell."""
import json
import subprocess

from harness import DEADLINE_SECONDS, AcceptanceTest

ALERTS = [
    {"labels": {"alertname": "HighLatency", "severity": "critical", "service": "checkout"},
     "annotations": {"summary": "p99 is 3 s"}, "generatorURL": "http://prometheus/graph"},
    {"labels": {"alertname": "HighLatency", "severity": "warning", "service": "cart"}},
]


class AmtoolTest(AcceptanceTest):
    def setUp(self):
        super().setUp()
        self.quell = self.start_quell()
        answer = self.quell.post("/alertmanager/api/v2/alerts", ALERTS)
        self.assertEqual(answer.status, 200, answer.body)
        self.quell.settle()

    def amtool(self, *arguments, code=0):
        done = subprocess.run(
            ["amtool", f"--alertmanager.url=http://{self.quell.address}/alertmanager", *arguments],
            capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_alert_query(self):
        alerts = json.loads(self.amtool("alert", "query", "-o", "json"))
        self.assertEqual(sorted(alert["labels"]["service"] for alert in alerts),
                         ["cart", "checkout"])
        checkout = next(a for a in alerts if a["labels"]["service"] == "checkout")
        self.assertEqual(checkout["annotations"], {"summary": "p99 is 3 s"})
        self.assertEqual(checkout["status"]["state"], "active")
        self.assertEqual(checkout["generatorURL"], "http://prometheus/graph")

    def test_alert_query_with_matchers(self):
        alerts = json.loads(self.amtool("alert", "query", "-o", "json", "service=~c.*t",
                                        "severity!=warning"))
        self.assertEqual([alert["labels"]["service"] for alert in alerts], ["checkout"])
        self.assertEqual(json.loads(self.amtool("alert", "query", "-o", "json", "service=none")), [])

    def test_alert_query_for_people(self):
        out = self.amtool("alert", "query")
        self.assertIn("HighLatency", out)
        self.assertIn("active", out)

    def test_alert_add(self):
        self.amtool("alert", "add", "DiskFull", "severity=critical", "instance=db-1",
                    "--annotation=summary=2 % left")
        alert = self.quell.wait_for_alert(lambda a: a["labels"]["alertname"] == "DiskFull")
        self.assertEqual(alert["labels"]["instance"], "db-1")
        self.assertEqual(alert["annotations"]["summary"], "2 % left")

    def test_silence_query(self):
        self.assertEqual(json.loads(self.amtool("silence", "query", "-o", "json")), [])

    def test_silence_life(self):
        identity = self.amtool("silence", "add", "service=cart", "--comment=known",
                               "--author=ops", "--duration=1h").strip()
        silences = json.loads(self.amtool("silence", "query", "-o", "json"))
        self.assertEqual([s["id"] for s in silences], [identity])
        self.assertEqual(silences[0]["matchers"],
                         [{"isEqual": True, "isRegex": False, "name": "service", "value": "cart"}])
        self.quell.settle()
        active = json.loads(self.amtool("alert", "query", "-o", "json"))
        self.assertEqual([a["labels"]["service"] for a in active], ["checkout"])
        silenced = json.loads(self.amtool("alert", "query", "-o", "json", "--silenced"))
        self.assertEqual([a["labels"]["service"] for a in silenced], ["cart"])
        self.assertEqual(silenced[0]["status"]["silencedBy"], [identity])
        self.amtool("silence", "expire", identity)
        self.assertEqual(json.loads(self.amtool("silence", "query", "-o", "json")), [])

    def test_config_show(self):
        out = self.amtool("config", "show")
        self.assertIn("route:", out)
        self.assertIn("receivers:", out)

    def test_cluster_show(self):
        self.amtool("cluster", "show")
