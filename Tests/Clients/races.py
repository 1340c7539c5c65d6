"""Races that the store has lost once, each by itself: what must hold, and a run short enough for every day.

Each function works on a fresh directory with so many processes, raises `Difference` at what must not be, and answers
what it did. `concurrency.py --scenario NAME` runs one.
"""

import collections
import random
import threading

from served import serving
from wires import Difference, Wire, parsed, processes

BASE = "/collections/c"
PLAIN = {"vectors": {"a": {"size": 4, "distance": "Dot"}}}


def must(wire, method, path, body=None):
    status, content, *_ = wire.call(method, path, body)
    result = parsed(status, content)
    if status != 200:
        raise Difference(f"{method} {path} was answered {status}: {str(result)[:300]}")
    return result


class Crew:
    """Threads that stop at the first failure of one of them."""

    def __init__(self):
        self.threads, self.failures, self.is_over = [], [], threading.Event()

    def add(self, work, *arguments):
        def run():
            try:
                work(*arguments)
            except Exception as failure:  # noqa: BLE001 - it is raised again by `finish`
                self.failures.append(failure)
                self.is_over.set()
        self.threads.append(threading.Thread(target=run, daemon=True))

    def start(self):
        for thread in self.threads:
            thread.start()

    def finish(self):
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]


def lost_points(binary, place, seed, count=2, changes=6):
    """One client inserts point after point; another adds vector names. What was acknowledged is there."""
    with processes(binary, place, count) as served:
        urls = [one.url for one in served]
        must(Wire(urls[0]), "PUT", BASE, PLAIN)
        crew, acknowledged, refused = Crew(), [], []

        def insert():
            pick, wires, id = random.Random(seed), [Wire(url) for url in urls], 0
            while not crew.is_over.is_set():
                id += 1
                point = {"id": id, "vector": {"a": [1, 0, 0, id % 7]}, "payload": {"n": id}}
                call = "PUT", f"{BASE}/points?wait=true", {"points": [point]}
                status, content, *_ = pick.choice(wires).call(*call)
                (acknowledged if status == 200 else refused).append(id)
                if status != 200:
                    refused[-1] = f"{id}: {status} {content[:200]}"

        def change():
            wire = Wire(urls[0])
            for number in range(changes):
                body = {"dense": {"size": 3, "distance": "Dot"}}
                status, content, *_ = wire.call("PUT", f"{BASE}/vectors/b{number}?wait=true", body)
                if status != 200:
                    refused.append(f"the name b{number}: {status} {content[:200]}")
            crew.is_over.set()

        crew.add(insert)
        crew.add(change)
        crew.start()
        crew.finish()
        for number, url in enumerate(urls):
            answer = must(Wire(url), "POST", f"{BASE}/points/scroll", {"limit": 100_000, "with_payload": True})
            there = {point["id"] for point in answer["points"]}
            lost = sorted(set(acknowledged) - there)
            if lost:
                raise Difference(f"lost points: of {len(acknowledged)} acknowledged points process {number} lacks "
                                 f"{len(lost)}, the first are {lost[:10]}; {len(refused)} were refused {refused[:1]}")
        if refused:
            raise Difference(f"{len(refused)} calls were refused while vector names were added: {refused[:3]}")
    return {"acknowledged": len(acknowledged), "changes": changes}


def blue_hits(binary, place, seed, count=2, points=3000, step=50, readers=4, turns=3):
    """Red points are deleted fifty at a time and replaced by new ids that are blue, and then these by new red ones. Who
    asks for one color gets no point of the other."""
    with processes(binary, place, count) as served:
        urls = [one.url for one in served]
        wire = Wire(urls[0])
        must(wire, "PUT", BASE, PLAIN)
        must(wire, "PUT", f"{BASE}/index?wait=true", {"field_name": "c", "field_schema": "keyword"})
        pick = random.Random(seed)

        def made(ids, color):
            return {"points": [
                {"id": id, "vector": {"a": [pick.randint(-9, 9) for _ in range(4)]}, "payload": {"c": color}}
                for id in ids]}

        for start in range(0, points, 500):
            must(wire, "PUT", f"{BASE}/points?wait=true", made(range(start, min(points, start + 500)), "red"))
        crew, counts = Crew(), collections.Counter()

        def replace():
            for turn in range(turns):
                for start in range(turn * points, (turn + 1) * points, step):
                    ids = list(range(start, start + step))
                    must(wire, "POST", f"{BASE}/points/delete?wait=true", {"points": ids})
                    new = made([points + id for id in ids], "red" if turn % 2 else "blue")
                    must(wire, "PUT", f"{BASE}/points?wait=true", new)
            crew.is_over.set()

        def read(number):
            own, draw = Wire(urls[number % len(urls)]), random.Random(seed + number)
            while not crew.is_over.is_set():
                color = draw.choice(("red", "blue"))
                search = {"query": [1, 2, 3, 4], "using": "a", "limit": 300, "with_payload": True,
                          "filter": {"must": [{"key": "c", "match": {"value": color}}]}}
                # Several in a call, so that the server has more to do than its client.
                answer = must(own, "POST", f"{BASE}/points/query/batch", {"searches": [search] * 10})
                hits = [hit for found in answer for hit in found["points"]]
                others = [hit for hit in hits if hit["payload"] != {"c": color}]
                if others:
                    raise Difference(f"blue hits: {len(others)} of {len(hits)} answers to the filter c = {color} by "
                                     f"process {number % len(urls)} are others, for example {others[0]}")
                counts["answers"] += 1

        crew.add(replace)
        for number in range(readers):
            crew.add(read, number)
        crew.start()
        crew.finish()
    return counts


def others_error(binary, place, seed, count=1, growths=8, writers=3):
    """One client lets a point grow beyond the limit of a payload; the others' small points are no worse for it."""
    with processes(binary, place, count) as served:
        urls = [one.url for one in served]
        must(Wire(urls[0]), "PUT", BASE, PLAIN)
        half = "x" * (17 << 20)
        grown = {"points": [{"id": 1, "vector": {"a": [1, 0, 0, 0]}, "payload": {"half": half}}]}
        must(Wire(urls[0]), "PUT", f"{BASE}/points?wait=true", grown)
        crew, counts, lock = Crew(), collections.Counter(), threading.Lock()

        def grow():
            # In the same process as the writers: only calls of one process share a transaction.
            wire = Wire(urls[0])
            for _ in range(growths):
                body = {"points": [1], "payload": {"other": half}}
                status, content, *_ = wire.call("POST", f"{BASE}/points/payload?wait=true", body)
                if status != 400 or b"payload" not in content:
                    raise Difference(f"a payload beyond the limit was answered {status}: {content[:300]}")
                counts["refused"] += 1
            crew.is_over.set()

        def write(number):
            wire, id = Wire(urls[0]), 1_000_000 * number
            while not crew.is_over.is_set():
                id += 1
                point = {"id": id, "vector": {"a": [0, 1, 0, 0]}, "payload": {"n": id}}
                status, content, *_ = wire.call("PUT", f"{BASE}/points?wait=true", {"points": [point]})
                if status != 200:
                    raise Difference(f"another caller's error: the upsert of the small point {id} was answered "
                                     f"{status}: {content[:300]}")
                with lock:
                    counts["accepted"] += 1

        crew.add(grow)
        for number in range(1, writers + 1):
            crew.add(write, number)
        crew.start()
        crew.finish()
        there = must(Wire(urls[-1]), "POST", f"{BASE}/points/count", {"exact": True})["count"]
        if there != 1 + counts["accepted"]:
            raise Difference(f"{counts['accepted']} small points were accepted and {there - 1} are there")
    return counts


def lost_alias(binary, place, seed, count=2, rounds=10):
    """Each process makes an alias at the same time. All are there, in every process and in one that starts later."""
    with processes(binary, place, max(2, count)) as served:
        urls = [one.url for one in served]
        must(Wire(urls[0]), "PUT", BASE, PLAIN)
        made = []
        for turn in range(rounds):
            crew, together = Crew(), threading.Barrier(len(urls))

            def make(number, turn=turn, together=together):
                wire = Wire(urls[number])
                together.wait()
                action = {"create_alias": {"collection_name": "c", "alias_name": f"of-{number}-{turn}"}}
                must(wire, "POST", "/collections/aliases", {"actions": [action]})

            for number in range(len(urls)):
                crew.add(make, number)
                made.append(f"of-{number}-{turn}")
            crew.start()
            crew.finish()
            for number, url in enumerate(urls):
                compare_aliases(url, made, f"process {number}")
    with serving(binary, place) as later:
        compare_aliases(later.url, made, "a process that started later")
    return {"aliases": len(made)}


def compare_aliases(url, made, who):
    wire = Wire(url)
    there = {row["alias_name"] for row in must(wire, "GET", "/aliases")["aliases"]}
    if there != set(made):
        more = sorted(there - set(made))
        raise Difference(f"lost alias: {who} lacks {sorted(set(made) - there)} and has more {more}")
    for alias in made:
        if not must(wire, "GET", f"/collections/{alias}/exists")["exists"]:
            raise Difference(f"lost alias: {who} lists {alias} and does not know it")


SCENARIOS = {
    "lost-points": lost_points, "blue-hits": blue_hits, "others-error": others_error, "lost-alias": lost_alias}
