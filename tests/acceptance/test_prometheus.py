"""Debian's Prometheus sends its alerts to Quell as to an Alertmanager."""
from harness import AcceptanceTest, parse_json

RULES = """
groups:
  - name: shop
    interval: 200ms
    rules:
      - alert: QueueTooLong
        expr: shop_queue_length > 100
        labels: {severity: critical, service: checkout}
        annotations: {summary: "Orders wait"}
"""
CONFIG = """
incidents:
  auto_resolve_after: 1s
"""


class PrometheusTest(AcceptanceTest):
    config = CONFIG

    def test_rule_fires_and_stops(self):
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        prometheus = self.start_prometheus(gauge.address, RULES, quell.address)

        gauge.value = 250
        incident = quell.wait_for_incident(lambda i: i["firing_count"] == 1)
        self.assertEqual(incident["status"], "open")
        self.assertIn("service:checkout", incident["entities"])

        alert = quell.wait_for_alert(lambda a: a["status"] == "firing")
        self.assertEqual(alert["labels"]["alertname"], "QueueTooLong")
        self.assertEqual(alert["labels"]["cluster"], "eu")
        self.assertEqual(alert["incident"], incident["id"])
        seen = parse_json(prometheus.get("/api/v1/alerts"))["data"]["alerts"]
        self.assertEqual(seen[0]["labels"]["alertname"], "QueueTooLong")
        self.assertEqual(seen[0]["annotations"], alert["annotations"])

        gauge.value = 0
        quell.wait_for_alert(lambda a: a["status"] == "resolved")
        resolved = quell.wait_for_incident(lambda i: i["status"] == "resolved")
        self.assertEqual(resolved["id"], incident["id"])
        self.assertEqual(len(quell.all_items("/api/v1/incidents")), 1)

    def test_prometheus_knows_quell_as_its_alertmanager(self):
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        prometheus = self.start_prometheus(gauge.address, RULES, quell.address)
        gauge.value = 250
        quell.wait_for_alert(lambda a: a["status"] == "firing")
        known = parse_json(prometheus.get("/api/v1/alertmanagers"))["data"]["activeAlertmanagers"]
        self.assertEqual([one["url"] for one in known],
                         [f"http://{quell.address}/alertmanager/api/v2/alerts"])
        metrics = prometheus.get("/metrics").body.decode()
        errors = [line for line in metrics.splitlines()
                  if line.startswith("prometheus_notifications_errors_total")]
        self.assertEqual([line.split()[-1] for line in errors], ["0"])
