#!/usr/bin/env bash
# Proves that dist/cortex is whole: runs it in a bare Debian 12 (minbase) that holds this one file more, without network.
#
# The bare system is made once by mmdebstrap and kept as .build/bare-debian.tar. A Swift program reads its arguments
# from /proc, so /proc is mounted, as every container does. Needs root, or sudo.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-dist/cortex}
suite=bookworm
archive=$PWD/.build/bare-debian.tar

stop() { echo "check-release: FAILED: $*" >&2; exit 1; }
[ -f "$binary" ] || stop "no $binary; make release builds it."
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || stop "a chroot needs root, and there is no sudo."
  exec sudo "$0" "$@"
fi
if ! command -v mmdebstrap >/dev/null; then
  echo "check-release: installing mmdebstrap"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null ||
    stop "apt-get could not install mmdebstrap."
fi
if ! [ -f "$archive" ]; then
  echo "check-release: making a bare Debian $suite (once)"
  mkdir -p .build
  mmdebstrap --quiet --variant=minbase --format=tar "$suite" "$archive.new" || stop "mmdebstrap made no system."
  mv "$archive.new" "$archive"
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# Device files are not needed, and not every container may make them.
tar -xf "$archive" -C "$root" --exclude='./dev/*'
cp "$binary" "$root/usr/local/bin/cortex"

bare() { unshare --mount --pid --net --fork --root="$root" --wd=/ --mount-proc env -i PATH=/usr/local/bin HOME=/root cortex "$@"; }
step() { # WHAT THE OUTPUT MUST HOLD, then the command
  local wanted=$1 output; shift
  output=$(bare "$@" 2>&1) || stop "cortex $* ended with $?: $output"
  grep -qF -- "$wanted" <<<"$output" || stop "cortex $* does not say \"$wanted\": $output"
  echo "check-release: cortex $1"
}

step '"version"' version --json
step pass doctor
step '' store --data /tmp/d "The database password rotates every ninety days."
step '' store --data /tmp/d "Lunch on Fridays is at noon."
# No word of the question is in the memory: only the model inside the file can find it.
step "ninety days" find --data /tmp/d "how often do credentials change?"
echo "check-release: passed in a bare Debian $suite without network"
