"""The further rows of the table: each measures its peers in its own run and adds to the results under its name."""

import pathlib
import shutil
import sys

import numpy as np

from engine import K, Engine, at_recall, measure, median, nearest, warm

BUSY = (10, 11, 12, 14, 16, 24, 32, 48)
FILTERS = {1: "1 %", 10: "10 %", 50: "50 %"}


def opening(name: str, command: list[str], store: pathlib.Path, options) -> dict:
    """From a closed store to its first answer, in a process of its own."""
    engine = Engine(name, command, store)
    answer = engine.open(queries=str(options.data / "queries.npy"), setting=16)
    engine.close()
    return {"first_ms": answer["first_ms"]}


def other_queries(options, engines: list[Engine], results: dict) -> None:
    """Queries that are not of the rows' kind."""
    if not (options.data / "queries_ood.npy").exists():
        return
    truth = np.load(options.data / "ground_truth_ood.npy")[:, :K]
    found = {engine.name: [[] for _ in engine.settings] for engine in engines}
    for _ in range(options.rounds):
        for engine in engines:
            warm(engine, options, "queries_ood.npy")
            for place, setting in enumerate(engine.settings):
                found[engine.name][place].append(measure(engine, options, "queries_ood.npy", truth, setting=setting))
    results["other queries"] = {
        name: {str(wanted): at_recall([median(points) for points in all_points], wanted) for wanted in (0.95, 0.99)}
        for name, all_points in found.items()
    }


def filtered(options, engines: list[Engine], results: dict) -> None:
    """A payload filter beside hnswlib without one, in turn."""
    base, queries = np.load(options.data / "base.npy"), np.load(options.data / "queries.npy")
    payload, truth = np.load(options.data / "payload.npy").ravel(), np.load(options.data / "ground_truth.npy")[:, :K]
    ours, peer = engines[0], next(engine for engine in engines if engine.name == "hnswlib")
    kept = {percent: np.nonzero(payload < percent)[0] for percent in FILTERS}
    truths = {percent: rows[nearest(queries, base[rows])] for percent, rows in kept.items() if len(rows) > K}
    found = {percent: [[] for _ in BUSY] for percent in truths}
    unfiltered = [[] for _ in peer.settings]
    for _ in range(options.rounds):
        for percent, own in truths.items():
            warm(ours, options, "queries.npy", percent=percent)
            for place, setting in enumerate(BUSY):
                found[percent][place].append(
                    measure(ours, options, "queries.npy", own, setting=setting, percent=percent))
        warm(peer, options, "queries.npy")
        for place, setting in enumerate(peer.settings):
            unfiltered[place].append(measure(peer, options, "queries.npy", truth, setting=setting))
    reference = at_recall([median(points) for points in unfiltered], 0.95)
    results["filtered"] = {}
    for percent, all_points in found.items():
        good = [point for point in map(median, all_points) if point["recall"] >= 0.95]
        best = max(good, key=lambda point: point["qps"]) if good else None
        results["filtered"][percent] = best and {**best, "ratio": best["qps"] / reference if reference else None}


def exact(options, engines: list[Engine], results: dict) -> None:
    """Every row scored: one query at a time and 64 a call, beside faiss's flat index."""
    store = options.stores / "flat"
    peer = Engine("faiss flat", [sys.executable, str(pathlib.Path(__file__).with_name("peers.py")), "flat"], store)
    peer.ask(op="build", data=str(options.data), threads=1)
    peer.open()
    truth = np.load(options.data / "ground_truth.npy")[:, :K]
    found = {(engine.name, batch): [] for engine in (engines[0], peer) for batch in (False, True)}
    for _ in range(options.rounds):
        for engine in (engines[0], peer):
            for batch in (False, True):
                found[engine.name, batch].append(
                    measure(engine, options, "queries.npy", truth, setting=K, exact=True, batch=batch))
    peer.close()
    results["exact"] = {
        f"{name}, {'64 a call' if batch else 'one a call'}": median(points)
        for (name, batch), points in found.items()
    }


def changed(options, engines: list[Engine], results: dict) -> None:
    """A fifth of the points deleted, at once and when the engine has mended its graph; half of them replaced. The
    store as it was is measured in turn with each."""
    base, queries = np.load(options.data / "base.npy"), np.load(options.data / "queries.npy")
    truth = np.load(options.data / "ground_truth.npy")[:, :K]
    generator = np.random.default_rng(11)
    dead = np.sort(generator.permutation(len(base))[: len(base) // 5]).astype(np.int32)
    alive = np.setdiff1d(np.arange(len(base)), dead)
    moved = np.sort(generator.permutation(len(base))[: len(base) // 2]).astype(np.int32)
    # The replaced points exchange their vectors, so that the set, and how hard it is, stays what it was.
    source = np.roll(moved, len(moved) // 3)
    place_of = np.arange(len(base))
    place_of[source] = moved
    np.save(options.work / "dead.npy", dead[:, None])
    without_dead = alive[nearest(queries, base[alive])]

    def delete(engine: Engine) -> None:
        engine.ask(op="delete", ids=str(options.work / "dead.npy"))

    def mend(engine: Engine) -> dict:
        delete(engine)
        return {"mending_s": engine.ask(op="seal", threads=1)["seconds"]}

    def replace(engine: Engine) -> None:
        # In ten turns, each followed by what the engine does in the background.
        for part in np.array_split(np.arange(len(moved)), 10):
            np.save(options.work / "ids.npy", moved[part][:, None])
            np.save(options.work / "vectors.npy", base[source[part]])
            engine.ask(op="replace", ids=str(options.work / "ids.npy"), vectors=str(options.work / "vectors.npy"))
        engine.ask(op="seal", threads=1)

    results["changed"] = {
        name: compared(options, engines[0], change, truth, own, seals=change is replace)
        for name, change, own in (
            ("a fifth deleted, at once", delete, without_dead),
            ("a fifth deleted, mended", mend, without_dead),
            ("half replaced", replace, place_of[truth]),
        )
    }


def compared(options, whole: Engine, change, truth: np.ndarray, own: np.ndarray, seals: bool) -> dict:
    """A copy of the store that `change` is done to, in turn with the store as it was.

    `seals`: whether the engine does by itself what it finds due."""
    store = options.stores / "changed"
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(options.stores / "cortex", store)
    engine = Engine("cortex changed", options.worker, store)
    engine.open(seals=seals)
    facts = change(engine) or {}
    found = {"before": [[] for _ in BUSY], "after": [[] for _ in BUSY]}
    for _ in range(options.rounds):
        for either in (whole, engine):
            warm(either, options, "queries.npy")
        for place, setting in enumerate(BUSY):
            found["before"][place].append(measure(whole, options, "queries.npy", truth, setting=setting))
            found["after"][place].append(measure(engine, options, "queries.npy", own, setting=setting))
    engine.close()
    points = {side: [median(rounds) for rounds in all_points] for side, all_points in found.items()}
    return {
        **facts,
        "points": points,
        "ratio": {
            str(wanted): after / before if (before := at_recall(points["before"], wanted))
            and (after := at_recall(points["after"], wanted)) else None
            for wanted in (0.96, 0.98)
        },
    }


def on_disk(options, engines: list[Engine], results: dict) -> None:
    """Floats left in the file: memory and speed beside hnswlib and beside ourselves with floats in memory."""
    truth = np.load(options.data / "ground_truth.npy")[:, :K]
    store = options.stores / "on-disk"
    command = [*options.worker, "--on-disk"]
    if options.rebuild or not store.exists():
        shutil.rmtree(store, ignore_errors=True)
        builder = Engine("cortex on disk", command, store)
        builder.ask(op="build", data=str(options.data), threads=1)
        builder.close()
    engine = Engine("cortex on disk", command, store)
    engine.open()
    found = {"memory": [[] for _ in BUSY], "disk": [[] for _ in BUSY]}
    for _ in range(options.rounds):
        for either in (engines[0], engine):
            warm(either, options, "queries.npy")
        for place, setting in enumerate(BUSY):
            found["memory"][place].append(measure(engines[0], options, "queries.npy", truth, setting=setting))
            found["disk"][place].append(measure(engine, options, "queries.npy", truth, setting=setting))
    points = {side: [median(rounds) for rounds in all_points] for side, all_points in found.items()}
    ram = engine.ask(op="memory")
    engine.close()
    results["on disk"] = {
        "ram_mb": sum(ram.values()), "points": points,
        "ratio": {
            str(wanted): disk / memory if (memory := at_recall(points["memory"], wanted))
            and (disk := at_recall(points["disk"], wanted)) else None
            for wanted in (0.95, 0.99)
        },
    }


def indexing(options, engines: list[Engine], results: dict) -> None:
    """Queries while the engine brings new points into its graph by itself, and before it does, on two cores."""
    base = np.load(options.data / "base.npy")
    moved = np.sort(np.random.default_rng(12).permutation(len(base))[: max(len(base) // 10, 9000)])
    if len(moved) < 9000:
        print("indexing: left out, the engine seals from 8 192 new points on", file=sys.stderr)
        return
    store = options.stores / "indexed"
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(options.stores / "cortex", store)
    found = {}
    for name, part in (("before", moved[:-1000]), ("meanwhile", moved[-1000:])):
        np.save(options.work / "ids.npy", part.astype(np.int32)[:, None])
        np.save(options.work / "vectors.npy", base[np.roll(part, 1)])
        engine = Engine("cortex indexing", options.worker, store, cores="0,1")
        engine.open(seals=name == "meanwhile")
        # What opening leaves to be done behind the first answers is another figure.
        warm(engine, options, "queries.npy")
        engine.ask(op="replace", ids=str(options.work / "ids.npy"), vectors=str(options.work / "vectors.npy"))
        found[name] = measure(
            engine, options, "queries.npy", None, least_s=0, setting=16, while_sealing=name == "meanwhile")
        engine.close()
    shutil.rmtree(store, ignore_errors=True)
    results["indexing"] = found


def two_threads(options, engines: list[Engine], results: dict) -> None:
    """The same build by one thread and by two, in turn."""
    seconds = {1: [], 2: []}
    for _ in range(max(1, options.rounds - 1)):
        for threads in (1, 2):
            store = options.stores / "threads"
            shutil.rmtree(store, ignore_errors=True)
            builder = Engine("cortex", options.worker, store, cores="0,1")
            seconds[threads].append(builder.ask(op="build", data=str(options.data), threads=threads)["build_s"])
            builder.close()
            shutil.rmtree(store, ignore_errors=True)
    results["threads"] = {"one": min(seconds[1]), "two": min(seconds[2]), "ratio": min(seconds[1]) / min(seconds[2])}


ALL = {
    "other": other_queries, "filtered": filtered, "exact": exact, "changed": changed, "disk": on_disk,
    "threads": two_threads, "indexing": indexing,
}


def lines(results: dict) -> list[str]:
    """What the rows above found, one line of Markdown each."""
    text: list[str] = []
    reference = results["hnswlib"]
    other = results.get("other queries")
    if other:
        for wanted, rate in other["cortex"].items():
            peer = other["hnswlib"][wanted]
            said = f"{rate:,.0f} q/s, {rate / peer:.2f} of hnswlib" if rate and peer else "never"
            text.append(f"- queries of another kind, recall {wanted}: {said}")
    for percent, point in results.get("filtered", {}).items():
        if point and point["ratio"]:
            text.append(
                f"- filter that keeps {percent} %: {point['qps']:,.0f} q/s at recall {point['recall']:.3f}, "
                f"{point['ratio']:.2f} of hnswlib unfiltered")
    for name, point in results.get("exact", {}).items():
        text.append(f"- exact, {name}: {point['qps']:,.0f} q/s, recall {point['recall']:.4f}")
    for name, found in results.get("changed", {}).items():
        said = ", ".join(f"{value:.2f} of its speed at recall {at}" for at, value in found["ratio"].items() if value)
        pairs = zip(found["points"]["before"], found["points"]["after"])
        lost = max(before["recall"] - after["recall"] for before, after in pairs)
        text.append(f"- {name}: {said or 'not reached'}; at one setting recall is lower by {lost:+.4f} at most")
    if "on disk" in results:
        found = results["on disk"]
        said = ", ".join(f"{value:.2f} of the speed at recall {at}" for at, value in found["ratio"].items() if value)
        text.append(
            f"- floats on disk: {found['ram_mb']:,.0f} MB, {found['ram_mb'] / reference['ram_mb']:.2f} of hnswlib; "
            f"with floats in memory as 1, {said or 'not reached'}")
    if "indexing" in results:
        before, meanwhile = results["indexing"]["before"], results["indexing"]["meanwhile"]
        text.append(
            f"- while new points are brought into the graph: p50 {meanwhile['p50_us']:.0f} us, "
            f"p99 {meanwhile['p99_us']:.0f}; with the same points, before that: "
            f"{before['p50_us']:.0f} and {before['p99_us']:.0f}; p99 {meanwhile['p99_us'] / before['p99_us']:.2f} times")
    if "threads" in results:
        found = results["threads"]
        text.append(f"- build by two threads: {found['two']:.1f} s, {found['ratio']:.2f} times as fast as by one")
    return ["", *text] if text else []

