"""Quell scrapes npm's prom-client and Debian's node-exporter, and polls Debian's Prometheus."""
import re
import time

from harness import DEADLINE_SECONDS, HERE, POLL_SECONDS, AcceptanceTest, Process, parse_json


def last_values(metric, *labels):
    return {tuple(one["labels"].get(label) for label in labels): one["samples"][-1][1]
            for one in metric["series"]}


class CollectTest(AcceptanceTest):
    def start_process(self, name, *command):
        process = Process(name, command, self.directory)
        self.addCleanup(process.kill)
        return process

    def start_prom_client(self, *arguments):
        process = self.start_process("prom-client", "node", HERE / "prom_client.mjs", *arguments)
        return "127.0.0.1:" + process.wait_for_line(r"listening on (\d+)").group(1), process

    def collectors(self, quell):
        return parse_json(quell.get("/api/v1/collectors"))["items"]

    def wait_for_collector(self, quell, wanted):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            found = [one for one in self.collectors(quell) if wanted(one)]
            if found:
                return found[0]
            self.assertLess(time.monotonic(), deadline, self.collectors(quell))
            quell.process.wait_for_news(POLL_SECONDS)

    def check_prom_client(self, *arguments):
        target, process = self.start_prom_client(*arguments)
        quell = self.start_quell(f"""
scrape:
  - {{name: shop, targets: ["{target}"], interval: 200ms, labels: {{env: test}}}}
""")
        total = quell.wait_for_metric("shop_requests_total", lambda m: len(m["series"]) == 2)
        self.assertEqual(last_values(total, "route", "code"),
                         {("/buy", "200"): 3, ('/a "quoted"\\path\n', "200"): 3})
        series = total["series"][0]
        self.assertEqual((series["labels"]["job"], series["labels"]["instance"], series["labels"]["env"]),
                         ("shop", target, "test"))
        self.assertEqual(total["kind"], "counter")
        self.assertEqual(last_values(quell.metric("shop_load")), {(): 0.75})
        self.assertEqual(last_values(quell.metric("shop_duration_seconds_bucket", filter='route="/buy"'), "le"),
                         {("0.1",): 1, ("1",): 2, ("+Inf",): 3})
        self.assertEqual(last_values(quell.metric("shop_size_bytes"), "quantile"),
                         {("0.5",): 50.5, ("0.9",): 90.5})
        quell.wait_for_metric("up", lambda m: last_values(m, "job") == {("shop",): 1})
        scraped = self.wait_for_collector(quell, lambda c: c["up"])
        self.assertEqual((scraped["kind"], scraped["source"], scraped["target"], scraped["error"]),
                         ("scrape", "shop", f"http://{target}/metrics", None))
        self.assertGreater(scraped["samples"], 40)
        # A series that is gone, then a target that is gone.
        host, port = target.split(":")
        import http.client
        connection = http.client.HTTPConnection(host, int(port))
        connection.request("GET", "/gone")
        connection.getresponse().read()
        connection.close()
        quell.wait_for_metric("shop_requests_total",
                              lambda m: last_values(m, "route")[("/buy",)] is None)
        process.kill()
        quell.wait_for_metric("up", lambda m: last_values(m) == {(): 0})
        quell.wait_for_metric("shop_load", lambda m: last_values(m) == {(): None})
        down = self.wait_for_collector(quell, lambda c: not c["up"])
        self.assertRegex(down["error"], "cannot connect to 127.0.0.1")
        quell.settle()
        self.assertEqual(quell.all_items("/api/v1/deadletters"), [])

    def test_prom_client(self):
        self.check_prom_client()

    def test_prom_client_as_open_metrics(self):
        self.check_prom_client("open")

    def test_node_exporter(self):
        exporter = self.start_process("node-exporter", "prometheus-node-exporter",
                                      "--web.listen-address=127.0.0.1:0")
        address = exporter.wait_for_line(r'"Listening on" address=(\S+)').group(1)
        quell = self.start_quell(f"""
scrape:
  - {{name: node, targets: ["http://{address}/metrics"], interval: 300ms}}
""")
        quell.wait_for_metric("node_load1", lambda m: m["series"])
        scraped = self.wait_for_collector(quell, lambda c: c["up"])
        self.assertGreater(scraped["samples"], 300)
        answer = parse_json(quell.get("/api/v1/query", query='sum by (job) (up{job="node"})'))
        self.assertEqual(answer["data"]["result"][0]["value"][1], "1")

    def test_a_target_that_answers_nonsense(self):
        gauge = self.start_gauge("shop_load")
        gauge.more = lambda: "shop_other{a=b} 1\n"
        quell = self.start_quell(f"""
scrape:
  - {{name: shop, targets: ["{gauge.address}"], interval: 200ms}}
""")
        down = self.wait_for_collector(quell, lambda c: c["rounds"] > 0)
        self.assertEqual(down["error"], "line 4: expected a text in quotes")
        gauge.more = lambda: ""
        self.wait_for_collector(quell, lambda c: c["up"])

    def test_a_reload_ends_what_is_gone(self):
        gauge, other = self.start_gauge("shop_load"), self.start_gauge("shop_other")
        config = """
scrape:
  - {{name: shop, targets: [{}], interval: 200ms}}
"""
        quell = self.start_quell(config.format(f'"{gauge.address}"'))
        quell.wait_for_metric("shop_load", lambda m: m["series"])
        (self.directory / "quell" / "quell.yaml").write_text(
            (self.directory / "quell" / "quell.yaml").read_text().replace(gauge.address, other.address))
        self.assertEqual(quell.post("/api/v1/config/reload", "").status, 200)
        quell.wait_for_metric("shop_other", lambda m: m["series"])
        quell.wait_for_metric("shop_load", lambda m: last_values(m) == {(): None})

    def test_polled_queries_catch_up(self):
        sink, gauge = self.start_quell(name="sink"), self.start_gauge("shop_load")
        gauge.value = 5
        prometheus = self.start_prometheus(gauge.address, "groups: []", sink.address)
        port = int(prometheus.address.rsplit(":", 1)[1])
        config = f"""
poll:
  - name: upstream
    url: http://127.0.0.1:{port}
    interval: 500ms
    queries:
      - {{name: "shop:load", query: "shop_load * 2", labels: {{via: upstream}}}}
      - {{name: "shop:broken", query: "sum("}}
"""
        quell = self.start_quell(config)
        polled = quell.wait_for_metric("shop:load", lambda m: 10 in last_values(m).values())
        self.assertEqual(polled["series"][0]["labels"]["via"], "upstream")
        self.assertEqual(polled["series"][0]["labels"]["job"], "shop")
        broken = self.wait_for_collector(quell, lambda c: c["target"] == "sum(" and c["rounds"] > 1)
        self.assertRegex(broken["error"], "^the server answers 400: .*parse error")
        # Quell is away for a while; what it missed it asks for.
        own_port = int(quell.address.rsplit(":", 1)[1])
        before = quell.metric("shop:load")["series"][0]["samples"][-1][0]
        quell.kill()
        time_of = f"shop_load[{10}s]"

        def newest():
            answer = parse_json(prometheus.get("/api/v1/query", query=time_of))
            return answer["data"]["result"][0]["values"][-1][0] * 1000

        while newest() < before + 3000:
            prometheus.process.wait_for_news(POLL_SECONDS)
        quell.start(own_port)
        after = quell.wait_for_metric(
            "shop:load", lambda m: m["series"] and m["series"][0]["samples"][-1][0] > before + 3000)
        times = [ms for ms, value in after["series"][0]["samples"] if value is not None]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertLessEqual(max(gaps), 500, times)
