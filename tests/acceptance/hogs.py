"""What the tests share in which a machine is hogged."""
import contextlib

from harness import AcceptanceTest, parse_json, small_disk

QUIET_SAMPLES = 350  # Of each series; 150 are the warm-up.


@contextlib.contextmanager
def full(disk):
    filler = disk / "filler"
    try:
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        yield
    finally:
        filler.unlink(missing_ok=True)


class HoggedMachineTest(AcceptanceTest):
    """Debian's Prometheus and node-exporter watch a machine, and Quell has its settings as they ship."""

    def check_quiet(self, quell):
        self.assertEqual(quell.all_items("/api/v1/findings"), [])

    def check_burning(self, quell):
        pass

    def check_hogs(self, machine, scrape_interval):
        """No incident while nothing is wrong; then a hog of the processors, one of memory and a full
        disk are found, named, and joined in one."""
        quell = self.start_quell()
        with small_disk(self.directory) as disk:
            machine.remount()
            self.watch(quell, machine, scrape_interval)
            self.check_quiet(quell)
            self.assertEqual(quell.all_items("/api/v1/incidents"), [])
            with machine.burning():
                finding = self.named(quell, "node_cpu_seconds_total")
                self.assertRegex(finding["title"], "^node_(cpu|pressure|load1|procs)")
                self.check_burning(quell)
            with machine.eaten():
                self.named(quell, "node_memory_MemAvailable_bytes")
            with full(disk):
                finding = self.named(quell, "node_filesystem_avail_bytes", mountpoint=str(disk))
                incident = quell.wait_for_incident(lambda i: "on 127.0.0.1 is" in i["title"])
        self.assertEqual(finding["entity"], "host:127.0.0.1")
        quell.wait_for("/api/v1/findings", lambda f: f["id"] == finding["id"] and
                       f["incident"] == incident["id"], topics="findings,incidents")
        self.assertEqual(len(quell.all_items("/api/v1/incidents")), 1)

    def watch(self, quell, machine, scrape_interval):
        """Until every series has been quiet for so many samples."""
        exporter = self.start_node_exporter(machine.proc)
        self.start_prometheus(exporter.address, "groups: []", quell.address,
                              f"http://{quell.address}/api/v1/write",
                              scrape_interval=scrape_interval)
        for samples in range(50, QUIET_SAMPLES + 1, 10):
            quell.wait_for_metric("node_load1", lambda m: m["series"] and
                                  len(m["series"][0]["samples"]) >= samples)

    def named(self, quell, metric, **labels):
        """The finding in which a series of the metric is unusual."""
        def says(finding):
            signals = parse_json(quell.get(f"/api/v1/findings/{finding['id']}"))["signals"]
            return any(s["metric"] == metric and labels.items() <= s["labels"].items()
                       for s in signals)
        return quell.wait_for("/api/v1/findings", says, topics="findings,status")
