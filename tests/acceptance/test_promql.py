"""Grafana's queries, answered by Quell and by Debian's Prometheus over the same samples."""
import json
import math
import threading
import urllib.parse

from harness import DEADLINE_SECONDS, AcceptanceTest, parse_json

HISTOGRAM = """# TYPE shop_duration_seconds histogram
shop_duration_seconds_bucket{{route="{route}",le="0.1"}} {fast}
shop_duration_seconds_bucket{{route="{route}",le="0.5"}} {medium}
shop_duration_seconds_bucket{{route="{route}",le="+Inf"}} {all}
shop_duration_seconds_sum{{route="{route}"}} {sum}
shop_duration_seconds_count{{route="{route}"}} {all}
"""

QUERIES = """
up
shop_queue_length
shop_queue_length{job="shop"}
shop_queue_length{job!="shop"}
{__name__=~"shop_.*_total", code=~"2..|5.."}
shop_requests_total{code!~"2.*"}
shop_queue_length offset 1s
shop_queue_length offset 1h
rate(shop_requests_total[2s])
rate(shop_requests_total[1s] offset 500ms)
increase(shop_requests_total[3s])
irate(shop_requests_total[2s])
delta(shop_queue_length[2s])
increase(shop_restarts_total[4s])
rate(shop_restarts_total[2s])
sum(rate(shop_requests_total[2s]))
sum by (code) (rate(shop_requests_total[2s]))
avg without (instance, job, cluster) (rate(shop_requests_total[2s]))
max by (code) (shop_requests_total)
min(shop_requests_total)
count by (job) (shop_requests_total)
histogram_quantile(0.5, rate(shop_duration_seconds_bucket[2s]))
histogram_quantile(0.95, sum by (le) (rate(shop_duration_seconds_bucket[2s])))
histogram_quantile(0.99, sum by (le, route) (increase(shop_duration_seconds_bucket[3s])))
sum(rate(shop_requests_total{code="500"}[2s])) / sum(rate(shop_requests_total[2s]))
sum by (code) (shop_requests_total) / on (code) sum by (code) (shop_restarts_total)
shop_requests_total * 2 + 1
-shop_queue_length ^ 2
100 * shop_queue_length % 7
shop_requests_total > 30
shop_requests_total > bool 30
shop_requests_total == shop_requests_total
avg_over_time(shop_queue_length[2s])
min_over_time(shop_queue_length[2s])
max_over_time(shop_queue_length[2s])
sum_over_time(shop_queue_length[2s])
count_over_time(shop_queue_length[2s])
last_over_time(shop_queue_length[2s])
1 + 1
2 ^ 3 ^ 0.5
1 / 0
nothing_of_that_name
""".strip().splitlines()

REFUSED = ["sum(", "rate(shop_queue_length)", "{}", "a{b=~\"(\"}", "1 > 2", "sum(a[5m])"]
NOT_HERE = ["topk(1, up)", "predict_linear(up[5m], 60)", "up and up", "up @ 1",
            "max_over_time(rate(up[1m])[5m:1m])"]


def number(text):
    return float(text.replace("Inf", "inf"))


class PromqlTest(AcceptanceTest):
    config = ""

    def start_both(self):
        """A scraped shop that is busy, Prometheus that scrapes it, and Quell that it writes to."""
        quell = self.start_quell()
        gauge = self.start_gauge("shop_queue_length")
        scrapes = [0]

        def more():
            scrapes[0] += 1
            n = scrapes[0]
            gauge.value = 50 + 40 * math.sin(n / 3)
            text = "# TYPE shop_requests_total counter\n# TYPE shop_restarts_total counter\n"
            for code, factor in (("200", 7), ("404", 2), ("500", 0.5)):
                text += f'shop_requests_total{{code="{code}"}} {n * factor}\n'
            text += f'shop_restarts_total{{code="200"}} {n % 7 * 3}\n'  # Begins anew.
            for route, slow in (("/buy", 3), ("/look", 1)):
                text += HISTOGRAM.format(route=route, fast=n * 4, medium=n * 6, all=n * (6 + slow),
                                         sum=n * slow)
            return text

        gauge.more = more
        prometheus = self.start_prometheus(gauge.address, "groups: []", quell.address,
                                           f"http://{quell.address}/api/v1/write")
        # Enough for every range, on both sides.
        quell.wait_for_metric("shop_requests_total",
                              lambda m: m["series"] and len(m["series"][0]["samples"]) >= 40)
        return quell, prometheus

    def last_time(self, server):
        answer = parse_json(server.get("/api/v1/query", query="shop_queue_length[1m]"))
        return answer["data"]["result"][0]["values"][-1][0]

    def ask(self, server, path, **query):
        answer = server.get(path, **query)
        body = parse_json(answer)
        self.assertEqual(answer.status, 200, (query, body))
        self.assertEqual(body["status"], "success")
        return body["data"]

    def check_values(self, ours, theirs, what):
        self.assertEqual(len(ours), len(theirs), what)
        for (our_time, our_value), (their_time, their_value) in zip(ours, theirs):
            self.assertEqual(our_time, their_time, what)
            if number(our_value) != number(their_value) and our_value != their_value:
                self.assertAlmostEqual(number(our_value) / number(their_value), 1, 9, what)

    def without_cluster(self, metric):
        """Remote write adds the external label, which Prometheus' own answers do not have."""
        return tuple(sorted((k, v) for k, v in metric.items() if k != "cluster"))

    def check_same(self, quell, prometheus, path, **query):
        ours = self.ask(quell, path, **query)
        theirs = self.ask(prometheus, path, **query)
        self.assertEqual(ours["resultType"], theirs["resultType"], query)
        if ours["resultType"] == "scalar":
            return self.check_values([ours["result"]], [theirs["result"]], query)
        by_labels = [{self.without_cluster(one["metric"]): one for one in data["result"]}
                     for data in (ours, theirs)]
        self.assertEqual(set(by_labels[0]), set(by_labels[1]), query)
        for labels, one in by_labels[0].items():
            other = by_labels[1][labels]
            self.check_values(one.get("values", [one.get("value")]),
                              other.get("values", [other.get("value")]), (query, labels))

    def test_same_answers_as_prometheus(self):
        quell, prometheus = self.start_both()
        end = min(self.last_time(quell), self.last_time(prometheus))
        for query in QUERIES:
            self.check_same(quell, prometheus, "/api/v1/query", query=query, time=end)
            self.check_same(quell, prometheus, "/api/v1/query_range", query=query,
                            start=end - 6, end=end, step="0.25")
        self.check_same(quell, prometheus, "/api/v1/query", query="shop_requests_total[2s]", time=end)

    def test_same_refusals_as_prometheus(self):
        quell, prometheus = self.start_both()
        for query in REFUSED:
            ours, theirs = (server.get("/api/v1/query", query=query) for server in (quell, prometheus))
            self.assertEqual((ours.status, theirs.status), (400, 400), query)
            self.assertEqual(parse_json(ours)["errorType"], parse_json(theirs)["errorType"])
            self.assertEqual(parse_json(ours)["status"], "error")
        for query in NOT_HERE:
            ours = quell.get("/api/v1/query", query=query)
            self.assertEqual(ours.status, 400, query)
            self.assertIn("is not in the subset of PromQL that is answered here",
                          parse_json(ours)["error"])
        for start, end, step in ((0, 20000, 1), (10, 0, 1), (0, 10, 0), (0, 10, "x"), ("x", 10, 1)):
            ours, theirs = (server.get("/api/v1/query_range", query="up", start=start, end=end, step=step)
                            for server in (quell, prometheus))
            self.assertEqual((ours.status, theirs.status), (400, 400))
            self.assertEqual(parse_json(ours)["errorType"], parse_json(theirs)["errorType"])
        clash = "shop_requests_total + ignoring (code) shop_queue_length"
        ours, theirs = (server.get("/api/v1/query", query=clash) for server in (quell, prometheus))
        self.assertEqual((ours.status, theirs.status), (422, 422))

    def test_what_grafana_asks_besides(self):
        quell, prometheus = self.start_both()
        labels = [name for name in self.ask(quell, "/api/v1/labels") if name != "cluster"]
        self.assertEqual(labels, self.ask(prometheus, "/api/v1/labels"))
        for name in ("job", "code", "le", "nothing"):
            path = f"/api/v1/label/{name}/values"
            self.assertEqual(self.ask(quell, path), self.ask(prometheus, path))
        match = {"match[]": 'shop_requests_total{code="200"}'}
        self.assertEqual(self.ask(quell, "/api/v1/label/code/values", **match), ["200"])
        self.assertEqual([self.without_cluster(one) for one in self.ask(quell, "/api/v1/series", **match)],
                         [self.without_cluster(one) for one in self.ask(prometheus, "/api/v1/series", **match)])
        self.assertIn("sources", parse_json(quell.get("/api/v1/series")))  # The report.
        quell.wait_for_metric("shop_queue_length", lambda m: m["help"])
        self.assertEqual(self.ask(quell, "/api/v1/metadata", metric="shop_queue_length"),
                         self.ask(prometheus, "/api/v1/metadata", metric="shop_queue_length"))
        self.assertIn("version", self.ask(quell, "/api/v1/status/buildinfo"))
        form = urllib.parse.urlencode({"query": "sum(up)", "time": self.last_time(quell)})
        posted = quell.post("/api/v1/query", form, "application/x-www-form-urlencoded")
        self.assertEqual(parse_json(posted)["data"]["result"][0]["value"][1], "1")
        posted = quell.post("/api/v1/series", urllib.parse.urlencode(match),
                            "application/x-www-form-urlencoded")
        self.assertEqual(len(parse_json(posted)["data"]), 1)
        other = quell.get("/api/v1/query", query="up", tenant="other")
        self.assertEqual(parse_json(other)["data"]["result"], [])
        self.assertEqual(json.loads(quell.get("/api/v1/series", **{"match[]": "{}"}).body)["errorType"],
                         "bad_data")

    def test_older_history_is_asked_for_upstream(self):
        gauge = self.start_gauge("shop_queue_length")
        scraped = threading.Event()
        gauge.more = lambda: scraped.set() or ""
        prometheus = self.start_prometheus(gauge.address, "groups: []", "127.0.0.1:1")
        quell = self.start_quell(f"metrics: {{upstream: 'http://{prometheus.address}/'}}\n")
        while not self.ask(prometheus, "/api/v1/query", query="up")["result"]:
            scraped.clear()
            self.assertTrue(scraped.wait(DEADLINE_SECONDS))
        now = float(parse_json(prometheus.get("/api/v1/query", query="time()"))["data"]["result"][1])
        old = {"query": "up", "start": now - 31 * 86400, "end": now, "step": 600}
        recent = {**old, "start": now - 3600}
        theirs = prometheus.get("/api/v1/query_range", **old)
        ours = quell.get("/api/v1/query_range", **old)
        self.assertEqual((ours.status, ours.body), (200, theirs.body))
        self.assertTrue(parse_json(ours)["data"]["result"])
        self.assertEqual(ours.headers["quell-answered-by"], "upstream")
        posted = quell.post("/api/v1/query_range", urllib.parse.urlencode(old),
                            "application/x-www-form-urlencoded")
        self.assertEqual(posted.body, theirs.body)
        self.assertEqual(self.ask(quell, "/api/v1/query_range", **recent)["result"], [])
        prometheus.process.kill()
        gone = quell.get("/api/v1/query_range", **old)
        self.assertEqual((gone.status, parse_json(gone)["errorType"]), (503, "unavailable"))
        self.assertIn("metrics.upstream", parse_json(gone)["error"])
