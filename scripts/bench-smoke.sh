#!/usr/bin/env bash
# Runs every benchmark on a data set of seconds, so that a change that breaks one is seen at once. Judges no time.
set -euo pipefail
cd "$(dirname "$0")/.."
bench=.build/release/Bench
data=.build/smoke-data

[ -x "$bench" ] || { echo "bench-smoke: no $bench; make build builds it." >&2; exit 1; }
[ -f "$data/.complete" ] || { python3 scripts/make_smoke_data.py "$data" && touch "$data/.complete"; }

run() {
  echo "bench-smoke: Bench $*"
  "$bench" "$@"
}

# One line a benchmark; a new one is added here when it is added to Bench.
run kernels --dimensions 31,384 --mebibytes 8
run index --data "$data/vectors" --json
run embed --texts 20 --runs 1 --json
printf 'a first text\nand a second, somewhat longer\n' >"$data/texts.txt"
run embed --from "$data/texts.txt" --alone "$data/texts.txt" --vectors "$data/texts.f32" --runs 1
run retrieval --beir "$data/beir" --json
mkdir -p "$data/durability"
run durability --store "$data/durability" --rows 1000 --singles 16 --rounds 1 --json
printf '%s\n' "{\"op\":\"build\",\"data\":\"$data/vectors\",\"threads\":1}" '{"op":"open"}' \
  "{\"op\":\"search\",\"queries\":\"$data/vectors/queries.npy\",\"setting\":32,\"percent\":null,\"max_s\":1,\"batch\":false,\"out\":\"$data/answer\"}" \
  '{"op":"exit"}' >"$data/requests"
rm -rf "$data/store"
run worker --store "$data/store" <"$data/requests" | tee "$data/answers"
if grep -q '"error"' "$data/answers"; then echo "bench-smoke: the worker answered with an error." >&2; exit 1; fi
echo "bench-smoke: Benchmarks/search/run.sh --smoke"
Benchmarks/search/run.sh --smoke
echo "bench-smoke: Benchmarks/search/in_turn.py"
.build/search/venv/bin/python Benchmarks/search/in_turn.py --data "$data/vectors" --rounds 1 --settings 16 \
  --store .build/search/stores/vectors/cortex "one=$bench" "other=$bench"
echo "bench-smoke: Benchmarks/edge/edge.py --smoke"
.build/search/venv/bin/python Benchmarks/edge/edge.py --smoke
echo "bench-smoke: Benchmarks/soak"
python3 Benchmarks/soak/rewrite.py --smoke --out .build/soak/smoke
for soak in readers idf filters; do python3 "Benchmarks/soak/$soak.py" --smoke; done
