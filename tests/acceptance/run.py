#!/usr/bin/env python3
"""Runs the acceptance tests against build/release/quell (or $QUELL_BINARY).

  tests/acceptance/run.py                  all of them
  tests/acceptance/run.py -k prometheus    those whose name has `prometheus` in it
  tests/acceptance/run.py --json FILE      also writes {"passed": N, "failures": [...]}
"""
import argparse
import json
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Result(unittest.TextTestResult):
    """One line per test with its time; remembers who passed."""

    def startTest(self, test):
        self.began = time.monotonic()
        unittest.TestResult.startTest(self, test)
        self.stream.write(f"{test.id()} … ")
        self.stream.flush()

    def stopTest(self, test):
        unittest.TestResult.stopTest(self, test)
        failed = {case.id() for case, _ in self.failures + self.errors}
        verdict = "FAILED" if any(name.startswith(test.id()) for name in failed) else "ok"
        self.stream.write(f"{verdict} ({time.monotonic() - self.began:.1f} s)\n")
        self.stream.flush()


def failure_names(result):
    bad = [case for case, _ in result.failures + result.errors + result.expectedFailures]
    bad += [case for case, _ in result.skipped] + result.unexpectedSuccesses
    return sorted({case.id() for case in bad})


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("-k", metavar="NAME", action="append", help="only tests with this in the name")
    options.add_argument("--json", type=pathlib.Path, help="where to write the counts")
    options.add_argument("--kills", default="50", help="how often test_kill kills the server")
    options = options.parse_args()
    os.environ["QUELL_KILLS"] = options.kills
    sys.path.insert(0, str(HERE))

    import harness
    if not harness.BINARY.exists():
        sys.exit(f"run.py: {harness.BINARY} is not there; build it with ./run.sh")
    loader = unittest.TestLoader()
    if options.k:
        loader.testNamePatterns = [f"*{name}*" for name in options.k]
    tests = loader.discover(str(HERE))
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(tests)
    failures = failure_names(result)
    if options.json:
        passed = result.testsRun - len(failures)
        options.json.write_text(json.dumps({"passed": max(passed, 0), "failures": failures}))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
