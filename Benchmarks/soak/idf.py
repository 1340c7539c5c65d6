"""Sparse and hybrid queries with the modifier `idf`, with terms that are known and with one that nobody has.

    python Benchmarks/soak/idf.py
"""

import soak
from readers import WORDS, words
from soak import COLLECTION, POINTS, Server, fill


def main():
    options = soak.arguments(
        __doc__.splitlines()[0], points=(int, 20_000, "stored"), dimension=(int, 384, "components of a vector"),
        count=(int, 300, "queries of a kind"))
    if options.smoke:
        options.points, options.dimension, options.count = 300, 16, 5
    draw = soak.draws(options.seed)
    with soak.place() as place, Server(options.binary, place) as server:
        client = server.client()
        client.call("PUT", f"/collections/{COLLECTION}", {
            "vectors": {"d": {"size": options.dimension, "distance": "Cosine"}},
            "sparse_vectors": {"idf": {"modifier": "idf"}, "plain": {}}})

        def made(number):
            some = words(draw)
            return {"id": number, "vector": {"d": soak.vector(draw, options.dimension), "idf": some, "plain": some},
                    "payload": {"n": number}}

        fill(client, options.points, made)
        soak.settle(client, seconds=1 if options.smoke else 120)
        known = words(draw, 4)
        unknown = {"indices": [*known["indices"], WORDS + 7], "values": [*known["values"], 1.0]}
        dense = {"query": soak.vector(draw, options.dimension), "using": "d", "limit": 50}
        rows = [["query", "p50 ms", "p99 ms"]]
        for name, sparse, using in (
                ("sparse, no idf", known, "plain"), ("sparse, idf", known, "idf"),
                ("sparse, idf, unknown term", unknown, "idf"), ("sparse, no idf, unknown term", unknown, "plain")):
            body = {"query": sparse, "using": using, "limit": 10}
            client.timed(max(3, options.count // 10), "POST", f"{POINTS}/query", body)
            times = client.timed(options.count, "POST", f"{POINTS}/query", body)
            rows.append([name, f"{soak.share(times, 0.5):.2f}", f"{soak.share(times, 0.99):.2f}"])
            body = {"prefetch": [dense, {"query": sparse, "using": using, "limit": 50}], "query": {"fusion": "rrf"},
                    "limit": 10}
            times = client.timed(options.count, "POST", f"{POINTS}/query", body)
            rows.append(["hybrid with " + name, f"{soak.share(times, 0.5):.2f}", f"{soak.share(times, 0.99):.2f}"])
        print(f"{options.points} points, dimension {options.dimension}; {soak.machine()}")
        soak.table(rows)


if __name__ == "__main__":
    main()
