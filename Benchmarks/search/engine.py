"""One engine in one process, driven by JSON lines, and the figures computed from its answers."""

import json
import math
import pathlib
import platform
import statistics
import subprocess

import numpy as np

K = 10
WARM_SETTING = 64
# A pass of ours takes a thirtieth of a second: too short a look at a machine whose speed others share.
LEAST_SECONDS = 0.25
# What asking for a pass costs is more than a pass over the few queries of a smoke run.
MOST_PASSES = 16


class Engine:
    def __init__(self, name: str, command: list[str], store: pathlib.Path, cores: str = "0"):
        self.name, self.store = name, store
        self.settings: list[int] = []
        # One core, so that no engine is helped by threads it starts of its own.
        pinned = ["taskset", "-c", cores] if platform.system() == "Linux" else []
        self.process = subprocess.Popen(
            [*pinned, *command, "--store", str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request) -> dict:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: ended before it had answered")
        answer = json.loads(line)
        if "error" in answer:
            raise SystemExit(f"{self.name}: {answer['error']}")
        return answer

    def open(self, **request) -> dict:
        answer = self.ask(op="open", **request)
        self.settings = answer["settings"]
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def disk_mb(folder: pathlib.Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


def recall(ids: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(ids, truth)]))


def nearest(queries: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Row numbers of the K nearest of `base` to each query, by inner product."""
    found = []
    for part in np.array_split(queries, max(1, len(queries) // 100)):
        scores = part @ base.T
        best = np.argpartition(-scores, K - 1, axis=1)[:, :K] if len(base) > K else np.argsort(-scores, axis=1)
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(best, order, 1))
    return np.concatenate(found)


def at_recall(points: list[dict], wanted: float) -> float | None:
    """Queries a second at a recall; if no setting is below it, those of the fastest setting that reaches it."""
    ordered = sorted(points, key=lambda point: point["recall"])
    for low, high in zip(ordered, ordered[1:]):
        if low["recall"] < wanted <= high["recall"]:
            share = (wanted - low["recall"]) / (high["recall"] - low["recall"])
            return math.exp(math.log(low["qps"]) * (1 - share) + math.log(high["qps"]) * share)
    reached = [point["qps"] for point in points if point["recall"] >= wanted]
    return max(reached, default=None)


def measure(
    engine: Engine, options, queries: str, truth: np.ndarray | None, least_s: float = LEAST_SECONDS, **request
) -> dict:
    """Passes over a file of queries in the data's folder, as many as take `least_s` together, one to `MOST_PASSES`;
    recall, of the last, is left out where there is no truth."""
    out = str(options.work / f"{engine.name}.answer")
    count, seconds, micros = 0, 0.0, []
    while not micros or (seconds < least_s and len(micros) < MOST_PASSES):
        done = engine.ask(op="search", queries=str(options.data / queries), max_s=3, out=out, **request)
        count, seconds = count + done["count"], seconds + done["seconds"]
        micros.append(last_micros(engine, options))
    p50, p99 = np.percentile(np.concatenate(micros), (50, 99))
    point = {"qps": count / seconds, "p50_us": float(p50), "p99_us": float(p99)}
    if truth is not None:
        ids = np.fromfile(out + ".ids", np.int32).reshape(-1, K)
        point["recall"] = recall(ids, truth[: len(ids)])
    return point


def last_micros(engine: Engine, options) -> np.ndarray:
    """What each query of the last pass took."""
    return np.fromfile(options.work / f"{engine.name}.answer.us", np.float32)


def tail_of_medians(passes: list[np.ndarray]) -> float:
    """p99 / p50 of the queries, each by its median over some passes: the tail that is the queries' own, without what
    the machine did to whichever query was running."""
    count = min(map(len, passes))
    p50, p99 = np.percentile(np.median([micros[:count] for micros in passes], axis=0), (50, 99))
    return float(p99 / p50)


def warm(engine: Engine, options, queries: str, **request) -> None:
    """An engine's turn begins with passes that do not count, as wide as any of the usual ones: others have had the
    caches meanwhile, and only the first of its settings would find them cold."""
    measure(engine, options, queries, None, setting=WARM_SETTING, **request)


def median(rounds: list[dict]) -> dict:
    return {name: statistics.median(point[name] for point in rounds) for name in rounds[0]}
