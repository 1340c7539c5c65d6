"""Makes the data set of the search benchmark: WordNet's glosses embedded by Cortex's own model.

Writes base.npy, queries.npy (held out: every 58th gloss), ground_truth.npy (exact, by inner product) and payload.npy
(a number 0..99 a row, for filters).
"""

import argparse
import json
import pathlib
import subprocess

import numpy as np

K = 10
QUERY_STEP = 58


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--bench", "--texts", "--out"):
        arguments.add_argument(name, type=pathlib.Path, required=True)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with options.texts.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["content"].replace("\n", " ") for line in lines]
    plain = options.out / "texts.txt"
    plain.write_text("\n".join(texts) + "\n", encoding="utf-8")
    vectors = options.out / "all.npy"
    subprocess.run([options.bench, "vectors", "--texts", plain, "--out", vectors], check=True)
    everything = np.load(vectors)
    held_out = np.zeros(len(everything), bool)
    held_out[::QUERY_STEP] = True
    base, queries = everything[~held_out], everything[held_out][:2_000]
    truth = np.concatenate(
        [np.argsort(-(part @ base.T), axis=1, kind="stable")[:, :K] for part in np.array_split(queries, 20)]
    )
    np.save(options.out / "base.npy", base)
    np.save(options.out / "queries.npy", queries)
    np.save(options.out / "ground_truth.npy", truth.astype(np.int32))
    np.save(options.out / "payload.npy", np.random.default_rng(7).integers(0, 100, len(base), dtype=np.int32))
    vectors.unlink()


if __name__ == "__main__":
    main()
