#!/bin/sh
# Search beside other engines: makes the data, installs the peers, runs all in turn, writes JSON, a table and a plot.
#
#     Benchmarks/search/run.sh [--smoke] [more words for compare.py]
#
# Needs .build/release/Bench with the model (make build), python3 with venv, and Debian's wordnet-base; --smoke runs on a
# set of seconds and needs neither the model nor WordNet.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/Benchmarks/peers.sh"
begin search
case " $* " in
*" --smoke "*)
    data="$root/.build/smoke-data/vectors"
    [ -f "$data/payload.npy" ] || python3 "$root/scripts/make_smoke_data.py" "$root/.build/smoke-data"
    ;;
*)
    data="$work/wordnet"
    if [ ! -f "$data/payload.npy" ]; then
        wordnet
        "$python" "$here/make_data.py" --bench "$root/.build/release/Bench" \
            --texts "$work/wordnet.jsonl" --out "$data"
    fi
    ;;
esac
# The engines under test each take one core; libraries that would take more are told not to.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$python" "$here/compare.py" --bench "$root/.build/release/Bench" --data "$data" --work "$work" "$@"
