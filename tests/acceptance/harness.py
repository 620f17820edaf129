"""Starts Quell and real programs around it on free ports, and waits for what they say, not for time.

Everything a test starts lives in a temporary directory and is ended by the test's clean-up. Programs
are ready when their log or their readiness endpoint says so; incidents are waited for on Quell's own
stream. Every wait has a deadline, and a missed one fails with the end of the program's log.
"""
import collections
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import pty
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
BINARY = pathlib.Path(os.environ.get("QUELL_BINARY", ROOT / "build" / "release" / "quell"))
# Generous, because the machine may be busy: a pass never waits for it.
DEADLINE_SECONDS = 60
LOG_LINES_KEPT = 400
# Between two looks at what no stream announces.
POLL_SECONDS = 0.02
SETTLED = "everything before this note is stored"

Answer = collections.namedtuple("Answer", "status headers body")


def parse_json(answer):
    return json.loads(answer.body)


class Process:
    """A program whose output is read line by line by a thread, so that it can be waited on."""

    def __init__(self, name, command, directory, **options):
        self.name = name
        self.command = [str(word) for word in command]
        self.lines = collections.deque(maxlen=LOG_LINES_KEPT)
        self._news = queue.Queue()
        self._process = subprocess.Popen(
            self.command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", **options)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line)
            self._news.put(line)
        self._news.put(None)

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def wait_for_line(self, pattern):
        """The match of the first line that has `pattern`; fails when the program ends before."""
        return self.wait_for_lines(pattern)[0]

    def wait_for_lines(self, *patterns):
        """The same for several lines, in any order."""
        found = [None] * len(patterns)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while None in found:
            missing = patterns[found.index(None)]
            try:
                line = self._news.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.name} did not say {missing!r} in "
                                     f"{DEADLINE_SECONDS} s\n{self.log()}") from None
            if line is None:
                raise AssertionError(f"{self.name} ended with exit code {self._process.wait()} "
                                     f"before it said {missing!r}\n{self.log()}")
            found = [old or re.search(pattern, line) for old, pattern in zip(found, patterns)]
        return found

    def wait_for_news(self, seconds):
        """Returns when the program said something, or after `seconds`."""
        with contextlib.suppress(queue.Empty):
            self._news.get(timeout=seconds)

    def log(self):
        return "".join(self.lines)

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self):
        """The exit code."""
        try:
            code = self._process.wait(timeout=DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end\n{self.log()}") from None
        self._reader.join(DEADLINE_SECONDS)
        return code

    def kill(self):
        if self.running():
            self._process.kill()
        self.wait()
        self._process.stdout.close()

    def terminate(self):
        self.signal(signal.SIGTERM)
        return self.wait()


class Server:
    """Something that answers HTTP at `self.address` ("127.0.0.1:4711")."""

    address = ""

    def request(self, method, path, body=None, headers=None, timeout=DEADLINE_SECONDS):
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, answer.read())

    def get(self, path, **query):
        pairs = [(name, value) for name, values in query.items()
                 for value in (values if isinstance(values, list) else [values])]
        return self.request("GET", path + ("?" + urllib.parse.urlencode(pairs) if pairs else ""))

    def post(self, path, body, content_type="application/json", **headers):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, body, {"content-type": content_type, **headers})


class Quell(Server):
    """`quell serve` on a free port. May be killed and started again on the same data."""

    def __init__(self, directory, config="", environment=None, preexec=None):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.config = self.directory / "quell.yaml"
        self.config.write_text(config)
        self._environment = {**os.environ, **(environment or {})}
        self.preexec = preexec
        self.process = None
        self._settled = 0
        self.start()

    def start(self, port=0):
        self.process = Process(
            "quell", [BINARY, "serve", "--config", self.config, "--data", self.data,
                      "--listen", f"127.0.0.1:{port}"],
            self.directory, env=self._environment, preexec_fn=self.preexec)
        self.address = self.process.wait_for_line(r"listening on http://(\S+)").group(1)
        return self

    def kill(self):
        self.process.kill()

    def stop(self):
        return self.process.terminate()

    def all_items(self, path, **query):
        """Every item of a list, page by page."""
        items, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = self.get(path, limit=1000, **query, **more)
            if answer.status != 200:
                raise AssertionError(f"GET {path}: {answer.status} {answer.body[:500]!r}")
            page = parse_json(answer)
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items

    def status(self):
        return parse_json(self.get("/api/v1/status"))

    def settle(self):
        """Waits until all that was accepted so far can be read: what is stored is stored in order, so
        a note that is sent now and found in the list says so for everything before it."""
        self._settled += 1
        title = f"{SETTLED} {self.process.pid}-{self._settled}"
        answer = self.post("/api/v1/events", {"title": title})
        if answer.status // 100 != 2:
            raise AssertionError(f"a note is refused: {answer.status} {answer.body!r}")
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not any(one["title"] == title
                      for one in parse_json(self.get("/api/v1/events", limit=20))["items"]):
            if time.monotonic() > deadline:
                raise AssertionError(f"{title} is not stored\n{self.process.log()}")
            self.process.wait_for_news(POLL_SECONDS)

    def events(self, **query):
        """All events, without the notes of settle()."""
        return [one for one in self.all_items("/api/v1/events", **query)
                if not one["title"].startswith(SETTLED)]

    def stream(self, topics="incidents"):
        return Stream(self.address, topics)

    def metric(self, name, **query):
        """What is known of a metric; without series when there is none."""
        answer = self.get(f"/api/v1/metrics/{urllib.parse.quote(name, safe='')}", limit=10000, **query)
        if answer.status == 404:
            return {"metric": name, "series": []}
        if answer.status != 200:
            raise AssertionError(f"GET {name}: {answer.status} {answer.body[:500]!r}")
        return parse_json(answer)

    def wait_for_metric(self, name, wanted, **query):
        """The metric as soon as `wanted(metric)` holds; samples are announced on no stream."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            metric = self.metric(name, **query)
            if wanted(metric):
                return metric
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is not as wanted: {json.dumps(metric)[:2000]}\n"
                                     f"{self.process.log()[-2000:]}")
            self.process.wait_for_news(POLL_SECONDS)

    def wait_for(self, path, wanted, topics="incidents,alerts,status", **query):
        """The first item of the list at `path` for which `wanted(item)` holds, now or soon."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        with self.stream(topics) as stream:
            while True:
                items = self.all_items(path, **query)
                for item in items:
                    if wanted(item):
                        return item
                try:
                    stream.next(deadline)
                except TimeoutError:
                    raise AssertionError(
                        f"nothing in {path} is as wanted: {json.dumps(items)[:2000]}\n"
                        f"{self.process.log()[-2000:]}") from None

    def wait_for_incident(self, wanted, **query):
        return self.wait_for("/api/v1/incidents", wanted, **query)

    def wait_for_alert(self, wanted, **query):
        return self.wait_for("/api/v1/alerts", wanted, **query)

    def run(self, *arguments, stdin=None):
        """A command of the program that talks to this server."""
        return run_quell(*arguments, "--url", f"http://{self.address}", stdin=stdin)


def run_quell(*arguments, stdin=None, environment=None):
    return subprocess.run([str(BINARY), *map(str, arguments)], input=stdin, text=True,
                          env={**os.environ, **(environment or {})},
                          capture_output=True, timeout=DEADLINE_SECONDS, check=False)


class Terminal:
    """A command of the program whose standard error is a terminal, and its standard input a pipe."""

    def __init__(self, *arguments):
        self._terminal, other_end = pty.openpty()
        self._process = subprocess.Popen([str(BINARY), *map(str, arguments)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=other_end)
        os.close(other_end)
        self.shown = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()
        os.close(self._terminal)

    def type(self, text):
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def wait_for(self, text):
        """Reads what the terminal shows until there is `text`."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.shown and self._read(deadline):
            pass
        if text not in self.shown:
            raise AssertionError(f"the terminal shows no {text!r}: {self.shown!r}")

    def end(self):
        """Ends the standard input; what the program writes there, and its exit code."""
        self._process.stdin.close()
        self._process.stdin = None
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._read(deadline):
            pass
        output, _ = self._process.communicate(timeout=DEADLINE_SECONDS)
        return output.decode(), self._process.returncode

    def _read(self, deadline):
        ready, _, _ = select.select([self._terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"the program does not end; the terminal shows {self.shown!r}")
        try:
            self.shown += os.read(self._terminal, 65536).decode()
        except OSError:  # EIO: nobody has the other end any more.
            return False
        return True


class Stream:
    """Quell's Server-Sent Events, from the moment it is opened."""

    def __init__(self, address, topics):
        self._connection = http.client.HTTPConnection(address, timeout=DEADLINE_SECONDS)
        self._connection.request("GET", f"/api/v1/stream?topics={topics}",
                                 headers={"accept": "text/event-stream"})
        self._answer = self._connection.getresponse()
        if self._answer.status != 200:
            raise AssertionError(f"stream: {self._answer.status} {self._answer.read()!r}")
        self._socket = self._answer.fp.raw._sock

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._answer.close()
        self._connection.close()

    def next(self, deadline):
        """The next event as (name, data); TimeoutError when the deadline passes before."""
        name, data = "", []
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            line = self._answer.readline().decode().rstrip("\r\n")
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].lstrip())
            elif not line and data:
                return name, json.loads("\n".join(data))


class Prometheus(Server):
    """Debian's Prometheus with one scrape target, some rules, and Quell as its Alertmanager; it writes
    to `remote_write`, a URL, what it scrapes, with native histograms when these are wanted. It has
    `history` already, in OpenMetrics' text."""

    def __init__(self, directory, target, rules, alertmanager, remote_write=None, native=False,
                 history=None, scrape_interval="200ms"):
        directory = pathlib.Path(directory)
        if history:
            (directory / "history").write_text(history)
            subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "history", "tsdb"],
                           cwd=directory, check=True, capture_output=True)
        (directory / "rules.yml").write_text(rules)
        (directory / "prometheus.yml").write_text(f"""
global: {{scrape_interval: {scrape_interval}, evaluation_interval: 200ms, external_labels: {{cluster: eu}}}}
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - path_prefix: /alertmanager
      api_version: v2
      static_configs: [{{targets: ["{alertmanager}"]}}]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["{target}"]}}]
""" + (f"""
remote_write:
  - url: "{remote_write}"
    send_native_histograms: {str(native).lower()}
    metadata_config: {{send: true, send_interval: 1s}}
    queue_config: {{batch_send_deadline: 100ms, min_backoff: 30ms, max_backoff: 100ms}}
""" if remote_write else ""))
        self.process = Process(
            "prometheus",
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
             "--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=1s",
             *(["--enable-feature=native-histograms"] if native else [])], directory)
        self.address = self.process.wait_for_lines(
            r'msg="Listening on" address=(\S+)', "Server is ready to receive web requests")[0].group(1)
        if self.get("/-/ready").status != 200:
            raise AssertionError(f"Prometheus is not ready\n{self.process.log()}")


class NodeExporter(Server):
    """Debian's exporter of a machine's own metrics, which it reads from `proc`; file systems in memory
    are among them."""

    def __init__(self, directory, proc):
        self.process = Process(
            "node-exporter",
            ["prometheus-node-exporter", "--web.listen-address=127.0.0.1:0", f"--path.procfs={proc}",
             "--collector.filesystem.mount-points-exclude=^/(proc|sys|run)($|/)"], directory)
        self.address = self.process.wait_for_line(r'msg="Listening on" address=(\S+)').group(1)


class Alertmanager(Server):
    """Debian's Alertmanager with a webhook receiver."""

    def __init__(self, directory, webhook):
        directory = pathlib.Path(directory)
        (directory / "alertmanager.yml").write_text(f"""
route: {{receiver: quell, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: quell
    webhook_configs: [{{url: "{webhook}", send_resolved: true}}]
""")
        self.process = Process(
            "alertmanager",
            ["prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=storage",
             "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="], directory)
        line = self.process.wait_for_line(r'msg="Listening on" address=(\S+)')
        self.address = line.group(1)
        if self.get("/-/ready").status != 200:
            raise AssertionError(f"Alertmanager is not ready\n{self.process.log()}")


@contextlib.contextmanager
def small_disk(directory):
    """The mount point of a file system of some megabytes, which a test may fill."""
    disk = pathlib.Path(directory) / "disk"
    disk.mkdir()
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    why = "there is no sudo"
    if not root or shutil.which("sudo"):
        mounted = subprocess.run(
            [*root, "mount", "-t", "tmpfs", "-o", "size=32m,mode=1777", "tmpfs", disk],
            capture_output=True, text=True, check=False)
        why = mounted.stderr
        if mounted.returncode == 0:
            try:
                yield disk
            finally:
                subprocess.run([*root, "umount", "--lazy", disk], check=True)
            return
    shared = pathlib.Path("/dev/shm")  # Containers that may not mount have one of 64 MB.
    if not shared.is_mount() or shutil.disk_usage(shared).total > 256 << 20:
        raise AssertionError("no small file system can be had: run this as root, or as one whom sudo "
                             f"asks for no password, or with a /dev/shm of at most 256 MB ({why})")
    yield shared


class ScrapeTarget:
    """A target on a free port; each scrape gets what body() returns."""

    content_type = "text/plain; version=0.0.4"

    def __init__(self):
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = target.body()
                self.send_response(200)
                self.send_header("content-type", target.content_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def body(self):
        raise NotImplementedError

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Gauge(ScrapeTarget):
    """One metric, whose value the test sets, and what `more()` returns."""

    def __init__(self, name):
        self.name = name
        self.value = 0
        self.more = lambda: ""
        super().__init__()

    def body(self):
        return (f"# HELP {self.name} What a test says.\n# TYPE {self.name} gauge\n"
                f"{self.name} {self.value}\n{self.more()}").encode()


class AcceptanceTest(unittest.TestCase):
    """A test with a directory of its own; what it starts ends with it."""

    config = ""
    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="quell-test-", ignore_cleanup_errors=True)))

    def start_quell(self, config=None, name="quell", **options):
        directory = self.directory / name
        directory.mkdir(exist_ok=True)  # A test may have put data there.
        quell = Quell(directory, self.config if config is None else config, **options)
        self.addCleanup(quell.kill)
        return quell

    def start_prometheus(self, *arguments, **options):
        return self._start(Prometheus, "prometheus", *arguments, **options)

    def start_alertmanager(self, *arguments):
        return self._start(Alertmanager, "alertmanager", *arguments)

    def start_node_exporter(self, proc):
        return self._start(NodeExporter, "node_exporter", proc)

    def _start(self, program, name, *arguments, **options):
        directory = self.directory / name
        directory.mkdir()
        server = program(directory, *arguments, **options)
        self.addCleanup(server.process.kill)
        return server

    def start_gauge(self, name):
        gauge = Gauge(name)
        self.addCleanup(gauge.close)
        return gauge

    def node(self, script, *arguments):
        """Runs a script of this folder with node and returns the JSON that it prints."""
        done = subprocess.run(["node", HERE / script, *arguments], capture_output=True, text=True,
                              timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def check_problem(self, answer, status, code=None):
        """The answer is an RFC 9457 problem document with this status."""
        self.assertEqual(answer.status, status, answer.body[:500])
        self.assertEqual(answer.headers.get("content-type"), "application/problem+json")
        problem = parse_json(answer)
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"] and problem["detail"], problem)
        if code:
            self.assertEqual(problem["code"], code)
        return problem
