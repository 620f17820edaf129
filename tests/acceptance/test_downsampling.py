"""Samples that are older than `retention.metrics_raw` are read as points of five minutes."""
import datetime
import json
import random
import time

from harness import DEADLINE_SECONDS, POLL_SECONDS, AcceptanceTest, parse_json

INTERVAL = 10
COUNT = 1080  # Three hours.
POINT = 300


class DownsamplingTest(AcceptanceTest):
    config = "{retention: {metrics_raw: 1s}, metrics: {sample_memory: 1MB}}"

    def post(self, quell, metric, points):
        lines = [json.dumps({"host": "a", "metric": metric, "value": value, "ts_event": second * 1000})
                 for second, value in points]
        answer = quell.post("/ingest/agent", "\n".join(lines) + "\n", "application/x-ndjson")
        self.assertEqual(answer.status // 100, 2, answer.body)

    def downsampled(self, quell):
        name = "quell_metrics_chunks_downsampled_total "
        lines = quell.get("/metrics").body
        text = lines.decode() if isinstance(lines, bytes) else lines
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def wait_until_downsampled(self, quell):
        """What is old is looked for with commits, which samples of another metric lead to."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.downsampled(quell) == 0:
            self.assertLess(time.monotonic(), deadline, quell.process.log()[-2000:])
            self.post(quell, "other", [(int(time.time()), 1)])
            quell.process.wait_for_news(POLL_SECONDS)

    def fill_memory(self, quell):
        """What is in memory is read as it came, so others take its place."""
        noise = random.Random(1)
        now = int(time.time())
        for metric in range(20):
            self.post(quell, f"noise_{metric}",
                      [(now - 10_000 + i, noise.random()) for i in range(10_000)])

    def test_what_is_old_is_read_as_points_of_five_minutes(self):
        quell = self.start_quell()
        # From the beginning of a point on.
        first = (int(time.time()) - COUNT * INTERVAL) // POINT * POINT
        points = [(first + i * INTERVAL, i % 30) for i in range(COUNT)]
        self.post(quell, "load", points)
        self.fill_memory(quell)
        self.wait_until_downsampled(quell)
        since = datetime.datetime.fromtimestamp(first, datetime.timezone.utc).isoformat()
        [series] = quell.metric("load", since=since)["series"]
        self.assertGreater(len(series["rollups"]), 6)
        for begin, end, count, low, high, mean, last in series["rollups"][:6]:
            self.assertEqual((count, low, high, mean, last), (30, 0, 29, 14.5, 29))
            self.assertEqual((begin // 1000 - first) % POINT, 0)
            self.assertEqual(end - begin, (POINT - INTERVAL) * 1000)
        # Whatever has become a point, no sample is lost, and none is there twice.
        kept = sum(one[2] for one in series["rollups"]) + len(series["samples"])
        self.assertEqual(kept, COUNT)
        answer = parse_json(quell.get("/api/v1/query_range", query="load", start=first,
                                      end=first + 1800, step=300))
        [info] = answer["infos"]
        self.assertRegex(info, r"^samples until \S+ are kept as points of five minutes "
                               r"\(retention\.metrics_raw\)$")
        [line] = answer["data"]["result"]
        self.assertEqual(len(line["values"]), 7)
        answer = parse_json(quell.get("/api/v1/query", query="avg_over_time(load[5m])",
                                      time=first + 600 - 1))
        self.assertAlmostEqual(float(answer["data"]["result"][0]["value"][1]), 14.5, delta=0.6)
        self.assertTrue(answer["infos"])
