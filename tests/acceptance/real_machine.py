"""The machine that the test runs on, and hogs of it."""
import contextlib
import os
import pathlib
import subprocess
import sys

BURN = "while True: pass"
# Touches half of what is available, says so, and holds it.
EAT = """
import sys
size = int(sys.argv[1])
held = bytearray(size)
for at in range(0, size, 4096):
    held[at] = 1
print("full", flush=True)
sys.stdin.read()
"""


class RealMachine:
    proc = pathlib.Path("/proc")

    def remount(self):
        """Its mounts are as they are."""

    @contextlib.contextmanager
    def burning(self):
        """All processors are busy."""
        with contextlib.ExitStack() as stack:
            for _ in range(os.cpu_count()):
                process = stack.enter_context(subprocess.Popen([sys.executable, "-c", BURN]))
                stack.callback(process.kill)
            yield

    @contextlib.contextmanager
    def eaten(self):
        """Half of the memory that is available is not any more."""
        lines = (self.proc / "meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
        with subprocess.Popen([sys.executable, "-c", EAT, str(available * 512)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            yield
            process.stdin.close()
