"""Makes a synthetic data set with what embeddings have in common: crowds of uneven size, a low inner dimension, length 1.

    make_clusters.py OUT [--rows 500000] [--dimension 128] [--queries 1000]

Every crowd has a centre, a few directions of its own in which it spreads less and less, and a little noise in all. Queries
are drawn like rows and are none. Writes what make_data.py writes, the truth by float32 products.
"""

import argparse
import pathlib

import numpy as np

from engine import nearest

SEED, CROWDS, INNER, CHUNK = 19, 1_500, 14, 50_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--rows", type=int, default=500_000)
    arguments.add_argument("--dimension", type=int, default=128)
    arguments.add_argument("--queries", type=int, default=1_000)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(SEED)
    sizes = generator.pareto(1.6, CROWDS) + 0.05
    centres = generator.standard_normal((CROWDS, options.dimension), np.float32)
    directions = generator.standard_normal((CROWDS, INNER, options.dimension), np.float32) / np.float32(np.sqrt(INNER))
    widths = (1.1 * 0.88 ** np.arange(INNER)).astype(np.float32)

    def drawn(count: int) -> np.ndarray:
        crowd = generator.choice(CROWDS, count, p=sizes / sizes.sum())
        within = generator.standard_normal((count, INNER), np.float32) * widths
        rows = centres[crowd] + 0.15 * generator.standard_normal((count, options.dimension), np.float32)
        for chosen in np.unique(crowd):
            own = crowd == chosen
            rows[own] += within[own] @ directions[chosen]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    counts = [min(CHUNK, options.rows - start) for start in range(0, options.rows, CHUNK)]
    base = np.concatenate([drawn(count) for count in counts])
    queries = drawn(options.queries)
    np.save(options.out / "base.npy", base)
    np.save(options.out / "queries.npy", queries)
    np.save(options.out / "ground_truth.npy", nearest(queries, base).astype(np.int32))
    np.save(options.out / "payload.npy", generator.integers(0, 100, (len(base), 1), dtype=np.int32))


if __name__ == "__main__":
    main()
