#!/usr/bin/env python3
"""Checks properties of the source that the compiler does not: layers, bans, sizes.

Run by ctest as the test `tidy`, so that there is nothing to check only in CI.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
LINES_MAX = 800
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

# What a pattern may appear in, and what to do instead elsewhere. Tests are held to it too, except
# where a test harness is named.
BANS = [
    (r"\b(system|steady|high_resolution)_clock::now\b", {"base/system_clock.cc"}, "take a Clock"),
    (r"\b(gettimeofday|clock_gettime|std::time)\s*\(", {"base/system_clock.cc"}, "take a Clock"),
    (r"\bstd::random_device\b|\brand\(|\bmt19937", {"base/random_seed.cc"}, "take a Prng"),
    (r"\bstd::(thread|jthread|async)\b(?!::)",
     {"app/", "journal/", "http/", "base/guarded_test.cc", "base/bounded_queue_test.cc"},
     "threads start in app/, journal/ (the committer) and http/"),
    (r"\bstd::(mutex|shared_mutex|condition_variable|atomic_flag)\b",
     {"base/guarded.h", "base/bounded_queue.h", "journal/", "app/pause.cc"}, "use Guarded or BoundedQueue"),
    (r"#include <boost/(asio|beast)", {"http/"}, "Beast and Asio stay in http/"),
    (r"#include <sys/socket|#include <netinet", {"http/"}, "sockets stay in http/"),
    (r"#include <nghttp2", {"http/"}, "nghttp2 stays in http/"),
    (r"#include <sqlite3", {"store/"}, "SQLite stays in store/"),
    (r"#include <curl/", {"fetch/"}, "libcurl stays in fetch/"),
    (r"#include <snappy", {"wire/"}, "snappy stays in wire/"),
    (r"#include <librdkafka/", {"kafka/"}, "librdkafka stays in kafka/"),
    (r"#include <libpq-fe", {"postgres/"}, "libpq stays in postgres/"),
    (r"#include <(regex|iostream|fstream)>", set(), "use RE2, fmt, or Disk"),
    (r"\bthrow\b", set(), "return a Result"),
    (r"\bgetenv\b", {"app/"}, "the environment is read in app/"),
    (r"\bsleep_for\b|\busleep\(|\bsleep_until\b", set(), "wait for an event, not for time"),
    (r"\bFIXME\b|\bXXX\b|\bTODO(?!\((perf|security|cleanup)\))", set(), "leftover marker"),
]
# Third-party headers that may appear in headers of ours, because the module owns the library.
HEADER_OWNERS = {"simdjson": {"base/"}, "yaml-cpp": {"base/"}, "boost": {"http/"},
                 "sqlite3": {"store/"}, "gtest": {"http/test_client.h"}, "fmt": {"base/"}}

errors = []


def declared_layers():
    """Reads quell_module(name DEPS a b) lines: the one place where layers are written down."""
    text = (ROOT / "CMakeLists.txt").read_text()
    layers = {}
    for name, args in re.findall(r"^quell_module\((\w+)([^)]*)\)", text, re.M):
        deps = re.search(r"DEPS([\w\s]*?)(?:LIBS|$)", args)
        layers[name] = set(deps.group(1).split()) if deps else set()
        for dep in layers[name]:
            if dep not in layers:
                errors.append(f"CMakeLists.txt: {name} uses {dep}, which comes later in the journey")
    return layers


def strip_code(line):
    """Drops comments and the contents of string literals."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line) if not line.startswith("#include") else line
    return line.split("//")[0]


def check_functions(name, lines):
    """Functions at column 0, and methods written inside of a class (column 2)."""
    for indent in ("", "  "):
        start = None
        for number, line in enumerate(lines, 1):
            if re.match(indent + r"\S.*\).*\{$", line) or (
                    start is None and re.match(indent + r"\S.*\)[^;]*$", line)):
                if not re.match(indent + r"(namespace|class|struct|enum|union|#|//|\})", line):
                    start = number
            elif line.rstrip(";") == indent + "}" and start:
                if number - start - 1 > FUNCTION_LINES_MAX:
                    errors.append(f"{name}:{start}: function of {number - start - 1} lines, "
                                  f"the limit is {FUNCTION_LINES_MAX}")
                start = None
            elif line.endswith(";") and re.match(indent + r"\S", line):
                start = None


def check_includes(name, module, where, line, layers):
    include = re.match(r'#include "(\w+)/', line)
    if include:
        target = include.group(1)
        if target != module and target not in layers.get(module, set()):
            errors.append(f"{where}: {module}/ may not include {target}/ (see CMakeLists.txt)")
    system = re.match(r"#include <([\w-]+)", line)
    is_of_tests = name.rpartition("/")[2].startswith("test_")
    if system and name.endswith(".h") and not is_of_tests and system.group(1) in HEADER_OWNERS:
        if not any(name.startswith(owner) for owner in HEADER_OWNERS[system.group(1)]):
            errors.append(f"{where}: <{system.group(1)}> may appear in .cc files only")


def check(path, layers):
    name = str(path.relative_to(ROOT / "src"))
    module = name.split("/")[0]
    lines = path.read_text().split("\n")
    if module not in layers:
        errors.append(f"src/{name}: no quell_module({module} …) line in CMakeLists.txt")
    if len(lines) > LINES_MAX:
        errors.append(f"src/{name}: {len(lines)} lines, the limit is {LINES_MAX}")
    if name.endswith(".h") and "#pragma once" not in lines:
        errors.append(f"src/{name}: no #pragma once")
    for number, line in enumerate(lines, 1):
        where = f"src/{name}:{number}"
        if len(line) > COLUMNS_MAX and "R\"" not in line and "http" not in line:
            errors.append(f"{where}: {len(line)} columns, the limit is {COLUMNS_MAX}")
        check_includes(name, module, where, line, layers)
        code = strip_code(line)
        comment = line if "TODO" in line or "FIXME" in line else ""
        for pattern, allowed, instead in BANS:
            if re.search(pattern, code + comment) and not any(name.startswith(a) for a in allowed):
                errors.append(f"{where}: {instead}")
    check_functions(f"src/{name}", lines)


def check_documents():
    """Every `path/in/backticks` of ARCHITECTURE.md exists."""
    page = ROOT / "ARCHITECTURE.md"
    if not page.exists():
        return
    for number, line in enumerate(page.read_text().split("\n"), 1):
        for path in re.findall(r"`((?:src|docs|tests|ui|tools|providers|scenarios|bench|deploy|cmake)/[\w./*-]*)`",
                               line):
            if not list(ROOT.glob(path.rstrip("/"))):
                errors.append(f"ARCHITECTURE.md:{number}: {path} does not exist")


def main():
    layers = declared_layers()
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix in {".h", ".cc"}:
            check(path, layers)
    check_documents()
    print("\n".join(errors) if errors else "tidy: clean")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
