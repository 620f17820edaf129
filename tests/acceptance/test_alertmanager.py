"""Debian's Alertmanager sends its webhook to Quell."""
import datetime
import json

from harness import AcceptanceTest


def stamp(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat().replace("+00:00", "Z")


class AlertmanagerWebhookTest(AcceptanceTest):
    config = """
incidents:
  auto_resolve_after: 1s
"""

    def test_webhook_opens_and_resolves_an_incident(self):
        quell = self.start_quell()
        alertmanager = self.start_alertmanager(f"http://{quell.address}/ingest/alertmanager")
        labels = {"alertname": "DiskFull", "severity": "critical", "instance": "db-1"}
        alert = {"labels": labels, "annotations": {"summary": "2 % left"},
                 "startsAt": stamp(-10), "endsAt": stamp(600)}
        self.assertEqual(alertmanager.post("/api/v2/alerts", [alert]).status, 200)

        incident = quell.wait_for_incident(lambda i: i["status"] == "open")
        self.assertEqual(incident["firing_count"], 1)
        seen = quell.wait_for_alert(lambda a: a["incident"] == incident["id"])
        self.assertEqual(seen["labels"], labels)
        self.assertEqual(seen["annotations"]["summary"], "2 % left")

        alert["endsAt"] = stamp(-1)
        self.assertEqual(alertmanager.post("/api/v2/alerts", [alert]).status, 200)
        quell.wait_for_incident(lambda i: i["status"] == "resolved")

    def test_fingerprint_is_alertmanagers(self):
        quell = self.start_quell()
        alertmanager = self.start_alertmanager(f"http://{quell.address}/ingest/alertmanager")
        alert = {"labels": {"alertname": "A", "zone": "ü", "severity": "error"},
                 "endsAt": stamp(600)}
        self.assertEqual(alertmanager.post("/api/v2/alerts", [alert]).status, 200)
        seen = quell.wait_for_alert(lambda a: True)
        theirs = json.loads(alertmanager.get("/api/v2/alerts").body)
        self.assertEqual(seen["fingerprint"], theirs[0]["fingerprint"])
