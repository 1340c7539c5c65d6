#!/usr/bin/env python3
"""Writes tiny data sets for the benchmarks' smoke mode, with the standard library alone.

FOLDER/vectors   base.npy (1000 x 32), queries.npy (20 x 32), ground_truth.npy (20 x 100, nearest first, by cosine),
                 payload.npy (1000 x 1, 0 to 99: `share < p` keeps p per cent)
FOLDER/beir      corpus.jsonl, queries.jsonl, qrels/test.tsv: 60 documents, 12 questions, one right answer each
"""

import json
import pathlib
import random
import struct
import sys
from array import array

SEED, DIMENSION, BASE, QUERIES, NEIGHBOURS = 20240229, 32, 1000, 20, 100


def write_npy(path: pathlib.Path, rows: list[list], typecode: str, description: str) -> None:
    """A C-order .npy file, version 1.0 (numpy.lib.format)."""
    header = f"{{'descr': '{description}', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    # Magic, version and length take 10 bytes; the whole head is a multiple of 64 and ends with a newline.
    header = header.ljust(-(-(len(header) + 11) // 64) * 64 - 11) + "\n"
    values = array(typecode, (value for row in rows for value in row))
    if sys.byteorder == "big":
        values.byteswap()
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values.tobytes())


def unit_vector(generator: random.Random, centre: list[float]) -> list[float]:
    values = [generator.gauss(mean, 0.6) for mean in centre]
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]


def write_vectors(folder: pathlib.Path, generator: random.Random) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    centres = [[generator.gauss(0, 1) for _ in range(DIMENSION)] for _ in range(12)]
    base = [unit_vector(generator, generator.choice(centres)) for _ in range(BASE)]
    queries = [unit_vector(generator, generator.choice(centres)) for _ in range(QUERIES)]

    def nearest(query: list[float]) -> list[int]:
        scores = [sum(a * b for a, b in zip(query, row)) for row in base]
        return sorted(range(BASE), key=lambda row: (-scores[row], row))[:NEIGHBOURS]

    write_npy(folder / "base.npy", base, "f", "<f4")
    write_npy(folder / "queries.npy", queries, "f", "<f4")
    write_npy(folder / "ground_truth.npy", [nearest(query) for query in queries], "i", "<i4")
    write_npy(folder / "payload.npy", [[generator.randrange(100)] for _ in base], "i", "<i4")


def write_beir(folder: pathlib.Path) -> None:
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    metals = ["copper", "iron", "nickel", "silver", "tin", "zinc"]
    places = ["Arles", "Bergen", "Cadiz", "Derby", "Essen", "Ghent", "Haarlem", "Izmir", "Jena", "Kyoto"]
    documents = [(metal, place) for metal in metals for place in places]
    with open(folder / "corpus.jsonl", "w", encoding="utf-8") as corpus:
        for number, (metal, place) in enumerate(documents):
            text = f"The works at {place} melted {metal} until the river froze."
            corpus.write(json.dumps({"_id": f"d{number}", "title": "", "text": text, "metadata": {}}) + "\n")
    with open(folder / "queries.jsonl", "w", encoding="utf-8") as queries, \
            open(folder / "qrels" / "test.tsv", "w", encoding="utf-8") as judgements:
        judgements.write("query-id\tcorpus-id\tscore\n")
        for number in range(12):
            metal, place = documents[number * 5]
            queries.write(json.dumps({"_id": f"q{number}", "text": f"Who melted {metal} at {place}?"}) + "\n")
            judgements.write(f"q{number}\td{number * 5}\t1\n")


def main() -> int:
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} FOLDER", file=sys.stderr)
        return 64
    folder = pathlib.Path(sys.argv[1])
    write_vectors(folder / "vectors", random.Random(SEED))
    write_beir(folder / "beir")
    return 0


if __name__ == "__main__":
    sys.exit(main())
