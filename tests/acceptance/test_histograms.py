"""Histograms: what Debian's Prometheus scrapes natively is classic here, and quantiles follow."""
import itertools
import math

from harness import AcceptanceTest, ScrapeTarget, parse_json
from protobuf import double, message, number, varint, zigzag


def native_histogram(name, schema, counts, total):
    """io.prometheus.client.MetricFamily of one native histogram: {index: count}."""
    histogram = number(1, sum(counts.values())) + double(2, total) + number(5, zigzag(schema))
    histogram += double(6, 1e-9) + number(7, 0)
    last_index, last_count = None, 0
    spans, deltas = [], b""
    for index in sorted(counts):
        if last_index is not None and index == last_index + 1:
            spans[-1][1] += 1
        else:
            spans.append([index if last_index is None else index - last_index - 1, 1])
        deltas += number(13, zigzag(counts[index] - last_count))
        last_index, last_count = index, counts[index]
    for offset, length in spans:
        histogram += message(12, number(1, zigzag(offset)) + number(2, length))
    histogram += deltas
    family = message(1, name.encode()) + message(2, b"Help.") + number(3, 4)
    family += message(4, message(1, message(1, b"route") + message(2, b"/buy")) +
                      message(7, histogram))
    return varint(len(family)) + family


class NativeTarget(ScrapeTarget):
    """A native histogram of scale 3, to which each scrape adds."""

    content_type = ("application/vnd.google.protobuf; "
                    "proto=io.prometheus.client.MetricFamily; encoding=delimited")

    def __init__(self):
        self.counts = {}
        self.sum = 0.0
        self.observe = lambda: []  # What the next scrape adds: values in seconds.
        super().__init__()

    def body(self):
        for value in self.observe():
            index = math.ceil(math.log2(value) * 8)
            self.counts[index] = self.counts.get(index, 0) + 1
            self.sum += value
        return native_histogram("shop_duration_seconds", 3, self.counts, self.sum)


class HistogramTest(AcceptanceTest):
    config = ""

    def value(self, server, query, time):
        data = parse_json(server.get("/api/v1/query", query=query, time=time))["data"]["result"]
        self.assertEqual(len(data), 1, (query, data))
        return float(data[0]["value"][1])

    def last_time(self, server, series):
        answer = parse_json(server.get("/api/v1/query", query=f"{series}[1m]"))
        return answer["data"]["result"][0]["values"][-1][0]

    def test_native_histograms_of_prometheus(self):
        quell = self.start_quell()
        target = NativeTarget()
        self.addCleanup(target.close)
        scrapes = [0]

        def observe():
            scrapes[0] += 1
            # 3 ms to 0.5 s, by turns, and one in twenty of two seconds.
            return [0.003 * 1.3 ** ((scrapes[0] + i) % 20) for i in range(19)] + [2.0]

        target.observe = observe
        prometheus = self.start_prometheus(target.address, "groups: []", quell.address,
                                           f"http://{quell.address}/api/v1/write", True)
        quell.wait_for_metric("shop_duration_seconds_count",
                              lambda m: m["series"] and len(m["series"][0]["samples"]) >= 20)
        end = min(self.last_time(quell, "shop_duration_seconds_count"), self.last_time(prometheus, "up"))
        for quantile in (0.1, 0.5, 0.9, 0.99):
            for function in ("rate", "increase"):
                theirs = self.value(prometheus, f"histogram_quantile({quantile}, "
                                    f"{function}(shop_duration_seconds[3s]))", end)
                ours = self.value(quell, f"histogram_quantile({quantile}, "
                                  f"{function}(shop_duration_seconds_bucket[3s]))", end)
                # Both lie within the octave, as fine as the buckets are.
                self.assertLessEqual(abs(math.log2(ours / theirs)), 1, (quantile, ours, theirs))
        # What is counted up to a power of two is exact.
        rate = self.value(prometheus, "histogram_count(rate(shop_duration_seconds[3s]))", end)
        share = self.value(quell, 'rate(shop_duration_seconds_bucket{le="1"}[3s])', end) / rate
        self.assertAlmostEqual(share, 0.95, 6)
        self.assertAlmostEqual(self.value(quell, "rate(shop_duration_seconds_count[3s])", end) / rate,
                               1, 6)
        self.assertAlmostEqual(
            self.value(quell, "rate(shop_duration_seconds_sum[3s])", end) /
            self.value(prometheus, "histogram_sum(rate(shop_duration_seconds[3s]))", end), 1, 6)
        buckets = quell.metric("shop_duration_seconds_bucket")
        self.assertEqual(buckets["kind"], "counter")
        self.assertLessEqual(buckets["matched"], 19, "0, 2^-12 to 2^4, and the infinite one")
        failed = [line for line in prometheus.get("/metrics").body.decode().splitlines()
                  if line.startswith("prometheus_remote_storage_histograms_failed_total{")]
        self.assertEqual([float(line.split()[-1]) for line in failed], [0.0])
        p99 = quell.metric("shop_duration_seconds:p99")["series"][0]
        self.assertEqual(p99["labels"]["route"], "/buy")
        self.assertTrue(all(1 < value <= 2 for _, value in p99["samples"]), p99["samples"])
        # The target goes: all of its series end, also the buckets, of which the sender says nothing.
        target.close()
        for ending in ("_count", "_bucket", ":p99"):
            quell.wait_for_metric("shop_duration_seconds" + ending, lambda m: all(
                series["samples"][-1][1] is None for series in m["series"]))
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])

    def test_quantiles_are_those_of_prometheus(self):
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        scrapes = [0]
        counts = [0] * 4

        def more():
            scrapes[0] += 1
            if scrapes[0] == 15:
                counts[:] = [0] * 4  # The process begins anew.
            for i, n in enumerate((7, 5, scrapes[0] % 5, scrapes[0] % 3)):
                counts[i] += n
            text = "# TYPE shop_duration_seconds histogram\n"
            for bound, count in zip(("0.1", "0.5", "2.5", "+Inf"), itertools.accumulate(counts)):
                text += f'shop_duration_seconds_bucket{{route="/buy",le="{bound}"}} {count}\n'
            return text + (f'shop_duration_seconds_sum{{route="/buy"}} {sum(counts) / 3}\n'
                           f'shop_duration_seconds_count{{route="/buy"}} {sum(counts)}\n')

        gauge.more = more
        prometheus = self.start_prometheus(gauge.address, "groups: []", quell.address,
                                           f"http://{quell.address}/api/v1/write")
        for name, quantile in (("p50", 0.5), ("p99", 0.99)):
            metric = quell.wait_for_metric(f"shop_duration_seconds:{name}",
                                           lambda m: m["series"] and len(m["series"][0]["samples"]) >= 25)
            self.assertEqual(metric["matched"], 1)
            for time, value in metric["series"][0]["samples"]:
                # Of the last two samples: what lies between them.
                theirs = self.value(prometheus, f"histogram_quantile({quantile}, irate("
                                    "shop_duration_seconds_bucket[2s]))", time / 1000)
                self.assertAlmostEqual(value / theirs, 1, 9, (name, time))
