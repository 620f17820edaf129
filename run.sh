#!/usr/bin/env bash
# From a fresh Debian 12 to a running demo: installs what is missing, builds, starts `quell demo`.
#
#   ./run.sh [options of `quell demo`]
#   ./run.sh --check-only     builds, starts the demo, asks it whether it is healthy, stops it
set -euo pipefail
cd "$(dirname "$0")"
. tools/dependencies.sh
. tools/steps.sh

case ${1:-} in
  -h | --help) sed -n '2,5s/^# \?//p' "$0"; exit 0 ;;
esac

steps_total 5
open_step "looking for Debian packages" need_build_packages
open_step "looking for node" need_node
step "building the web page" ui.log tools/build_ui.sh
step "configuring" configure.log cmake --preset release
step "building quell (the first time takes some minutes)" build.log \
  cmake --build --preset release --target quell

if [ "${1:-}" = --check-only ]; then
  exec python3 tools/check_demo.py build/release/quell
fi
exec build/release/quell demo "$@"
