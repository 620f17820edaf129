"""More comes in than is worked off: what is refused says so and when to come back, and what was answered
2xx is there, after a kill, too."""
import collections
import http.client
import json
import socket
import time

from harness import DEADLINE_SECONDS, AcceptanceTest, Answer

CONFIG = "journal: {pending_max: 1MB, queue_max: 1MB}\n"
PATH = "/alertmanager/api/v2/alerts"
SENDERS = 12
# Two bodies are more than may wait for the disk, and the core works on one for longer than it takes
# to receive the others.
BODY_BYTES = 600_000


class Batch:
    """Alerts that nobody else sends, in one body."""

    def __init__(self, number):
        self.name = str(number)
        alerts, size = [], 0
        while size < BODY_BYTES:
            labels = {"alertname": "Pressure", "severity": "warning", "batch": self.name,
                      "pod": f"pod-{self.name}-{len(alerts)}"}
            alerts.append(json.dumps({"labels": labels, "annotations": {"summary": "x" * 200}}))
            size += len(alerts[-1]) + 1
        self.count = len(alerts)
        self.body = f"[{','.join(alerts)}]".encode()


class BackPressureTest(AcceptanceTest):
    config = CONFIG

    def send_at_once(self, quell, batches):
        """Posts all of them so that their last bytes arrive together; returns the answers."""
        host, port = quell.address.split(":")
        sockets = []
        for batch in batches:
            connection = socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS)
            self.addCleanup(connection.close)
            head = (f"POST {PATH} HTTP/1.1\r\nHost: {quell.address}\r\nConnection: close\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(batch.body)}\r\n\r\n")
            connection.sendall(head.encode() + batch.body[:-1])
            sockets.append(connection)
        for connection, batch in zip(sockets, batches):
            connection.sendall(batch.body[-1:])
        return [self.answer(connection) for connection in sockets]

    def answer(self, connection):
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())

    def send_until_refused(self, quell):
        """Batches that were accepted, and those that were refused: some of each."""
        accepted, refused = [], []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not refused:
            self.assertLess(time.monotonic(), deadline, "nothing is ever refused")
            batches = [Batch(len(accepted) + n) for n in range(SENDERS)]
            for batch, answer in zip(batches, self.send_at_once(quell, batches)):
                if answer.status == 200:
                    accepted.append(batch)
                    continue
                problem = self.check_problem(answer, 429, "exhausted")
                self.assertIn("journal.pending_max", problem["detail"])
                self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
                refused.append(batch)
        self.assertTrue(accepted)
        return accepted, refused

    def check_alerts(self, quell, batches):
        quell.settle()
        found = collections.Counter(
            alert["labels"]["batch"] for alert in quell.all_items("/api/v1/alerts"))
        self.assertEqual(found, {batch.name: batch.count for batch in batches})

    def own_counter(self, quell, name):
        lines = quell.get("/metrics").body.decode().splitlines()
        values = [float(line.split()[-1]) for line in lines if line.startswith(name)]
        self.assertTrue(values, name)
        return sum(values)

    def test_a_full_queue_refuses_and_drops_nothing(self):
        quell = self.start_quell()
        accepted, refused = self.send_until_refused(quell)
        self.check_alerts(quell, accepted)
        self.assertEqual(self.own_counter(quell, "quell_ingest_refused_total"), len(refused))
        self.assertEqual(self.own_counter(quell, "quell_core_dropped_total"), 0)
        for batch in refused:  # One after the other: nothing waits any more.
            self.assertEqual(quell.post(PATH, batch.body).status, 200)
        quell.kill()
        quell.start()
        self.check_alerts(quell, accepted + refused)
