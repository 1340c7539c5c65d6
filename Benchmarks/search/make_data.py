"""Makes the data set of the search benchmark: WordNet's glosses embedded by Cortex's own model.

Writes base.npy, queries.npy (held out: every 58th gloss), ground_truth.npy (exact, by inner product) and payload.npy
(a number 0..99 a row, for filters). Where apt-cache knows package descriptions, a thousand of them are queries of another
kind: queries_ood.npy, ground_truth_ood.npy.
"""

import argparse
import json
import pathlib
import shutil
import subprocess

import numpy as np

from engine import nearest

QUERY_STEP = 58
OTHER_QUERIES = 1_000


def embedded(bench: pathlib.Path, texts: list[str], folder: pathlib.Path) -> np.ndarray:
    plain, vectors = folder / "texts.txt", folder / "all.npy"
    plain.write_text("\n".join(texts) + "\n", encoding="utf-8")
    subprocess.run([bench, "vectors", "--texts", plain, "--out", vectors], check=True)
    found = np.load(vectors)
    vectors.unlink()
    return found


def package_descriptions() -> list[str]:
    """A thousand short descriptions of packages, drawn from all in order; none where there is no apt-cache."""
    if not shutil.which("apt-cache"):
        return []
    known = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    fields = ("Description: ", "Description-en: ")
    lines = sorted({line.split(": ", 1)[1] for line in known.splitlines() if line.startswith(fields)})
    if len(lines) < OTHER_QUERIES:
        return []
    return [lines[i] for i in np.random.default_rng(5).choice(len(lines), OTHER_QUERIES, replace=False)]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--bench", "--texts", "--out"):
        arguments.add_argument(name, type=pathlib.Path, required=True)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with options.texts.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["content"].replace("\n", " ") for line in lines]
    everything = embedded(options.bench, texts, options.out)
    held_out = np.zeros(len(everything), bool)
    held_out[::QUERY_STEP] = True
    base, queries = everything[~held_out], everything[held_out][:2_000]
    np.save(options.out / "base.npy", base)
    np.save(options.out / "queries.npy", queries)
    np.save(options.out / "ground_truth.npy", nearest(queries, base).astype(np.int32))
    np.save(options.out / "payload.npy", np.random.default_rng(7).integers(0, 100, len(base), dtype=np.int32))
    others = package_descriptions()
    if others:
        queries = embedded(options.bench, others, options.out)
        np.save(options.out / "queries_ood.npy", queries)
        np.save(options.out / "ground_truth_ood.npy", nearest(queries, base).astype(np.int32))


if __name__ == "__main__":
    main()
