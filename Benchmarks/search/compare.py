"""Recall against queries a second, build, memory and disk of Cortex and its peers, in one interleaved run.

Method: one process an engine, pinned to one core, one call a query, k = 10. Every setting of every engine is measured
once in each round, engines in turn, and the median of the rounds counts. Queries a second at a recall are interpolated
(logarithm of queries a second over recall) between neighbouring settings. What a call costs in Python is inside the
peers' figures (a few microseconds) and not inside ours. Absolute figures belong to the machine: compare the ratios.
"""

import argparse
import json
import math
import pathlib
import platform
import statistics
import subprocess
import sys

import numpy as np

K = 10
RECALLS = (0.95, 0.99)


class Engine:
    def __init__(self, name: str, command: list[str], store: pathlib.Path):
        self.name, self.store = name, store
        # One core, so that no engine is helped by threads it starts of its own.
        pinned = ["taskset", "-c", "0"] if platform.system() == "Linux" else []
        self.process = subprocess.Popen(
            [*pinned, *command, "--store", str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request) -> dict:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SystemExit(f"{self.name}: {answer['error']}")
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def disk_mb(folder: pathlib.Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


def recall(ids: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(ids, truth)]))


def at_recall(points: list[dict], wanted: float) -> float | None:
    ordered = sorted(points, key=lambda point: point["recall"])
    for low, high in zip(ordered, ordered[1:]):
        if low["recall"] < wanted <= high["recall"]:
            share = (wanted - low["recall"]) / (high["recall"] - low["recall"])
            return math.exp(math.log(low["qps"]) * (1 - share) + math.log(high["qps"]) * share)
    return None


def measure(engine: Engine, options, setting: int, truth: np.ndarray, percent: int | None = None) -> dict:
    out = str(options.work / f"{engine.name}.answer")
    request = {"queries": str(options.data / "queries.npy"), "setting": setting, "max_s": 3, "batch": False, "out": out}
    done = engine.ask(op="search", percent=percent, **request)
    ids = np.fromfile(out + ".ids", np.int32).reshape(-1, K)
    micros = np.fromfile(out + ".us", np.float32)
    return {
        "recall": recall(ids, truth[: len(ids)]), "qps": done["count"] / done["seconds"],
        "p50_us": float(np.percentile(micros, 50)), "p99_us": float(np.percentile(micros, 99)),
    }


def median(rounds: list[dict]) -> dict:
    return {name: statistics.median(point[name] for point in rounds) for name in rounds[0]}


def filtered(engine: Engine, options) -> dict:
    base, queries = np.load(options.data / "base.npy"), np.load(options.data / "queries.npy")
    payload = np.load(options.data / "payload.npy")
    results = {}
    for percent in (1, 10, 50):
        kept = np.nonzero(payload < percent)[0]
        truth = kept[np.argsort(-(queries @ base[kept].T), axis=1, kind="stable")[:, :K]]
        points = [measure(engine, options, setting, truth, percent) for setting in (10, 16, 32, 64)]
        good = [point for point in points if point["recall"] >= 0.95]
        results[percent] = max(good, key=lambda point: point["qps"]) if good else None
    return results


def table(results: dict) -> str:
    reference = results["hnswlib"]["at"]
    lines = [
        "| engine | q/s at .95 | ratio | q/s at .99 | ratio | p99/p50 at .95 | build s | RAM MB | disk MB | open ms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        cells = [name]
        for wanted in map(str, RECALLS):
            rate = result["at"][wanted]
            cells.append(f"{rate:,.0f}" if rate else "never")
            cells.append(f"{rate / reference[wanted]:.2f}" if rate and reference[wanted] else "–")
        near = min(result["points"], key=lambda point: abs(point["recall"] - RECALLS[0]))
        cells.append(f"{near['p99_us'] / near['p50_us']:.2f}")
        cells += [f"{result[name]:,.1f}" for name in ("build_s", "anon_mb", "disk_mb", "open_ms")]
        lines.append("| " + " | ".join(cells) + " |")
    for percent, point in results["cortex"].get("filtered", {}).items():
        if point and reference["0.95"]:
            lines.append(
                f"\nFilter that keeps {percent} %: {point['qps']:,.0f} q/s at recall {point['recall']:.3f}, "
                f"{point['qps'] / reference['0.95']:.2f} of hnswlib unfiltered."
            )
    return "\n".join(lines) + "\n"


def plot(results: dict, file: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    for name, result in results.items():
        points = sorted((p for p in result["points"] if p["recall"] > 0.8), key=lambda p: p["recall"])
        pyplot.plot([p["recall"] for p in points], [p["qps"] for p in points], marker="o", label=name)
    pyplot.yscale("log")
    pyplot.xlabel("recall@10")
    pyplot.ylabel("queries a second, one thread")
    pyplot.grid(True, which="both", alpha=0.3)
    pyplot.legend()
    pyplot.savefig(file, dpi=120)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--bench", "--data", "--work"):
        arguments.add_argument(name, type=pathlib.Path, required=True)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=1, help="threads that build")
    arguments.add_argument("--smoke", action="store_true", help="a small data set and one round")
    options = arguments.parse_args()
    rounds = 1 if options.smoke else options.rounds
    peers = pathlib.Path(__file__).with_name("peers.py")
    commands = {
        "cortex": [str(options.bench), "worker"],
        "hnswlib": [sys.executable, str(peers), "hnswlib"],
        "faiss SQ8": [sys.executable, str(peers), "faiss"],
    }
    truth = np.load(options.data / "ground_truth.npy")
    results: dict[str, dict] = {}
    engines: list[Engine] = []
    for name, command in commands.items():
        store = options.work / "stores" / f"{options.data.name}-{name.replace(' ', '-')}"
        for file in store.glob("*"):
            file.unlink()
        builder = Engine(name, command, store)
        results[name] = builder.ask(op="build", data=str(options.data), threads=options.threads)
        builder.close()
        print(f"{name}: built in {results[name]['build_s']:.1f} s", file=sys.stderr)
    for name, command in commands.items():
        store = options.work / "stores" / f"{options.data.name}-{name.replace(' ', '-')}"
        engine = Engine(name, command, store)
        results[name].update(engine.ask(op="open"), disk_mb=disk_mb(store))
        engines.append(engine)
    settings = {engine.name: results[engine.name].pop("settings") for engine in engines}
    measured: dict[str, list[list[dict]]] = {engine.name: [[] for _ in settings[engine.name]] for engine in engines}
    for round_number in range(rounds):
        for engine in engines:
            for place, setting in enumerate(settings[engine.name]):
                measured[engine.name][place].append(measure(engine, options, setting, truth))
        print(f"round {round_number + 1} of {rounds}", file=sys.stderr)
    for engine in engines:
        result = results[engine.name]
        result.update(engine.ask(op="memory"))
        result["points"] = [median(points) for points in measured[engine.name]]
        result["at"] = {str(wanted): at_recall(result["points"], wanted) for wanted in RECALLS}
        if engine.name == "cortex":
            result["filtered"] = filtered(engine, options)
        engine.close()
    name = "smoke" if options.smoke else options.data.name
    (options.work / f"{name}.json").write_text(json.dumps(results, indent=1))
    (options.work / f"{name}.md").write_text(table(results))
    if not options.smoke:
        plot(results, options.work / f"{name}.png")
    print(table(results), end="")


if __name__ == "__main__":
    main()
