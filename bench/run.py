#!/usr/bin/env python3
"""Runs every benchmark against build/release/quell and prints a Markdown table.

    bench/run.py [--build build/release] [--seconds 5] [--repeat 3] [--only NAME[,NAME]] [--quick]
                 [--json FILE] [--nab DIRECTORY]

Beside it, where they can do the same work and are installed: Debian's prometheus-alertmanager, and a
pipeline with scikit-learn (bench/python_peer.py). Else nothing but Python's standard library;
everything lives in a temporary directory and on loopback ports that are free.
What is printed are the figures of this run on this machine with whatever else it does: the first
lines name the machine and its load. "CPU" is the server's processor time for one item and does not
depend on what else runs, or little.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import python_peer

sys.path.append(str(pathlib.Path(__file__).parents[1] / "tests/acceptance"))
import protobuf  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
POST_ALERTS = "/api/v2/alerts"


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def fingerprint(labels):
    """Alertmanager's: FNV-1a over the sorted labels."""
    value = 14695981039346656037
    for name, text in sorted(labels.items()):
        for byte in name.encode() + b"\xff" + text.encode() + b"\xff":
            value = (value ^ byte) * 1099511628211 % 2**64
    return f"{value:016x}"


def ms(seconds):
    return f"{seconds * 1000:.2f} ms"


class Server:
    """A program under test: its process, its base URL, its memory and processor time."""

    def __init__(self, process, port, prefix):
        self.process, self.port, self.prefix = process, port, prefix

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def stop(self, with_signal=signal.SIGTERM):
        began = time.monotonic()
        self.process.send_signal(with_signal)
        self.process.wait(60)
        return time.monotonic() - began


def ask(connection, method, path, body=None):
    """Returns the status, the body and the seconds that it took."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    began = time.perf_counter()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    return answer.status, data, time.perf_counter() - began


def wait_until_ready(port, path, process, limit=120):
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if process.poll() is not None:
            raise RuntimeError(f"the program ended with {process.returncode}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            if ask(connection, "GET", path)[0] == 200:
                return
        time.sleep(0.002)
    raise RuntimeError("the program did not become ready")


class Bench:
    def __init__(self, options, root):
        self.options, self.root = options, root
        self.rows, self.results, self.started = [], {}, []
        self.seconds = options.seconds

    # Programs.

    def start_quell(self, data):
        port = free_port()
        log = open(self.root / "quell.log", "ab")
        began = time.monotonic()
        process = subprocess.Popen(
            [str(self.options.build / "quell"), "serve", "--data", str(data),
             "--listen", f"127.0.0.1:{port}"], stdout=log, stderr=log, cwd=self.root)
        self.started.append(process)
        wait_until_ready(port, "/readyz", process)
        return Server(process, port, "/alertmanager"), time.monotonic() - began

    def start_peer(self, name, *arguments):
        """A Debian program that listens where `--web.listen-address` says; None: it is not there."""
        program = shutil.which(name)
        if program is None:
            return None
        port = free_port()
        log = open(self.root / f"{name}.log", "ab")
        process = subprocess.Popen([program, *arguments, f"--web.listen-address=127.0.0.1:{port}"],
                                   stdout=log, stderr=log, cwd=self.root)
        self.started.append(process)
        wait_until_ready(port, "/-/ready", process)
        return Server(process, port, "")

    def start_alertmanager(self):
        config = self.root / "alertmanager.yml"
        config.write_text("route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n")
        return self.start_peer("prometheus-alertmanager", f"--config.file={config}",
                               f"--storage.path={self.root / 'am'}", "--cluster.listen-address=")

    def start_prometheus(self):
        config = self.root / "prometheus.yml"
        config.write_text("global: {}\n")
        return self.start_peer("prometheus", f"--config.file={config}",
                               f"--storage.tsdb.path={self.root / 'tsdb'}",
                               "--web.enable-remote-write-receiver")

    def load(self, server, path, mode, batch, identities, connections, seconds, rate=0):
        """One run of loadgen: what it printed, and the server's processor seconds."""
        before = server.cpu_seconds()
        run = subprocess.run(
            [str(self.options.build / "bench/loadgen"), "--json",
             "--url", f"http://127.0.0.1:{server.port}{path}", "--mode", mode,
             "--batch", str(batch), "--identities", str(identities),
             "--connections", str(connections), "--seconds", str(seconds), "--rate", str(rate)],
            capture_output=True, text=True, check=False)
        if run.returncode == 2:
            raise RuntimeError(run.stderr)
        result = json.loads(run.stdout)
        result["cpu_us_per_item"] = ((server.cpu_seconds() - before) * 1e6 /
                                     max(1, result["requests"] * batch))
        return result

    def median(self, server, path, mode, batch, identities, connections, rate=0):
        """The median of several runs: by their rate, or by their p99 where the rate is given."""
        def figure(result):
            return result["latency_ms"]["p99"] if rate else result["items_per_second"]
        runs = sorted((self.load(server, path, mode, batch, identities, connections, self.seconds, rate)
                       for _ in range(self.options.repeat)), key=figure)
        result = runs[len(runs) // 2]
        low, high = figure(runs[0]), figure(runs[-1])
        if len(runs) > 1:
            result["spread"] = f"p99 {low:.2f} to {high:.2f} ms" if rate else f"{low:,.0f} to {high:,.0f}"
        return result

    # Results.

    def row(self, name, what, aim=""):
        say(f"  {name}: {what}")
        self.rows.append((name, what, aim))

    def rate_row(self, name, result, unit, aim=""):
        self.results[name] = result
        latency = result["latency_ms"]
        bad = result["not_2xx"] + result["broken"] + result["unsent"]
        text = (f"{result['items_per_second']:,.0f} {unit}/s; p50 {latency['p50']:.2f} ms, p99 "
                f"{latency['p99']:.2f} ms, max {latency['max']:.0f} ms; "
                f"CPU {result['cpu_us_per_item']:.2f} us")
        if "spread" in result:
            text += f" (median of {self.options.repeat} runs, {result['spread']})"
        self.row(name, text + (f"; **{bad} not answered with 2xx**" if bad else ""), aim)

    # Cases.

    def batches(self):
        """Batches of 100 alerts, beside Alertmanager."""
        for identities in (1_000, 10_000, 30_000):
            for name, server in (("Quell", self.start_quell(self.root / f"b{identities}")[0]),
                                 ("Alertmanager", self.start_alertmanager())):
                if server is None:
                    continue
                # First a pass that creates the identities, then the one that counts.
                path = server.prefix + POST_ALERTS
                self.load(server, path, "am-batch", 100, identities, 8, 2)
                result = self.median(server, path, "am-batch", 100, identities, 8)
                aim = "250,000/s" if name == "Quell" else ""
                self.rate_row(f"{name}: batches of 100, {identities:,} identities", result,
                              "alerts", aim)
                if identities == 30_000:
                    status, body, took = ask(server.connection(), "GET",
                                             server.prefix + "/api/v2/alerts/groups")
                    self.row(f"{name}: list groups, {identities:,} alerts",
                             f"{ms(took)}, {len(body) / 1e6:.1f} MB, status {status}; "
                             f"RSS {server.rss_mb():.0f} MB")
                server.stop()

    def single(self):
        server, _ = self.start_quell(self.root / "single")
        path = server.prefix + POST_ALERTS
        self.load(server, path, "am-single", 1, 10_000, 64, 2)
        self.rate_row("single alerts, 64 connections",
                      self.median(server, path, "am-single", 1, 10_000, 64),
                      "alerts", "25,000/s, p99 < 5 ms")
        self.rate_row("single alerts, 25,000/s, 64 connections",
                      self.median(server, path, "am-single", 1, 10_000, 64, 25_000),
                      "alerts", "p99 < 5 ms")
        self.rate_row("single alerts, 5,000/s, 64 connections",
                      self.median(server, path, "am-single", 1, 10_000, 64, 5_000),
                      "alerts", "p99 < 5 ms")
        self.visible(server, "idle")
        server.stop()

    def visible(self, server, how):
        """From sending an alert of a new thing until the API shows it with its incident."""
        connection = server.connection()
        posted, seen = [], []
        for i in range(200):
            name = f"{how}-{i}-{time.time_ns()}"
            labels = {"alertname": "Visible", "service": name, "severity": "critical"}
            path = "/api/v1/alerts/" + fingerprint(labels)
            began = time.perf_counter()
            status, _, took = ask(connection, "POST", server.prefix + POST_ALERTS,
                                  json.dumps([{"labels": labels}]))
            if status != 200:
                raise RuntimeError(f"answered with {status}")
            posted.append(took)
            while time.perf_counter() - began < 5:
                status, body, _ = ask(connection, "GET", path)
                if status == 200 and json.loads(body).get("incident"):
                    break
            seen.append(time.perf_counter() - began)
        self.row(f"event to 2xx, {how}",
                 f"p50 {ms(percentile(posted, .5))}, p99 {ms(percentile(posted, .99))}")
        self.row(f"event to its incident in the API, {how}",
                 f"p50 {ms(percentile(seen, .5))}, p99 {ms(percentile(seen, .99))}", "p99 < 10 ms")

    def samples(self):
        server, _ = self.start_quell(self.root / "samples")
        self.load(server, "/ingest/agent", "agent", 1000, 30_000, 4, 2)
        self.rate_row("agent samples, NDJSON, 1,000 a request, 30,000 series",
                      self.median(server, "/ingest/agent", "agent", 1000, 30_000, 4),
                      "samples", "1,000,000/s")
        server.stop()

    def until_firing(self, server, count, seconds, limit=240):
        """Posts `count` identities, in runs that double, until all of them fire.

        Returns the last run, with the longest latency of all runs: a stall in an earlier one counts.
        """
        began, longest = time.monotonic(), 0
        while True:
            result = self.load(server, server.prefix + POST_ALERTS, "am-batch", 100, count, 8,
                               seconds)
            longest = max(longest, result["latency_ms"]["max"])
            result["latency_ms"]["max"] = longest
            _, body, _ = ask(server.connection(), "GET", "/metrics")
            for line in body.decode().splitlines():
                if line.startswith("quell_alerts_firing ") and float(line.split()[1]) >= count:
                    return result
            if time.monotonic() - began > limit:
                raise RuntimeError(f"{count} alerts did not fire in {limit} s")
            seconds *= 2

    def timed(self, server, name, method, path, count, aim, body=None):
        connection, took, size = server.connection(), [], 0
        for i in range(count):
            status, data, seconds = ask(connection, method, path(i), body)
            if status >= 300:
                raise RuntimeError(f"{name}: answered with {status}: {data[:300]}")
            took.append(seconds)
            size = len(data)
        self.row(name, f"p50 {ms(percentile(took, .5))}, p99 {ms(percentile(took, .99))}, "
                       f"{size / 1000:.0f} kB", aim)

    def open_alerts(self):
        """100,000 open alerts: memory, lists, changes, and starting with them."""
        data = self.root / "open"
        server, took = self.start_quell(data)
        time.sleep(1)
        self.row("RSS, idle", f"{server.rss_mb():.0f} MB", "< 60 MB")
        result = self.until_firing(server, 100_000, 5)
        self.results["100,000 open alerts"] = result
        time.sleep(5)  # Until what the burst took is given back.
        self.row("RSS, 100,000 open alerts", f"{server.rss_mb():.0f} MB", "< 300 MB")
        self.timed(server, "list of 50 alerts, 100,000 open", "GET",
                   lambda i: "/api/v1/alerts?limit=50", 100, "< 20 ms")
        self.timed(server, "list of 50 incidents, 100,000 alerts open", "GET",
                   lambda i: "/api/v1/incidents?limit=50", 100, "< 20 ms")
        self.timed(server, "list of 50 alerts that match a label, 100,000 open", "GET",
                   lambda i: "/api/v1/alerts?limit=50&filter=service%3D%22checkout%22", 20, "< 20 ms")
        _, body, _ = ask(server.connection(), "GET", "/api/v1/incidents?limit=1")
        incident = json.loads(body)["items"][0]["id"]
        verbs = ["note", "ack", "investigate", "mitigate"]
        self.timed(server, "note on an incident, 100,000 alerts open", "POST",
                   lambda i: f"/api/v1/incidents/{incident}/note", 100, "< 5 ms",
                   json.dumps({"actor": "bench", "text": "seen"}))
        self.timed(server, "change of an incident's status, 100,000 alerts open", "POST",
                   lambda i: f"/api/v1/incidents/{incident}/{verbs[i + 1]}", 3, "< 5 ms",
                   json.dumps({"actor": "bench"}))
        self.visible(server, "100,000 alerts open")
        self.row("stop, 100,000 open alerts", f"{server.stop():.2f} s")
        server, took = self.start_quell(data)
        self.row("start after a clean stop, 100,000 open alerts", f"{took:.2f} s", "< 1 s")
        server.stop()

    def crash(self):
        """Ten million samples in the journal, and a kill in the middle of more."""
        self.kill_and_start("samples", 1000, 4)

    def frames(self):
        """The same with a frame for each sample."""
        self.kill_and_start("frames of a sample", 1, 64)

    def kill_and_start(self, what, batch, connections):
        data = self.root / f"crash-{batch}"
        server, _ = self.start_quell(data)
        wanted = 1_000_000 if self.options.quick else 10_000_000
        sent, began = 0, time.monotonic()
        while sent < wanted and time.monotonic() - began < 600:
            result = self.load(server, "/ingest/agent", "agent", batch, 30_000, connections,
                               self.seconds)
            sent += result["requests"] * batch
        load = subprocess.Popen(
            [str(self.options.build / "bench/loadgen"), "--url",
             f"http://127.0.0.1:{server.port}/ingest/agent", "--mode", "agent", "--batch",
             str(batch), "--connections", str(connections), "--seconds", "30"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        server.stop(signal.SIGKILL)
        load.wait(60)
        size = sum(f.stat().st_size for f in data.rglob("*") if f.is_file())
        held = f"{sent / 1e6:.1f} million {what} in the journal"
        server, took = self.start_quell(data)
        self.row(f"start after kill -9, {held}", f"{took:.2f} s ({size / 1e9:.2f} GB of data)", "< 1 s")
        server.stop()
        server, took = self.start_quell(data)
        self.row(f"start after a clean stop, {held}", f"{took:.2f} s", "< 1 s")
        server.stop()
        shutil.rmtree(data)

    def million(self):
        server, _ = self.start_quell(self.root / "million")
        count = 100_000 if self.options.quick else 1_000_000
        result = self.until_firing(server, count, count / 40_000)
        self.rate_row(f"{count:,} firing alerts", result, "alerts", "no stall")
        time.sleep(2)
        self.row(f"RSS, {count:,} firing alerts", f"{server.rss_mb():.0f} MB")
        self.timed(server, f"list of 50 alerts, {count:,} firing", "GET",
                   lambda i: "/api/v1/alerts?limit=50", 50, "< 20 ms")
        server.stop()

    def storm(self):
        """One cause moves 50,000 series of 500 hosts at once: how soon there is a finding, and how many."""
        hosts, metrics, rounds = (50 if self.options.quick else 500), 100, 170
        names = [(f"h{h}", f"metric_{m}") for h in range(hosts) for m in range(metrics)]
        server, _ = self.start_quell(self.root / "storm")
        connection = server.connection()

        def bodies(seconds, level):
            return ["\n".join(f'{{"host":"{h}","metric":"{m}","value":{level + random.random()},'
                              f'"ts_event":{seconds}}}' for h, m in names[first:first + 5_000])
                    for first in range(0, len(names), 5_000)]

        def send(made):
            for one in made:
                status, body, _ = ask(connection, "POST", "/ingest/agent", one)
                if status >= 300:
                    raise RuntimeError(f"answered with {status}: {body[:200]}")

        def findings():
            _, body, _ = ask(connection, "GET", "/api/v1/findings?limit=1000")
            return json.loads(body)["items"]

        now = int(time.time())
        for i in range(rounds):
            send(bodies(now - 2 * (rounds - i), 50))
        before, rss = len(findings()), server.rss_mb()
        bad = [bodies(int(time.time()) + i, 500) for i in range(3)]
        found = complete = None
        began = time.monotonic()
        for made in bad:  # One sample alone is none that lasts.
            send(made)
            if found is None and len(findings()) > before:
                found = time.monotonic() - began
        answered, rows = time.monotonic(), []
        while complete is None and time.monotonic() - answered < 20:
            rows, now = findings(), time.monotonic() - began
            complete = now if sum(one["series"] for one in rows) >= 0.99 * len(names) else None
        largest = max((one["series"] for one in rows), default=0)
        when = "never" if found is None else f"{found:.2f} s"
        when += "; never complete" if complete is None else (
            f"; 99 % of the series are in findings after {complete:.2f} s, the last of them answered "
            f"after {answered - began:.2f} s")
        self.row(f"storm of {len(names):,} series: first bad sample sent to a finding in the API",
                 f"{when}; {len(rows) - before} findings, {before} before, the largest of "
                 f"{largest:,} series; RSS {rss:.0f} MB before, {server.rss_mb():.0f} MB after",
                 "one group, not a row for each series")
        server.stop()

    # One million series of remote write.

    def million_series(self):
        return 100_000 if self.options.quick else 1_000_000

    def start_remote_write(self, server, series, shape, rounds, first=0, values=""):
        """remote_write_load: requests of `shape` (series, samples), all series in each round."""
        per_request, samples = shape
        return subprocess.Popen(
            [str(self.options.build / "bench/remote_write_load"),
             f"http://127.0.0.1:{server.port}/api/v1/write", str(per_request), str(samples),
             str(series // per_request), str(rounds), str(first), values],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def remote_write(self, server, series, shape, rounds, senders=1, values=""):
        """Samples per second of all senders together, each of which has its share of the series, from
        their common start until the last one is done. All bodies were made before."""
        share = series // senders
        loads = [self.start_remote_write(server, share, shape, rounds, i * share, values)
                 for i in range(senders)]

        def read(load):
            line = load.stdout.readline()
            if not line:
                raise RuntimeError(f"remote_write_load: {load.stderr.read().strip()}")
            return line

        for _ in ("the round that makes the series", "the others"):
            for load in loads:
                read(load)  # It is ready.
            began = time.monotonic()
            for load in loads:
                load.stdin.write("go\n")
                load.stdin.flush()
        sent = sum(int(read(load)) for load in loads)
        took = time.monotonic() - began
        for load in loads:
            load.communicate(timeout=60)
        return sent / took

    def remote(self):
        """Remote write of a million series from two senders, beside Prometheus."""
        series = self.million_series()
        shapes = [("10,000 series x 1 sample", (10_000, 1), 20, "", "3 M/s"),
                  ("10,000 series x 1 sample, noise", (10_000, 1), 20, "noise", "3 M/s"),
                  ("500 series x 20 samples", (500, 20), 10, "", "10 M/s"),
                  ("500 series x 20 samples, noise", (500, 20), 10, "noise", "10 M/s")]
        for name, server in (("Quell", self.start_quell(self.root / "remote")[0]),
                             ("Prometheus", self.start_prometheus())):
            if server is None:
                continue
            is_quell = name == "Quell"
            for what, shape, rounds, values, aim in shapes if is_quell else shapes[::2]:
                repeat = self.options.repeat if is_quell else 1
                rates = sorted(self.remote_write(server, series, shape, rounds if is_quell else 1, 2, values)
                               for _ in range(repeat))
                spread = "" if repeat == 1 else (f" (median of {repeat} runs, {rates[0] / 1e6:.2f} to "
                                                 f"{rates[-1] / 1e6:.2f})")
                self.row(f"{name}: remote write, {what}, {series:,} series",
                         f"{rates[repeat // 2] / 1e6:.2f} M samples/s{spread}; RSS {server.rss_mb():,.0f} MB",
                         aim if is_quell else "")
            server.stop()

    def findings(self):
        """How soon a fault is a finding, from sending the request that has its samples until the finding
        comes from the stream, while two senders write a million series as fast as they can. Each fault is
        of one host with 20 series; hosts are in tenants of eight, because more at once would be a storm."""
        tenants, hosts, per_host, warm, fault = 25, 8, 20, 300, 20
        if self.options.quick:
            tenants = 3
        series = self.million_series()
        server, _ = self.start_quell(self.root / "findings")
        connection = server.connection()

        def write(tenant, first, values, count):
            """So many samples, a second apart up to now, of each (host, series, value of a sample)."""
            now = int(time.time() * 1000)
            body = b"".join(protobuf.series(
                [("__name__", f"metric_{n}"), ("instance", f"host-{host}"), ("job", "node")],
                [(value(), now - 1000 * (first + count - i)) for i in range(count)])
                for host, n, value in values)
            headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
                       "X-Prometheus-Remote-Write-Version": "0.1.0", "X-Scope-OrgID": tenant}
            began = time.monotonic()
            connection.request("POST", "/api/v1/write", protobuf.snappy(body), headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"answered with {answer.status}: {said[:200]}")
            return began

        found, stream = {}, server.connection()
        stream.request("GET", "/api/v1/stream?topics=findings", headers={"accept": "text/event-stream"})
        told = stream.getresponse()

        def listen():
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
                for line in told:
                    if line.startswith(b"data:"):
                        finding = json.loads(line[5:])
                        key = (finding.get("tenant"), finding.get("entity"))
                        found.setdefault(key, []).append(time.monotonic())

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        # Two rounds of each series at first, so that no series is made while it is measured.
        share = series // 2
        loads = [self.start_remote_write(server, share, (500, 20), 0, i * share) for i in range(2)]
        names = [(f"t{t}", t * hosts + h) for h in range(hosts) for t in range(tenants)]
        for tenant, host in names:
            write(tenant, fault, [(host, n, lambda: random.gauss(50, 2)) for n in range(per_host)], warm)
        enough, began = 2 * series * 20, time.monotonic()
        while self.metric(server, "quell_metrics_samples") < enough:
            if any(load.poll() is not None for load in loads) or time.monotonic() - began > 120:
                raise RuntimeError("the samples of remote_write_load do not come")
            time.sleep(0.2)
        before, began = self.metric(server, "quell_metrics_samples"), time.monotonic()
        sent = {}
        for tenant, host in names:
            values = [(host, n, lambda: random.gauss(90, 2)) for n in range(per_host)]
            sent[tenant, f"host:host-{host}"] = write(tenant, 0, values, fault)
            time.sleep(0.1)
        rate = (self.metric(server, "quell_metrics_samples") - before) / (time.monotonic() - began)
        for load in loads:
            load.kill()
            load.communicate()
        took = [min(times) - at for key, at in sent.items()
                if (times := [time for time in found.get(key, ()) if time > at])]
        self.row(f"fault to finding, {series:,} series at {rate / 1e6:.2f} M samples/s",
                 f"{len(took)} of {len(sent)} found; p50 {ms(percentile(took, 0.5))}, p99 "
                 f"{ms(percentile(took, 0.99))}, max {ms(max(took))}" if took else "none found", "p99 < 1 s")
        server.stop()

    @staticmethod
    def metric(server, name):
        """The sum of one of the server's own metrics."""
        _, body, _ = ask(server.connection(), "GET", "/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in body.decode().splitlines()
                   if line.split("{")[0].split(" ")[0] == name)

    def flood(self):
        """Ten million new series: what is taken and refused, memory, and an old series meanwhile."""
        wanted = 10 * self.million_series()
        server, _ = self.start_quell(self.root / "flood")
        connection = server.connection()

        def old_series():
            status, body, took = ask(connection, "POST", "/ingest/agent",
                                     '{"host":"old","metric":"m","value":1}')
            if status != 202:
                raise RuntimeError(f"an old series was answered with {status}: {body[:200]}")
            return took

        old_series()
        loads = [self.start_remote_write(server, 100_000, (10_000, 1), 0, i * 100_000_000, "new")
                 for i in range(2)]
        began, peak, waits, came = time.monotonic(), 0, [], 0
        while came < wanted:
            if any(load.poll() is not None for load in loads) or time.monotonic() - began > 300:
                raise RuntimeError("the series of remote_write_load do not come")
            waits.append(old_series())
            peak = max(peak, server.rss_mb())
            refused = self.metric(server, "quell_metrics_series_refused")
            came = refused + self.metric(server, "quell_metrics_samples")
            time.sleep(0.1)
        took = time.monotonic() - began
        for load in loads:
            load.kill()
            load.communicate()
        self.row(f"{came / 1e6:.0f} million new series", f"{took:.0f} s; {refused:,.0f} refused; RSS at most "
                 f"{peak:,.0f} MB; an old series was answered within {ms(max(waits))}", "bounded memory")
        server.stop()

    def stages(self):
        """What a sample costs, stage by stage, and the whole server beside it."""
        series = self.million_series()
        run = subprocess.run(
            [str(self.options.build / "bench/stage_bench"), str(series), "10000",
             str(self.root / "stage-bench")], capture_output=True, text=True, check=True)
        for line in run.stdout.splitlines():
            stage, _, cost = line.rpartition("  ")
            cost = cost.strip() + (" CPU" if line.endswith(" ns") else "")
            self.row(f"a sample of {series:,} series: {stage.strip()}", cost)
        server, _ = self.start_quell(self.root / "stages")
        self.remote_write(server, series, (10_000, 1), 1)
        rounds, before = 5, server.cpu_seconds()
        rate = self.remote_write(server, series, (10_000, 1), rounds)
        each = (server.cpu_seconds() - before) / (series * (rounds + 1))
        self.row(f"whole server, remote write of 10,000 series x 1 sample, {series:,} series",
                 f"{each * 1e9:.0f} ns CPU a sample, of all its threads; {rate / 1e6:.2f} M samples/s")
        server.stop()

    def stored_offsets(self, data):
        """Up to which frame the store has everything, and up to which one all samples are in pages."""
        uri = f"file:{data / 'quell.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as store:
            rows = dict(store.execute("SELECT name, value FROM state WHERE name LIKE '%_offset'"))
        return int(rows["next_offset"]), int(rows.get("samples_offset", 0))

    def start_row(self, what, data, aim=""):
        next_offset, samples_offset = self.stored_offsets(data)
        size = sum(f.stat().st_size for f in data.rglob("*") if f.is_file())
        server, took = self.start_quell(data)
        self.row(what, f"{took:.2f} s, of it {server.cpu_seconds():.2f} s CPU; {size / 1e6:,.0f} MB "
                       f"of data, {next_offset - samples_offset:,} of {next_offset:,} requests read "
                       f"again; RSS {server.rss_mb():,.0f} MB", aim)
        return server

    def start(self):
        """Memory of a million series, and starts with them."""
        series, data = self.million_series(), self.root / "start"
        server, _ = self.start_quell(data)
        idle = server.rss_mb()
        self.remote_write(server, series, (10_000, 1), 4)
        server.stop(signal.SIGKILL)
        name = f"{series:,} series"
        server = self.start_row(f"start after kill -9, {name}, just made by five samples each", data)
        # Samples go on until the pages of all series were written since, as they are in minutes of
        # ordinary operation: by time, or when many samples have come.
        enough, _ = self.stored_offsets(data)
        load = self.start_remote_write(server, series, (500, 4), 0)
        began = time.monotonic()
        while self.stored_offsets(data)[1] <= enough and time.monotonic() - began < 240:
            if load.poll() is not None:
                raise RuntimeError(f"remote_write_load: {load.stderr.read().strip()}")
            time.sleep(0.5)
        rss = server.rss_mb()
        load.kill()
        load.communicate()
        self.row(f"RSS, {name}", f"{rss:,.0f} MB, {(rss - idle) * 2**20 / series:,.0f} bytes a series "
                                 "(labels 290 bytes, recent samples and model included)")
        server.stop(signal.SIGKILL)
        server = self.start_row(f"start after kill -9 under load, {name}", data)
        # Nearly nothing comes for longer than a page may be old: then all of it is in the snapshot.
        enough, _ = self.stored_offsets(data)
        connection, began = server.connection(), time.monotonic()
        while self.stored_offsets(data)[1] < enough and time.monotonic() - began < 260:
            ask(connection, "POST", "/ingest/agent", '{"host":"h","metric":"m","value":1}')
            time.sleep(0.2)
        server.stop()
        self.start_row(f"start from a snapshot, {name}", data, "< 5 s").stop()

    def parts(self):
        """The programs that measure one part each, with what they print."""
        for name, *arguments in (("detect_bench",), ("journal_bench", self.root / "journal-bench"),
                                 ("wire_bench",), ("pack_bench",), ("pipeline_bench",), ("sample_bench",),
                                 ("store_bench", self.root / "store-bench")):
            run = subprocess.run([str(self.options.build / "bench" / name), *map(str, arguments)],
                                 capture_output=True, text=True, check=True, cwd=self.root)
            for line in run.stdout.splitlines():
                if line.strip():
                    self.row(name, " ".join(line.split()))

    # Detection beside others.

    def python(self):
        """scikit-learn's isolation forest, and Quell with the same values."""
        peer = str(pathlib.Path(__file__).with_name("python_peer.py"))
        for program in (sys.executable, "/usr/bin/python3"):
            if subprocess.run([program, "-c", "import sklearn"], capture_output=True).returncode == 0:
                break
        else:
            self.row("Python pipeline", "not run: python3-sklearn is not installed")
            return
        series = 5_000
        run = subprocess.run([program, peer, "speed", "--series", str(series), "--seconds",
                              str(4 * self.seconds)], capture_output=True, text=True, check=True)
        told = self.results["python"] = json.loads(run.stdout)
        name = f"Python {told['python']} with scikit-learn {told['sklearn']}"
        what = f"{told['history']} values of history, {told['trees']} trees"
        for how, each, memory in (
                ("fitted for each decision", told["refit_each"], 0),
                ("fitted for every 100th", told["refit_every_100"], told["bytes_per_model"])):
            memory += told["bytes_per_series"]
            self.row(f"{name}: isolation forest, {what}, {how}",
                     f"{each['per_second']:,.0f} decisions/s; CPU {each['cpu_ms_each'] * 1e3:,.0f} us; "
                     f"{memory / 1000:,.1f} kB a series")
        self.quell_beside_python(series)
        if self.options.nab:
            self.nab(program, peer)

    def quell_beside_python(self, series):
        """The same values, as agents send them: all that the server does is counted."""
        measured = 60
        now, ticks = int(time.time()), python_peer.HISTORY + measured

        def body(tick):
            at = now - (ticks - tick) * python_peer.INTERVAL_S
            return "\n".join(f'{{"host":"h{n % 50}","metric":"series_{n}","value":{value},'
                             f'"ts_event":{at}}}'
                             for n, value in enumerate(python_peer.make_values(series, tick)))

        server, _ = self.start_quell(self.root / "beside")
        connection, rss = server.connection(), server.rss_mb()

        def send(one):
            status, answer, took = ask(connection, "POST", "/ingest/agent", one)
            if status >= 300:
                raise RuntimeError(f"answered with {status}: {answer[:200]}")
            return took

        for tick in range(python_peer.HISTORY):
            send(body(tick))
        bodies = [body(tick) for tick in range(python_peer.HISTORY, ticks)]
        cpu = server.cpu_seconds()
        took = sum(send(one) for one in bodies)
        cpu, count = server.cpu_seconds() - cpu, measured * series
        self.row(f"Quell: the same values of {series:,} series as NDJSON, 5,000 a request, one sender",
                 f"{count / took:,.0f} decisions/s; CPU {cpu / count * 1e6:.2f} us (network, journal, "
                 f"decoding, detection, store); {(server.rss_mb() - rss) * 1048.576 / series:,.1f} kB a series")
        server.stop()

    def nab(self, program, peer):
        run = subprocess.run([program, peer, "nab", str(self.options.nab)], capture_output=True,
                             text=True, check=True)
        told = self.results["python_nab"] = json.loads(run.stdout)
        self.row(f"NAB, standard profile: isolation forest of the last {told['history']:,} rows, fitted "
                 f"every {told['every']} rows", self.nab_text(told["standard"]["score"], told["cpu_seconds"]))
        before = os.times()
        run = subprocess.run([str(self.options.build / "quell"), "eval", "nab", str(self.options.nab),
                              "--json"], capture_output=True, text=True, check=True)
        after = os.times()
        cpu = (after.children_user + after.children_system - before.children_user -
               before.children_system)
        self.row("NAB, standard profile: Quell, each row",
                 self.nab_text(json.loads(run.stdout)["standard"], cpu))

    @staticmethod
    def nab_text(score, cpu):
        return f"{score:.1f}; {cpu:.1f} s CPU"

    def netdata(self):
        """Says whether there is a Netdata with machine learning: Debian's has none."""
        program = shutil.which("netdata")
        if program is None:
            self.row("Netdata", "not run: netdata is not installed")
            return
        said = subprocess.run([program, "-W", "buildinfo"], capture_output=True, text=True, check=False)
        said = said.stdout + said.stderr
        version = next((line.split()[-1] for line in said.splitlines() if line.startswith("Version")), "")
        learns = any("Machine Learning" in line and "YES" in line for line in said.splitlines())
        self.row(f"Netdata {version}", "not run: " + (
            "it has machine learning, but nothing here drives it" if learns else
            "built without machine learning"))

    CASES = ("batches", "single", "samples", "open_alerts", "crash", "frames", "million", "storm",
             "stages", "remote", "findings", "flood", "start", "parts", "python", "netdata")

    def run(self):
        for case in self.CASES:
            if self.options.only and case not in self.options.only:
                continue
            say(case)
            try:
                getattr(self, case)()
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                self.row(case, f"**failed: {error}**")
                for process in self.started:
                    process.kill()


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (f"{os.cpu_count()} CPUs ({model}), {pages / 2**30:.0f} GB, Linux {platform.release()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--seconds", type=float, default=5, help="of each measured run")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--only", type=lambda s: s.split(","), help=", ".join(Bench.CASES))
    parser.add_argument("--quick", action="store_true", help="a tenth of the large cases")
    parser.add_argument("--json", type=pathlib.Path, help="write what the programs said here")
    parser.add_argument("--nab", type=pathlib.Path,
                        help="the Numenta Anomaly Benchmark, for --only python")
    options = parser.parse_args()
    options.build = options.build.resolve()
    for program in ("quell", "bench/loadgen", "bench/remote_write_load", "bench/stage_bench"):
        if not (options.build / program).exists():
            sys.exit(f"run.py: {options.build / program} is not there: build it first "
                     "(cmake --preset release && cmake --build --preset release)")
    root = pathlib.Path(tempfile.mkdtemp(prefix="quell-bench-"))
    bench = Bench(options, root)
    load_before = os.getloadavg()[0]
    try:
        bench.run()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"{machine()}. Load average before {load_before:.1f}, after {os.getloadavg()[0]:.1f} "
          f"(the runs themselves are in it). {time.strftime('%Y-%m-%d')}.\n")
    print("| case | measured | aim |\n|---|---|---|")
    for row in bench.rows:
        print("| " + " | ".join(row) + " |")
    if options.json:
        options.json.write_text(json.dumps(bench.results, indent=2))


if __name__ == "__main__":
    main()
