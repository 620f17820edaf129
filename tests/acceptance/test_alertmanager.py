"""Debian's Alertmanager sends its webhook to Quell."""
import datetime
import json

from harness import AcceptanceTest, parse_json


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


class ReportUrlsTest(AcceptanceTest):
    """What the webhook is answered: a link for each alert."""

    def report_urls(self, quell, labels, status="firing"):
        alerts = [{"status": status, "labels": one, "annotations": {}, "startsAt": stamp(-60),
                   "endsAt": stamp(-1 if status == "resolved" else 600)} for one in labels]
        body = {"version": "4", "groupKey": "{}", "receiver": "quell", "status": status,
                "alerts": alerts}
        answer = quell.post("/ingest/alertmanager", body)
        self.assertEqual(answer.status, 202, answer.body)
        return parse_json(answer)["report_urls"]

    def check_links(self, quell, begin):
        labels = [{"alertname": "DiskFull", "severity": "critical", "instance": f"db-{n}"}
                  for n in range(3)]
        urls = self.report_urls(quell, labels)
        self.assertEqual(len(urls), len(labels))
        for url, wanted in zip(urls, labels):
            path = url.removeprefix(begin)
            self.assertRegex(path, "^/alerts/[0-9a-f]{16}$")
            page = quell.request("GET", path, headers={"accept": "text/html"})
            self.assertEqual((page.status, page.headers["content-type"]),
                             (200, "text/html; charset=utf-8"))
            alert = quell.get(f"/api/v1{path}")
            self.assertEqual((alert.status, parse_json(alert)["labels"]), (200, wanted))
        self.assertEqual(self.report_urls(quell, labels[:1], "resolved"), urls[:1])

    def test_links_begin_as_the_sender_reached_the_server(self):
        quell = self.start_quell()
        self.check_links(quell, f"http://{quell.address}")

    def test_links_begin_with_the_external_url(self):
        quell = self.start_quell(config="server: {external_url: 'https://quell.example/ops/'}\n")
        self.check_links(quell, "https://quell.example/ops")
