"""A machine of two processors whose /proc a thread writes, for Debian's node-exporter to read: noise and
bursts as on one that has little to do, and hogs of it that the test switches on. So the test does not
depend on what else the real machine does."""
import contextlib
import os
import pathlib
import random
import shutil
import threading
import time

COPIED = ("vmstat", "diskstats", "softirqs", "net/dev", "net/netstat", "net/snmp", "net/sockstat",
          "net/softnet_stat", "sys/fs/file-nr", "pressure/io", "pressure/memory")
MOUNTS = ("1/mounts", "1/mountinfo", "self/mounts", "self/mountinfo")
STEP_SECONDS = 0.05
EATEN_KB = 2 << 20
TICKS = 100  # A second, as /proc/stat counts.
MEMORY_KB = {"MemTotal": 16_000_000, "MemFree": 9_000_000, "MemAvailable": 14_000_000,
             "Buffers": 120_000, "Cached": 3_900_000, "Active": 1_500_000, "Inactive": 3_500_000,
             "Inactive(anon)": 590_000, "AnonPages": 600_000, "Mapped": 250_000,
             "PageTables": 6_000, "Committed_AS": 1_500_000}
EATEN_FROM = ("MemFree", "MemAvailable")
EATEN_INTO = ("AnonPages", "Inactive(anon)", "Inactive", "Committed_AS")


class SimulatedMachine:
    def __init__(self, directory, seed=5):
        self.proc = pathlib.Path(directory)
        self._is_burning = False
        self._eaten_kb = 0
        self._random = random.Random(seed)
        self._processors = [{"user": 10.0, "system": 5.0, "idle": 900.0, "running": 0.0,
                             "waiting": 0.0} for _ in range(2)]
        self._load = [0.1, 0.1, 0.1]
        self._switches, self._waited_us, self._wobble, self._burst = 1e6, 0.0, 0.0, 0
        for name in COPIED:
            self._write(name, pathlib.Path("/proc", name).read_text()
                        if pathlib.Path("/proc", name).exists() else "")
        self.remount()
        self._step(STEP_SECONDS)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def remount(self):
        """Takes over which file systems there are; those are real."""
        for name in MOUNTS:
            self._write(name, pathlib.Path("/proc/self", pathlib.Path(name).name).read_text())

    def end(self):
        self._ended.set()
        self._thread.join()
        shutil.rmtree(self.proc, ignore_errors=True)

    @contextlib.contextmanager
    def burning(self):
        """All processors are busy."""
        self._is_burning = True
        yield
        self._is_burning = False

    @contextlib.contextmanager
    def eaten(self):
        """A sixth of the memory that is free is not any more."""
        self._eaten_kb = EATEN_KB
        yield
        self._eaten_kb = 0

    def _write(self, name, text):
        file = self.proc / name
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(file.name + ".new")
        new.write_text(text)
        os.replace(new, file)

    def _run(self):
        # A thread that starves makes rates jump that are steady, and jumps are then what is usual.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -10)
        last = time.monotonic()
        while not self._ended.wait(STEP_SECONDS):
            now = time.monotonic()
            self._step(now - last)
            last = now

    def _step(self, seconds):
        chance, noise = self._random.random, self._random.gauss
        if chance() < 0.01:
            self._burst = self._random.randint(2, 12)
        self._burst = max(0, self._burst - 1)
        for one in self._processors:
            user = 0.95 if self._is_burning else max(0, noise(0.06, 0.04)) + (
                0.4 * chance() if self._burst else 0)
            system = 0.05 if self._is_burning else max(0, noise(0.03, 0.015))
            one["user"] += seconds * user
            one["system"] += seconds * system
            one["idle"] += seconds * max(0, 1 - user - system)
            one["running"] += seconds * (user + system)
            one["waiting"] += seconds * (1 if self._is_burning else 0.005 * chance())
        self._switches += seconds * (3000 + 800 * chance())
        self._waited_us += seconds * 1e6 * (0.6 + 0.1 * chance() if self._is_burning
                                            else 0.002 * chance())
        self._write_processors(seconds)
        self._write_memory()

    def _write_processors(self, seconds):
        running = self._random.randint(2, 4) if self._is_burning else 1
        for i, minutes in enumerate((1, 5, 15)):
            wanted = running if self._is_burning else 0.1
            self._load[i] += (wanted - self._load[i]) * seconds / (60 * minutes)
        lines, schedule = [], ["version 15", "timestamp 1"]
        for i, one in enumerate(self._processors):
            ticks = [int(one[name] * TICKS) for name in ("user", "system", "idle")]
            lines.append(f"cpu{i} {ticks[0]} 0 {ticks[1]} {ticks[2]} 0 0 0 0 0 0")
            schedule.append(f"cpu{i} 0 0 0 0 0 0 {int(one['running'] * 1e9)} "
                            f"{int(one['waiting'] * 1e9)} {int(self._switches / 2)}")
        self._write("stat", "\n".join(
            ["cpu 0 0 0 0 0 0 0 0 0 0", *lines, f"intr {int(self._switches * 1.2)}",
             f"ctxt {int(self._switches)}", "btime 1760000000",
             f"processes {int(self._switches / 100)}", f"procs_running {running}",
             "procs_blocked 0", ""]))
        self._write("schedstat", "\n".join(schedule) + "\n")
        self._write("loadavg", "{:.2f} {:.2f} {:.2f} {}/100 1234\n".format(*self._load, running))
        self._write("pressure/cpu", "".join(
            f"{kind} avg10=0.00 avg60=0.00 avg300=0.00 total={int(total)}\n"
            for kind, total in (("some", self._waited_us), ("full", 0))))

    def _write_memory(self):
        noise = self._random.gauss
        self._wobble = 0.99 * self._wobble + noise(0, 400)
        taken = {name: -1 for name in EATEN_FROM} | {name: 1 for name in EATEN_INTO}
        values = {name: size + int(taken.get(name, 0) * (self._eaten_kb + self._wobble) + noise(0, 300))
                  for name, size in MEMORY_KB.items() if name != "MemTotal"}
        values["MemTotal"] = MEMORY_KB["MemTotal"]
        values["PageTables"] += self._eaten_kb // 512
        self._write("meminfo", "".join(f"{name}: {size} kB\n" for name, size in values.items()))
