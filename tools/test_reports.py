"""Reads the reports of ctest, GoogleTest, vitest, Playwright and tests/acceptance/run.py.

A report that is missing, unreadable or empty counts as one failure: a stage that could not say what
it did has not passed. Skipped and disabled tests are failures too, there should be none.
"""
import dataclasses
import json
import xml.etree.ElementTree as xml


@dataclasses.dataclass
class Count:
    passed: int = 0
    failures: list = dataclasses.field(default_factory=list)

    @staticmethod
    def of(passed, failure):
        return Count(1, []) if passed else Count(0, [failure])

    @property
    def total(self):
        return self.passed + len(self.failures)

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failures + other.failures)

    def or_empty(self, report):
        return self if self.total else Count(0, [f"{report.name} has no tests"])


def reader(function):
    def read(report, *more):
        if not report.exists():
            return Count(0, [f"{report.name} was not written"])
        try:
            return function(report, *more).or_empty(report)
        except (ValueError, KeyError, xml.ParseError) as error:
            return Count(0, [f"{report.name}: {error}"])
    return read


@reader
def gtest(report):
    count = Count()
    for case in xml.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        ran = case.get("status") == "run" and case.get("result") == "completed"
        count += Count.of(ran and case.find("failure") is None, name)
    return count


@reader
def ctest(report, cases):
    """`cases` holds one GoogleTest report per test program, named after the program."""
    count = Count()
    for case in xml.parse(report).getroot().iter("testcase"):
        name = case.get("name")
        ok = case.get("status") == "run"
        inside = [path for path in (cases / f"{name}_test.xml", cases / f"{name}.xml")
                  if path.exists()]
        if inside:
            tests = gtest(inside[0])
            count += tests
            if ok or tests.failures:
                continue
        count += Count.of(ok, f"ctest {name}")
    return count


@reader
def vitest(report):
    count = Count()
    for suite in json.loads(report.read_text())["testResults"]:
        if suite["status"] != "passed" and not suite["assertionResults"]:
            count += Count(0, [f"{suite['name']}: {suite.get('message', '')[:200]}"])
        for test in suite["assertionResults"]:
            count += Count.of(test["status"] == "passed", test["fullName"])
    return count


@reader
def playwright(report):
    root = json.loads(report.read_text())
    count = Count(0, [error.get("message", "error")[:200] for error in root.get("errors", [])])

    def walk(suite, path):
        nonlocal count
        for spec in suite.get("specs", []):
            for test in spec["tests"]:
                # "flaky" passed only when tried again: that is a failure here.
                count += Count.of(test["status"] == "expected", " › ".join([*path, spec["title"]]))
        for child in suite.get("suites", []):
            walk(child, [*path, child["title"]])

    for suite in root["suites"]:
        walk(suite, [suite["title"]])
    return count


@reader
def acceptance(report):
    root = json.loads(report.read_text())
    return Count(root["passed"], root["failures"])
