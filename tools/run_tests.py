#!/usr/bin/env python3
"""Runs the stages of ./test.sh, times them, and adds up what their reports say.

Every stage writes build/logs/<stage>.log. A failing stage does not stop the others, except that
what needs a program that could not be built fails with it. The last line is `N passed, N failed`.
"""
import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
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
LOG_TAIL_LINES = 40
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Stage:
    """One stage while it runs: its log, and the files that its tools leave behind."""

    def __init__(self, name, quick):
        self.name = name
        self.quick = quick
        self.log = LOGS / f"{name}.log"
        self.log.write_text("")

    def report(self, suffix):
        path = LOGS / f"{self.name}.{suffix}"
        path.unlink(missing_ok=True)
        return path

    def run(self, *command, timeout=1200, **environment):
        """Runs a command with its output in the log; returns its exit code."""
        command = [str(word) for word in command]
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            try:
                return subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
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


def in_parallel(stage, function, found):
    """Calls function(stage, program) for programs, as many at a time as there are cores. Adds up."""
    stages = [Stage(f"{stage.name}-{program.name}", stage.quick) for program in found]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        counts = list(pool.map(function, stages, found))
    with stage.log.open("a") as log:  # Those that failed come last, where they are seen.
        for _, part in sorted(zip(counts, stages), key=lambda pair: bool(pair[0].failures)):
            log.write(part.log.read_text(errors="replace"))
    return sum(counts, Count())


def simulation(stage):
    """Each tests/sim/*_sim.cc is a program that takes the first seed and how many."""
    count = in_parallel(stage, simulate_one, programs(ROOT / "build" / "release", "*_sim"))
    return count if count.total else Count(0, ["there are no simulations"])


def simulate_one(stage, program):
    seeds = QUICK_SEEDS if stage.quick else SEEDS.get(program.name, SEEDS_ELSE)
    code = stage.run(program, "0", str(seeds))
    return Count.of(code == 0, f"{program.name} 0 {seeds} ended with exit code {code}")


def fuzz(stage):
    """The fuzz targets are part of the build with ASan and UBSan."""
    if not stage.build("asan"):
        return Count(0, ["the fuzz targets do not build"])
    count = in_parallel(stage, fuzz_one, programs(ROOT / "build" / "asan", "fuzz_*"))
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


# Name, what it does, whether --quick runs it, the function.
STAGES = [
    ("ui-build", "building the web page", True, ui_build),
    ("build", "building quell (release)", True, release_build),
    ("unit", "unit, scenario and tidy tests", True, unit),
    ("ui-check", "type and style checks of the web page", True, ui_check),
    ("ui-unit", "vitest", True, ui_unit),
    ("ui-browser", "playwright in Chromium", True, ui_browser),
    ("acceptance", "real programs, bad input, kill -9", True, acceptance),
    ("simulation", "simulations, 2,000 to 10,000 seeds each", True, simulation),
    ("asan", "unit and simulation tests under ASan and UBSan", False, sanitizer("asan")),
    ("fuzz", "fuzz targets, some seconds each", False, fuzz),
    ("tsan", "unit and simulation tests under TSan", False, sanitizer("tsan")),
]
# Only when they are named: they need what a run of all the others does not leave.
STAGES_APART = [
    ("hogs", "a real machine that is idle and then hogged, ten minutes", False, hogs),
]


def run_stage(number, total, stage, what, function):
    print(f"[{number}/{total}] {what} … ", end="", flush=True)
    began = time.monotonic()
    try:
        count = function(stage)
    except Exception as error:  # A broken report must not hide the other stages.
        count = Count(0, [f"{type(error).__name__}: {error}"])
    print(f"{count.passed} passed, {len(count.failures)} failed "
          f"({time.monotonic() - began:.0f} s)", flush=True)
    if count.failures:
        for failure in count.failures:
            print(f"      failed: {failure}")
        lines = stage.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        print(f"      the end of {stage.log.relative_to(ROOT)}:")
        print("\n".join("      | " + line for line in lines))
    return count


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="no sanitizers and no fuzzing")
    options.add_argument("--no-sanitizers", action="store_true",
                         help="everything but the stages that build with clang or a sanitizer")
    options.add_argument("--list", action="store_true", help="print the stages")
    options.add_argument("stage", nargs="*", help="only these stages")
    options = options.parse_args()
    known = [name for name, _, _, _ in STAGES + STAGES_APART]
    if options.list:
        print("\n".join(f"{name:12} {what}" for name, what, _, _ in STAGES))
        print("\n".join(f"{name:12} {what}; only when named" for name, what, _, _ in STAGES_APART))
        return 0
    if unknown := [name for name in options.stage if name not in known]:
        sys.exit(f"test.sh: no stage {', '.join(unknown)}; there are {', '.join(known)}")
    few = options.quick or options.no_sanitizers
    chosen = ([stage for stage in STAGES + STAGES_APART if stage[0] in options.stage]
              or [stage for stage in STAGES if stage[2] or not few])
    LOGS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    total = Count()
    for number, (name, what, _, function) in enumerate(chosen, 1):
        total += run_stage(number, len(chosen), Stage(name, options.quick), what, function)
    print(f"{time.monotonic() - began:.0f} s in all, logs in {LOGS.relative_to(ROOT)}/")
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
