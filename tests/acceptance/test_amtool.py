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

    def run_amtool(self, *arguments):
        return subprocess.run(
            ["amtool", f"--alertmanager.url=http://{self.quell.address}/alertmanager", *arguments],
            capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)

    def amtool(self, *arguments):
        done = self.run_amtool(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
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

    def test_silences_are_refused_with_a_sentence(self):
        done = self.run_amtool("silence", "add", "service=cart", "--comment=known", "--author=ops")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Quell does not take silences yet", done.stderr)

    def test_config_show(self):
        out = self.amtool("config", "show")
        self.assertIn("route:", out)
        self.assertIn("receivers:", out)

    def test_cluster_show(self):
        self.amtool("cluster", "show")
