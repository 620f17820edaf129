#!/usr/bin/env bash
# Builds the web page into ui/dist, from where CMake embeds it. Does nothing when neither ui/ nor
# node changed since the last time. Needs node (tools/dependencies.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=build/ui.stamp
fingerprint() {
  {
    node --version
    find ui -type d \( -name node_modules -o -name dist -o -name test-results -o -name tests \) \
      -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
  } | sha256sum
}

if [ -f ui/dist/index.html ] && [ -f $stamp ] && [ "$(fingerprint)" = "$(cat $stamp)" ]; then
  echo "ui/dist is up to date"
  exit 0
fi
mkdir -p build
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
npm --prefix ui ci --no-audit --no-fund
npm --prefix ui run build
fingerprint >$stamp
