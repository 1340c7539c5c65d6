"""What filters on payloads take, with an index and without, and what payloads take in memory.

    python Benchmarks/soak/filters.py
"""

import soak
from soak import COLLECTION, POINTS, Server, fill

KILOBYTE = 1000


def moment(number):
    return f"2024-{1 + number // 28 % 12:02}-{1 + number % 28:02}T{number % 24:02}:00:00Z"


def payload(draw, number, size):
    made = {
        "color": draw.choice(("red", "green", "blue", "white")), "n": number, "price": number / 7,
        "seen": moment(number), "plain": draw.choice(("one", "two", "three")), "when": moment(number),
        "text": soak.filler(draw, size)}
    if number % 3 == 0:
        made["gone"] = None
    return made


#: Each kind of filter and what it is about; `color`, `n` and `seen` have an index.
FILTERS = {
    "keyword, indexed": {"must": [{"key": "color", "match": {"value": "red"}}]},
    "keyword, no index": {"must": [{"key": "plain", "match": {"value": "two"}}]},
    "integer range, indexed": {"must": [{"key": "n", "range": {"gte": 100, "lt": 400}}]},
    "number range, no index": {"must": [{"key": "price", "range": {"gte": 10, "lt": 50}}]},
    "datetime range, indexed": {
        "must": [{"key": "seen", "range": {"gte": "2024-03-01T00:00:00Z", "lt": "2024-03-03T00:00:00Z"}}]},
    "datetime range, no index": {
        "must": [{"key": "when", "range": {"gte": "2024-03-01T00:00:00Z", "lt": "2024-03-03T00:00:00Z"}}]},
    "is_null, no index": {"must": [{"is_null": {"key": "gone"}}]},
    "is_empty, no index": {"must": [{"is_empty": {"key": "gone"}}]},
}


def prepared(server, points, dimension, draw, size):
    client = server.client()
    client.call("PUT", f"/collections/{COLLECTION}", {"vectors": {"size": dimension, "distance": "Cosine"}})
    for field, schema in (("color", "keyword"), ("n", "integer"), ("seen", "datetime")):
        client.call("PUT", f"/collections/{COLLECTION}/index?wait=true", {"field_name": field, "field_schema": schema})
    fill(client, points, lambda number: {
        "id": number, "vector": soak.vector(draw, dimension), "payload": payload(draw, number, size)})
    return client


def times(options):
    draw = soak.draws(options.seed)
    with soak.place() as place, Server(options.binary, place) as server:
        client = prepared(server, options.points, options.dimension, draw, 100)
        soak.settle(client, seconds=1 if options.smoke else 120)
        print(f"{options.points} points, dimension {options.dimension}; {soak.machine()}")
        rows = [["filter", "count p50 ms", "p99", "query p50 ms", "p99", "matching"]]
        vector = soak.vector(draw, options.dimension)
        for name, filter in FILTERS.items():
            row = [name]
            for path, body in (("count", {"filter": filter, "exact": True}),
                               ("query", {"filter": filter, "query": vector, "limit": 10, "with_payload": True})):
                client.timed(3, "POST", f"{POINTS}/{path}", body)
                taken = client.timed(options.count, "POST", f"{POINTS}/{path}", body)
                row += [f"{soak.share(taken, 0.5):.2f}", f"{soak.share(taken, 0.99):.2f}"]
            rows.append(row + [client.result("POST", f"{POINTS}/count", {"filter": filter})["count"]])
        for key in ("color", "n"):
            body = {"key": key, "limit": 10, "exact": True}
            taken = client.timed(options.count, "POST", f"/collections/{COLLECTION}/facet", body)
            rows.append([f"facet of {key}", f"{soak.share(taken, 0.5):.2f}", f"{soak.share(taken, 0.99):.2f}",
                         "", "", ""])
        soak.table(rows)


def memory(options):
    """What a store takes after it was filled, and in a process that has just opened it and answered."""
    draw = soak.draws(options.seed)
    query = {"query": soak.vector(draw, options.dimension), "limit": 10, "with_payload": True,
             "filter": {"must": [{"key": "color", "match": {"value": "red"}}]}}
    rows = [["state", "RSS MB", "most MB"]]
    with soak.place() as place:
        for state in ("filled", "opened"):
            with Server(options.binary, place) as server:
                client = server.client()
                if state == "filled":
                    prepared(server, options.large, options.dimension, draw, KILOBYTE)
                    soak.settle(client, seconds=1 if options.smoke else 300)
                client.timed(20, "POST", f"{POINTS}/query", query)
                soak.settle(client, seconds=1 if options.smoke else 30)
                rows.append([state, f"{server.resident_megabytes:.0f}", f"{server.status('VmHWM') / 1024:.0f}"])
    print(f"{options.large} points of {options.dimension} floats with payloads of {KILOBYTE} bytes")
    soak.table(rows)


def main():
    options = soak.arguments(
        __doc__.splitlines()[0], points=(int, 20_000, "for the times"), large=(int, 100_000, "for the memory"),
        dimension=(int, 128, "components of a vector"), count=(int, 100, "calls of a kind"))
    if options.smoke:
        options.points, options.large, options.dimension, options.count = 300, 300, 16, 5
    times(options)
    memory(options)


if __name__ == "__main__":
    main()
