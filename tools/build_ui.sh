#!/usr/bin/env bash
# Builds the web page into ui/dist, from where CMake embeds it. Does nothing when neither ui/ nor
# node changed since the last time. Needs node (tools/dependencies.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=build/ui.stamp
fingerprint() {
  {
    node --version
    find ui -type d \( -name node_modules -o -name dist -o -name e2e -o -name test-results \
      -o -name playwright-report \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
  } | sha256sum
}

# npm writes this file last.
if ! [ ui/node_modules/.package-lock.json -nt ui/package-lock.json ]; then
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm --prefix ui ci --no-audit --no-fund
fi
if [ -f ui/dist/index.html ] && [ -f $stamp ] && [ "$(fingerprint)" = "$(cat $stamp)" ]; then
  echo "ui/dist is up to date"
  exit 0
fi
mkdir -p build
npm --prefix ui run build
fingerprint >$stamp
