"""Talks to `Bench session`, and knows what must be left: ids and versions, and nothing of the engine."""

import collections
import itertools
import json
import pathlib
import queue
import signal
import subprocess
import threading
import time

HANG_SECONDS = 600


class Ended(Exception):
    """The process ended before it answered."""


class Session:
    """One process on a store. Requests go out at once; answers are matched by their number."""

    def __init__(self, bench, store, *options, before=(), **arguments):
        self.process = subprocess.Popen(
            [*before, bench, "session", "--store", str(store), *map(str, options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **arguments)
        self.number = 0
        self.waiting = {}
        self.lock = threading.Lock()
        self.has_ended = False
        #: What the process said it was doing, in order: "started", and the steps of its sealings.
        self.events = []
        self.spoke = threading.Condition(self.lock)
        self.complaints = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _read(self):
        for line in self.process.stdout:
            if not line.endswith(b"\n"):
                break  # Cut off by the kill: no answer.
            answer = json.loads(line)
            answer["received"] = time.monotonic()
            with self.lock:
                if "event" in answer:
                    self.events.append(answer["event"])
                    self.spoke.notify_all()
                else:
                    self.waiting.pop(answer["i"]).put(answer)
        with self.lock:
            self.has_ended = True
            self.spoke.notify_all()
            for answer in self.waiting.values():
                answer.put(None)

    def _listen(self):
        for line in self.process.stderr:
            self.complaints.append(line.decode(errors="replace"))

    def send(self, op, **members):
        answer = queue.Queue()
        with self.lock:
            self.number += 1
            number = self.number
            self.waiting[number] = answer
            if self.has_ended:
                answer.put(None)
        try:
            self.process.stdin.write(json.dumps({"i": number, "op": op, **members}).encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # What it got is unknown, as for any client whose server dies.
        return answer

    @staticmethod
    def read(answer, seconds=HANG_SECONDS):
        """The answer; raises Ended when there will be none, queue.Empty when the process hangs."""
        found = answer.get(timeout=seconds)
        if found is None:
            raise Ended
        return found

    def ask(self, op, seconds=HANG_SECONDS, **members):
        return self.read(self.send(op, **members), seconds)

    def wait_for(self, event, seconds=HANG_SECONDS, count=None):
        """Until the process has said `event` more than `count` times, or once more; false when it stays silent."""
        with self.lock:
            count = self.events.count(event) if count is None else count
            self.spoke.wait_for(lambda: self.has_ended or self.events.count(event) > count, seconds)
            return self.events.count(event) > count

    def count_events(self, counts, is_killed=False):
        """Adds this process's sealings to `counts`; of one that was killed, also what it was at."""
        counts["graphs built"] += self.events.count("building")
        counts["graphs merged"] += self.events.count("merging")
        if is_killed and self.events:
            within = {"building": "while sealing", "merging": "while merging", "storing": "while storing a graph"}
            if self.events[-1] in within:
                counts["ended " + within[self.events[-1]]] += 1

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.reap()

    def finish(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self.reap()

    def reap(self):
        code = self.process.wait(timeout=HANG_SECONDS)
        self.thread.join(HANG_SECONDS)
        self.listener.join(HANG_SECONDS)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass
        return code


class Write:
    """A put or a delete of some ids: wholly there or not at all."""

    def __init__(self, op, ids, version=None):
        self.op, self.ids, self.version = op, ids, version

    def send(self, session):
        members = {"ids": self.ids} if self.version is None else {"ids": self.ids, "version": self.version}
        self.answer = session.send(self.op, **members)


class Model:
    """What a store must hold. An id that no acknowledged write gave a version is not there."""

    def __init__(self, draw, ids=1200):
        self.draw = draw
        self.ids = ids
        self.versions = {}
        self.next_version = 1
        self.last_sequence = 0

    def writes(self, count):
        """So many writes that touch different ids, so that their order does not matter."""
        sizes = [self.draw.choice((1, 1, 2, 5, 20, 60)) for _ in range(count)]
        free = iter(self.draw.sample(range(self.ids), min(self.ids, sum(sizes))))
        chosen = []
        for size in sizes:
            ids = list(itertools.islice(free, size))
            if not ids:
                break
            if self.draw.random() < 0.25:
                chosen.append(Write("delete", ids))
            else:
                chosen.append(Write("put", ids, self.next_version))
                self.next_version += 1
        return chosen

    def apply(self, write):
        for id in write.ids:
            if write.version is None:
                self.versions.pop(id, None)
            else:
                self.versions[id] = write.version

    def faults(self, dump, pending=()):
        """What is wrong with a dump, by name; the pending writes that turn out to be there are taken into the model."""
        found = collections.Counter()
        seen = {}
        for id, version, whole in dump["points"]:
            found["torn"] += not whole
            found["doubled"] += id in seen
            seen[id] = version
        found["miscounted"] += dump["count"] != len(seen)
        found["damaged"] += dump["damaged"]
        for write in pending:
            there = [seen.get(id) == write.version for id in write.ids]
            before = [seen.get(id) == self.versions.get(id) for id in write.ids]
            if all(there):
                self.apply(write)
            elif not all(before):
                found["half"] += 1
        for id in set(seen) | set(self.versions):
            has, must = seen.get(id), self.versions.get(id)
            if has == must:
                continue
            if has is None:
                found["lost"] += 1
            elif must is None:
                found["undead"] += 1
            else:
                found["stale" if has < must else "unknown"] += 1
        return +found


class Broken(AssertionError):
    """A store that is not what it must be."""


def begin(session, writes):
    for write in writes:
        write.send(session)


def settle(model, writes, before=float("inf")):
    """Takes what is acknowledged into the model; answers the writes whose outcome is unknown."""
    unknown = []
    for write in writes:
        try:
            answer = Session.read(write.answer)
        except Ended:
            unknown.append(write)
            continue
        if answer["ok"] and answer["received"] < before:
            model.apply(write)
            model.last_sequence = max(model.last_sequence, answer.get("sequence", 0))
        else:
            unknown.append(write)
    return unknown


def wait_for(writes, count):
    """Until so many of the first writes are answered."""
    for write in writes[:count]:
        answer = write.answer.get()
        write.answer.put(answer)


def interrupt(writes, draw, session, turn):
    """Until a random moment: within a sealing, after so many answers, or so many milliseconds. Every fourth turn it is
    now, before any machine can have answered: a fast one has answered everything at most of the other moments."""
    if turn % 4 == 0:
        return
    if draw.random() < 0.4:
        # A sealing that is under way, or the next one; small graphs are built within milliseconds.
        if session.wait_for(draw.choice(("building", "merging", "merging", "storing")), seconds=0.3):
            time.sleep(draw.uniform(0, 0.01))
    elif draw.random() < 0.5:
        wait_for(writes, draw.randint(0, len(writes)))
    else:
        # Sometimes long enough for a sealing to end.
        time.sleep(draw.uniform(0, 0.02 if draw.random() < 0.8 else 0.2))


def check(model, session, pending, what, counts):
    try:
        dump = session.ask("dump")
    except Ended:
        raise Broken(f"{what}: the store could not be opened: {session.complaints[-3:]}")
    if not dump["ok"]:
        raise Broken(f"{what}: {dump['code']}: {dump['message']}")
    found = model.faults(dump, pending)
    counts.update({name: number for name, number in found.items()})
    counts["most points in a graph"] = max(counts["most points in a graph"], dump.get("indexed", 0))
    if found:
        raise Broken(f"{what}: {dict(found)}")
    return dump


def bench_of(cortex):
    """`Bench` lies beside the product."""
    return str(pathlib.Path(cortex).with_name("Bench"))
