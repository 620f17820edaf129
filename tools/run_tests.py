#!/usr/bin/env python3
"""Runs the stages of ./test.sh, times them, and adds up what their reports say.

Most stages only compute, and come one after the other. Those that mostly wait (for programs, for a
browser) run beside them, one at a time; they have deadlines, so what computes makes way for them.
Every stage writes build/logs/<stage>.log. A failing stage does not stop the others, except that
what needs a program that could not be built fails with it. The last line is `N passed, N failed`.
"""
import argparse
import collections
import collections.abc
import concurrent.futures
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import test_reports as reports
from test_reports import Count

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
JOBS = os.cpu_count() or 2
# Of each simulation, as many as it runs in two or three minutes; by hand they take any number.
SEEDS = {"metrics_sim": 2000, "detection_sim": 2500}
SEEDS_ELSE = 10000
QUICK_SEEDS = 500
SIMULATION_PARTS = 4  # So that no processor is without work while the longest one ends.
NICE = ["nice", "-n", "5"]
LOG_TAIL_LINES = 40
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Stage:
    """One stage while it runs: its log, and the files that its tools leave behind."""

    def __init__(self, name, quick, is_beside=False):
        self.name = name
        self.quick = quick
        self.is_beside = is_beside
        self.log = LOGS / f"{name}.log"
        self.log.write_text("")

    def report(self, suffix):
        path = LOGS / f"{self.name}.{suffix}"
        path.unlink(missing_ok=True)
        return path

    def run(self, *command, timeout=1200, **environment):
        """Runs a command with its output in the log; returns its exit code."""
        command = [str(word) for word in command]
        polite = [] if self.is_beside else NICE
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            try:
                return subprocess.run(polite + command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL, timeout=timeout,
                                      env={**os.environ, **environment}).returncode
            except subprocess.TimeoutExpired:
                log.write(f"\nended after {timeout} s\n")
                return 124

    def build(self, preset):
        return (self.run("cmake", "--preset", preset) == 0
                and self.run("cmake", "--build", "--preset", preset) == 0)

    def ctest(self, preset, **environment):
        """Runs the ctest of a preset and counts the GoogleTest cases inside each of its tests."""
        junit = self.report("xml")
        cases = LOGS / f"{self.name}.cases"
        subprocess.run(["rm", "-rf", cases], check=True)
        self.run("ctest", "--test-dir", ROOT / "build" / preset, "--output-on-failure",
                 "--parallel", JOBS, "--timeout", "600", "--output-junit", junit,
                 GTEST_OUTPUT=f"xml:{cases}/", **environment)
        return reports.ctest(junit, cases)


def ui_build(stage):
    return Count.of(stage.run("tools/build_ui.sh") == 0, "the web page does not build")


def release_build(stage):
    if not stage.build("release"):
        return Count(0, ["the release build failed"])
    lines = stage.log.read_text(errors="replace").splitlines()
    warnings = [line for line in lines if " warning: " in line]
    return Count(1) if not warnings else Count(0, warnings)


def unit(stage):
    return stage.ctest("release")


def ui_check(stage):
    return Count.of(stage.run("npm", "--prefix", "ui", "run", "check") == 0, "npm run check")


def ui_unit(stage):
    report = stage.report("json")
    stage.run("npm", "--prefix", "ui", "run", "test", "--", "--reporter=default",
              "--reporter=json", f"--outputFile.json={report}")
    return reports.vitest(report)


def ui_browser(stage):
    report = stage.report("json")
    stage.run("npm", "--prefix", "ui", "run", "e2e", "--", "--reporter=list,json",
              PLAYWRIGHT_JSON_OUTPUT_NAME=str(report), PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD="1", CI="1")
    return reports.playwright(report)


def acceptance(stage):
    report = stage.report("json")
    if stage.run("npm", "--prefix", "tests/acceptance", "ci", "--no-audit", "--no-fund") != 0:
        return Count(0, ["npm could not fetch the packages of tests/acceptance"])
    stage.run(sys.executable, "tests/acceptance/run.py", "--json", report,
              "--kills", "5" if stage.quick else "50")
    return reports.acceptance(report)


def hogs(stage):
    report = stage.report("json")
    stage.run(sys.executable, "tests/acceptance/run.py", "--files", "idle_*.py", "--json", report)
    return reports.acceptance(report)


def programs(folder, pattern):
    return [path for path in sorted(folder.glob(pattern))
            if path.is_file() and os.access(path, os.X_OK)]


def in_parallel(stage, function, jobs):
    """Calls function(stage, *job) for jobs, as many at a time as there are cores. The first word of a
    job is its program. Returns the counts, in order."""
    stages = [Stage("-".join([stage.name, job[0].name, *map(str, job[1:])]), stage.quick)
              for job in jobs]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        counts = list(pool.map(lambda part, job: function(part, *job), stages, jobs))
    with stage.log.open("a") as log:  # Those that failed come last, where they are seen.
        for _, part in sorted(zip(counts, stages), key=lambda pair: bool(pair[0].failures)):
            log.write(part.log.read_text(errors="replace"))
    return counts


def simulation(stage):
    """Each tests/sim/*_sim.cc is a program that takes the first seed and how many. All parts of one
    count as one test."""
    jobs = []
    for program in programs(ROOT / "build" / "release", "*_sim"):
        seeds = QUICK_SEEDS if stage.quick else SEEDS.get(program.name, SEEDS_ELSE)
        first = [seeds * part // SIMULATION_PARTS for part in range(SIMULATION_PARTS + 1)]
        jobs += [(program, begin, end - begin) for begin, end in zip(first, first[1:])]
    failures = collections.defaultdict(list)
    for (program, *_), part in zip(jobs, in_parallel(stage, simulate, jobs)):
        failures[program] += part.failures
    count = sum((Count(0, bad) if bad else Count(1) for bad in failures.values()), Count())
    return count if count.total else Count(0, ["there are no simulations"])


def simulate(stage, program, first, seeds):
    code = stage.run(program, first, seeds)
    return Count.of(code == 0, f"{program.name} {first} {seeds} ended with exit code {code}")


def fuzz(stage):
    """The fuzz targets are part of the build with ASan and UBSan."""
    if not stage.build("asan"):
        return Count(0, ["the fuzz targets do not build"])
    targets = [(target,) for target in programs(ROOT / "build" / "asan", "fuzz_*")]
    count = sum(in_parallel(stage, fuzz_one, targets), Count())
    return count if count.total else Count(0, ["there are no fuzz targets"])


def fuzz_one(stage, target):
    """Some seconds from the seeds in tests/fuzz/corpus; what is found stays in build/.

    With a fixed seed and from the same corpus, so that a run says the same again: this is a smoke
    test. To look for more, run build/asan/fuzz_NAME by hand.
    """
    found = ROOT / "build" / "asan" / "corpus" / target.name
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    seeds = ROOT / "tests" / "fuzz" / "corpus" / target.name.removeprefix("fuzz_")
    code = stage.run(target, "-seed=1", "-runs=20000", "-max_total_time=8", "-timeout=5",
                     "-rss_limit_mb=2048", f"-artifact_prefix={LOGS}/{target.name}-", found,
                     *([seeds] if seeds.is_dir() else []), timeout=120, **SANITIZER_ENVIRONMENT)
    if target.name == "fuzz_canary":  # It must fail, or the others prove nothing.
        return Count.of(code != 0, "fuzz_canary found nothing: the fuzzers are blind")
    return Count.of(code == 0, f"{target.name} ended with exit code {code}")


def sanitizer(preset):
    def run(stage):
        if not stage.build(preset):
            return Count(0, [f"the {preset} build failed"])
        return stage.ctest(preset, **SANITIZER_ENVIRONMENT)
    return run


@dataclasses.dataclass(frozen=True)
class Spec:
    name: str
    what: str
    function: collections.abc.Callable
    in_quick: bool = True
    # None: it computes, and comes in its turn. Else it runs beside the others, after this stage.
    beside_after: str | None = None
    # Only when it is named, and after all others: it needs what a run of these does not leave.
    is_apart: bool = False


STAGES = [
    Spec("ui-build", "building the web page", ui_build),
    Spec("build", "building quell (release)", release_build),
    Spec("unit", "unit, scenario and tidy tests", unit),
    Spec("ui-check", "type and style checks of the web page", ui_check, beside_after="ui-build"),
    Spec("ui-unit", "vitest", ui_unit, beside_after="ui-build"),
    Spec("ui-browser", "playwright in Chromium", ui_browser, beside_after="build"),
    Spec("acceptance", "real programs, bad input, kill -9", acceptance, beside_after="build"),
    Spec("simulation", "simulations, 2,000 to 10,000 seeds each", simulation),
    Spec("asan", "unit and simulation tests under ASan and UBSan", sanitizer("asan"), in_quick=False),
    Spec("fuzz", "fuzz targets, some seconds each", fuzz, in_quick=False),
    Spec("tsan", "unit and simulation tests under TSan", sanitizer("tsan"), in_quick=False),
    Spec("hogs", "a real machine that is idle and then hogged, four minutes", hogs, is_apart=True),
]


class Run:
    """All chosen stages: those that compute in one thread, those beside them in another one."""

    def __init__(self, chosen, quick):
        self.chosen = chosen
        self.quick = quick
        self.began = time.monotonic()
        self.total = Count()
        self.lock = threading.Lock()
        self.done = {spec.name: threading.Event() for spec in chosen}
        self.is_stopped = False

    def all_stages(self):
        beside = threading.Thread(target=self.lane, daemon=True,
                                  args=([spec for spec in self.chosen if spec.beside_after],))
        beside.start()
        try:
            self.lane([spec for spec in self.chosen if not spec.beside_after and not spec.is_apart])
            beside.join()
            self.lane([spec for spec in self.chosen if spec.is_apart])
        except KeyboardInterrupt:  # The programs got it, too.
            self.is_stopped = True
            sys.exit(130)
        return self.total

    def lane(self, specs):
        for spec in specs:
            if spec.beside_after in self.done:
                self.done[spec.beside_after].wait()
            if self.is_stopped:
                return
            self.one_stage(spec)
            self.done[spec.name].set()

    def one_stage(self, spec):
        stage = Stage(spec.name, self.quick, is_beside=spec.beside_after is not None)
        self.say(spec, f"{spec.what} …")
        began = time.monotonic()
        try:
            count = spec.function(stage)
        except Exception as error:  # A broken report must not hide the other stages.
            count = Count(0, [f"{type(error).__name__}: {error}"])
        with self.lock:
            self.total += count
        lines = [f"{count.passed} passed, {len(count.failures)} failed "
                 f"({time.monotonic() - began:.0f} s)"]
        if count.failures:
            lines += [f"      failed: {failure}" for failure in count.failures]
            lines += [f"      the end of {stage.log.relative_to(ROOT)}:"]
            log = stage.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            lines += ["      | " + line for line in log]
        self.say(spec, "\n".join(lines))

    def say(self, spec, text):
        with self.lock:
            print(f"{time.monotonic() - self.began:5.0f} s  {spec.name:10}  {text}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="no sanitizers and no fuzzing")
    options.add_argument("--no-sanitizers", action="store_true",
                         help="everything but the stages that build with clang or a sanitizer")
    options.add_argument("--list", action="store_true", help="print the stages")
    options.add_argument("stage", nargs="*", help="only these stages")
    options = options.parse_args()
    known = [spec.name for spec in STAGES]
    if options.list:
        for spec in STAGES:
            print(f"{spec.name:12} {spec.what}{'; only when named' if spec.is_apart else ''}")
        return 0
    if unknown := [name for name in options.stage if name not in known]:
        sys.exit(f"test.sh: no stage {', '.join(unknown)}; there are {', '.join(known)}")
    few = options.quick or options.no_sanitizers
    chosen = ([spec for spec in STAGES if spec.name in options.stage]
              or [spec for spec in STAGES if not spec.is_apart and (spec.in_quick or not few)])
    LOGS.mkdir(parents=True, exist_ok=True)
    run = Run(chosen, options.quick)
    total = run.all_stages()
    print(f"{time.monotonic() - run.began:.0f} s in all, logs in {LOGS.relative_to(ROOT)}/")
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
