"""kill -9 at random moments under load: what was answered with 2xx is there, exactly once.

Notes are told apart by their ids in the list of events. Alerts that say nothing new are only
counted, so theirs must add up to what was sent. Afterwards an undisturbed replay of the same
journal must give the same incidents.
"""
import http.client
import json
import os
import random
import threading

from harness import DEADLINE_SECONDS, AcceptanceTest, run_quell

KILLS = int(os.environ.get("QUELL_KILLS", "50"))
SENDERS = 4
BATCH = 5
BATCHES_MAX = 60  # Accepted between two kills; the number is drawn for each.
SERVICES = ["checkout", "cart", "search", "mail", "stock"]
ALERTS = 25  # Different ones; the first events fire them all.


def is_alert(number):
    return number < ALERTS or number % 5 < 2


def event(number):
    """What the event with this number says; nothing but the number decides."""
    service = SERVICES[number % len(SERVICES)]
    minute, second = number // 60 % 60, number % 60
    common = {"specversion": "1.0", "id": str(number), "source": "/kill",
              "subject": f"service:{service}", "time": f"2026-01-02T03:{minute:02}:{second:02}Z"}
    if not is_alert(number):
        return {**common, "type": "shop.note", "data": {"title": f"note {number}"}}
    name = number if number < ALERTS else number // 5 % ALERTS
    resolved = number >= ALERTS and number % 7 == 0
    return {**common, "type": "shop.alert", "severity": "critical",
            "data": {"title": f"{service} fails", "status": "resolved" if resolved else "firing",
                     "labels": {"alertname": f"Fails{name}", "service": service}}}


class Sender(threading.Thread):
    """Sends batches of events one after the other until the server is gone."""

    def __init__(self, address, batches, on_accepted):
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection(address, timeout=DEADLINE_SECONDS)
        self._batches = batches
        self._on_accepted = on_accepted
        self.accepted = []
        self.unanswered = []
        self.refused = []

    def run(self):
        for batch in self._batches:
            try:
                self._connection.request(
                    "POST", "/ingest/cloudevents", json.dumps([event(one) for one in batch]),
                    {"content-type": "application/cloudevents-batch+json"})
                answer = self._connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                self.unanswered.append(batch)
                return
            if not 200 <= answer.status < 300:
                self.refused.append((answer.status, body))
                return
            self.accepted += batch
            self._on_accepted()


class Batches:
    """New batches for all senders, after the ones that a real sender would send again."""

    def __init__(self):
        self._lock = threading.Lock()
        self._next = ALERTS
        self.again = [list(range(ALERTS))]

    def __iter__(self):
        return self

    def __next__(self):
        with self._lock:
            if self.again:
                return self.again.pop()
            self._next += BATCH
            return list(range(self._next - BATCH, self._next))


class KillTest(AcceptanceTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(4711)
        self.batches = Batches()
        self.accepted = []

    def send(self, quell, batches, until_killed):
        enough = threading.Semaphore(0)
        senders = [Sender(quell.address, batches, enough.release) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        if until_killed:
            for _ in range(self.random.randint(1, BATCHES_MAX)):
                self.assertTrue(enough.acquire(timeout=DEADLINE_SECONDS), "nothing is accepted")
            quell.kill()
        for sender in senders:
            sender.join(DEADLINE_SECONDS)
            self.assertEqual(sender.refused, [])
            self.accepted += sender.accepted
            self.batches.again += sender.unanswered

    def test_nothing_is_lost_or_doubled(self):
        quell = self.start_quell()
        for _ in range(KILLS):
            self.send(quell, self.batches, until_killed=True)
            quell.start()
        self.send(quell, iter(list(self.batches.again)), until_killed=False)
        quell.settle()
        self.check_notes(quell)
        self.check_alerts(quell)
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])
        self.check_same_as_undisturbed(quell)

    def check_notes(self, quell):
        wanted = {one for one in self.accepted if not is_alert(one)}
        found = [int(one["id"]) for one in quell.events(source="/kill") if one["kind"] == "note"]
        self.assertEqual(len(found), len(set(found)), "an event is there twice")
        self.assertEqual(wanted - set(found), set(), "an accepted event is lost")
        self.assertEqual(set(found) - wanted, set(), "an event that nobody sent")

    def check_alerts(self, quell):
        wanted = {one for one in self.accepted if is_alert(one)}
        alerts = quell.all_items("/api/v1/alerts")
        self.assertEqual(sum(one["event_count"] for one in alerts), len(wanted))

    def check_same_as_undisturbed(self, quell):
        live = sorted(quell.all_items("/api/v1/incidents"), key=lambda one: one["id"])
        self.assertTrue(live)
        details = [json.loads(quell.get(f"/api/v1/incidents/{one['id']}").body) for one in live]
        self.assertEqual(quell.stop(), 0)
        done = run_quell("replay", quell.data, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        replayed = {one["id"]: one for one in json.loads(done.stdout)}
        self.assertEqual(sorted(replayed), [one["id"] for one in live])
        for one in details:
            other = replayed[one["id"]]
            for field in ("title", "severity", "status", "opened_at", "updated_at", "alert_count",
                          "firing_count", "entities", "version", "timeline"):
                self.assertEqual(other[field], one[field], f"{one['id']} {field}")
