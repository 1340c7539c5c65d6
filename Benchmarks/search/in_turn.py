"""Builds of Bench on one store, setting by setting in turn: what a change to searching gives.

    .build/search/venv/bin/python Benchmarks/search/in_turn.py --data .build/search/wordnet \\
        --store .build/search/stores/wordnet/cortex old=/tmp/Bench new=.build/release/Bench

run.sh makes the environment, the data and the store, which both builds must be able to read. Builds with formats of their
own each make a store first, with `--build` and a folder behind each: `old=/tmp/Bench@/tmp/old-store`.

Every round asks each build for each setting, in one order and then in the other, so that whatever else the machine does
meets all of them alike. The first build is 1; a ratio is the median of the rounds' own ratios.
"""

import argparse
import pathlib
import statistics
import tempfile

import numpy as np

from engine import K, Engine, measure, nearest, warm


def options_given() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--store", type=pathlib.Path, help="of every build that names none of its own")
    arguments.add_argument("--build", action="store_true", help="make each build's store first")
    arguments.add_argument("--rounds", type=int, default=16)
    arguments.add_argument("--settings", default="11,12,14,24,32", help="breadths, with commas between")
    arguments.add_argument("--other", action="store_true", help="queries of another kind")
    arguments.add_argument("--on-disk", action="store_true", help="a store whose floats stay in the file")
    arguments.add_argument("--percent", type=int, help="a filter that keeps so many in a hundred")
    arguments.add_argument("builds", nargs="+", metavar="NAME=BENCH[@STORE]")
    return arguments.parse_args()


def main() -> None:
    options = options_given()
    settings = [int(setting) for setting in options.settings.split(",")]
    suffix = "_ood" if options.other else ""
    queries, truth = f"queries{suffix}.npy", np.load(options.data / f"ground_truth{suffix}.npy")[:, :K]
    request = {}
    if options.percent is not None:
        kept = np.nonzero(np.load(options.data / "payload.npy").ravel() < options.percent)[0]
        truth = kept[nearest(np.load(options.data / queries), np.load(options.data / "base.npy")[kept])]
        request["percent"] = options.percent
    with tempfile.TemporaryDirectory() as work:
        options.work = pathlib.Path(work)
        engines = []
        for build in options.builds:
            name, bench = build.split("=", 1)
            bench, _, store = bench.partition("@")
            command = [bench, "worker", *(["--on-disk"] if options.on_disk else [])]
            store = pathlib.Path(store) if store else options.store
            if store is None:
                raise SystemExit(f"{name}: name a store behind the build, or give --store")
            if options.build:
                builder = Engine(name, command, store)
                print(name, builder.ask(op="build", data=str(options.data), threads=1), flush=True)
                builder.close()
            engine = Engine(name, command, store)
            engine.open()
            warm(engine, options, queries, **request)
            engines.append(engine)
        found = {(engine.name, setting): [] for engine in engines for setting in settings}
        for number in range(options.rounds):
            for setting in settings:
                for engine in engines if number % 2 == 0 else reversed(engines):
                    found[engine.name, setting].append(
                        measure(engine, options, queries, truth, setting=setting, **request))
        for engine in engines:
            engine.close()
    print("| setting | build | recall | q/s | ratio | p50 us | p99 us |\n|---|---|---|---|---|---|---|")
    for setting in settings:
        first = found[engines[0].name, setting]
        for engine in engines:
            points = found[engine.name, setting]
            ratio = statistics.median(point["qps"] / other["qps"] for point, other in zip(points, first))
            qps, p50, p99 = (
                statistics.median(point[field] for point in points) for field in ("qps", "p50_us", "p99_us"))
            print(
                f"| {setting} | {engine.name} | {points[-1]['recall']:.4f} | {qps:,.0f} | {ratio:.3f} "
                f"| {p50:.1f} | {p99:.1f} |")


if __name__ == "__main__":
    main()
