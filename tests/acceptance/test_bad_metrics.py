"""Metrics that are wrong, strange or too many: each a clear answer, bounded memory, and the series that
were there before go on. Single wrong requests of remote write are in test_remote_write."""
import math
import re
import struct
import time

from harness import AcceptanceTest, parse_json
from protobuf import message, series, snappy, snappy_of_zeros, varint

WRITE = "/api/v1/write"
OTLP = "/v1/metrics"
STALE = struct.unpack("<d", struct.pack("<Q", 0x7ff0000000000002))[0]


def now_ms():
    return int(time.time() * 1000)


def values_of(metric):
    return [value for one in metric["series"] for _, value in one["samples"]]


class BadMetricsTest(AcceptanceTest):
    config = "metrics: {series_max: 20000}"

    def setUp(self):
        super().setUp()
        self.quell = self.start_quell()
        self.began = now_ms()
        self.rounds = 0
        self.write_good()

    def tearDown(self):
        """What was there before goes on, in the same process."""
        self.write_good()
        good = self.quell.wait_for_metric("good", lambda m: len(values_of(m)) == self.rounds)
        self.assertEqual(values_of(good), list(range(1, self.rounds + 1)))
        self.assertTrue(self.quell.process.running(), self.quell.process.log())

    def write(self, body):
        return self.quell.request("POST", WRITE, body, {
            "content-type": "application/x-protobuf", "content-encoding": "snappy"})

    def write_good(self):
        self.rounds += 1
        labels = [("__name__", "good"), ("host", "db-1")]
        body = series(labels, [(self.rounds, self.began + self.rounds)])
        self.assertEqual(self.write(snappy(body)).status, 204)

    def check_refused(self, body, status, pattern):
        answer = self.write(body)
        self.assertEqual(answer.status, status, answer.body[:500])
        self.assertRegex(answer.body.decode(), pattern)

    def resident_mb(self):
        with open(f"/proc/{self.quell.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) // 1024

    def test_blocks_that_unpack_to_too_much(self):
        before = self.resident_mb()
        self.check_refused(varint((1 << 32) - 1) + b"\x00", 400, "unpacks to 4294967295 bytes, the limit")
        self.check_refused(varint(1 << 60) + b"\x00", 400, "no snappy block")
        self.check_refused(snappy_of_zeros(1 << 29), 400, "unpacks to 536870912 bytes, the limit")
        self.check_refused(snappy_of_zeros(100 << 20), 400, "no protobuf message")
        self.check_refused(varint(1 << 20) + b"\x00a", 400, "damaged or cut off")
        self.assertLess(self.resident_mb() - before, 200)

    def test_messages_inside_of_messages(self):
        value = message(1, b"deep")
        for _ in range(2000):
            value = message(6, message(1, message(1, b"k") + message(2, value)))
        attribute = message(1, b"a") + message(2, value)
        body = message(1, message(1, message(1, attribute)))
        answer = self.quell.post(OTLP, body, "application/x-protobuf")
        self.assertEqual(answer.status, 400, answer.body)
        self.assertRegex(answer.body, b"nested too deeply")

    def test_lengths_that_lie(self):
        for field in (1, 3):
            body = varint(field << 3 | 2) + varint(1 << 31) + b"x"
            self.check_refused(snappy(body), 400, "no protobuf message")
        body = series([("__name__", "lie")], [(1, self.began)])
        for end in range(1, len(body), 7):
            self.check_refused(snappy(body[:end]), 400, "no protobuf message")

    def test_a_storm_of_no_numbers(self):
        strange = [math.nan, math.inf, -math.inf, STALE]
        for number in range(20):
            body = b"".join(
                series([("__name__", "storm"), ("host", f"h{i}")],
                       [(strange[(i + k) % 4], self.began + 1000 * number + k) for k in range(4)])
                for i in range(500))
            self.assertEqual(self.write(snappy(body)).status, 204)
        self.quell.settle()
        self.assertEqual(self.quell.all_items("/api/v1/findings"), [])
        self.assertEqual(self.quell.all_items("/api/v1/deadletters"), [])

    def test_intervals_that_change(self):
        steps = [1, 1, 15, 1, 300, 1, 60, 1, 3600, 1] * 8
        times, at = [], self.began - 1000 * sum(steps)
        for step in steps:
            at += 1000 * step
            times.append(at)
        labels = [("__name__", "uneven"), ("host", "db-1")]
        samples = [(float(i), t) for i, t in enumerate(times)]
        # Out of order within the request, and the same request twice.
        body = snappy(series(labels, samples[1::2] + samples[::2]))
        self.assertEqual(self.write(body).status, 204)
        self.assertEqual(self.write(body).status, 204)
        since = f"{sum(steps) + 3600}s"
        uneven = self.quell.wait_for_metric("uneven", lambda m: m["series"], since=since)
        self.assertEqual(values_of(uneven), [value for value, _ in samples])

    def test_a_flood_of_new_series(self):
        flood = 30
        before = None
        refused = 0
        for number in range(flood):
            body = b"".join(series([("__name__", "flood"), ("id", f"{number}-{i}")],
                                   [(1, self.began)]) for i in range(5000))
            answer = self.write(snappy(body))
            if answer.status == 204:
                self.assertLess(number, 4)
                continue
            self.assertEqual(answer.status, 400, answer.body[:500])
            self.assertRegex(answer.body.decode(), "20000 series")
            refused += 1
            before = before or self.resident_mb()
        self.assertGreaterEqual(refused, flood - 4)
        self.assertLess(self.resident_mb() - before, 50)
        source = parse_json(self.quell.get("/api/v1/series"))["sources"][0]
        self.assertEqual((source["series"], source["series_max"]), (20000, 20000))
        self.assertEqual(source["top_metrics"][0]["metric"], "flood")
