#!/usr/bin/env bash
# Installs what the build and the tests need and this machine lacks; says what it installs; silent when nothing is missing.
#
# Debian and its relatives: packages by name, as root or by sudo. Elsewhere it names what is missing and stops.
# Python packages go into .venv, never into the system: Debian's Python refuses them. More Debian packages may be named.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-swift}

# The packages that a bare container lacks besides the Swift toolchain. openblas replaces the reference BLAS.
packages=(
  git make ca-certificates                                # SwiftPM fetches by git
  binutils libc6-dev libstdc++-12-dev zlib1g-dev          # what the Swift toolchain links with
  libsqlite3-dev libblas-dev libopenblas-dev liblapacke-dev
  "$@"
)

say() { echo "setup: $*"; }
stop() { echo "setup: $*" >&2; exit 1; }

install_packages() {
  local missing=("$@") as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || stop "missing: ${missing[*]}. Install them as root, then repeat."
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  local log; log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2; rm -f "$log"
    stop "apt-get could not install ${missing[*]}."
  fi
  rm -f "$log"
}

has_package() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
# A Python that did not come from Debian brings both modules itself, so the modules are asked for, not the package.
has_venv() { command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null; }

# The libraries that the Swift toolchain is linked with and does not bring, as Debian 12 packages.
missing_toolchain_packages() {
  local folder tool library
  command -v "$swift" >/dev/null || return 0
  folder=$(dirname "$(readlink -f "$(command -v "$swift")")")
  for tool in "$folder"/{swift-frontend,swift-build,clang}; do
    [ -x "$tool" ] && ldd "$(readlink -f "$tool")" 2>/dev/null
  done | awk '/not found/ { print $1 }' | sort -u | while read -r library; do
    case $library in
      libncurses.so.6) echo libncurses6 ;;
      libxml2.so.2) echo libxml2 ;;
      libcurl.so.4) echo libcurl4 ;;
      libedit.so.2) echo libedit2 ;;
      libsqlite3.so.0) echo libsqlite3-0 ;;
      libz3.so.4) echo libz3-4 ;;
      libpython3.11.so.1.0) echo libpython3.11 ;;
      *) say "the Swift toolchain misses $library" >&2 ;;
    esac
  done
}

missing=()
if command -v dpkg-query >/dev/null; then
  # The tools may have come from elsewhere; what counts is that they are there.
  for package in "${packages[@]}"; do
    case $package in
      git|make) command -v "$package" >/dev/null || missing+=("$package") ;;
      binutils) command -v ld >/dev/null || missing+=(binutils) ;;
      libstdc++-12-dev) compgen -G '/usr/include/c++/*/vector' >/dev/null || missing+=("$package") ;;
      *) has_package "$package" || missing+=("$package") ;;
    esac
  done
  has_venv || missing+=(python3 python3-venv python3-pip)
  for package in $(missing_toolchain_packages); do missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
else
  # No Debian: the headers are looked for where compilers look; the names are Debian's.
  for header in sqlite3.h cblas.h; do
    printf '#include <%s>\n' "$header" | "${CC:-cc}" -E -x c - >/dev/null 2>&1 || missing+=("$header")
  done
  [ ${#missing[@]} -eq 0 ] || stop "missing headers: ${missing[*]} (on Debian: ${packages[*]})."
  has_venv || stop "missing: python3 with its venv and ensurepip modules."
fi

command -v "$swift" >/dev/null ||
  stop "no Swift toolchain on PATH. Swift 6.3 for this system: https://www.swift.org/install/linux/"

if ! [ -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  say "making .venv with $(python3 --version)"
  rm -rf .venv
  python3 -m venv .venv
fi
