"""Cortex and its peers in one interleaved run: every row of docs/performance.md's table of search.

Method: one process an engine, pinned to one core, one call a query, k = 10. Every setting of every engine is measured
once in each round, engines in turn, and the median of the rounds counts. Queries a second at a recall are interpolated
(logarithm of queries a second over recall) between neighbouring settings. What a call costs in Python is inside the
peers' figures (a few microseconds) and not inside ours. Absolute figures belong to the machine: compare the ratios.
"""

import argparse
import json
import pathlib
import shutil
import sys

import numpy as np

from engine import K, Engine, at_recall, disk_mb, last_micros, measure, median, tail_of_medians, warm
import rows

RECALLS = (0.95, 0.99)


def sweep(engines: list[Engine], options, queries: str, truth: np.ndarray) -> dict[str, list[dict]]:
    """Every setting of every engine, in rounds; one list of points an engine."""
    measured = {engine.name: [[] for _ in engine.settings] for engine in engines}
    passes = {engine.name: [[] for _ in engine.settings] for engine in engines}
    for number in range(options.rounds):
        for engine in engines:
            warm(engine, options, queries)
            for place, setting in enumerate(engine.settings):
                measured[engine.name][place].append(measure(engine, options, queries, truth, setting=setting))
                passes[engine.name][place].append(last_micros(engine, options))
        print(f"{queries}: round {number + 1} of {options.rounds}", file=sys.stderr)
    return {
        name: [
            {**median(points), "tail_of_medians": tail_of_medians(micros)}
            for points, micros in zip(found, passes[name])
        ]
        for name, found in measured.items()
    }


def ratio(value: float | None, reference: float | None) -> str:
    return f"{value / reference:.2f}" if value and reference else "–"


def table(results: dict) -> str:
    reference = results["hnswlib"]
    lines = [
        "| engine | q/s at .95 | ratio | q/s at .99 | ratio | p99/p50 at .95 | of each query's median | build s | ratio | RAM MB | ratio "
        "| disk MB | ratio | first answer ms | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        if "at" not in result:
            continue
        cells = [name]
        for wanted in map(str, RECALLS):
            rate = result["at"][wanted]
            cells += [f"{rate:,.0f}" if rate else "never", ratio(rate, reference["at"][wanted])]
        near = min(result["points"], key=lambda point: abs(point["recall"] - RECALLS[0]))
        cells += [f"{near['p99_us'] / near['p50_us']:.2f}", f"{near['tail_of_medians']:.2f}"]
        for field in ("build_s", "ram_mb", "disk_mb", "first_ms"):
            cells += [f"{result[field]:,.1f}", ratio(result[field], reference[field])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines + rows.lines(results)) + "\n"


def plot(results: dict, file: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    for name, result in results.items():
        if "at" not in result:
            continue
        points = sorted((p for p in result["points"] if p["recall"] > 0.8), key=lambda p: p["recall"])
        pyplot.plot([p["recall"] for p in points], [p["qps"] for p in points], marker="o", label=name)
    pyplot.yscale("log")
    pyplot.xlabel("recall@10")
    pyplot.ylabel("queries a second, one thread")
    pyplot.grid(True, which="both", alpha=0.3)
    pyplot.legend()
    pyplot.savefig(file, dpi=120)


def build(options, commands: dict[str, list[str]]) -> dict[str, dict]:
    """Builds every store that is not there yet (`--rebuild` builds all), engines in turn."""
    results = {}
    for name, command in commands.items():
        store = options.stores / name.replace(" ", "-")
        facts = store.with_suffix(".json")
        if options.rebuild or not facts.exists():
            shutil.rmtree(store, ignore_errors=True)
            builder = Engine(name, command, store)
            built = builder.ask(op="build", data=str(options.data), threads=1)
            builder.close()
            facts.write_text(json.dumps(built))
        results[name] = json.loads(facts.read_text())
        print(f"{name}: built in {results[name]['build_s']:.1f} s", file=sys.stderr)
    return results


def options_given() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--bench", "--data", "--work"):
        arguments.add_argument(name, type=pathlib.Path, required=True)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--rebuild", action="store_true", help="build stores that are there already, too")
    arguments.add_argument("--rows", default=",".join(rows.ALL), help="which further rows, of " + ", ".join(rows.ALL))
    arguments.add_argument("--smoke", action="store_true", help="a small data set and one round")
    options = arguments.parse_args()
    options.rounds = 1 if options.smoke else options.rounds
    options.rows = [name for name in options.rows.split(",") if name]
    unknown = set(options.rows) - set(rows.ALL)
    if unknown:
        raise SystemExit(f"there is no row {', '.join(sorted(unknown))}; there are {', '.join(rows.ALL)}")
    options.stores = options.work / "stores" / options.data.name
    options.stores.mkdir(parents=True, exist_ok=True)
    options.worker = [str(options.bench), "worker"]
    return options


def main() -> None:
    options = options_given()
    peers = str(pathlib.Path(__file__).with_name("peers.py"))
    commands = {
        "cortex": options.worker,
        "hnswlib": [sys.executable, peers, "hnswlib"],
        "faiss SQ8": [sys.executable, peers, "faiss"],
    }
    truth = np.load(options.data / "ground_truth.npy")[:, :K]
    results = build(options, commands)
    engines = []
    for name, command in commands.items():
        store = options.stores / name.replace(" ", "-")
        results[name]["disk_mb"] = disk_mb(store)
        opened = [rows.opening(name, command, store, options) for _ in range(options.rounds)]
        results[name].update(median(opened))
        engine = Engine(name, command, store)
        engine.open()
        engines.append(engine)
    for name, points in sweep(engines, options, "queries.npy", truth).items():
        results[name]["points"] = points
        results[name]["at"] = {str(wanted): at_recall(points, wanted) for wanted in RECALLS}
    for engine in engines:
        results[engine.name]["ram_mb"] = sum(engine.ask(op="memory").values())
    for name in options.rows:
        rows.ALL[name](options, engines, results)
    for engine in engines:
        engine.close()
    name = "smoke" if options.smoke else options.data.name
    (options.work / f"{name}.json").write_text(json.dumps(results, indent=1))
    (options.work / f"{name}.md").write_text(table(results))
    if not options.smoke:
        plot(results, options.work / f"{name}.png")
    print(table(results), end="")


if __name__ == "__main__":
    main()
