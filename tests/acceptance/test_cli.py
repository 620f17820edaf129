"""The command line against a real server: what people type, what it prints, how it ends."""
import json
import signal
import time

from harness import ROOT, AcceptanceTest, Terminal, parse_json, run_quell

ALERT = {"specversion": "1.0", "source": "/cli", "type": "disk.alert", "severity": "critical",
         "data": {"title": "disk full", "labels": {"alertname": "DiskFull"}}}
LINE_CLEARED = "\r\x1b[K"


class CommandsTest(AcceptanceTest):
    def setUp(self):
        super().setUp()
        self.quell = self.start_quell()

    def run_ok(self, *arguments, stdin=None):
        done = self.quell.run(*arguments, stdin=stdin)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def send_alert(self, number=1):
        alert = {**ALERT, "id": str(number), "subject": f"node:db-{number}"}
        alert["data"] = {**ALERT["data"], "labels": {"alertname": f"DiskFull{number}"}}
        self.run_ok("send", stdin=json.dumps(alert))
        return self.quell.wait_for_incident(
            lambda one: f"node:db-{number}" in one["entities"])["id"]

    def incident(self, identity):
        return parse_json(self.quell.get(f"/api/v1/incidents/{identity}"))

    def test_from_send_to_resolve(self):
        identity = self.send_alert()
        self.assertIn(identity, self.run_ok("incidents"))
        self.assertIn("disk full", self.run_ok("show", identity))
        self.assertTrue(self.run_ok("trace", identity).strip())
        self.run_ok("ack", identity, "--by", "ana", "--reason", "mine")
        self.assertEqual(self.incident(identity)["status"], "acknowledged")
        self.run_ok("note", identity, "rotating the logs", "--by", "ana")
        self.run_ok("resolve", identity, "--by", "ana")
        self.assertEqual(self.incident(identity)["status"], "resolved")
        self.run_ok("reopen", identity, "--by", "ben")
        self.assertEqual(self.incident(identity)["status"], "open")
        timeline = self.incident(identity)["timeline"]
        self.assertEqual([one["actor"] for one in timeline if one["actor"] in ("ana", "ben")],
                         ["ana", "ana", "ana", "ben"])
        self.assertIn("rotating the logs", [one["text"] for one in timeline])
        self.assertIn("rotating the logs", self.run_ok("show", identity))

    def test_merge(self):
        first, second = self.send_alert(1), self.send_alert(2)
        self.assertNotEqual(first, second)
        self.run_ok("merge", second, first, "--by", "ana")
        self.assertEqual(self.incident(second)["merged_into"], first)
        self.assertEqual(self.incident(first)["alert_count"], 2)

    def test_json_is_the_servers(self):
        identity = self.send_alert()
        self.assertEqual(json.loads(self.run_ok("incidents", "--json"))["items"][0]["id"], identity)
        self.assertEqual(json.loads(self.run_ok("show", identity, "--json"))["id"], identity)
        self.assertEqual(json.loads(self.run_ok("trace", identity, "--json"))["subject"], identity)
        self.assertEqual(json.loads(self.run_ok("deadletters", "--json"))["items"], [])

    def test_dead_letters(self):
        answer = self.quell.post("/ingest/cloudevents", b"{broken", "application/cloudevents+json")
        self.assertTrue(answer.status in (202, 400), answer.body)
        self.quell.settle()
        letters = self.quell.all_items("/api/v1/deadletters")
        self.assertEqual(len(letters), 1)
        self.assertIn(letters[0]["id"], self.run_ok("deadletters"))
        self.assertIn("{broken", self.run_ok("deadletters", letters[0]["id"]))
        done = self.quell.run("deadletters", "--retry", letters[0]["id"])
        self.assertEqual((done.returncode, done.stdout),
                         (1, "1 tried again, 0 resolved, 1 failed\n"))
        self.quell.settle()
        again = self.quell.all_items("/api/v1/deadletters")
        self.assertEqual(len(again), 1)
        self.assertEqual(again[0]["attempts"], 2)
        for name in ("reason", "place", "arrived_at"):
            self.assertEqual(again[0][name], letters[0][name])
        self.assertEqual(self.quell.status()["dead_letters"], 1)

    def test_all_are_retried_page_by_page(self):
        frames, bad_lines = 12, 100  # More than a page of 1,000.
        for number in range(frames):
            lines = "\n".join(f'{{"host":"{number}-{line}"}}' for line in range(bad_lines))
            self.quell.post("/ingest/agent", lines, "application/x-ndjson")
        self.quell.settle()
        count = frames * bad_lines
        self.assertEqual(self.quell.status()["dead_letters"], count)
        done = self.quell.run("deadletters", "--retry-all")
        self.assertEqual((done.returncode, done.stdout),
                         (1, f"{count} tried again, 0 resolved, {count} failed\n"), done.stderr)
        self.quell.settle()
        letters = self.quell.all_items("/api/v1/deadletters")
        self.assertEqual({letter["attempts"] for letter in letters}, {2})
        self.assertEqual(len(letters), count)

    def test_a_retry_leaves_the_rest_of_its_frame_alone(self):
        good = {"host": "a", "metric": "retried", "value": 1}
        lines = "\n".join([json.dumps(good), '{"host":"a"', json.dumps(good)])
        self.quell.post("/ingest/agent", lines, "application/x-ndjson")
        self.quell.settle()
        letters = self.quell.all_items("/api/v1/deadletters")
        self.assertEqual([letter["place"][:6] for letter in letters], ["line 2"])
        for _ in range(2):
            self.quell.run("deadletters", "--retry", letters[0]["id"])
            self.quell.kill()
            self.quell.start()
        self.quell.settle()
        self.assertEqual(self.quell.status()["dead_letters"], 1)
        [series] = self.quell.metric("retried")["series"]
        self.assertEqual(len(series["samples"]), 1, series)

    def test_no_colours_where_nobody_looks(self):
        identity = self.send_alert()
        for command in (["incidents"], ["show", identity], ["trace", identity]):
            self.assertNotIn("\x1b", self.run_ok(*command))

    def test_send_says_the_content_type_that_it_is_given(self):
        lines = '{"kind":"note","title":"one"}\n{"kind":"note","title":"two"}\n'
        told = self.run_ok("send", "--source", "generic", "--content-type", "application/x-ndjson",
                           stdin=lines)
        self.assertEqual(told, "2 accepted, 0 of them duplicates\n")
        self.quell.settle()
        self.assertEqual(sorted(one["title"] for one in self.quell.events()), ["one", "two"])

    def test_progress_of_send_on_a_terminal(self):
        url = ["--url", f"http://{self.quell.address}"]
        line = json.dumps({"host": "a", "metric": "sent", "value": 1})
        with Terminal("send", "--source", "agent", *url) as terminal:
            terminal.type(f"{line}\n{line}\n")
            terminal.wait_for(f"{LINE_CLEARED}2 events read")
            terminal.type(f"{line}\n")
            terminal.wait_for(f"{LINE_CLEARED}3 events read")
            size = 3 * (len(line) + 1)
            self.check_ended(terminal, f"[{30 * '#'}] {size}/{size} bytes sent")
        body = self.directory / "samples"
        body.write_text(100_000 * f"{line}\n")
        with Terminal("send", "--source", "agent", body, *url) as terminal:
            size = body.stat().st_size
            self.check_ended(terminal, f"[{30 * '#'}] {size}/{size} bytes sent")
            self.assertNotIn("events read", terminal.shown)
        self.assertEqual(self.quell.run("send", "--source", "agent", body).stderr, "")

    def test_progress_of_replay_on_a_terminal(self):
        self.send_alert()
        self.assertEqual(self.quell.stop(), 0)
        with Terminal("replay", self.quell.data) as terminal:
            shown = self.check_ended(terminal, f"[{30 * '#'}] ", "disk full")
        self.assertRegex(shown, r"\[#+\.*\] \d+/\d+ frames")
        self.assertEqual(run_quell("replay", self.quell.data).stderr, "")

    def check_ended(self, terminal, bar, output="accepted"):
        """The full bar was shown, and is gone; what else is printed is not on the terminal."""
        printed, code = terminal.end()
        self.assertEqual(code, 0, terminal.shown)
        self.assertIn(LINE_CLEARED + bar, terminal.shown)
        self.assertTrue(terminal.shown.endswith(LINE_CLEARED), terminal.shown)
        self.assertIn(output, printed)
        self.assertNotIn("\x1b", printed)
        return terminal.shown

    def check_exit(self, code, *arguments):
        done = self.quell.run(*arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertTrue(done.stderr.strip())

    def test_exit_codes(self):
        self.check_exit(1, "show", "INC-999999")
        self.check_exit(1, "ack", "INC-999999")
        self.check_exit(1, "send", "/no/such/file")
        self.check_exit(2, "show")
        self.check_exit(2, "incidents", "--no-such-option")
        self.assertEqual(run_quell("frobnicate").returncode, 2)
        self.assertIn("did you mean 'incidents'?", run_quell("incidens").stderr)
        self.assertEqual(run_quell("--version").stdout, run_quell("version").stdout)
        self.assertEqual(run_quell("incidents", "--url", "http://127.0.0.1:1").returncode, 3)


class LifecycleTest(AcceptanceTest):
    def test_sigterm_drains_and_ends_with_0(self):
        quell = self.start_quell()
        self.assertEqual(quell.post("/ingest/cloudevents", {**ALERT, "id": "1"},
                                    "application/cloudevents+json").status // 100, 2)
        self.assertEqual(quell.stop(), 0)
        quell.start()
        quell.settle()
        self.assertEqual(len(quell.events()), 1)

    def test_second_server_on_the_same_data_is_refused(self):
        quell = self.start_quell()
        done = run_quell("serve", "--data", quell.data, "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("quell", done.stderr + done.stdout)

    def test_port_that_is_taken(self):
        quell = self.start_quell()
        done = run_quell("serve", "--data", self.directory / "other", "--listen", quell.address)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(quell.address.split(":")[1], done.stderr + done.stdout)

    def check_config_error(self, yaml, *wanted):
        config = self.directory / "bad.yaml"
        config.write_text(yaml)
        done = run_quell("check", config)
        self.assertEqual(done.returncode, 1, done.stdout)
        started = run_quell("serve", "--config", config, "--data", self.directory / "d")
        self.assertEqual(started.returncode, 1)
        for text in wanted:
            self.assertIn(text, done.stderr)
            self.assertIn(text, started.stderr)

    def test_configuration_errors_name_place_and_nearest_key(self):
        self.check_config_error("incidents:\n  auto_resolve_aftr: 1s\n", "bad.yaml:2:3",
                                "auto_resolve_after")
        self.check_config_error("server:\n  listen: 0.0.0.0:8420\n", "server.tokens")
        self.check_config_error("incidents: [", "bad.yaml:")

    def test_reload(self):
        quell = self.start_quell(config="incidents:\n  auto_resolve_after: 30m\n")

        def in_force():
            return parse_json(quell.get("/api/v1/config"))["yaml"]

        quell.config.write_text("incidents: {auto_resolve_after: nonsense}\n")
        answer = quell.post("/api/v1/config/reload", b"")
        self.check_problem(answer, answer.status)
        self.assertIn(b"nonsense", answer.body)
        self.assertIn("30m", in_force())

        quell.config.write_text("incidents:\n  auto_resolve_after: 45m\n")
        answer = quell.post("/api/v1/config/reload", b"")
        self.assertEqual((answer.status, parse_json(answer)["changed"]), (200, True))
        self.assertIn("45m", in_force())

        quell.config.write_text("log: {level: debug}\nincidents: {auto_resolve_after: 45m}\n")
        answer = parse_json(quell.post("/api/v1/config/reload", b""))
        self.assertEqual(answer["restart_needed"], ["log.level"])

        quell.config.write_text("incidents:\n  auto_resolve_after: 50m\n")
        quell.process.signal(signal.SIGHUP)
        while "50m" not in in_force():
            quell.process.wait_for_line("configuration")

    def test_environment_overrides_the_file(self):
        quell = self.start_quell(config="server: {body_max: 1MB}\n",
                                 environment={"QUELL_SERVER_BODY_MAX": "1KB"})
        self.check_problem(quell.post("/ingest/cloudevents", b" " * 2000), 413)

    def test_replay_of_a_scenario_is_the_same_every_time(self):
        scenarios = sorted((ROOT / "scenarios").glob("*.scn"))
        self.assertGreaterEqual(len(scenarios), 10)
        for scenario in scenarios:
            first = run_quell("replay", scenario, "--json")
            self.assertEqual(first.returncode, 0, first.stderr)
            self.assertEqual(first.stdout, run_quell("replay", scenario, "--json").stdout)
            json.loads(first.stdout)

    def backtest(self, source, rule, *more):
        path = self.directory / "rule.yaml"
        path.write_text(rule)
        done = run_quell("backtest", "--from", source, "--rule", path, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_backtest_of_a_file(self):
        series = self.directory / "queue.csv"
        lines = [f"{1760000000 + 60 * i},{500 if 300 <= i < 330 else 10}" for i in range(600)]
        series.write_text("\n".join(["timestamp,value", *lines]) + "\n")
        rule = "name: full\ndetector: threshold\nabove: 100\nmin_duration: 5m\n"
        picture = self.directory / "queue.svg"
        text = self.backtest(series, rule, "--svg", picture)
        self.assertIn("rule 'full' (threshold): 1 finding in 1 series", text)
        self.assertIn("^", text)
        self.assertTrue(picture.read_text().startswith("<svg"))
        [found] = json.loads(self.backtest(series, rule, "--json"))["series"][0]["findings"]
        self.assertEqual((found["onset"], found["direction"], found["value"]),
                         ("2025-10-09T13:53:20Z", "up", 500))

    def test_backtest_of_a_server_and_of_its_journal(self):
        quell = self.start_quell()
        now = int(time.time())
        lines = [json.dumps({"host": "db-1", "metric": "queue", "value": 500 if i > 50 else 10,
                             "ts_event": now - 60 * (60 - i)}) for i in range(60)]
        self.assertEqual(quell.post("/ingest/agent", "\n".join(lines), "application/x-ndjson").status,
                         202)
        quell.settle()
        rule = "metric: queue\nmatch: 'host=\"db-1\"'\ndetector: threshold\nabove: 100\n"
        asked = self.backtest(f"http://{quell.address}", rule, "--since", "2h", "--step", "1m")
        self.assertIn("1 finding in 1 series", asked)
        self.assertEqual(quell.stop(), 0)
        self.assertIn("1 finding in 1 series", self.backtest(quell.data, rule))
        done = run_quell("backtest", "--from", quell.data, "--rule", self.directory / "none.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.yaml", done.stderr)

    def test_backtest_of_prometheus(self):
        began = int(time.time()) // 60 * 60 - 86400
        lines = ["# TYPE queue gauge"]
        for host, level in (("db-1", 500), ("db-2", 10)):
            lines += [f'queue{{host="{host}"}} {level if 600 <= i < 630 else 10} {began + 60 * i}'
                      for i in range(1200)]
        prometheus = self.start_prometheus("127.0.0.1:1", "groups: []", "127.0.0.1:1",
                                           history="\n".join([*lines, "# EOF\n"]))
        rule = "name: full\nmetric: queue\ndetector: threshold\nabove: 100\nmin_duration: 5m\n"
        url = f"http://{prometheus.address}"
        told = json.loads(self.backtest(url, rule, "--since", "2d", "--json"))
        found = {one["series"]: one["findings"] for one in told["series"]}
        self.assertEqual(found['queue{host="db-2"}'], [])
        [finding] = found['queue{host="db-1"}']
        onset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + 60 * 600))
        self.assertEqual((finding["onset"], finding["value"]), (onset, 500))
        self.assertIn("1 finding in 2 series", self.backtest(url, rule, "--since", "2d"))
        rule = "query: 'queue{'\ndetector: threshold\nabove: 100\n"
        (self.directory / "rule.yaml").write_text(rule)
        done = run_quell("backtest", "--from", url, "--rule", self.directory / "rule.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "parse error: unexpected end of input")  # Prometheus' words.

    def test_check_pack(self):
        done = run_quell("check", "--pack", ROOT / "providers/github.yaml", "--sample",
                         next((ROOT / "providers/samples/github").glob("push.json")),
                         "--headers", self.header_file("X-GitHub-Event: push"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("change", done.stdout)

    def test_check_pack_with_a_wrong_signature_fails(self):
        headers = self.header_file("X-GitHub-Event: push\nX-Hub-Signature-256: sha256=00")
        done = run_quell("check", "--pack", ROOT / "providers/github.yaml", "--sample",
                         ROOT / "providers/samples/github/push.json", "--headers", headers,
                         "--secret", "s3cret", "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(json.loads(done.stdout)["signature"].startswith("refused"))

    def header_file(self, text):
        path = self.directory / "headers"
        path.write_text(text + "\n")
        return path
