"""The threads of the concurrency test: each makes one call after the other and keeps the model up to date."""

import random
import threading

import questions
from answers import SCHEMA, id_of
from questions import COLLECTION, COLORS, DIMENSION, GROUPS, TAGS, match
from wires import Difference, Wire, parsed, show

BASE = f"/collections/{COLLECTION}"
#: Ids a writer uses in turn, and how many of them are there at most.
KEYS, ALIVE = 150, 40


class Worker(threading.Thread):
    """A thread with a connection to each process; what it raises is kept."""

    def __init__(self, crowd, seed):
        super().__init__(daemon=True)
        self.crowd, self.pick = crowd, random.Random(seed)
        self.wires = [Wire(url) for url in crowd.urls]
        self.failure = None

    def run(self):
        try:
            self.work()
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is reported by the round
            self.failure = failure

    def call(self, method, path, body=None):
        self.process = self.pick.randrange(len(self.wires))
        return self.wires[self.process].call(method, path, body)

    def written(self, method, path, body, states, timeline):
        """Makes a call that must go well, and records what it did."""
        status, content, began, ended = self.call(method, path, body)
        if status != 200:
            raise Difference(
                f"{method} {path} by process {self.process} was answered {status}: {show(parsed(status, content))}; "
                f"its body was {show(body)}")
        timeline.record(states, began, ended)
        self.crowd.wrote()


# MARK: Writers

class PointWriter(Worker):
    """Writes the points of one owner, one call after the other."""

    def __init__(self, crowd, number, seed):
        super().__init__(crowd, seed)
        self.number, self.timeline = number, crowd.timelines[number]

    def work(self):
        for _ in range(self.crowd.calls):
            state = self.timeline.last
            kinds = [self.upsert, self.upsert, self.replace, self.set_payload, self.set_by_filter, self.overwrite,
                     self.delete_keys, self.update_vectors, self.batch, self.upsert_extra]
            if len(state) > ALIVE or self.pick.random() < 0.15:
                kinds = [self.delete, self.delete_by_filter]
            elif len(state) < 5:
                kinds = [self.upsert]
            self.pick.choice(kinds)()

    def point(self, version):
        payload = {
            "writer": self.number, "v": version, "color": self.pick.choice(COLORS), "group": self.pick.choice(GROUPS),
            "rank": self.pick.randrange(140), "tags": self.pick.sample(TAGS, self.pick.randint(0, 3)),
            "note": "x" * self.pick.choice((0, 10, 60))}
        return {"payload": payload, "vector": questions.vector(self.pick), "words": questions.words(self.pick),
                "extra": None}

    def wire_point(self, id, point):
        vectors = {"d": point["vector"], "words": dict(zip(("indices", "values"), point["words"]))}
        if point["extra"]:
            vectors["extra"] = point["extra"]["vector"]
        return {"id": id, "vector": vectors, "payload": point["payload"]}

    def some(self, most=6):
        """Some of the points that are there."""
        ids = sorted(self.timeline.last, key=str)
        return self.pick.sample(ids, min(len(ids), self.pick.randint(1, most)))

    def changed(self, ids, change):
        """The state with `change` made to a copy of each of these points."""
        state = dict(self.timeline.last)
        for id in ids:
            state[id] = {**state[id], "payload": dict(state[id]["payload"])}
            change(state[id])
        return state

    def write(self, method, path, body, *states):
        self.written(method, f"{BASE}/points{path}?wait=true", body, states, self.timeline)

    def new_points(self, most=8):
        version = self.crowd.version()
        keys = self.pick.sample(range(KEYS), self.pick.randint(1, most))
        return {id_of(self.number, key): self.point(version) for key in keys}

    def upsert(self):
        new = self.new_points()
        body = {"points": [self.wire_point(*pair) for pair in new.items()]}
        self.write("PUT", "", body, {**self.timeline.last, **new})

    def upsert_extra(self):
        """With a vector whose name may not be there: then it must be refused as a whole."""
        new = self.new_points(3)
        for point in new.values():
            point["extra"] = {"vector": questions.vector(self.pick)}
        body = {"points": [self.wire_point(*pair) for pair in new.items()]}
        status, content, began, ended = self.call("PUT", f"{BASE}/points?wait=true", body)
        if status == 200:
            for point in new.values():
                point["extra"] |= {"began": began, "ended": ended}
            self.timeline.record([{**self.timeline.last, **new}], began, ended)
        self.crowd.tries.append((status, parsed(status, content), began, ended, self.process))

    def replace(self):
        """Deletes points of one color and inserts new ids of another, which may get the rows of the deleted."""
        color, other = self.pick.sample(COLORS, 2)
        gone = [id for id, point in self.timeline.last.items() if point["payload"].get("color") == color]
        if not gone:
            return self.upsert()
        left = {id: point for id, point in self.timeline.last.items() if id not in gone}
        self.write("POST", "/delete", {"points": gone}, left)
        free = [id for id in (id_of(self.number, key) for key in range(KEYS)) if id not in left and id not in gone]
        version, new = self.crowd.version(), {}
        for id in self.pick.sample(free, min(len(free), len(gone))):
            new[id] = self.point(version)
            new[id]["payload"]["color"] = other
        if not new:
            return
        self.write("PUT", "", {"points": [self.wire_point(*pair) for pair in new.items()]}, {**left, **new})

    def set_payload(self):
        ids, version, color = self.some(), self.crowd.version(), self.pick.choice(COLORS)
        members = {"color": color, "v": version}
        body = {"payload": members, "points": ids}
        self.write("POST", "/payload", body, self.changed(ids, lambda point: point["payload"].update(members)))

    def mine(self, color):
        """A filter for the writer's own points of one color, and their ids."""
        passing = match("writer", self.number) & match("color", color)
        return passing.wire, [id for id, point in self.timeline.last.items() if passing.passes(id, point)]

    def set_by_filter(self):
        color, other = self.pick.sample(COLORS, 2)
        wire, ids = self.mine(color)
        members = {"color": other, "v": self.crowd.version()}
        body = {"payload": members, "filter": wire}
        self.write("POST", "/payload", body, self.changed(ids, lambda point: point["payload"].update(members)))

    def overwrite(self):
        ids, new = self.some(), self.point(self.crowd.version())["payload"]

        def change(point):
            point["payload"] = new
        self.write("PUT", "/payload", {"payload": new, "points": ids}, self.changed(ids, change))

    def delete_keys(self):
        ids = self.some(3)
        keys = self.pick.sample(("color", "tags", "note", "rank"), 2)

        def change(point):
            for key in keys:
                point["payload"].pop(key, None)
        self.write("POST", "/payload/delete", {"keys": keys, "points": ids}, self.changed(ids, change))

    def update_vectors(self):
        ids = self.some()
        new = {id: questions.vector(self.pick) for id in ids}
        state = dict(self.timeline.last)
        for id in ids:
            state[id] = {**state[id], "vector": new[id]}
        self.write("PUT", "/vectors", {"points": [{"id": id, "vector": {"d": new[id]}} for id in ids]}, state)

    def delete(self):
        ids = self.some(20) if self.timeline.last else []
        ids += [id_of(self.number, self.pick.randrange(KEYS))]
        left = {id: point for id, point in self.timeline.last.items() if id not in ids}
        self.write("POST", "/delete", {"points": ids}, left)

    def delete_by_filter(self):
        wire, ids = self.mine(self.pick.choice(COLORS))
        left = {id: point for id, point in self.timeline.last.items() if id not in ids}
        self.write("POST", "/delete", {"filter": wire}, left)

    def batch(self):
        """Three changes in one call. The steps may be seen one by one."""
        new, members = self.new_points(4), {"color": self.pick.choice(COLORS), "v": self.crowd.version()}
        first = {**self.timeline.last, **new}
        gone = self.pick.sample(sorted(first, key=str), min(4, len(first)))
        second = {id: point for id, point in first.items() if id not in gone}
        ids = self.pick.sample(sorted(second, key=str), min(4, len(second)))
        third = dict(second)
        for id in ids:
            third[id] = {**third[id], "payload": {**third[id]["payload"], **members}}
        operations = [
            {"upsert": {"points": [self.wire_point(*pair) for pair in new.items()]}}, {"delete": {"points": gone}}]
        if ids:
            operations.append({"set_payload": {"payload": members, "points": ids}})
        self.write("POST", "/batch", {"operations": operations}, first, second, third)


class SchemaWriter(Worker):
    """Adds and drops a vector name and a payload index."""

    def work(self):
        timeline, lives = self.crowd.timelines[SCHEMA], self.crowd.lives
        for turn in range(self.crowd.schema_calls):
            self.crowd.wait_for_turn(turn)
            state = timeline.last
            if self.pick.random() < 0.5:
                is_there = "tags" in state["indexes"]
                new = {**state, "indexes": state["indexes"] ^ {"tags"}}
                call = ("DELETE", f"{BASE}/index/tags?wait=true", None) if is_there else (
                    "PUT", f"{BASE}/index?wait=true", {"field_name": "tags", "field_schema": "keyword"})
            elif state["extra"] is None:
                new = {**state, "extra": next(lives)}
                call = "PUT", f"{BASE}/vectors/extra?wait=true", {"dense": {"size": DIMENSION, "distance": "Dot"}}
            else:
                new, call = {**state, "extra": None}, ("DELETE", f"{BASE}/vectors/extra?wait=true", None)
            self.written(*call, [new], timeline)
            self.crowd.counts["schema changes"] += 1


class AliasWriter(Worker):
    """Makes and removes one alias; several of these work at the same time."""

    def __init__(self, crowd, alias, seed):
        super().__init__(crowd, seed)
        self.alias = alias

    def work(self):
        timeline = self.crowd.timelines[self.alias]
        for turn in range(self.crowd.schema_calls):
            self.crowd.wait_for_turn(turn)
            action = {"delete_alias": {"alias_name": self.alias}} if timeline.last else {
                "create_alias": {"collection_name": COLLECTION, "alias_name": self.alias}}
            self.written("POST", "/collections/aliases", {"actions": [action]}, [not timeline.last], timeline)
            self.crowd.counts["alias changes"] += 1


class Reader(Worker):
    def work(self):
        while not self.crowd.is_over.is_set():
            asked = questions.question(self.pick, self.crowd.ids, self.crowd.aliases)
            status, content, began, ended = self.call(asked.method, asked.path, asked.body)
            self.crowd.answers.append((ended, began, self.process, status, content, asked))
