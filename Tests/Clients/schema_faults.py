"""Kills and power cuts while the schema of a served collection changes: vector names, indexes, aliases, a snapshot that
takes the place of the collection.

What was acknowledged is there afterwards. A call that was not answered has happened as a whole or not at all: of a
recovered snapshot either all points are there or all points that were there before.
"""

import collections
import contextlib
import http.client
import pathlib
import threading
import time

import disks
from served import serving
from session import Broken
from wires import Wire, parsed

BASE = "/collections/c"
IDS = 400
#: What a client sees of a server that was killed.
GONE = (ConnectionError, http.client.HTTPException, TimeoutError, OSError)


class State:
    """What must be in the store. Of a call that was never answered both outcomes are right."""

    def __init__(self):
        self.points, self.unsure = {}, {}
        self.name, self.indexes, self.aliases = None, frozenset(), frozenset()
        #: Values that a part may have besides the one above.
        self.others = collections.defaultdict(list)
        self.snapshot = None
        self.version = 0


def point(id, version):
    return {"id": id, "vector": {"d": [float(id), float(version), 1.0]}, "payload": {"v": version, "id": id}}


def write(url, state, ids, draw_version, lock, deletes):
    """Writes its own ids, a few a call, until the server has gone or all are written."""
    wire = Wire(url)
    for start in range(0, len(ids), 4):
        own = ids[start:start + 4]
        version = draw_version()
        new = None if deletes else version
        with lock:
            for id in own:
                state.unsure.setdefault(id, [state.points.get(id)]).append(new)
        body = {"points": own} if deletes else {"points": [point(id, version) for id in own]}
        method, path = ("POST", "/delete") if deletes else ("PUT", "")
        try:
            status, content, *_ = wire.call(method, f"{BASE}/points{path}?wait=true", body)
        except GONE:
            return
        if status != 200:
            raise Broken(f"a write beside a change of the schema was answered {status}: {content[:300]}")
        with lock:
            for id in own:
                state.points[id] = new
                state.unsure.pop(id)


def change(url, state, draw, kind):
    """One change of the schema; answers whether it was acknowledged."""
    wire = Wire(url)
    if kind == "name":
        new = None if state.name else f"x{draw.randrange(9)}"
        state.others["name"] = [new]
        call = ("DELETE", f"{BASE}/vectors/{state.name}?wait=true", None) if state.name else (
            "PUT", f"{BASE}/vectors/{new}?wait=true", {"dense": {"size": 3, "distance": "Dot"}})
    elif kind == "index":
        field = draw.choice(("v", "id"))
        new = state.indexes ^ {field}
        state.others["indexes"] = [new]
        call = ("DELETE", f"{BASE}/index/{field}?wait=true", None) if field in state.indexes else (
            "PUT", f"{BASE}/index?wait=true", {"field_name": field, "field_schema": "integer"})
    elif kind == "alias":
        alias = draw.choice(("one", "two", "three"))
        new = state.aliases ^ {alias}
        state.others["aliases"] = [new]
        action = {"delete_alias": {"alias_name": alias}} if alias in state.aliases else {
            "create_alias": {"collection_name": "c", "alias_name": alias}}
        call = "POST", "/collections/aliases", {"actions": [action]}
    else:
        name, points, vector, indexes = state.snapshot
        state.others["restored"] = [(points, vector, indexes)]
        where = {"location": f"file://{name}"}
        call = "PUT", f"{BASE}/snapshots/recover?wait=true", where
    try:
        status, content, *_ = wire.call(*call)
    except GONE:
        return False
    if status != 200:
        raise Broken(f"{call[0]} {call[1]} was answered {status}: {content[:300]}")
    if kind == "restore":
        state.points, state.name, state.indexes = dict(points), vector, indexes
    elif kind == "name":
        state.name = new
    else:
        setattr(state, "indexes" if kind == "index" else "aliases", new)
    state.others.clear()
    return True


def ask(wire, method, path, body=None):
    status, content, *_ = wire.call(method, path, body)
    if status != 200:
        raise Broken(f"{method} {path} is answered {status} after the fault: {parsed(status, content)}")
    return parsed(status, content)


def check(url, state, what):
    """Compares the store with the state, and takes what turns out to be there into it."""
    wire = Wire(url)
    aliases = frozenset(row["alias_name"] for row in ask(wire, "GET", "/aliases")["aliases"])
    if aliases not in [state.aliases, *state.others["aliases"]]:
        raise Broken(f"{what}: aliases {sorted(aliases)} instead of {sorted(state.aliases)}")
    names = [row["name"] for row in ask(wire, "GET", "/collections")["collections"]]
    if names != ["c"]:
        raise Broken(f"{what}: the collections are {names}")
    facts = ask(wire, "GET", BASE)
    if facts["status"] != "green":
        raise Broken(f"{what}: the collection is {facts['status']}: {facts['optimizer_status']}")
    there = set(facts["config"]["params"]["vectors"]) - {"d"}
    name, indexes = there.pop() if len(there) == 1 else None, frozenset(facts["payload_schema"])
    listed = ask(wire, "POST", f"{BASE}/points/scroll", {"limit": 10_000, "with_payload": True, "with_vector": ["d"]})
    found = {one["id"]: one for one in listed["points"]}
    torn = [one for id, one in found.items() if one != point(id, one["payload"]["v"])]
    if torn or there:
        raise Broken(f"{what}: points that nobody wrote: {torn[:2]}; vector names besides: {there}")
    versions = {id: one["payload"]["v"] for id, one in found.items()}
    for points, vector, fields in state.others["restored"]:
        if versions == {id: v for id, v in points.items() if v is not None} and (name, indexes) == (vector, fields):
            state.points, state.name, state.indexes = dict(points), name, indexes
            break
    if name not in [state.name, *state.others["name"]]:
        raise Broken(f"{what}: the vector name is {name} instead of {state.name}")
    if indexes not in [state.indexes, *state.others["indexes"]]:
        raise Broken(f"{what}: indexes {sorted(indexes)} instead of {sorted(state.indexes)}")
    for id in range(IDS):
        allowed = state.unsure.get(id, [state.points.get(id)])
        if versions.get(id) not in allowed:
            raise Broken(f"{what}: point {id} has version {versions.get(id)} instead of {allowed}")
    state.points = {id: versions.get(id) for id in range(IDS)}
    state.name, state.indexes, state.aliases = name, indexes, aliases
    state.unsure.clear()
    state.others.clear()


def turn(served, state, draw, counts, fault):
    """Writes and one change of the schema at the same time, with a fault among them."""
    kind = draw.choice(("name", "index", "alias", "restore"))
    if kind == "restore":
        made = ask(Wire(served.url), "POST", f"{BASE}/snapshots")
        [path] = pathlib.Path(served.directory).glob(f"**/{made['name']}")
        state.snapshot = path, dict(state.points), state.name, state.indexes
    lock, failures = threading.Lock(), []

    def next_version():
        with lock:
            state.version += 1
            return state.version

    def run(work, *arguments):
        try:
            work(*arguments)
        except Broken as broken:
            failures.append(broken)

    ids = draw.sample(range(IDS), 120)
    parts = [ids[start:start + 40] for start in range(0, 120, 40)]
    threads = [
        threading.Thread(target=run, args=(write, served.url, state, part, next_version, lock, number == 2))
        for number, part in enumerate(parts)]
    if kind == "restore":
        # Beside writers nobody could say which of them came before it: they go first.
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        threads = []
    changing = threading.Thread(target=run, args=(change, served.url, state, draw, kind))
    threads.append(changing)
    for thread in threads:
        thread.start()
    if draw.random() < 0.2:
        changing.join()
    else:
        time.sleep(draw.uniform(0, draw.choice((0.01, 0.06, 0.2))))
    fault()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    counts[f"{kind} {'unanswered' if state.others else 'acknowledged'}"] += 1
    counts["calls unanswered"] += bool(state.unsure)


@contextlib.contextmanager
def served_on(cortex, store):
    with serving(cortex, store, CORTEX_TEST_SEAL_ROWS="150") as served:
        served.directory = store
        yield served


def begin(cortex, store):
    with served_on(cortex, store) as served:
        served.result("PUT", BASE, {"vectors": {"d": {"size": 3, "distance": "Dot"}}})


def schema_kills(cortex, place, draw, count, counts=None):
    """SIGKILL while the schema changes."""
    counts = collections.Counter() if counts is None else counts
    store, state = place / "store", State()
    begin(cortex, store)
    for number in range(count):
        with served_on(cortex, store) as served:
            check(served.url, state, f"after kill {number}")
            turn(served, state, draw, counts, served.process.kill)
        counts["kills"] += 1
    with served_on(cortex, store) as served:
        check(served.url, state, "at the end")
    return counts


def schema_cuts(cortex, place, draw, count, counts=None):
    """A power cut while the schema changes. What is answered while the cut is made may be there or not."""
    counts = collections.Counter() if counts is None else counts
    state = State()
    with disks.disk(place) as (mount, cut, plug_in):
        begin(cortex, mount / "store")
        for number in range(count):
            with served_on(cortex, mount / "store") as served:
                check(served.url, state, f"after cut {number}")

                def fault(served=served):
                    # Dead first: from then on nothing is acknowledged, and what it has not synced is lost by the cut.
                    served.process.kill()
                    served.process.wait()
                    cut()

                turn(served, state, draw, counts, fault)
            plug_in()
            counts["cuts"] += 1
        with served_on(cortex, mount / "store") as served:
            check(served.url, state, "at the end")
    return counts
