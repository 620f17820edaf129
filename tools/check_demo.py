#!/usr/bin/env python3
"""Starts `quell demo` on a free port, asks /readyz, stops it with SIGTERM: exit code 0 or a reason."""
import re
import signal
import subprocess
import sys
import urllib.request

TIMEOUT_SECONDS = 60


def address(demo):
    for line in demo.stdout:
        found = re.search(r"listening on (http://\S+)", line)
        if found:
            return found.group(1)
    sys.exit(f"check_demo: quell demo ended with exit code {demo.wait()} before it was listening")


def main():
    demo = subprocess.Popen([sys.argv[1], "demo", "--listen", "127.0.0.1:0"],
                            stdout=subprocess.PIPE, text=True)
    try:
        where = address(demo)
        with urllib.request.urlopen(where + "/readyz", timeout=TIMEOUT_SECONDS) as answer:
            print(f"quell demo: {where}/readyz answers {answer.status}")
        demo.send_signal(signal.SIGTERM)
        code = demo.wait(timeout=TIMEOUT_SECONDS)
    finally:
        demo.kill()
    if code != 0:
        sys.exit(f"check_demo: quell demo ended with exit code {code} after SIGTERM")


if __name__ == "__main__":
    main()
