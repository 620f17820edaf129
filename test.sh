#!/usr/bin/env bash
# All set-up and all tests. Ends with one line, `N passed, N failed`, and exit code 1 when one failed.
#
#   ./test.sh             everything (some 19 minutes on two cores, from nothing)
#   ./test.sh --quick     one build and its tests: no sanitizers, no fuzzing, fewer seeds and kills
#   ./test.sh --no-sanitizers   everything but fuzzing and the sanitizer builds
#   ./test.sh --list      the stages
#   ./test.sh STAGE…      only these; `hogs`, which needs an idle machine, runs in no other way
set -euo pipefail
cd "$(dirname "$0")"
. tools/dependencies.sh

case " $* " in
  *" --list "* | *" --help "* | *" -h "*) ;;
  *)
    if ! need_test_packages || ! need_node; then
      echo "0 passed, 1 failed"
      exit 1
    fi
    ;;
esac
exec python3 tools/run_tests.py "$@"
