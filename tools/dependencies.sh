# Installs what Quell needs and this machine lacks, from Debian's packages and npm.
#
#   . tools/dependencies.sh       defines need_build_packages, need_test_packages, need_node
#   tools/dependencies.sh --all   installs everything (what ./test.sh needs)
#   tools/dependencies.sh --list  prints the packages, one per line
#
# When all is there this costs one dpkg-query and one `node --version`. Nothing that gets installed
# is started: see install_packages.
# shellcheck shell=bash

QUELL_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
QUELL_LOGS=$QUELL_ROOT/build/logs
# Vite's floor. The React page needs it to build, the program does not need it to run.
NODE_VERSION_MIN=20.19.0
NODE_MAJOR=22

BUILD_PACKAGES=(g++-12 cmake ninja-build libfmt-dev libboost1.81-dev libboost-json1.81-dev
  libmimalloc-dev libsimdjson-dev libsqlite3-dev libyaml-cpp-dev libxxhash-dev libre2-dev libssl-dev zlib1g-dev
  libcurl4-openssl-dev libsnappy-dev libnghttp2-dev liblzma-dev libcli11-dev libgtest-dev pkg-config python3 ca-certificates ccache mold)
# dpkg-dev and file: CPack asks them for the dependencies of the .deb.
TEST_PACKAGES=(clang-16 libclang-rt-16-dev lld-16 prometheus prometheus-alertmanager
  prometheus-node-exporter chromium fonts-dejavu-core curl jq openssl dpkg-dev file procps)
# Their packages start a daemon when they are installed; Quell's tests start their own.
SERVICES=(prometheus prometheus-alertmanager prometheus-node-exporter)

say_why() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# Prints those of "$@" that are not installed.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "$package installed" <<<"$installed" || echo "$package"
  done
}

# Runs "$@" as root; fails with a sentence when that is not possible.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

check_can_install() {
  if [ "$(id -u)" = 0 ]; then return 0; fi
  if ! command -v sudo >/dev/null; then
    say_why "you are not root and there is no sudo; as root, run: apt-get install $*"
    return 1
  fi
  if ! [ -t 0 ] && ! sudo -n true 2>/dev/null; then
    say_why "sudo wants a password and there is no terminal; as root, run: apt-get install $*"
    return 1
  fi
}

# Masks the services that are about to be installed, runs "$@", and leaves them installed, unmasked
# and disabled. A mask is a link to /dev/null, so it also works where systemd is not running.
without_starting_services() {
  local service unit masked=() status=0
  for service in "${SERVICES[@]}"; do
    unit=/etc/systemd/system/$service.service
    if [ -n "$(missing_packages "$service")" ] && ! [ -e "$unit" ] && ! [ -L "$unit" ]; then
      as_root mkdir -p /etc/systemd/system
      as_root ln -s /dev/null "$unit" && masked+=("$service")
    fi
  done
  "$@" || status=$?
  for service in "${masked[@]}"; do
    as_root rm -f "/etc/systemd/system/$service.service"
    as_root systemctl disable "$service.service" >/dev/null 2>&1 || true
    as_root update-rc.d "$service" disable >/dev/null 2>&1 || true
  done
  return $status
}

# RUNLEVEL=1 makes invoke-rc.d, which packages use on machines without systemd, start nothing.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@"
}

install_packages() {
  local log=$QUELL_LOGS/packages.log missing
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} = 0 ]; then return 0; fi
  check_can_install "${missing[@]}" || return 1
  mkdir -p "$QUELL_LOGS"
  echo "      installing ${#missing[@]} Debian packages, services stay stopped: ${missing[*]}"
  if ! { apt_get update && without_starting_services \
           apt_get install --no-install-recommends "${missing[@]}"; } >>"$log" 2>&1; then
    say_why "apt-get could not install ${missing[*]} (Quell builds on Debian 12); see $log"
    return 1
  fi
}

need_build_packages() { install_packages "${BUILD_PACKAGES[@]}"; }
need_test_packages() { install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"; }

has_node_and_npm() { command -v node >/dev/null && command -v npm >/dev/null; }

node_is_recent() {
  local version
  version=$("$1" --version 2>/dev/null) || return 1
  printf '%s\n%s\n' "$NODE_VERSION_MIN" "${version#v}" | sort -V -C
}

# Puts a node of at least NODE_VERSION_MIN and its npm first in PATH. Debian 12 has node 18, so that
# one only fetches a current binary from npm, into build/tools: `node-linux-<cpu>` is the package
# that npm's `node` would install from a script.
need_node() {
  local tools=$QUELL_ROOT/build/tools log=$QUELL_LOGS/node.log cpu
  if has_node_and_npm && node_is_recent node; then return 0; fi
  case $(uname -m) in
    x86_64) cpu=x64 ;;
    aarch64) cpu=arm64 ;;
    *) say_why "npm has no node binary for $(uname -m); install node >= $NODE_VERSION_MIN"; return 1 ;;
  esac
  local bin=$tools/node_modules/node-linux-$cpu/bin
  if ! node_is_recent "$bin/node"; then
    has_node_and_npm || install_packages nodejs npm || return 1
    mkdir -p "$tools" "$QUELL_LOGS"
    echo "      fetching node $NODE_MAJOR into build/tools (Debian's is $(node --version))"
    if ! npm install --no-save --no-audit --no-fund --prefix "$tools" \
         "node-linux-$cpu@$NODE_MAJOR" npm@10 >>"$log" 2>&1 || ! node_is_recent "$bin/node"; then
      say_why "npm could not fetch node $NODE_MAJOR; see $log"
      return 1
    fi
  fi
  PATH=$bin:$tools/node_modules/.bin:$PATH
  export PATH
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  case ${1:-} in
    --all) need_test_packages && need_node ;;
    --list) printf '%s\n' "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}" ;;
    *) sed -n '2,7s/^# \?//p' "$0"; exit 2 ;;
  esac
fi
