#!/usr/bin/env python3
"""Runs the acceptance tests against build/release/quell (or $QUELL_BINARY).

  tests/acceptance/run.py                  all of them
  tests/acceptance/run.py -k prometheus    those whose name has `prometheus` in it
  tests/acceptance/run.py --jobs 1         one after the other
  tests/acceptance/run.py --files 'idle_*.py'   those that need an idle machine
  tests/acceptance/run.py --json FILE      also writes {"passed": N, "failures": [...]}

Each test starts its own programs in a directory of its own and mostly waits for them, so several run
at a time, each in a process of its own. The output of a test comes in one piece when it ends.
"""
import argparse
import concurrent.futures
import io
import json
import multiprocessing
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
LONG = ("test_hogs.", "test_findings.", "test_kill.", "test_prometheus.")
JOBS = (os.cpu_count() or 2) + 1  # One more than processors: a test waits more than it works.


def failure_names(result):
    bad = [case for case, _ in result.failures + result.errors + result.expectedFailures]
    bad += [case for case, _ in result.skipped] + result.unexpectedSuccesses
    return sorted({case.id() for case in bad})


def test_ids(tests):
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from test_ids(test)
        else:
            yield test.id()


def run_one(name):
    """The names of what failed, and what is to be printed."""
    began = time.monotonic()
    text = io.StringIO()
    result = unittest.TextTestResult(unittest.runner._WritelnDecorator(text), False, 0)
    unittest.defaultTestLoader.loadTestsFromName(name).run(result)
    failures = failure_names(result)
    verdict = "FAILED" if failures else "ok"
    result.printErrors()
    return failures, f"{name} … {verdict} ({time.monotonic() - began:.1f} s)\n{text.getvalue()}"


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("-k", metavar="NAME", action="append", help="only tests with this in the name")
    options.add_argument("--files", default="test*.py", help="which files (%(default)s)")
    options.add_argument("--json", type=pathlib.Path, help="where to write the counts")
    options.add_argument("--kills", default="50", help="how often test_kill kills the server")
    options.add_argument("--jobs", type=int, default=JOBS, help="how many at a time (%(default)s)")
    options = options.parse_args()
    os.environ["QUELL_KILLS"] = options.kills
    sys.path.insert(0, str(HERE))

    import harness
    if not harness.BINARY.exists():
        sys.exit(f"run.py: {harness.BINARY} is not there; build it with ./run.sh")
    loader = unittest.TestLoader()
    if options.k:
        loader.testNamePatterns = [f"*{name}*" for name in options.k]
    names = list(test_ids(loader.discover(str(HERE), options.files)))
    # The longest come first, so that none of them is alone at the end.
    names.sort(key=lambda name: next((i for i, long in enumerate(LONG) if name.startswith(long)),
                                     len(LONG)))
    began = time.monotonic()
    failures = []
    with concurrent.futures.ProcessPoolExecutor(
            options.jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_one, name) for name in names]):
            failed, text = done.result()
            failures += failed
            print(text, end="", flush=True)
    passed = len(names) - len(failures)
    print(f"{passed} passed, {len(failures)} failed ({time.monotonic() - began:.0f} s)")
    if options.json:
        options.json.write_text(json.dumps({"passed": max(passed, 0), "failures": sorted(failures)}))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
