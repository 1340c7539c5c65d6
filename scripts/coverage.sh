#!/usr/bin/env bash
# Line coverage of the targets by all tests, those in Swift and those of the Python clients: one row a target, one verdict.
#
# usage: scripts/coverage.sh FLOOR        fails when the whole is below FLOOR per cent
#
# Our targets are built again, optimised as always and counting their lines; the packages stay as `make build` left them.
# The programs that count are removed at the end, and the next `make build` makes the plain ones again.
set -euo pipefail
cd "$(dirname "$0")/.."
floor=${1:?usage: scripts/coverage.sh FLOOR}
swift=${SWIFT:-swift}

stop() { echo "coverage: $*" >&2; exit 1; }
# The counts' format follows the compiler: the toolchain's own readers first, then Debian's of the same generation.
find_tool() {
  local tool candidates
  candidates=("$(dirname "$(readlink -f "$(command -v "$swift")")")/$1" "$1"-{22,21,20,19} "$1")
  for tool in "${candidates[@]}"; do
    if command -v "$tool" >/dev/null; then command -v "$tool"; return; fi
  done
  stop "no $1: neither beside the Swift toolchain nor on PATH (Debian: llvm)."
}
llvm_cov=$(find_tool llvm-cov)
llvm_profdata=$(find_tool llvm-profdata)

export CORTEX_COVERAGE=1
products=$("$swift" build -c release --show-bin-path)
profiles=$products/codecov
# Counts of an earlier run belong to other lines.
rm -rf "$profiles"
trap 'rm -f "$products"/{cortex,Bench,mcp-demo}' EXIT

echo "coverage: $swift test -c release"
LLVM_PROFILE_FILE=$profiles/tests-%p.profraw "$swift" test -c release --disable-testable-imports

echo "coverage: Python clients against $products/cortex"
# One file a process. What kills the program without end is left to `make test`: a killed program leaves no counts,
# or half of a file, which the merging then passes over.
CORTEX_BINARY=$products/cortex LLVM_PROFILE_FILE=$profiles/clients-%p.profraw \
  .venv/bin/python -m pytest -q -p no:cacheprovider Tests/Clients --ignore Tests/Clients/test_kill.py

objects=("$products"/*.xctest "$products/cortex" "$products/Bench")
for object in "${objects[@]}"; do [ -e "$object" ] || stop "no $object: the build left it out."; done
merged=$products/coverage.profdata
"$llvm_profdata" merge -failure-mode=all -sparse -o "$merged" "$profiles"/*.profraw
"$llvm_cov" export -summary-only -instr-profile "$merged" "${objects[@]/#/-object=}" >"$products/coverage.json"
python3 scripts/coverage_report.py "$products/coverage.json" --sources "$PWD/Sources" --floor "$floor"
