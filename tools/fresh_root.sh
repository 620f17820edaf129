#!/usr/bin/env bash
# Proves that a checkout works on a fresh Debian 12: makes a minimal root with debootstrap, puts the
# committed tree (`git archive HEAD`) into it, and runs a command there as a user who is not root but
# may use sudo. There is no compiler, no node, no systemd and no curl in it to begin with.
#
#   sudo tools/fresh_root.sh [--root DIR] [--no-sudo] [COMMAND…]     default: ./run.sh --check-only
#
# --no-sudo: the user may not use it; in a new root the command must say which packages it wants.
# DIR (default: a new directory in /var/tmp) is made when it is not there and stays, so that a second run
# finds the packages installed. Needs root and debootstrap. Mirror: $QUELL_MIRROR. The machine's own
# way to the network (resolver, certificates, proxy settings of apt and npm) is used inside, too.
set -euo pipefail
tree=$(cd "$(dirname "$0")/.." && pwd)
user=tester
root=
sudo=yes

fail() { echo "fresh_root.sh: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    --root) root=$2; shift 2 ;;
    --no-sudo) sudo=; shift ;;
    -h | --help) sed -n '2,12s/^# \?//p' "$0"; exit 0 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || set -- ./run.sh --check-only
[ "$(id -u)" = 0 ] || fail "chroot and mount need root"
command -v debootstrap >/dev/null || fail "debootstrap is missing; apt-get install debootstrap"
[ -n "$root" ] || root=$(mktemp -d /var/tmp/quell-root-XXXXXX)
home=$root/home/$user

copy_if_there() {
  for path in "$@"; do
    [ -e "$path" ] || continue
    mkdir -p "$root$(dirname "$path")"
    cp -aL "$path" "$root$(dirname "$path")/"
  done
}

# Only Debian's own sources: a fresh machine knows no others, and they might bring a newer node.
copy_network_settings() {
  local setting file
  copy_if_there /etc/resolv.conf /etc/hosts
  # Once the package ca-certificates is inside, it has links there that mean other files out here.
  [ -e "$root/etc/ssl/certs" ] || copy_if_there /etc/ssl/certs
  mkdir -p "$root/etc/apt/apt.conf.d"
  apt-config dump | grep -E '^Acquire::(http|https|Retries|Check)' >"$root/etc/apt/apt.conf.d/90host" || true
  if [ -f ~/.npmrc ]; then
    grep -E '^(registry|proxy|https-proxy|cafile|strict-ssl) *=' ~/.npmrc >"$home/.npmrc" || true
  fi
  for setting in http_proxy https_proxy no_proxy; do
    [ -z "${!setting:-}" ] || printf 'export %s=%q\n' "$setting" "${!setting}"
  done >"$home/.network"
  # Copied to the user: the package ca-certificates writes its own over those in /etc.
  for setting in NODE_EXTRA_CA_CERTS SSL_CERT_FILE; do
    file=${!setting:-}
    [ -f "$file" ] || continue
    cp -L "$file" "$home/.$setting.pem"
    echo "export $setting=~/.$setting.pem" >>"$home/.network"
  done
}

make_root() {
  echo "making a minimal Debian 12 in $root"
  debootstrap --variant=minbase --include=sudo bookworm "$root" \
    "${QUELL_MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
    fail "debootstrap failed; see $root.log"
  chroot "$root" useradd --create-home --shell /bin/bash $user
}

allow_sudo() {
  if [ -n "$sudo" ]; then
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
  else
    rm -f "$root/etc/sudoers.d/$user"
  fi
}

copy_tree() {
  mkdir -p "$home/quell"
  git -C "$tree" archive HEAD | tar -x -C "$home/quell"
  chroot "$root" chown -R $user: "/home/$user"
}

# The mounts live in a mount namespace of their own and end with it, as do all processes.
run_inside() {
  local command
  printf -v command '%q ' "$@"
  unshare --mount --pid --fork bash -euc '
    mount -t proc proc "$1/proc"
    mount -t sysfs -o ro sysfs "$1/sys"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp"
    exec chroot "$1" su - "$2" -c ". ~/.network; cd quell; exec $3"
  ' bash "$root" "$user" "$command"
}

[ -e "$root/etc/debian_version" ] || make_root
allow_sudo
copy_tree
copy_network_settings
echo "running in $root as $user: $*"
run_inside "$@"
