"""kill -9 at random moments under load: what was answered with 2xx is there, exactly once."""
import http.client
import json
import os
import random
import threading

from harness import AcceptanceTest, run_quell

KILLS = int(os.environ.get("QUELL_KILLS", "50"))
SENDERS = 4
BATCH = 5
SERVICES = ["checkout", "cart", "search", "mail", "stock"]


def event(identity):
    """An alert that fires or stops; which of 25 it is follows from its number."""
    service = SERVICES[identity % len(SERVICES)]
    return {
        "specversion": "1.0", "id": str(identity), "severity": "critical", "source": "/kill", "type": "shop.alert",
        "subject": f"service:{service}", "time": f"2026-01-02T03:{identity // 60 % 60:02}:"
        f"{identity % 60:02}Z",
        "data": {"title": f"{service} fails {identity % 25}",
                 "status": "resolved" if identity % 7 == 0 else "firing",
                 "labels": {"alertname": f"Fails{identity % 25}", "service": service}},
    }


class Sender(threading.Thread):
    """Sends batches of numbered events one after the other until the server is gone."""

    def __init__(self, address, batches, accepted, on_accepted):
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection(address, timeout=30)
        self._batches = batches
        self._accepted = accepted
        self._on_accepted = on_accepted
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
            if 200 <= answer.status < 300:
                self._accepted.extend(batch)
                self._on_accepted()
            else:
                self.refused.append((answer.status, body))
                return


class KillTest(AcceptanceTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(4711)
        self.next_identity = 0
        self.accepted = []
        self.tried = set()
        self.again = []  # Batches that were sent and not answered: a real sender repeats them.

    def batches(self):
        """Endless: first what was not answered, then new ones."""
        while True:
            if self.again:
                batch = self.again.pop()
            else:
                batch = list(range(self.next_identity, self.next_identity + BATCH))
                self.next_identity += BATCH
            self.tried.update(batch)
            yield batch

    def one_round(self, quell):
        """Sends until a random number of batches was accepted, then kills the server."""
        enough = threading.Semaphore(0)
        lock = threading.Lock()
        source = self.batches()

        def locked():
            while True:
                with lock:
                    batch = next(source)
                yield batch

        senders = [Sender(quell.address, locked(), self.accepted, enough.release)
                   for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        for _ in range(self.random.randint(1, 60)):
            self.assertTrue(enough.acquire(timeout=60), "nothing is accepted any more")
        quell.kill()
        for sender in senders:
            sender.join(60)
            self.assertEqual(sender.refused, [])
            self.again += sender.unanswered

    def test_nothing_is_lost_or_doubled(self):
        quell = self.start_quell()
        for _ in range(KILLS):
            self.one_round(quell)
            quell.start()
        quell.settle()
        found = [int(one["id"]) for one in quell.events(source="/kill")]
        self.assertEqual(len(found), len(set(found)), "an event is there twice")
        self.assertEqual(set(self.accepted) - set(found), set(), "an accepted event is lost")
        self.assertEqual(set(found) - self.tried, set(), "an event that nobody sent")
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])
        self.check_same_as_undisturbed(quell)

    def check_same_as_undisturbed(self, quell):
        live = sorted(quell.all_items("/api/v1/incidents"), key=lambda one: one["id"])
        self.assertTrue(live)
        timelines = {one["id"]: json.loads(quell.get(f"/api/v1/incidents/{one['id']}").body)
                     ["timeline"] for one in live}
        self.assertEqual(quell.stop(), 0)
        done = run_quell("replay", quell.data, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        replayed = {one["id"]: one for one in json.loads(done.stdout)}
        self.assertEqual(sorted(replayed), [one["id"] for one in live])
        for one in live:
            other = replayed[one["id"]]
            for field in ("title", "severity", "status", "opened_at", "updated_at", "alert_count",
                          "firing_count", "entities", "version"):
                self.assertEqual(other[field], one[field], f"{one['id']} {field}")
            self.assertEqual(other["timeline"], timelines[one["id"]], one["id"])
