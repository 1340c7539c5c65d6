#!/usr/bin/env bash
# Builds dist/cortex: one stripped file that needs the C library and nothing else.
#
# The Swift runtime comes in by --static-swift-stdlib. For SQLite, OpenBLAS, libstdc++, zlib and libgcc the linker is
# handed a folder, searched before all others, that holds only archives: where `-lblas` finds no shared library beside
# the archive it takes the archive. Every module is compiled again, so this build has a folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-swift}
scratch=$PWD/.build-static
archives=$scratch/archives

stop() { echo "release: $*" >&2; exit 1; }
[ "$(uname -s)" = Linux ] || stop "the single file is built on Linux only."
clang=$(dirname "$(readlink -f "$(command -v "$swift")")")/clang
[ -x "$clang" ] || clang=$(command -v clang || command -v gcc) || stop "no C compiler beside the Swift toolchain."

rm -rf "$archives" && mkdir -p "$archives" dist
link_archive() { # NAME-FOR-THE-LINKER ARCHIVE DEBIAN-PACKAGE
  local path; path=$("$clang" -print-file-name="$2")
  [ -f "$path" ] || stop "$2 is missing (Debian: $3)."
  ln -s "$path" "$archives/lib$1.a"
}
link_archive sqlite3 libsqlite3.a libsqlite3-dev
link_archive blas libopenblas.a libopenblas-dev
link_archive stdc++ libstdc++.a libstdc++-12-dev
link_archive z libz.a zlib1g-dev
link_archive gcc_s libgcc_eh.a libgcc-12-dev

echo "release: $swift build -c release --static-swift-stdlib"
# The linker warns of Foundation's use of mktemp; no code here calls it.
"$swift" build -c release --static-swift-stdlib --scratch-path "$scratch" --product cortex -Xlinker -L"$archives" |
  { grep -v "warning: the use of \`mktemp'" || true; }

strip -o dist/cortex.new "$scratch/release/cortex"
needed=$(objdump -p dist/cortex.new | awk '$1 == "NEEDED" && $2 !~ /^(libc\.so|libm\.so|ld-linux)/ { print $2 }')
[ -z "$needed" ] || stop "dist/cortex would need ${needed//$'\n'/, }, which a bare system may lack."
mv dist/cortex.new dist/cortex
(cd dist && sha256sum cortex >cortex.sha256)
glibc=$(objdump -T dist/cortex | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
echo "release: dist/cortex, $(($(stat -c %s dist/cortex) / 1000000)) MB, needs ${glibc/_/ } or newer, sha256 $(cut -c1-16 dist/cortex.sha256)…"
