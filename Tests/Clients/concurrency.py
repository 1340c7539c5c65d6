"""Writers, schema changes and readers on one directory at the same time, through several processes, against a model.

Every answer must be what the model gives at one moment between its request and its answer. `cuts.py` says how this is
found out, `writers.py` what is written, `questions.py` what is asked, `answers.py` what must be answered. Rounds follow
each other: in one, each writer makes so many calls while the readers ask without pause; then everybody rests, the
answers are checked, and what is stored must be what was written.

    python Tests/Clients/concurrency.py --minutes 10 --seed 1 --binary .build/release/cortex --processes 2
    python Tests/Clients/concurrency.py --scenario lost-points

The scenarios are races that the store has lost once, each by itself (`races.py`). The exit status is 1 when an answer
differs from the model; the differences are printed with the request and with what was possible at the time.
"""

import argparse
import collections
import json
import pathlib
import random
import sys
import tempfile
import threading
import time

import questions
from answers import SCHEMA, Listing, id_of, lives_of
from cuts import Timeline, common_moments
from wires import Difference, Wire, parsed, processes, show
from writers import BASE, KEYS, AliasWriter, PointWriter, Reader, SchemaWriter

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = {
    "vectors": {"d": {"size": questions.DIMENSION, "distance": "Dot"}}, "sparse_vectors": {"words": {}},
    # Kilobytes: so few that rows are sealed while the test runs.
    "optimizers_config": {"indexing_threshold": 10}}


class Crowd:
    """Everybody at work on one directory, and the model of what must be in it."""

    def __init__(self, urls, seed, writers=4, readers=4, calls=60, schema_calls=8):
        self.urls, self.pick = urls, random.Random(seed)
        self.calls, self.schema_calls, self.readers = calls, schema_calls, readers
        self.aliases = ["alias-0", "alias-1"]
        self.timelines = {number: Timeline({}) for number in range(1, writers + 1)}
        self.timelines[SCHEMA] = Timeline({"indexes": frozenset(["color", "rank"]), "extra": None})
        self.timelines |= {alias: Timeline(False) for alias in self.aliases}
        self.ids = [id_of(number, key) for number in self.writers for key in range(KEYS)]
        self.counts, self.progress = collections.Counter(), threading.Condition()
        self.last_version, self.lives = 0, iter(range(1 << 30))
        wire = Wire(urls[0])
        for call in (
                ("PUT", BASE, SETTINGS),
                ("PUT", f"{BASE}/index?wait=true", {"field_name": "color", "field_schema": "keyword"}),
                ("PUT", f"{BASE}/index?wait=true", {"field_name": "rank", "field_schema": "integer"})):
            status, content, *_ = wire.call(*call)
            if status != 200:
                raise Difference(f"{call} was answered {status}: {content}")

    @property
    def writers(self):
        return [name for name in self.timelines if isinstance(name, int)]

    def version(self):
        with self.progress:
            self.last_version += 1
            return self.last_version

    def wrote(self):
        with self.progress:
            self.counts["writes"] += 1
            self.round_writes += 1
            self.progress.notify_all()

    def wait_for_turn(self, turn):
        """Until so much of the round's writing is done that the schema changes are spread over it."""
        share = turn * self.calls * len(self.writers) / (self.schema_calls + 1)
        with self.progress:
            self.progress.wait_for(lambda: self.round_writes >= share or self.is_written.is_set())

    def work(self):
        """Lets everybody work, then asks every process for everything; answers who failed, as sentences."""
        self.answers, self.tries, self.round_writes = [], [], 0
        self.is_written, self.is_over = threading.Event(), threading.Event()
        seeds = iter(lambda: self.pick.randrange(1 << 32), None)
        writing = [PointWriter(self, number, next(seeds)) for number in self.writers]
        changing = [SchemaWriter(self, next(seeds))] + [AliasWriter(self, a, next(seeds)) for a in self.aliases]
        reading = [Reader(self, next(seeds)) for _ in range(self.readers)]
        for worker in writing + changing + reading:
            worker.start()
        for workers, event in ((writing, self.is_written), (changing, self.is_over), (reading, self.is_over)):
            for worker in workers:
                worker.join()
            with self.progress:
                event.set()
                self.progress.notify_all()
        for number, url in enumerate(self.urls):
            asked = questions.complete()
            status, content, began, ended = Wire(url).call(asked.method, asked.path, asked.body)
            self.answers.append((ended, began, number, status, content, asked))
        everybody = writing + changing + reading
        return [f"{type(w).__name__}: {type(w.failure).__name__}: {w.failure}" for w in everybody if w.failure]

    def round(self):
        """Work and its check; answers what was wrong, as sentences."""
        # After a failed call nobody knows what it left, so the answers are not checked then.
        wrong = self.work() or self.differences()
        for name in self.writers:
            for point in self.timelines[name].last.values():
                lives_of(point, self.timelines[SCHEMA])
        for timeline in self.timelines.values():
            timeline.restart()
        return wrong

    def differences(self):
        wrong = []
        schema = {SCHEMA: self.timelines[SCHEMA]}
        for status, result, began, ended, process in self.tries:
            should_be = status == 200
            fits = lambda name, state: (state["extra"] is not None) is should_be  # noqa: E731, B023
            if status not in (200, 400) or not common_moments(schema, fits, began, ended)[0]:
                wrong.append(f"an upsert with the vector name `extra` was answered {status} by process {process}, "
                             f"which no moment of the call allows: {show(result)}")
            self.counts["writes" if should_be else "refused writes"] += 1
        for ended, began, process, status, content, asked in sorted(self.answers, key=lambda row: row[:2]):
            result = parsed(status, content)
            problem = asked.check(self.timelines, began, ended, status, result)
            self.counts["answers"] += 1
            self.counts[type(asked).__name__] += status == 200
            if problem:
                wrong.append(self.told(problem, asked, process, began, ended, result))
        return wrong

    def told(self, problem, asked, process, began, ended, result):
        """A difference with its request and, for each owner, the states that were possible and what they would give."""
        lines = [f"{asked.method} {asked.path} by process {process}: {problem}", f"  body {show(asked.body)}"]
        seen = None if isinstance(result, str) or "error" in result else asked.seen(result)
        for name, timeline in self.timelines.items():
            possible = timeline.possible(began, ended, follows=False)
            if not isinstance(name, int):
                if name in asked.deciding:
                    lines.append(f"  {name} was one of {[timeline.states[n] for n in possible]}")
            elif isinstance(asked, Listing) and isinstance(seen, dict):
                around = range(max(0, possible[0] - 30), min(len(timeline.states), possible[-1] + 30))
                fitting = [n for n in around if asked.fits(seen, name, timeline.states[n])]
                if not set(fitting) & set(possible):
                    lines.append(f"  writer {name}: states {possible[0]} to {possible[-1]} were possible, fitting: "
                                 f"{fitting}; {self.compared(asked, seen.get(name, {}), timeline, possible)}")
        if not isinstance(asked, Listing) or len(lines) == 2:
            lines.append(f"  answer {show(result)}")
        return "\n".join(lines)

    @staticmethod
    def compared(asked, seen, timeline, possible):
        """What the answer has more, less or otherwise than the state that is most like it."""
        if not isinstance(seen, dict):
            return f"its part of the answer is {show(seen)}"
        best = None
        for number in possible:
            must = asked.expected(timeline.states[number])
            more, less = sorted(seen.keys() - must.keys(), key=str), sorted(must.keys() - seen.keys(), key=str)
            other = [(id, seen[id], must[id]) for id in seen.keys() & must.keys() if seen[id] != must[id]]
            row = len(more) + len(less) + len(other), number, more, less, other[:3]
            best = min(best or row, row, key=lambda one: one[0])
        _, number, more, less, other = best
        return (f"against state {number} it has {len(more)} points too many "
                f"{[(id, show(seen[id], 250)) for id in more[:2]]}, lacks {len(less)} {less[:5]}, and has {len(other)} "
                f"otherwise {show(other, 600)}")


def run(binary, directory, seed, rounds=None, minutes=0, count=2, say=print, **sizes):
    """Rounds until there are so many, or so much time has passed; raises Difference at the first that differs."""
    with processes(binary, directory, count) as served:
        crowd = Crowd([one.url for one in served], seed, **sizes)
        began = time.monotonic()
        done = 0
        while done < rounds if rounds else time.monotonic() - began < 60 * minutes:
            wrong = crowd.round()
            done += 1
            if wrong:
                shown = "\n".join(wrong[:5])
                raise Difference(f"round {done} of seed {seed}: {len(wrong)} differences\n{shown}")
            if done % 20 == 0:
                say(f"{done} rounds, {time.monotonic() - began:.0f} s: {dict(crowd.counts)}")
        ended = [one.process.poll() for one in served]
        if any(code is not None for code in ended):
            raise Difference(f"a process ended: {ended}")
    return {"rounds": done} | dict(crowd.counts)


def main():
    from races import SCENARIOS

    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--rounds", type=int, help="so many rounds instead of minutes; of a scenario 5")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--binary", default=str(ROOT / ".build/release/cortex"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--scenario", choices=SCENARIOS, help="one race by itself")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        try:
            if arguments.scenario:
                for turn in range(arguments.rounds or 5):
                    inner = pathlib.Path(place) / str(turn)
                    counts = SCENARIOS[arguments.scenario](
                        arguments.binary, inner, arguments.seed + turn, arguments.processes)
            else:
                counts = run(
                    arguments.binary, place, arguments.seed, arguments.rounds, arguments.minutes, arguments.processes,
                    say=lambda line: print(line, flush=True))
        except Difference as difference:
            print(f"DIFFERENT after {time.monotonic() - began:.0f} s: {difference}", flush=True)
            sys.exit(1)
    print(f"0 differences in {time.monotonic() - began:.0f} s: {dict(counts)}", flush=True)


if __name__ == "__main__":
    main()
