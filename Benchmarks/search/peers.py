"""One peer engine in one process, on JSON lines: the requests that `Bench worker` answers, answered by another engine.

    peers.py hnswlib|faiss|flat --store DIR
"""

import importlib
import json
import pathlib
import sys
import time

import numpy as np

K = 10
# Queries of one call, where a batch is asked for.
BATCH = 64
SETTINGS = [10, 12, 14, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512, 768]


class Hnswlib:
    """HNSW in float32, M 16, ef_construction 200."""

    def build(self, base: np.ndarray, threads: int) -> None:
        import hnswlib

        self.index = hnswlib.Index("ip", base.shape[1])
        self.index.init_index(len(base), ef_construction=200, M=16)
        self.index.add_items(base, num_threads=threads)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save_index(str(folder / "index.bin"))
        (folder / "dimension").write_text(str(self.index.dim))

    def open(self, folder: pathlib.Path) -> None:
        import hnswlib

        self.index = hnswlib.Index("ip", int((folder / "dimension").read_text()))
        self.index.load_index(str(folder / "index.bin"))
        self.index.set_num_threads(1)

    def search(self, query: np.ndarray, setting: int) -> np.ndarray:
        self.index.set_ef(setting)
        return self.index.knn_query(query, K, num_threads=1)[0][0]


class Faiss:
    """HNSW over 8-bit scalar codes, M 16, efConstruction 200."""

    def build(self, base: np.ndarray, threads: int) -> None:
        import faiss

        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexHNSWSQ(
            base.shape[1], faiss.ScalarQuantizer.QT_8bit, 16, faiss.METRIC_INNER_PRODUCT
        )
        self.index.hnsw.efConstruction = 200
        self.index.train(base)
        self.index.add(base)

    def save(self, folder: pathlib.Path) -> None:
        import faiss

        faiss.write_index(self.index, str(folder / "index.bin"))

    def open(self, folder: pathlib.Path) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(folder / "index.bin"))

    def search(self, query: np.ndarray, setting: int) -> np.ndarray:
        self.index.hnsw.efSearch = setting
        return self.index.search(query[None], K)[1][0]


class Flat:
    """Every row scored, in float32."""

    def build(self, base: np.ndarray, threads: int) -> None:
        import faiss

        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexFlatIP(base.shape[1])
        self.index.add(base)

    save, open = Faiss.save, Faiss.open

    def search(self, query: np.ndarray, setting: int) -> np.ndarray:
        return self.index.search(query[None], K)[1][0]

    def search_batch(self, queries: np.ndarray) -> np.ndarray:
        return self.index.search(queries, K)[1]


def resident_mb() -> dict[str, float]:
    fields = dict(line.split(":", 1) for line in open("/proc/self/status", encoding="ascii"))
    wanted = {"anon_mb": "RssAnon", "file_mb": "RssFile"}
    return {name: int(fields[field].split()[0]) / 1024 for name, field in wanted.items()}


def answer(engine, folder: pathlib.Path, empty: dict[str, float], request: dict) -> dict:
    if request["op"] == "build":
        base = np.load(pathlib.Path(request["data"]) / "base.npy")
        began = time.perf_counter()
        engine.build(base, request["threads"])
        built = time.perf_counter()
        engine.save(folder)
        return {"build_s": built - began, "save_s": time.perf_counter() - built}
    if request["op"] == "open":
        first = np.load(request["queries"])[0] if "queries" in request else None
        began = time.perf_counter()
        engine.open(folder)
        opened = time.perf_counter()
        if first is not None:
            engine.search(first, request["setting"])
        return {
            "open_ms": (opened - began) * 1e3, "first_ms": (time.perf_counter() - began) * 1e3, "settings": SETTINGS,
        }
    if request["op"] == "search":
        queries = np.load(request["queries"])
        for query in queries[:20]:
            engine.search(query, request["setting"])
        found, latencies = [], []
        batch = request.get("batch", False)
        for query in np.split(queries, range(BATCH, len(queries), BATCH)) if batch else queries:
            began = time.perf_counter_ns()
            if batch:
                found.extend(engine.search_batch(query))
            else:
                found.append(engine.search(query, request["setting"]))
            latencies.append(time.perf_counter_ns() - began)
            if sum(latencies) > request["max_s"] * 1e9:
                break
        np.array(found, np.int32).tofile(request["out"] + ".ids")
        (np.array(latencies) / 1e3).astype(np.float32).tofile(request["out"] + ".us")
        return {"count": len(found), "seconds": sum(latencies) / 1e9}
    now = resident_mb()
    return {name: now[name] - empty[name] for name in now}


def main() -> None:
    # Imported here, so that no engine's own time holds what Python takes to load its library.
    importlib.import_module("hnswlib" if sys.argv[1] == "hnswlib" else "faiss")
    engine = {"hnswlib": Hnswlib, "faiss": Faiss, "flat": Flat}[sys.argv[1]]()
    folder = pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    empty = resident_mb()
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "exit":
            break
        print(json.dumps(answer(engine, folder, empty, request)), flush=True)


if __name__ == "__main__":
    main()
