"""How many searches a second are answered, and how long they take, while writers work without pause.

Readers ask hybrid, grouped and dense queries in turn. For each number of writers it prints reads a second, the median
and the 99th percentile of a read, and writes a second. Every client is a process, so that the clients do not wait for
each other. Nothing is asserted.

    python Benchmarks/soak/readers.py --seconds 20
"""

import json
import multiprocessing
import time

import soak
from soak import COLLECTION, POINTS, Client, Server, fill

KINDS = ("hybrid", "groups", "dense")
WORDS = 2000


def words(draw, count=12):
    indices = sorted(draw.sample(range(WORDS), count))
    return {"indices": indices, "values": [round(draw.uniform(0.2, 2), 2) for _ in indices]}


def point(draw, number, dimension):
    return {
        "id": number, "vector": {"d": soak.vector(draw, dimension), "words": words(draw)},
        "payload": {"color": draw.choice(("red", "green", "blue")), "group": number % 50, "n": number,
                    "text": soak.filler(draw, 300)}}


def query(draw, kind, dimension):
    some = {"must": [{"key": "color", "match": {"value": "red"}}]}
    body = {"query": soak.vector(draw, dimension), "using": "d", "filter": some, "limit": 10, "with_payload": True}
    if kind == "hybrid":
        return f"{POINTS}/query", {
            "prefetch": [{"query": body["query"], "using": "d", "limit": 50},
                         {"query": words(draw), "using": "words", "limit": 50}],
            "query": {"fusion": "rrf"}, "filter": some, "limit": 10, "with_payload": True}
    if kind == "groups":
        return f"{POINTS}/query/groups", {**body, "group_by": "group", "group_size": 2}
    return f"{POINTS}/query", body


def read(address, seed, dimension, begin, is_over, out):
    draw, client = soak.draws(seed), Client(address)
    calls = []
    for number in range(60):
        path, body = query(draw, KINDS[number % len(KINDS)], dimension)
        calls.append((KINDS[number % len(KINDS)], path, json.dumps(body).encode()))
    times, at = [], 0
    begin.wait()
    while not is_over.is_set():
        kind, path, body = calls[at % len(calls)]
        at += 1
        began = time.perf_counter()
        client.call("POST", path, body)
        times.append((kind, 1000 * (time.perf_counter() - began)))
    out.put(("reads", times))


def write(address, seed, dimension, points, begin, is_over, out):
    draw, client, count = soak.draws(seed), Client(address), 0
    bodies = []
    for _ in range(40):
        some = [point(draw, draw.randrange(points), dimension) for _ in range(5)]
        bodies.append(json.dumps({"points": some}).encode())
    begin.wait()
    while not is_over.is_set():
        client.call("PUT", f"{POINTS}?wait=true", bodies[count % len(bodies)])
        count += 1
    out.put(("writes", count))


def measure(server, options, writers):
    begin, is_over, out = multiprocessing.Barrier(options.readers + writers + 1), multiprocessing.Event(), \
        multiprocessing.Queue()
    people = [
        multiprocessing.Process(
            target=read, args=(server.address, options.seed + n, options.dimension, begin, is_over, out))
        for n in range(options.readers)]
    people += [
        multiprocessing.Process(
            target=write,
            args=(server.address, 100 + options.seed + n, options.dimension, options.points, begin, is_over, out))
        for n in range(writers)]
    for person in people:
        person.start()
    begin.wait()
    began = time.perf_counter()
    time.sleep(options.seconds)
    is_over.set()
    answers = [out.get() for _ in people]
    seconds = time.perf_counter() - began
    for person in people:
        person.join()
    reads = [row for kind, rows in answers if kind == "reads" for row in rows]
    times = sorted(milliseconds for _, milliseconds in reads)
    row = [writers, f"{len(times) / seconds:.1f}", f"{soak.share(times, 0.5):.1f}", f"{soak.share(times, 0.99):.1f}",
           f"{times[-1]:.0f}"]
    for kind in KINDS:
        own = sorted(milliseconds for name, milliseconds in reads if name == kind) or [float("nan")]
        row.append(f"{soak.share(own, 0.5):.1f} / {soak.share(own, 0.99):.1f}")
    return row + [f"{sum(count for kind, count in answers if kind == 'writes') / seconds:.1f}"]


def main():
    options = soak.arguments(
        __doc__.splitlines()[0], seconds=(float, 20, "for each number of writers"), points=(int, 20_000, "stored"),
        dimension=(int, 128, "components of a vector"), readers=(int, 8, "at the same time"))
    writers = (0, 1, 4, 8)
    if options.smoke:
        options.seconds, options.points, options.dimension, options.readers, writers = 0.5, 300, 16, 2, (0, 2)
    draw = soak.draws(options.seed)
    with soak.place() as place, Server(options.binary, place) as server:
        client = server.client()
        client.call("PUT", f"/collections/{COLLECTION}", {
            "vectors": {"d": {"size": options.dimension, "distance": "Cosine"}},
            "sparse_vectors": {"words": {"modifier": "idf"}}})
        for field, schema in (("color", "keyword"), ("group", "integer")):
            client.call("PUT", f"/collections/{COLLECTION}/index?wait=true",
                        {"field_name": field, "field_schema": schema})
        fill(client, options.points, lambda number: point(draw, number, options.dimension))
        soak.settle(client, seconds=1 if options.smoke else 120)
        print(f"{options.points} points of {options.dimension} floats, {options.readers} readers, {options.seconds} s "
              f"each; {soak.machine()}")
        rows = [["writers", "reads/s", "p50 ms", "p99 ms", "most ms",
                 *(f"{kind} p50 / p99" for kind in KINDS), "writes/s"]]
        soak.table(rows + [measure(server, options, count) for count in writers])


if __name__ == "__main__":
    main()
