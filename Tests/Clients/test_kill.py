"""SIGKILL at random moments under load: what was acknowledged is there, found and whole, and every start succeeds.

The kills of the long run are chosen by `--kills N` or CORTEX_KILLS; `--seed N` or CORTEX_SEED repeats a run.
"""

import collections
import functools
import json
import random
import sqlite3
import subprocess
import threading

import pytest

from ledger import Call, Ledger, counted, faults, torn_batches

KILLS_A_DIRECTORY = 25
OPEN_SECONDS = 0.06
WRITE_SECONDS = 0.1


@pytest.fixture
def seed(request):
    chosen = request.config.getoption("--seed")
    chosen = random.SystemRandom().randrange(1 << 32) if chosen is None else int(chosen)
    print(f"seed {chosen}")
    return chosen


class Acknowledgements:
    """The answers of a process, read until its output ends; a line that was cut off is no answer."""

    def __init__(self, process):
        self.replies = {}
        self.changed = threading.Condition()
        self.has_ended = False
        self.thread = threading.Thread(target=self._read, args=(process.stdout,))
        self.thread.start()

    def _read(self, stream):
        for line in stream:
            if line.endswith(b"\n"):
                reply = json.loads(line)
                with self.changed:
                    self.replies[reply["id"]] = reply
                    self.changed.notify()
        with self.changed:
            self.has_ended = True
            self.changed.notify()

    def wait_for(self, count):
        with self.changed:
            self.changed.wait_for(lambda: self.has_ended or len(self.replies) >= count)

    def wait_at_most(self, seconds, count):
        """Until `seconds` have passed, or there is nothing left to interrupt."""
        with self.changed:
            self.changed.wait_for(lambda: self.has_ended or len(self.replies) >= count, timeout=seconds)


def load(ledger):
    """Calls that do not touch each other's memories, so that their order does not matter."""
    draw = ledger.random
    targets = ledger.some(draw.randint(0, 6))
    calls = []
    for memory in targets:
        version = draw.randrange(1 << 30)
        name = "update" if draw.random() < 0.6 else "delete"
        calls.append(Call(ledger, name, [memory], version))
    for _ in range(draw.randint(3, 12)):
        calls.append(Call(ledger, "store", [ledger.invent() for _ in range(draw.randint(1, 10))]))
    draw.shuffle(calls)
    return calls


def kill_under(client, calls, draw):
    """Sends all calls, kills the process at a random moment; answers the calls that were not acknowledged."""

    def write():
        try:
            for number, call in pending.items():
                client.modern("tools/call", call.params, id=number)
        except BrokenPipeError:
            pass  # The process was killed while it was being written to; what it got is unknown, as it should be.

    pending = dict(enumerate(calls))
    for call in calls:
        call.sent()
    answers = Acknowledgements(client.process)
    writing = threading.Thread(target=write)
    writing.start()
    if draw.random() < 0.3:
        answers.wait_at_most(draw.uniform(0, OPEN_SECONDS), len(calls))
    else:
        answers.wait_for(draw.randrange(len(calls)))
        answers.wait_at_most(draw.uniform(0, WRITE_SECONDS), len(calls))
    client.process.kill()
    client.process.wait()
    writing.join()
    answers.thread.join()
    for number, reply in answers.replies.items():
        pending.pop(number).acknowledged(reply)
    return list(pending.values())


def settle(client, calls):
    """Sends again what was not acknowledged, as a client does; it must come to the same."""
    for call in calls:
        id = client.modern("tools/call", call.params)
        reply = client.read()
        assert reply["id"] == id
        call.acknowledged(reply)


def words_of(calls):
    return {memory.word for call in calls for memory in call.memories}


def survive(speak, command, ledger, kills, counts, witness=None):
    """Kills so many processes on one directory; answers every fault that a process after them could see.

    - witness: A process that lives through all the kills and answers instead of a fresh one.
    """
    seen = []
    for kill in range(kills):
        calls = load(ledger)
        pending = kill_under(speak(command), calls, ledger.random)
        counts["kills"] += 1
        counts["acknowledged"] += len(calls) - len(pending)
        counts["interrupted"] += len(pending)
        client = witness or speak(command)
        older = {memory.word for memory in ledger.some(10)}
        seen += faults(ledger, client, words_of(calls) | older)
        seen += torn_batches(client, pending)
        settle(client, pending)
        if counted(client) != len(ledger.alive):
            seen.append(("miscounted", kill, (counted(client), len(ledger.alive))))
        if kill == kills - 1:
            seen += faults(ledger, client)
        if not witness:
            assert client.finish()[1] == 0
        if seen:
            break
    counts["memories"] += len(ledger.alive)
    counts["deleted"] += len(ledger.deleted)
    counts.update(fault[0] for fault in seen)
    return seen


def sealing(speak):
    """Starts servers that build a graph when a hundred rows are flat, so that the kills meet sealing as well."""
    return functools.partial(speak, env={"CORTEX_TEST_SEAL_ROWS": "100"})


def test_what_was_acknowledged_before_a_kill_is_there_found_and_whole(request, cortex, speak, seed, tmp_path):
    kills = int(request.config.getoption("--kills"))
    counts = collections.Counter()
    for start in range(0, kills, KILLS_A_DIRECTORY):
        command = [*cortex[:-1], str(tmp_path / f"data-{start}")]
        ledger = Ledger(random.Random(seed + start))
        seen = survive(sealing(speak), command, ledger, min(KILLS_A_DIRECTORY, kills - start), counts)
        assert not seen, f"seed {seed}, after {counts['kills']} kills: {seen[:5]}"
    print(dict(counts))
    assert counts["kills"] == kills
    assert counts["acknowledged"] and counts["interrupted"], "the kills came all before or all after the work"


def test_a_process_that_lives_on_answers_for_those_that_were_killed(cortex, speak, seed):
    counts = collections.Counter()
    seen = survive(speak, cortex, Ledger(random.Random(seed)), 5, counts, witness=speak(cortex))
    print(dict(counts))
    assert not seen, f"seed {seed}: {seen[:5]}"


def test_a_ledger_that_counts_what_was_only_sent_finds_a_loss(cortex, speak, seed):
    """The control: the same questions, asked for a store that acknowledges too early, must be answered with a loss."""
    draw = random.Random(seed)
    ledger = Ledger(draw)
    for _ in range(20):
        pending = kill_under(speak(cortex), load(ledger), draw)
        for call in pending:
            if call.name == "store":
                ledger.alive |= {memory.word: memory for memory in call.memories}
        client = speak(cortex)
        seen = faults(ledger, client, words_of(pending))
        client.finish()
        if seen:
            break
    assert {fault.name for fault in seen} == {"lost"}, f"seed {seed}: {seen[:5]}"


def test_a_memory_taken_out_of_the_file_is_reported_lost(cortex, speak, seed, tmp_path):
    """The control from the other side: the store lost an acknowledged memory, and the questions must tell."""
    ledger = Ledger(random.Random(seed))
    call = Call(ledger, "store", [ledger.invent() for _ in range(10)])
    client = speak(cortex)
    settle(client, [call])
    assert faults(ledger, client) == []
    assert client.finish()[1] == 0
    victim = call.memories[4]
    (file,) = (tmp_path / "data").glob("*.sqlite")
    with sqlite3.connect(file) as database:
        removed = database.execute("DELETE FROM points WHERE instr(payload, ?)", (victim.item["content"].encode(),))
        assert removed.rowcount == 1
    database.close()
    client = speak(cortex)
    seen = [fault for fault in faults(ledger, client) if fault.name == "lost"]
    assert {fault.word for fault in seen} == {victim.word}


@pytest.mark.parametrize("processes", [2, 3])
def test_what_one_process_acknowledged_another_finds_at_once(cortex, speak, seed, processes):
    draw = random.Random(seed)
    ledger = Ledger(draw)
    clients = [speak(cortex) for _ in range(processes)]
    for round in range(12):
        calls = [Call(ledger, "store", [ledger.invent() for _ in range(draw.randint(1, 10))]) for _ in clients]
        targets = ledger.some(2 * processes)
        calls += [Call(ledger, "delete", [memory]) for memory in targets[:processes]]
        calls += [Call(ledger, "update", [memory], round) for memory in targets[processes:]]
        under_way = {}
        for number, call in enumerate(calls):
            call.sent()
            place = number % processes
            under_way[place, clients[place].modern("tools/call", call.params)] = call
        for place, _ in list(under_way):
            reply = clients[place].read()
            under_way.pop((place, reply["id"])).acknowledged(reply)
        assert not under_way
        for client in clients:
            seen = faults(ledger, client, words_of(calls))
            assert not seen, f"seed {seed}, round {round}: {seen[:5]}"
            assert counted(client) == len(ledger.alive)
