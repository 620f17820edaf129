"""Bad input: each a clear answer, none a crash, a hang or a loss.

What "clear" means: a 4xx is a problem document that names what is wrong; a 2xx means that the datum
is there afterwards, as an event or as a dead letter with its reason. Nothing is a 5xx, except 503 and
507 when the disk is full. After each test the same process must still take a good event and show it.
"""
import contextlib
import datetime
import hashlib
import hmac
import itertools
import json
import resource
import signal
import socket
import time
import zlib

from harness import DEADLINE_SECONDS, POLL_SECONDS, AcceptanceTest

CLOUDEVENTS = "/ingest/cloudevents"
ALERTS = "/alertmanager/api/v2/alerts"
PAGERDUTY_CHANGES = "/ingest/pagerduty-events/v2/change/enqueue"
JSON_ENDPOINTS = [CLOUDEVENTS, "/ingest/alertmanager", "/ingest/agent", "/ingest/pagerduty-events",
                  PAGERDUTY_CHANGES, "/ingest/generic", "/ingest/jenkins", ALERTS, "/api/v1/events"]
# Protocols that say what an error looks like: what their senders read is in the body.
OWN_ERRORS = {ALERTS: lambda body: body if isinstance(body, str) else body["message"],
              PAGERDUTY_CHANGES: lambda body: body["status"] and body["message"],
              "/ingest/pagerduty-events": lambda body: body["status"] and body["message"]}
BODY_BYTES = 100 * 1024 * 1024
CONNECTIONS = 3000

numbers = itertools.count(1)


def cloud_event(**changes):
    event = {"specversion": "1.0", "id": f"good-{next(numbers)}", "source": "/bad-input",
             "type": "test.good", "data": {"title": "good"}}
    event.update(changes)
    return {name: value for name, value in event.items() if value is not None}


def structured(event):
    return json.dumps(event), "application/cloudevents+json"


def now(**shift):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**shift)
    return at.isoformat().replace("+00:00", "Z")


class BadInputTest(AcceptanceTest):
    def setUp(self):
        super().setUp()
        self.quell = self.start_quell()
        self.pid = self.quell.process.pid

    def tearDown(self):
        if self.quell.process.running():
            self.check_still_works()
        else:
            self.fail(f"the server is gone\n{self.quell.process.log()}")

    def check_still_works(self):
        event = cloud_event()
        body, content_type = structured(event)
        answer = self.quell.post(CLOUDEVENTS, body, content_type)
        self.assertIn(answer.status, (200, 202, 204), answer.body)
        self.quell.settle()
        self.assertEqual(self.events(event["id"]), 1)
        self.assertEqual(self.quell.process.pid, self.pid)

    def events(self, identity):
        return sum(one["id"] == identity for one in self.quell.events())

    def kept(self):
        """How many data there are: events and dead letters."""
        self.quell.settle()
        letters = self.quell.all_items("/api/v1/deadletters")
        for letter in letters:
            self.assertTrue(letter["reason"], letter)
        return len(self.quell.events()) + len(letters)

    def check_clear(self, answer, before, path=CLOUDEVENTS):
        """A problem document, or something that was kept."""
        if 200 <= answer.status < 300:
            self.assertGreater(self.kept(), before, f"{answer.status}, and nothing was kept")
            return
        self.assertTrue(400 <= answer.status < 500, f"{answer.status} {answer.body[:300]}")
        if path in OWN_ERRORS:
            self.assertTrue(OWN_ERRORS[path](json.loads(answer.body)), answer.body[:300])
        else:
            self.check_problem(answer, answer.status)

    def check_everywhere(self, body, content_type="application/json"):
        for path in JSON_ENDPOINTS:
            with self.subTest(path=path):
                before = self.kept()
                self.check_clear(self.quell.post(path, body, content_type), before, path)

    # Bytes that are not what the protocol says.

    def test_empty_body(self):
        self.check_everywhere(b"")

    def test_broken_json(self):
        self.check_everywhere(b'{"specversion":"1.0","id":"1"')

    def test_text(self):
        self.check_everywhere(b"it is broken")

    def test_json_of_another_shape(self):
        for body in (b"17", b'"text"', b"true", b"[1,2,3]", b'[[{}]]'):
            self.check_everywhere(body)

    def test_null(self):
        self.assertEqual(self.quell.post(ALERTS, b"null").status, 200)  # No alerts, to Alertmanager.
        for path in JSON_ENDPOINTS:
            if path != ALERTS:
                before = self.kept()
                self.check_clear(self.quell.post(path, b"null"), before, path)

    def test_empty_object(self):
        self.check_everywhere(b"{}")

    def test_wrong_types(self):
        self.check_everywhere(json.dumps({
            "specversion": 1, "id": {}, "source": [], "type": None, "alerts": "none", "title": 7,
            "labels": [1], "metric": {}, "value": "high", "event_action": 3, "payload": "x",
            "status": [], "time": {}, "severity": {}}).encode())

    def test_deep_nesting(self):
        for depth in (2_000, 500_000):
            self.check_everywhere(b"[" * depth)
            self.check_everywhere(b'{"a":' * depth + b"1" + b"}" * depth)

    def test_deep_nesting_inside_of_data(self):
        deep = '{"a":' * 5_000 + "1" + "}" * 5_000
        body = json.dumps(cloud_event(data="HERE")).replace('"HERE"', deep)
        before = self.kept()
        self.check_clear(self.quell.post(CLOUDEVENTS, body, "application/cloudevents+json"), before)

    def test_invalid_utf8(self):
        self.check_everywhere(b'{"title":"\xff\xfe\xc3(","id":"\xf0\x28\x8c\x28"}')

    def test_nul(self):
        self.check_everywhere(b'{"title":"a\x00b"}')
        self.check_everywhere(b"\x00" * 1000)

    def test_nul_escaped_in_a_valid_event(self):
        event = cloud_event(data={"title": "a\u0000b", "text": "\u0001\u007f"})
        before = self.kept()
        body, content_type = structured(event)
        self.check_clear(self.quell.post(CLOUDEVENTS, body, content_type), before)

    def test_lone_surrogate(self):
        body = json.dumps(cloud_event()).replace("good\"", "\\ud800\"", 1)
        before = self.kept()
        self.check_clear(self.quell.post(CLOUDEVENTS, body, "application/cloudevents+json"), before)

    def test_broken_gzip(self):
        answer = self.quell.post(CLOUDEVENTS, b"\x1f\x8b\x08not gzip", content_encoding="gzip")
        self.check_problem(answer, 400)

    def test_unknown_encoding(self):
        answer = self.quell.post(CLOUDEVENTS, b"{}", content_encoding="zstd-from-mars")
        self.check_problem(answer, 415)

    def test_wrong_content_type(self):
        before = self.kept()
        self.check_clear(self.quell.post(CLOUDEVENTS, b"<a/>", "application/xml"), before)
        self.check_problem(self.quell.post(CLOUDEVENTS, b"x", "application/cloudevents+avro"), 415)

    def test_json_that_curl_calls_a_form(self):
        body = b'{"title": "disk is full", "host": "db-1", "severity": "critical"}'
        answer = self.quell.post("/ingest/generic", body, "application/x-www-form-urlencoded")
        self.assertEqual(json.loads(answer.body)["accepted"], 1, answer.body)

    def test_wrong_method(self):
        for path in JSON_ENDPOINTS[:4]:
            answer = self.quell.request("DELETE", path)
            self.check_problem(answer, 405)
            self.assertIn("POST", answer.headers["allow"])

    def test_unknown_path(self):
        self.check_problem(self.quell.get("/api/v1/nothing"), 404)
        self.check_problem(self.quell.post("/ingest/nothing", b"{}"), 404)

    def test_path_tricks(self):
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fetc/passwd",
                     "/%00", "/a" * 4000):
            answer = self.quell.get(path)
            self.assertNotIn(b"root:", answer.body)
            self.assertTrue(answer.status < 500, f"{path[:60]} {answer.status}")

    # Missing and strange fields of events that are otherwise good.

    def check_event(self, status=None, **changes):
        before = self.kept()
        body, content_type = structured(cloud_event(**changes))
        answer = self.quell.post(CLOUDEVENTS, body, content_type)
        self.check_clear(answer, before)
        if status:
            self.assertEqual(answer.status, status, answer.body)

    def test_missing_fields(self):
        self.check_event(status=400, id=None)
        self.check_event(status=400, source=None)
        self.check_event(status=400, type=None)
        self.check_event(status=400, specversion=None)

    def test_strange_fields(self):
        self.check_event(id="")
        self.check_event(specversion="7.0")
        self.check_event(time="yesterday")
        self.check_event(time="2026-13-45T99:99:99Z")
        self.check_event(id="x" * 1_000_000)

    def test_times_at_the_ends(self):
        for time in ("0001-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "1969-12-31T23:59:59Z",
                     "9999-12-31T23:59:59.999999999Z", "10000-01-01T00:00:00Z",
                     "2026-06-30T23:59:60Z", now(days=400), now(hours=2)):
            with self.subTest(time=time):
                self.check_event(time=time)

    def test_times_of_posted_events(self):
        def post(time, **more):
            event = {"title": "Times", "kind": "alert", "entity": "host/times", "time": time, **more}
            return self.quell.post("/api/v1/events", event)
        for time in ("9999-12-31T23:59:59Z", now(days=400), now(hours=2)):
            with self.subTest(time=time):
                answer = post(time)
                self.assertEqual(answer.status, 400, answer.body)
                self.assertIn(b"later than", answer.body)
        answer = post("0001-01-01T00:00:00Z")  # What some clients send for none.
        self.assertEqual(answer.status, 201, answer.body)
        self.assertGreater(json.loads(answer.body)["time"], now(hours=-1))

    def test_future_times_do_not_move_the_watermark(self):
        self.check_event(time="9999-12-31T23:59:59Z")
        self.check_event(time=now(days=30))
        self.quell.settle()
        watermark = self.quell.status()["watermark"]
        self.assertTrue(watermark is None or watermark < now(minutes=10), watermark)

    def test_alert_times_at_the_ends(self):
        for starts, ends in (("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
                             ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"),
                             (now(days=1), now(days=-1))):
            with self.subTest(starts=starts, ends=ends):
                answer = self.quell.post(ALERTS, [{"labels": {"alertname": "Times"},
                                                   "startsAt": starts, "endsAt": ends}])
                self.assertIn(answer.status, (200, 400), answer.body)

    # Too much of something.

    def check_labels_refused(self, labels, status=400):
        """`status`: of the API's own events, whose body has a limit of a megabyte."""
        for path, body in ((ALERTS, [{"labels": {"alertname": "Much", **labels}}]),
                           (CLOUDEVENTS, cloud_event(data={"labels": labels})),
                           ("/api/v1/events", {"title": "Much", "kind": "alert", "labels": labels})):
            with self.subTest(path=path, labels=len(labels)):
                answer = self.quell.post(path, body)
                wanted = status if path == "/api/v1/events" else 400
                self.assertEqual(answer.status, wanted, answer.body[:300])
                self.assertIn(b"label" if wanted == 400 else b"limit of 1048576", answer.body)
                self.assertLess(len(answer.body), 10_000)

    def test_label_flood(self):
        for count in (200, 10_000):
            self.check_labels_refused({f"label_{number}": "x" for number in range(count)})

    def test_huge_label_value(self):
        for size, status in ((9_000, 400), (900_000, 400), (2_000_000, 413)):
            self.check_labels_refused({"text": "x" * size}, status)

    def test_valid_alerts_beside_invalid_ones_are_kept(self):
        answer = self.quell.post(ALERTS, [
            {"labels": {"alertname": "Good"}}, {"labels": {}}, {"labels": {"": "x"}},
            {"labels": {"alertname": 7}},
            {"labels": {"alertname": "Also good"}}])
        self.assertEqual(answer.status, 400)
        self.quell.settle()
        names = sorted(one["labels"].get("alertname", "")
                       for one in self.quell.all_items("/api/v1/alerts"))
        self.assertEqual(names, ["Also good", "Good"])

    def send_chunks(self, head, chunks):
        """Sends until the server answers or all is sent; returns what it answers."""
        with contextlib.closing(self.connect()) as client:
            client.sendall(head)
            with contextlib.suppress(ConnectionError):
                for chunk in chunks:
                    client.sendall(chunk)
            return self.read_all(client)

    def connect(self):
        host, port = self.quell.address.split(":")
        return socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS)

    def read_all(self, client):
        received = b""
        with contextlib.suppress(ConnectionError):
            while chunk := client.recv(65536):
                received += chunk
        return received

    def test_body_of_100_megabytes(self):
        head = (f"POST {CLOUDEVENTS} HTTP/1.1\r\nHost: {self.quell.address}\r\nConnection: close\r\n"
                "Content-Type: application/cloudevents+json\r\n"
                f"Content-Length: {BODY_BYTES}\r\n\r\n").encode()
        received = self.send_chunks(head, [b" " * (1 << 20)] * (BODY_BYTES >> 20))
        self.assertIn(b" 413 ", received.split(b"\r\n")[0])
        self.assertIn(b"application/problem+json", received)

    def test_chunked_body_of_100_megabytes(self):
        head = (f"POST {CLOUDEVENTS} HTTP/1.1\r\nHost: {self.quell.address}\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        received = self.send_chunks(head, [chunk] * (BODY_BYTES >> 20))
        self.assertIn(b" 413 ", received.split(b"\r\n")[0])

    def test_gzip_bomb(self):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(512)) + packer.flush()
        answer = self.quell.post(CLOUDEVENTS, bomb, content_encoding="gzip")
        self.check_problem(answer, 413)

    def test_header_flood(self):
        head = (f"GET /healthz HTTP/1.1\r\nHost: {self.quell.address}\r\n"
                + "".join(f"X-{number}: {'x' * 100}\r\n" for number in range(5000)) + "\r\n")
        received = self.send_chunks(b"", [head.encode()])
        self.assertIn(received.split(b" ")[1], (b"431", b"400"))

    def test_long_lists_are_refused(self):
        self.check_problem(self.quell.get("/api/v1/events", limit="1000000"), 400)
        self.check_problem(self.quell.get("/api/v1/events", limit="-1"), 400)
        self.check_problem(self.quell.get("/api/v1/events", cursor="nonsense"), 400)
        self.check_problem(self.quell.get("/api/v1/alerts", filter="{{{"), 400)

    def test_matcher_with_a_costly_expression(self):
        answer = self.quell.get("/api/v1/alerts", filter='a=~"(x+x+)+y"')
        self.assertEqual(answer.status, 200, answer.body)

    # The same again, and lies.

    def test_duplicate_id_with_other_content(self):
        first = cloud_event(data={"title": "first"})
        for title in ("first", "second", "third"):
            body, content_type = structured({**first, "data": {"title": title}})
            answer = self.quell.post(CLOUDEVENTS, body, content_type)
            self.assertIn(answer.status, (200, 202, 204, 409), answer.body)
        self.quell.settle()
        found = [one for one in self.quell.events() if one["id"] == first["id"]]
        self.assertEqual([one["title"] for one in found], ["first"])
        self.assertEqual(self.quell.status()["deduplicated_total"], 2)

    def test_an_event_without_a_time_that_is_sent_again(self):
        event = cloud_event()
        letters = len(self.quell.all_items("/api/v1/deadletters"))
        for _ in range(3):
            answer = self.quell.post(CLOUDEVENTS, *structured(event))
            self.assertIn(answer.status, (200, 202, 204), answer.body)
        self.quell.settle()
        self.assertEqual(len([one for one in self.quell.events() if one["id"] == event["id"]]), 1)
        self.assertEqual(len(self.quell.all_items("/api/v1/deadletters")), letters)

    # Clients that behave badly.

    def test_half_requests(self):
        for half in (b"P", b"POST ", f"POST {CLOUDEVENTS} HTTP/1.1\r\nHost: x\r\n".encode(),
                     f"POST {CLOUDEVENTS} HTTP/1.1\r\nHost: {self.quell.address}\r\n"
                     "Content-Length: 100\r\n\r\n{\"half\":".encode()):
            with contextlib.closing(self.connect()) as client:
                client.sendall(half)
                client.shutdown(socket.SHUT_WR)
                received = self.read_all(client)
            self.assertTrue(received == b"" or received.split(b" ")[1].startswith(b"4"), received)

    def test_not_http(self):
        for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
                      b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00" * 10_000, b"GET\r\n\r\n",
                      b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with contextlib.closing(self.connect()) as client:
                with contextlib.suppress(ConnectionError):
                    client.sendall(noise)
                    client.shutdown(socket.SHUT_WR)
                received = self.read_all(client)
            self.assertTrue(received == b"" or received.split(b" ")[1][:1] in (b"4", b"5"), received)

    def test_smuggling(self):
        received = self.send_chunks(
            (f"POST {CLOUDEVENTS} HTTP/1.1\r\nHost: {self.quell.address}\r\nConnection: close\r\n"
             "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").encode(), [])
        self.assertEqual(received.split(b" ")[1][:1], b"4", received[:200])

    def test_slow_clients_do_not_stop_others(self):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(contextlib.closing(self.connect())) for _ in range(100)]
            for client in slow:
                client.sendall(b"POST /ingest/clo")
            self.assertEqual(self.quell.get("/healthz").status, 200)
            # The server ends the wait: with 408, or by closing.
            received = self.read_all(slow[0])
            self.assertTrue(received == b"" or b" 408 " in received, received)

    def test_thousands_of_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = CONNECTIONS + 200
        self.assertGreaterEqual(hard, wanted, "the machine allows too few open files")
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(contextlib.closing(self.connect()))
                       for _ in range(CONNECTIONS)]
            request = f"GET /healthz HTTP/1.1\r\nHost: {self.quell.address}\r\n\r\n".encode()
            for client in clients:
                client.sendall(request)
            for client in clients:
                self.assertIn(b" 200 ", client.recv(4096).split(b"\r\n")[0])

    def test_client_that_does_not_read_its_stream(self):
        with contextlib.closing(self.connect()) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(f"GET /api/v1/stream?topics=events HTTP/1.1\r\n"
                           f"Host: {self.quell.address}\r\nAccept: text/event-stream\r\n\r\n".encode())
            batch = [cloud_event(data={"title": "x" * 2000}) for _ in range(500)]
            for _ in range(10):
                for event in batch:
                    event["id"] = f"stream-{next(numbers)}"
                answer = self.quell.post(CLOUDEVENTS, batch, "application/cloudevents-batch+json")
                self.assertIn(answer.status, (200, 202, 204), answer.body)


class SignatureTest(AcceptanceTest):
    SECRET = "pd-secret"
    config = f"""
sources:
  - name: pagerduty
    kind: pagerduty
    secret: {SECRET}
"""

    def test_replayed_signature_doubles_nothing(self):
        quell = self.start_quell()
        body = json.dumps({"event": {
            "id": "01ABC", "event_type": "incident.triggered", "resource_type": "incident",
            "occurred_at": now(), "agent": None, "client": None,
            "data": {"id": "PGR0VU2", "type": "incident", "status": "triggered",
                     "title": "A little bump in the road", "urgency": "high", "number": 2,
                     "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
                     "service": {"id": "PF9KMXH", "summary": "API Service",
                                 "type": "service_reference"}}}}).encode()
        signature = "v1=" + hmac.new(self.SECRET.encode(), body, hashlib.sha256).hexdigest()
        for _ in range(3):
            answer = quell.request("POST", "/ingest/pagerduty", body, {
                "content-type": "application/json", "x-pagerduty-signature": signature})
            self.assertIn(answer.status, (200, 202, 204), answer.body)
        quell.settle()
        self.assertEqual(len(quell.events()), 1)
        wrong = quell.request("POST", "/ingest/pagerduty", body, {
            "content-type": "application/json", "x-pagerduty-signature": "v1=" + "0" * 64})
        self.check_problem(wrong, 401)


class DiskFullTest(AcceptanceTest):
    """A limit on the size of files stands for a full disk: it needs no root and can be lifted."""

    LIMIT_BYTES = 24 << 20  # The journal takes space in steps of 16 MiB.

    def test_disk_full(self):
        def limited():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.LIMIT_BYTES, hard))

        quell = self.start_quell(preexec=limited)
        accepted, refusal = [], None
        while not refusal:
            event = cloud_event(data={"title": "fills the disk", "text": "x" * 100_000})
            answer = quell.post(CLOUDEVENTS, *structured(event))
            if 200 <= answer.status < 300:
                accepted.append(event["id"])
                self.assertLess(len(accepted), 1000, "the disk does not get full")
            else:
                refusal = answer
        self.check_problem(refusal, 503)
        self.assertIn("the disk is full", refusal.body.decode())
        self.assertEqual(refusal.headers["retry-after"], "1")
        readiness = quell.get("/readyz")
        self.assertEqual(readiness.status, 503)
        self.assertIn(b"the disk is full", readiness.body)
        quell.process.wait_for_line("the journal accepts nothing")
        metrics = quell.get("/metrics").body.decode()
        self.assertRegex(metrics, r'quell_ingest_refused_total{source="cloudevents"} [1-9]')
        self.assertRegex(metrics, r"quell_journal_refused_frames_total [1-9]")
        self.assertEqual(quell.get("/healthz").status, 200)
        self.assertEqual(quell.get("/api/v1/events").status, 200)

        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(quell.process.pid, resource.RLIMIT_FSIZE, unlimited)
        quell.process.wait_for_line("the journal works again")  # Without anybody sending.
        deadline = time.monotonic() + DEADLINE_SECONDS  # The store may have failed too.
        while quell.get("/readyz").status != 200:
            self.assertLess(time.monotonic(), deadline, "not ready again")
            quell.process.wait_for_news(POLL_SECONDS)
        event = cloud_event()
        answer = quell.post(CLOUDEVENTS, *structured(event))
        self.assertIn(answer.status, (200, 202, 204), answer.body)
        accepted.append(event["id"])
        quell.kill()
        quell = self.start_quell_again(quell)
        found = {one["id"] for one in quell.events()}
        self.assertEqual(set(accepted) - found, set())

    def start_quell_again(self, quell):
        quell.preexec = None
        quell.start()
        quell.settle()
        return quell
