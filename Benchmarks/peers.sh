# Sourced by the runners beside it; $root is the project's root.

# begin NAME: sets $here (the runner's folder), $work (where it works) and $python (with the peers it lists installed).
begin() {
    here="$root/Benchmarks/$1"
    work="$root/.build/$1"
    python="$work/venv/bin/python"
    mkdir -p "$work"
    if [ ! -f "$work/.peers" ] || [ "$here/requirements.txt" -nt "$work/.peers" ]; then
        echo "$1: installing what it needs of Python into $work/venv" >&2
        python3 -m venv "$work/venv"
        "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
        touch "$work/.peers"
    fi
}

# wordnet: writes the glosses of Debian's wordnet-base to $work/wordnet.jsonl, once.
wordnet() {
    [ -f "$work/wordnet.jsonl" ] || python3 "$root/scripts/wordnet_texts.py" "$work/wordnet.jsonl" >&2
}
