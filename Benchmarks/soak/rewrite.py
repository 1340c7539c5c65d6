"""Memory, segments and file size while the same points are rewritten again and again.

1 000 points of 768 floats are rewritten by `set_payload`, by upserts, and by deleting and inserting them, one kind
after the other. `--others` says how many points there are besides, which nobody touches. Writes a CSV with a row a
second and, where matplotlib is installed, a plot. Nothing is asserted: the figures are for people.

    python Benchmarks/soak/rewrite.py --minutes 10 --out .build/soak/rewrite
"""

import csv
import pathlib
import threading
import time

import soak
from soak import COLLECTION, POINTS, Server, fill

KINDS = ("set_payload", "upsert", "insert and delete")


def rewriting(kind, client, draw, count, dimension, step=20):
    """Calls for ever, each of which rewrites some of the points."""
    version, shift = 0, 0

    def made(number):
        return {"id": number, "vector": soak.vector(draw, dimension), "payload": {"version": version, "color": "red"}}

    while True:
        version += 1
        start = (version * step) % count
        ids = list(range(start, min(count, start + step)))
        if kind == "set_payload":
            client.call("POST", f"{POINTS}/payload?wait=true", {"payload": {"version": version}, "points": ids})
        elif kind == "upsert":
            client.call("PUT", f"{POINTS}?wait=true", {"points": [made(number) for number in ids]})
        else:
            if start < step:
                shift += 1
            old, new = (shift - 1) % 2, shift % 2
            client.call("POST", f"{POINTS}/delete?wait=true", {"points": [1_000_000 * old + n for n in ids]})
            client.call("PUT", f"{POINTS}?wait=true", {"points": [made(1_000_000 * new + n) for n in ids]})
        yield len(ids)


def sample(server, client):
    facts = client.result("GET", f"/collections/{COLLECTION}")
    return [round(server.resident_megabytes, 1), facts["segments_count"], round(server.file_megabytes, 1),
            facts["points_count"]]


def plot(rows, path):
    try:
        import matplotlib
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(3, 1, sharex=True, figsize=(9, 8))
    for axis, (column, name) in zip(axes, ((3, "resident memory, MB"), (4, "segments"), (5, "files, MB"))):
        for kind in dict.fromkeys(row[1] for row in rows):
            own = [row for row in rows if row[1] == kind]
            axis.plot([row[0] for row in own], [row[column] for row in own], label=kind)
        axis.set_ylabel(name)
        axis.set_ylim(bottom=0)
    axes[0].legend()
    axes[-1].set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path)
    print(path)


def main():
    options = soak.arguments(
        __doc__.splitlines()[0], minutes=(float, 10, "of rewriting in all"), points=(int, 1000, "that are rewritten"),
        others=(int, 0, "points beside them"), dimension=(int, 768, "components of a vector"),
        out=(str, ".build/soak/rewrite", "path of the CSV and the plot, without suffix"))
    if options.smoke:
        options.minutes, options.points, options.others, options.dimension = 0.1, 100, 50, 32
    draw, rows = soak.draws(options.seed), []
    with soak.place() as place, Server(options.binary, place) as server:
        client = server.client()
        client.call("PUT", f"/collections/{COLLECTION}",
                    {"vectors": {"size": options.dimension, "distance": "Cosine"}})
        client.call("PUT", f"/collections/{COLLECTION}/index?wait=true",
                    {"field_name": "color", "field_schema": "keyword"})

        def made(number):
            id = number if number < options.points else 10_000_000 + number
            return {"id": id, "vector": soak.vector(draw, options.dimension), "payload": {"color": "blue"}}

        fill(client, options.points + options.others, made)
        # Read once, so that whatever is kept for readers is there.
        client.call("POST", f"{POINTS}/query", {"query": soak.vector(draw, options.dimension), "with_payload": True,
                                                "filter": {"must": [{"key": "color", "match": {"value": "blue"}}]}})
        began, written, ended = time.monotonic(), 0, threading.Event()
        kind = KINDS[0]

        def watch():
            own = server.client()
            while True:
                rows.append([round(time.monotonic() - began, 1), kind, written, *sample(server, own)])
                if ended.wait(0.5 if options.smoke else 1):
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        for kind in KINDS:
            end = time.monotonic() + 60 * options.minutes / len(KINDS)
            for count in rewriting(kind, client, draw, options.points, options.dimension):
                written += count
                if time.monotonic() > end:
                    break
        ended.set()
        watcher.join()
    out = pathlib.Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out.with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["seconds", "kind", "rewritten", "rss_mb", "segments", "files_mb", "points"])
        writer.writerows(rows)
    print(f"{out.with_suffix('.csv')}; {options.points} points rewritten beside {options.others}, dimension "
          f"{options.dimension}; {soak.machine()}")
    shown = [["kind", "", "seconds", "rewritten", "RSS MB", "segments", "files MB", "points"]]
    for kind in KINDS:
        own = [row for row in rows if row[1] == kind]
        shown += [[kind, name, *row[:1], *row[2:]] for name, row in (("first", own[0]), ("last", own[-1])) if own]
    shown.append(["all", "most", "", written, max(r[3] for r in rows), max(r[4] for r in rows),
                  max(r[5] for r in rows), ""])
    soak.table(shown)
    plot(rows, out.with_suffix(".png"))


if __name__ == "__main__":
    main()
