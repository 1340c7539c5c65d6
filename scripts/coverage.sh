#!/usr/bin/env bash
# Line coverage of the rooms by the Swift tests and, for the wire of Qdrant, by its client: a table a room, then one verdict.
# The two programs are not in it: what runs them are the other Python clients, which an unoptimised build would keep
# waiting for many minutes.
#
# usage: scripts/coverage.sh FLOOR        fails when the whole is below FLOOR per cent
#
# Numeric Swift is slow without optimisation, so this build stays in a folder of its own (.build-coverage) and heavy
# tests shrink in debug builds.
set -euo pipefail
cd "$(dirname "$0")/.."
floor=${1:?usage: scripts/coverage.sh FLOOR}
swift=${SWIFT:-swift}
scratch=$PWD/.build-coverage

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

echo "coverage: $swift test --enable-code-coverage (debug)"
"$swift" test --enable-code-coverage --scratch-path "$scratch"
products=$("$swift" build --show-bin-path --scratch-path "$scratch")
profiles=$products/codecov
merged=$products/coverage.profdata

echo "coverage: Qdrant's client against $products/cortex"
CORTEX_BINARY="$products/cortex" LLVM_PROFILE_FILE="$profiles/client-%p.profraw" CORTEX_CONGRUENCE_QUERIES=200 \
  .venv/bin/python -m pytest -q -p no:cacheprovider Tests/Clients/test_qdrant_wire.py \
  Tests/Clients/test_qdrant_congruence.py

objects=("$products"/*.xctest "$products/cortex")
[ -e "${objects[0]}" ] || stop "no test bundle in $products."

find "$profiles" -name '*.profraw' -print0 >"$products/profiles.list"
xargs -0 "$llvm_profdata" merge -sparse -o "$merged" <"$products/profiles.list"
arguments=("${objects[0]}")
for object in "${objects[@]:1}"; do arguments+=(-object "$object"); done
"$llvm_cov" export -summary-only -instr-profile "$merged" "${arguments[@]}" >"$products/coverage.json"
python3 scripts/coverage_report.py "$products/coverage.json" --sources "$PWD/Sources" --floor "$floor"
