"""The CloudEvents SDK for JavaScript sends to Quell in every mode."""
from harness import AcceptanceTest, parse_json


class CloudEventsSdkTest(AcceptanceTest):
    def check_mode(self, mode, answers):
        quell = self.start_quell()
        got = self.node("cloudevents.mjs", f"http://{quell.address}/ingest/cloudevents", mode)
        self.assertEqual(len(got), answers)
        for answer in got:
            self.assertIn(answer["status"], (200, 202, 204), answer)
        quell.settle()
        events = sorted(quell.events(), key=lambda event: event["id"])
        self.assertEqual([event["id"] for event in events], [f"{mode}-{n}" for n in (1, 2, 3)])
        first = events[0]
        self.assertEqual(first["source"], "/shop/checkout")
        self.assertEqual(first["type"], "shop.order.failed")
        self.assertEqual(first["subject"], "order/1")
        self.assertEqual(first["time"][:19], "2026-01-02T03:04:01")
        self.assertEqual(first["correlation_id"], "request-1")
        whole = parse_json(quell.get(f"/api/v1/events/{first['offset']}/{first['index']}"))
        self.assertEqual(whole["data"]["umlaut"], "ü")
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])

    def test_structured(self):
        self.check_mode("structured", answers=3)

    def test_binary(self):
        self.check_mode("binary", answers=3)

    def test_batch(self):
        self.check_mode("batch", answers=1)

    def test_handshake(self):
        quell = self.start_quell()
        answer = quell.request("OPTIONS", "/ingest/cloudevents", headers={
            "WebHook-Request-Origin": "events.example", "WebHook-Request-Rate": "100"})
        self.assertEqual(answer.status, 200)
        self.assertIn(answer.headers["webhook-allowed-origin"], ("events.example", "*"))
        self.assertIn("POST", answer.headers["allow"])
