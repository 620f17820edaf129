"""/api/v1/ws of the real server: what changes arrives, who may not listen is told, and what is no
WebSocket frame ends the connection and nothing else."""
import base64
import contextlib
import http.client
import json
import os
import socket

from harness import DEADLINE_SECONDS, AcceptanceTest, Answer, parse_json

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, PROTOCOL_ERROR, UNKNOWN_DATA, BAD_PAYLOAD, TOO_BIG = 1000, 1002, 1003, 1007, 1009
MESSAGE_BYTES_MAX = 64 * 1024
TOKENS = """
server:
  tokens:
    - {name: screen, role: read, token: this-one-may-read}
    - {name: sender, role: ingest, token: this-one-may-send}
"""


class WebSocket:
    """A client of RFC 6455 that sends what it is told, also what no client may."""

    def __init__(self, address, path="/api/v1/ws", **headers):
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        wanted = {"Host": address, "Connection": "Upgrade", "Upgrade": "websocket",
                  "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key, **headers}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in wanted.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._response = http.client.HTTPResponse(self._socket, method="GET")
        self._response.begin()
        self._bytes = self._response.fp
        fields = {name.lower(): value for name, value in self._response.getheaders()}
        is_open = self._response.status == 101
        self.answer = Answer(self._response.status, fields, b"" if is_open else self._response.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._response.close()
        self._socket.close()

    def send(self, opcode, payload=b"", flags=0x80, masked=True):
        mask = os.urandom(4) if masked else b""
        size = len(payload)
        head = bytes([flags | opcode])
        if size < 126:
            head += bytes([(0x80 if masked else 0) | size])
        else:
            head += bytes([(0x80 if masked else 0) | 127]) + size.to_bytes(8, "big")
        if masked:
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # It may be closed by now.
            self._socket.sendall(head + mask + payload)

    def receive(self):
        """The next frame as (opcode, payload); None when the server has ended the connection."""
        head = self._bytes.read(2)
        if not head:
            return None
        size = head[1]  # Never masked by a server.
        if size == 126:
            size = int.from_bytes(self._bytes.read(2), "big")
        elif size == 127:
            size = int.from_bytes(self._bytes.read(8), "big")
        return head[0] & 0x0F, self._bytes.read(size)

    def receive_but(self, *ignored):
        """The next frame whose opcode is none of these."""
        while True:
            frame = self.receive()
            if frame is None or frame[0] not in ignored:
                return frame

    def next_event(self, name, wanted=lambda data: True):
        """The next message of this name for which `wanted(data)` holds."""
        while True:
            frame = self.receive_but(PING)
            if frame is None or frame[0] != TEXT:
                raise AssertionError(f"no {name!r}, but {frame}")
            message = json.loads(frame[1])
            if message["event"] == name and wanted(message["data"]):
                return message


class WebSocketTest(AcceptanceTest):
    def post_alert(self, quell, number, **headers):
        event = {"specversion": "1.0", "id": str(number), "source": "/ws", "type": "disk.alert",
                 "subject": f"node:db-{number}", "severity": "critical",
                 "data": {"title": "disk full", "labels": {"alertname": f"DiskFull{number}"}}}
        answer = quell.post("/ingest/cloudevents", event, "application/cloudevents+json", **headers)
        self.assertEqual(answer.status // 100, 2, answer.body)

    def open(self, quell, path="/api/v1/ws", **headers):
        client = self.enterContext(WebSocket(quell.address, path, **headers))
        self.assertEqual(client.answer.status, 101, client.answer.body)
        return client

    def check_still_works(self, quell, number):
        client = self.open(quell)
        self.post_alert(quell, number)
        client.next_event("incident", lambda data: f"node:db-{number}" in data["entities"])

    def test_changes_arrive(self):
        quell = self.start_quell()
        client = self.open(quell, "/api/v1/ws?topics=incidents,alerts,events")
        self.post_alert(quell, 1)
        seen = [client.next_event(name) for name in ("incident", "alert", "event")]
        incident, alert, event = (message["data"] for message in seen)
        self.assertEqual(incident["status"], "open")
        self.assertEqual((alert["entity"], alert["incident"]), ("node:db-1", incident["id"]))
        self.assertEqual((event["id"], event["title"]), ("1", "disk full"))
        ids = [message["id"] for message in seen]
        self.assertEqual(ids, sorted(set(ids)))

        done = quell.post(f"/api/v1/incidents/{incident['id']}/ack", {"actor": "ana"})
        self.assertEqual(done.status, 200, done.body)
        client.next_event("incident", lambda data: data["status"] == "acknowledged")
        resumed = self.open(quell, f"/api/v1/ws?topics=incidents,alerts,events&last_event_id={ids[0]}")
        self.assertEqual(resumed.next_event("alert")["id"], seen[1]["id"])

    def test_ping_and_close(self):
        quell = self.start_quell()
        client = self.open(quell)
        client.send(PING, b"are you there")
        self.assertEqual(client.receive_but(TEXT), (PONG, b"are you there"))
        client.send(CLOSE, NORMAL.to_bytes(2, "big"))
        opcode, payload = client.receive_but(TEXT)
        self.assertEqual((opcode, int.from_bytes(payload[:2], "big")), (CLOSE, NORMAL))
        self.assertIsNone(client.receive())

    def check_refused(self, status, quell, path="/api/v1/ws", **headers):
        with WebSocket(quell.address, path, **headers) as client:
            return self.check_problem(client.answer, status)

    def test_who_may_listen(self):
        quell = self.start_quell(config=TOKENS)
        self.check_refused(401, quell)
        self.check_refused(401, quell, Authorization="Bearer wrong")
        self.check_refused(401, quell, "/api/v1/ws?token=wrong")
        self.check_refused(403, quell, Authorization="Bearer this-one-may-send")
        cookie = {"Cookie": "quell_token=this-one-may-read"}
        problem = self.check_refused(403, quell, Origin="https://evil.example", **cookie)
        self.assertIn("https://evil.example", problem["detail"])
        self.check_refused(403, quell, Origin="null", **cookie)

        own = {"Origin": f"http://{quell.address}", **cookie}
        for client in (self.open(quell, **own), self.open(quell, "/api/v1/ws?token=this-one-may-read"),
                       self.open(quell, Authorization="Bearer this-one-may-read")):
            client.send(PING, b"?")
            self.assertEqual(client.receive_but(TEXT), (PONG, b"?"))
        self.post_alert(quell, 1, authorization="Bearer this-one-may-send")

    def test_what_is_no_frame_ends_the_connection(self):
        quell = self.start_quell()
        cases = [(PROTOCOL_ERROR, [(TEXT, b"not masked", 0x80, False)]),
                 (PROTOCOL_ERROR, [(3, b"no such opcode")]),
                 (PROTOCOL_ERROR, [(TEXT, b"a reserved bit", 0xC0)]),
                 (PROTOCOL_ERROR, [(CONTINUATION, b"of nothing")]),
                 (PROTOCOL_ERROR, [(TEXT, b"one", 0), (TEXT, b"and another one")]),
                 (PROTOCOL_ERROR, [(PING, b"x" * 126)]),
                 (PROTOCOL_ERROR, [(CLOSE, (1005).to_bytes(2, "big"))]),
                 (BAD_PAYLOAD, [(TEXT, b"\xff\xfe")]),
                 (UNKNOWN_DATA, [(BINARY, b"bytes")]),
                 (TOO_BIG, [(TEXT, b"x" * (MESSAGE_BYTES_MAX + 1))])]
        for number, (code, frames) in enumerate(cases):
            with self.subTest(frames[0][1][:20]):
                client = self.open(quell)
                for frame in frames:
                    client.send(*frame)
                opcode, payload = client.receive_but(TEXT)
                self.assertEqual((opcode, int.from_bytes(payload[:2], "big")), (CLOSE, code))
                client.send(CLOSE, payload[:2])
                self.assertIsNone(client.receive())
                self.check_still_works(quell, number)
        self.assertEqual(parse_json(quell.get("/api/v1/status"))["dead_letters"], 0)
