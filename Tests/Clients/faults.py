"""The faults themselves: each function breaks stores in one way, many times, and answers what it counted.

`python Tests/Clients/faults.py kills --count 500 --seed 1` runs one of them for as long as one likes; the tests of
test_faults.py run the same functions for seconds.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time

import disks
from damage import answers
from full_disk import full_disks
from reopening import reopenings
from schema_faults import schema_cuts, schema_kills
from session import Broken, Ended, Model, Session, begin, bench_of, check, interrupt, settle

ROOT = pathlib.Path(__file__).resolve().parents[2]


# MARK: Kill

def kills(bench, place, draw, count, options=("--seal-rows", "200"), counts=None):
    """SIGKILL at random moments, at least one in six during open."""
    counts = collections.Counter() if counts is None else counts
    # Many ids, so that most sealings extend a graph instead of building it again without the deleted.
    model, pending = Model(draw, ids=3000), []
    store = place / "store"
    for kill in range(count):
        session = Session(bench, store, *options)
        if kill % 5 == 4:
            answer = session.send("dump")
            session.wait_for("started", count=0)
            time.sleep(draw.uniform(0, 0.006))
            session.kill()
            # An answer that was on its way counts as opened.
            counts["killed while opening" if answer.get() is None else "killed just opened"] += 1
            counts["kills"] += 1
            continue
        check(model, session, pending, f"after kill {kill}", counts)
        writes = model.writes(draw.randint(5, 40))
        begin(session, writes)
        interrupt(writes, draw, session, kill)
        session.kill()
        session.count_events(counts, is_killed=True)
        pending = settle(model, writes)
        counts["acknowledged"] += len(writes) - len(pending)
        counts["interrupted"] += len(pending)
        counts["kills"] += 1
    session = Session(bench, store, *options)
    check(model, session, pending, "at the end", counts)
    session.finish()
    return counts


# MARK: Power cut

def power_cuts(bench, place, draw, count, options=("--seal-rows", "200"), counts=None):
    """What was not synced is gone from the disk, and the process with it."""
    counts = collections.Counter() if counts is None else counts
    # Many ids, so that most sealings extend a graph instead of building it again without the deleted.
    model, pending = Model(draw, ids=3000), []
    with disks.disk(place) as (mount, cut, plug_in):
        for number in range(count):
            session = Session(bench, mount / "store", *options)
            check(model, session, pending, f"after cut {number}", counts)
            writes = model.writes(draw.randint(5, 40))
            begin(session, writes)
            interrupt(writes, draw, session, number)
            # While the call runs the kernel answers some syncs with success whose bytes it drops (a plain file shows
            # the same): what is acknowledged from here on may be there or not.
            began = time.monotonic()
            cut()
            session.kill()
            session.count_events(counts, is_killed=True)
            pending = settle(model, writes, before=began)
            counts["cuts"] += 1
            counts["acknowledged"] += len(writes) - len(pending)
            counts["interrupted"] += len(pending)
            plug_in()
        session = Session(bench, mount / "store", *options)
        check(model, session, pending, "at the end", counts)
        session.finish()
    return counts


# MARK: Damage

def damage(path, draw):
    """Breaks one file; answers how."""
    size = path.stat().st_size
    kind = draw.choice(("flip", "flip", "flip", "zeros", "noise", "cut", "missing"))
    if kind == "missing" or size == 0:
        path.unlink()
        return "missing"
    if kind == "cut":
        with open(path, "r+b") as file:
            file.truncate(draw.randrange(size))
        return "cut"
    at = draw.randrange(size)
    length = 1 if kind == "flip" else min(size - at, draw.choice((64, 512, 4096)))
    with open(path, "r+b") as file:
        file.seek(at)
        old = file.read(length)
        if kind == "flip":
            new = bytes([old[0] ^ (1 << draw.randrange(8))])
        elif kind == "zeros":
            new = bytes(length)
        else:
            new = draw.randbytes(length)
        file.seek(at)
        file.write(new)
    return kind if new != old else "nothing"


def damaged_store(bench, cortex, place, draw):
    """A store with everything a store can have, left by a killed process: graphs, a log, a backup, a shipped log."""
    model = Model(draw, ids=700)
    store, backups = place / "store", place / "store" / "backups"
    options = ("--seal-rows", "200", "--backups", backups)
    session = Session(bench, store, *options)
    for round in range(3):
        writes = model.writes(25)
        begin(session, writes)
        assert not settle(model, writes)
        session.ask("seal")
        if round == 1:
            subprocess.run([cortex, "backup", "create", "--data", str(store)], check=True, capture_output=True)
    # While the process is shipping by itself, this ships nothing.
    assert any(session.ask("ship", to=str(backups))["through"] == model.last_sequence for _ in range(10_000))
    shipped = dict(model.versions)
    writes = model.writes(10)
    begin(session, writes)
    assert not settle(model, writes)
    session.kill()
    return model, store, shipped


def damages(bench, cortex, place, draw, count):
    """Each damage on a fresh copy: what comes out is right, or is named."""
    counts = collections.Counter()
    model, store, shipped = damaged_store(bench, cortex, place, draw)
    files = sorted(path.relative_to(store) for path in store.rglob("*") if path.is_file())
    for number in range(count):
        copy = place / "copy"
        shutil.copytree(store, copy)
        file = files[number % len(files)]
        kind = damage(copy / file, draw)
        what = f"damage {number} ({kind} in {file})"
        outcome = outcome_of_backup if file.parts[0] == "backups" else outcome_of_store
        verdict = outcome(bench, cortex, copy, model, shipped, what)
        counts[verdict] += 1
        counts["damages"] += 1
        if verdict in ("silent", "crash", "hang"):
            raise Broken(f"{verdict}: {what}")
        shutil.rmtree(copy)
    return counts


def outcome_of_store(bench, cortex, copy, model, shipped, what):
    session = Session(bench, copy, "--seal-rows", "1000000")
    try:
        dump = session.ask("dump")
        if dump["ok"] and not dump["damaged"]:
            ids = sorted(model.versions)
            got = session.ask("get", ids=ids)
            verdict = "healed" if not model.faults(dump) else "silent"
            if verdict == "healed" and got["ok"]:
                verdict = "healed" if {p[0]: p[1] for p in got["points"]} == model.versions else "silent"
        else:
            verdict = "named"
    except Ended:
        return "crash"
    except Exception as error:  # queue.Empty: no answer in time
        session.process.kill()
        return "hang" if type(error).__name__ == "Empty" else "crash"
    if session.finish() not in (0, 1):
        return "crash"
    if verdict == "named":
        # What is named can be repaired, and what is left is a part of the truth.
        repaired = subprocess.run(
            [cortex, "verify", "--repair", "--data", str(copy), "--json"], capture_output=True, timeout=60)
        if repaired.returncode not in (0, 1):
            return "crash"
        if repaired.returncode == 0:
            session = Session(bench, copy, "--seal-rows", "1000000")
            dump = session.ask("dump")
            session.finish()
            wrong = model.faults(dump) if dump["ok"] else {"unreadable": 1}
            if set(wrong) - {"lost", "stale", "undead"}:
                raise Broken(f"{what}: after the repair {dict(wrong)}")
            return "named, repaired" if not wrong else "named, repaired in part"
    return verdict


def outcome_of_backup(bench, cortex, copy, model, shipped, what):
    checked = subprocess.run(
        [cortex, "backup", "verify", "--data", str(copy), "--json"], capture_output=True, timeout=60)
    if checked.returncode not in (0, 1):
        return "crash"
    target = copy.parent / "restored"
    shutil.rmtree(target, ignore_errors=True)
    restored = subprocess.run(
        [cortex, "restore", "--data", str(copy), "--into", str(target), "--json"], capture_output=True, timeout=60)
    if restored.returncode < 0:
        return "crash"
    if restored.returncode == 0:
        session = Session(bench, target)
        dump = session.ask("dump")
        session.finish()
        if {p[0]: p[1] for p in dump["points"] if p[2]} == shipped:
            return "named" if checked.returncode == 1 else "healed"
        if checked.returncode == 0 and b'"backups":[]' not in checked.stdout:
            return "silent"
        return "named"
    return "named"


# MARK: Many processes

def crowd(bench, place, draw, seconds, writers=4, readers=4, kill_every=2.0):
    """Writers and readers on one directory while one of them is killed every few seconds."""
    counts = collections.Counter()
    lock = threading.Lock()
    acknowledged, sent = {}, {}
    faults, done = [], threading.Event()
    people = {}
    store = place / "store"

    def start(name):
        # With upkeep, which opens and closes the files again and again while they are in use.
        people[name] = Session(bench, store, "--seal-rows", "400", "--backups", store / "backups")

    def write(number):
        own = random.Random(draw.random() + number)
        version = 0
        while not done.is_set():
            version += 1
            ids = [own.randrange(200) * writers + number for _ in range(own.choice((1, 1, 3, 10)))]
            is_delete = own.random() < 0.2
            with lock:
                session = people[f"writer {number}"]
                for id in ids:
                    sent.setdefault(id, []).append((version, None if is_delete else version))
            answer = session.send("delete" if is_delete else "put", ids=ids, version=version)
            try:
                reply = Session.read(answer)
            except Ended:
                # Unknown: from now on either is right until the next write of these ids.
                with lock:
                    counts["interrupted"] += 1
                    for id in ids:
                        acknowledged.setdefault(id, [(0, None)]).append((version, None if is_delete else version))
                continue
            with lock:
                if not reply["ok"]:
                    faults.append(("refused", reply["code"], reply["message"]))
                    continue
                counts["acknowledged"] += 1
                for id in ids:
                    acknowledged[id] = [(version, None if is_delete else version)]

    def read(number):
        own = random.Random(draw.random() + 100 + number)
        while not done.is_set():
            with lock:
                session = people[f"reader {number}"]
                ids = own.sample(sorted(acknowledged), min(20, len(acknowledged)))
                least = {id: min(order for order, _ in acknowledged[id]) for id in ids}
                allowed = {id: {value for _, value in acknowledged[id]} for id in ids}
            try:
                reply = session.ask("get", ids=ids)
            except Ended:
                continue
            with lock:
                if not reply["ok"]:
                    if reply["code"] != "collectionNotFound":
                        faults.append(("unreadable", reply["code"], reply["message"]))
                    continue
                counts["reads"] += 1
                seen = {id: version for id, version, whole in reply["points"]}
                faults.extend(("torn", id) for id, _, whole in reply["points"] if not whole)
                for id in ids:
                    # What was acknowledged when the question was asked, or anything written since.
                    since = {value for order, value in sent[id] if order >= least[id]}
                    if seen.get(id) not in allowed[id] | since:
                        faults.append(("stale", id, seen.get(id), least[id]))

    for number in range(writers):
        start(f"writer {number}")
    for number in range(readers):
        start(f"reader {number}")
    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    threads += [threading.Thread(target=read, args=(n,)) for n in range(readers)]
    for thread in threads:
        thread.start()
    largest, until = 0, time.monotonic() + seconds
    while time.monotonic() < until and not faults:
        done.wait(min(kill_every, max(0, until - time.monotonic())))
        name = draw.choice(sorted(people))
        with lock:
            victim = people[name]
            start(name)
        victim.kill()
        victim.count_events(counts, is_killed=True)
        counts["kills"] += 1
        largest = max(largest, sum(path.stat().st_size for path in store.glob("c.*")))
    done.set()
    for thread in threads:
        thread.join(120)
        if thread.is_alive():
            faults.append(("deadlock",))
    for session in people.values():
        session.finish()
        session.count_events(counts)
    last = Session(bench, store)
    dump = last.ask("dump")
    last.finish()
    seen = {id: version for id, version, _ in dump.get("points", [])}
    for id, values in acknowledged.items():
        if seen.get(id) not in {value for _, value in values}:
            faults.append(("lost", id, seen.get(id), values))
    counts["largest bytes"] = largest
    if faults or not dump["ok"] or dump["damaged"]:
        raise Broken(f"{faults[:5]} {dump.get('code')} {dict(counts)}")
    return counts


# MARK: Restores

def restores(bench, cortex, place, draw, count):
    """A store with a history, and so many restores to random changes and moments of it; each must equal the model."""
    counts = collections.Counter()
    store, backups = place / "store", place / "store" / "backups"
    model = Model(draw, ids=400)
    session = Session(bench, store, "--seal-rows", "150", "--backups", backups)
    history = []
    begin_at = None
    for step in range(max(40, count)):
        (write,) = model.writes(1)
        write.send(session)
        assert not settle(model, [write])
        history.append((model.last_sequence, time.time(), dict(model.versions)))
        if step % 15 == 3:
            subprocess.run([cortex, "backup", "create", "--data", str(store)], check=True, capture_output=True)
            begin_at = begin_at if begin_at is not None else len(history) - 1
        if step % 7 == 0:
            session.ask("ship", to=str(backups))
    session.ask("ship", to=str(backups))
    session.finish()
    for number in range(count):
        sequence, moment, versions = history[draw.randrange(begin_at + 1, len(history))]
        target = place / "restored"
        shutil.rmtree(target, ignore_errors=True)
        to = ["--to-seq", str(sequence)]
        if number % 2:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1e6):06d}Z"
            to = ["--to-time", stamp]
        made = subprocess.run(
            [cortex, "restore", "--data", str(store), "--into", str(target), *to, "--json"], capture_output=True)
        if made.returncode:
            raise Broken(f"restore {to}: {made.stderr.decode()}")
        after = Session(bench, target)
        dump = after.ask("dump")
        after.finish()
        if {id: version for id, version, whole in dump["points"] if whole} != versions:
            raise Broken(f"restore {to} is not what the store was then")
        counts["restores"] += 1
        counts["changes replayed"] += sum(c["replayed"] for c in json.loads(made.stdout)["collections"])
    return counts


# MARK: A backup under load

def prefix(bench, cortex, place, draw, processes=3, calls_at_once=4):
    """Makes a backup while several processes write, and finds the place in the order of all changes that it shows.

    A call is one transaction or a part of one, and its answer names the last change it made: so the calls of all
    processes have one order. Every call is awaited, none is killed; the list of them is whole.
    """
    store, calls, lock = place / "store", [], threading.Lock()
    versions = iter(range(1, 1 << 40))
    ends, begun = threading.Event(), [threading.Event() for _ in range(processes)]
    broken = []

    def write(session, seed, has_begun):
        pick = random.Random(seed)
        while not ends.is_set():
            sent = []
            for _ in range(calls_at_once):
                ids = pick.sample(range(400), pick.choice((1, 1, 3, 20, 60)))
                with lock:
                    version = None if pick.random() < 0.25 else next(versions)
                members = {"ids": ids} if version is None else {"ids": ids, "version": version}
                sent.append((session.send("delete" if version is None else "put", **members), ids, version))
            for answer, ids, version in sent:
                answer = Session.read(answer)
                if not answer["ok"]:
                    broken.append(answer)
                    return
                with lock:
                    calls.append((answer["sequence"], ids, version))
            has_begun.set()

    sessions = [Session(bench, store, "--seal-rows", "200") for _ in range(processes)]
    seeds = [draw.randrange(1 << 32) for _ in sessions]
    threads = [threading.Thread(target=write, args=row) for row in zip(sessions, seeds, begun)]
    for thread in threads:
        thread.start()
    for event in begun:
        event.wait(60)
    with lock:
        before, acknowledged = len(calls), max((call[0] for call in calls), default=0)
    made = subprocess.run([cortex, "backup", "create", "--data", store], capture_output=True, text=True)
    ends.set()
    for thread in threads:
        thread.join()
    for session in sessions:
        session.finish()
    if made.returncode or broken or not before:
        raise Broken(f"no backup was made under load: {made.stderr} {broken[:1]}")
    [backup] = (store / "backups").glob("full-*")
    [copy] = backup.glob("*.sqlite")
    (place / "copy").mkdir()
    shutil.copy(copy, place / "copy" / copy.name)
    opened = Session(bench, place / "copy")
    dump = opened.ask("dump")
    opened.finish()
    if dump["damaged"] or not all(whole for _, _, whole in dump["points"]):
        raise Broken("the backup holds a torn point")
    return after(calls, acknowledged, before, {id: version for id, version, _ in dump["points"]})


def prefixes(bench, cortex, place, draw, count):
    """So many backups, each of a store of its own."""
    counts = collections.Counter()
    for number in range(count):
        inner = place / str(number)
        inner.mkdir()
        counts += prefix(bench, cortex, inner, draw)
    return counts


def after(calls, acknowledged, before, found):
    """Counts, where `found` is what the calls up to one place leave that is not before `acknowledged`."""
    state, calls = {}, sorted(calls, key=lambda call: call[0])
    for number, (sequence, ids, version) in enumerate(calls, 1):
        for id in ids:
            if version is None:
                state.pop(id, None)
            else:
                state[id] = version
        if sequence >= acknowledged and state == found:
            return collections.Counter({
                "calls": len(calls), "calls in the backup": number, "calls before the backup began": before,
                "calls after the backup began": len(calls) - before})
    raise Broken("the backup is no prefix of the acknowledged writes, or lacks one that was acknowledged before it")



RUNS = {
    "kills": kills, "power-cuts": power_cuts, "damages": damages, "crowd": crowd, "full-disk": full_disks,
    "reopen": reopenings, "restores": restores, "prefixes": prefixes,
    "schema-kills": schema_kills, "schema-cuts": schema_cuts, "answers": answers,
}
#: Those that also run `cortex` itself.
BY_COMMANDS = ("damages", "full-disk", "restores", "prefixes")
#: Those that run `cortex serve` alone.
BY_SERVING = ("schema-kills", "schema-cuts", "answers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fault", choices=RUNS)
    parser.add_argument("--count", type=int, default=100, help="how often; seconds for crowd")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--cortex", default=str(ROOT / ".build/release/cortex"))
    arguments = parser.parse_args()
    cortex, bench, draw = arguments.cortex, bench_of(arguments.cortex), random.Random(arguments.seed)
    print(f"{arguments.fault}: {arguments.count}, seed {arguments.seed}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        if arguments.fault in BY_COMMANDS:
            counts = RUNS[arguments.fault](bench, cortex, place, draw, arguments.count)
        elif arguments.fault in BY_SERVING:
            counts = RUNS[arguments.fault](cortex, place, draw, arguments.count)
        else:
            counts = RUNS[arguments.fault](bench, place, draw, arguments.count)
    print(f"{dict(counts)} in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
