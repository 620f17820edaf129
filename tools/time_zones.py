#!/usr/bin/env python3
"""Writes src/detect/time_zones.inc: the names of time zones, and the rules that hold there today.

    tools/time_zones.py [/usr/share/zoneinfo] > src/detect/time_zones.inc

The last line of a zoneinfo file is its rule for the future, as POSIX writes it.
"""

import pathlib
import sys

WIDTH = 96
LEFT_OUT = {"Factory", "localtime", "posixrules"}


def rules(root):
    """{rule: [name]} of all zones below `root`."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name in LEFT_OUT or name.startswith(("posix/", "right/")) or not path.is_file():
            continue
        content = path.read_bytes()
        if content.startswith(b"TZif"):
            rule = content.decode("latin-1").splitlines()[-1]
            found.setdefault(rule, []).append(name)
    return found


def literal_lines(names):
    """The names as string literals that follow one another, each within a line."""
    line = ""
    for i, name in enumerate(names):
        word = name if i + 1 == len(names) else name + " "
        if len(line) + len(word) + 5 > WIDTH:
            yield f'     "{line}"'
            line = ""
        line += word
    yield f'     "{line}"'


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/zoneinfo")
    version = (root / "tzdata.zi").read_text().splitlines()[0].split()[-1]
    print(f"// Made by tools/time_zones.py from tzdata {version}: a rule, and the zones that have it.")
    for rule, names in sorted(rules(root).items()):
        print(f'    {{"{rule}",')
        print("\n".join(literal_lines(names)) + "},")


if __name__ == "__main__":
    main()
