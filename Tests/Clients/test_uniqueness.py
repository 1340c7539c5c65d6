"""A fact is stored once, also where two processes on one directory store it at the same moment."""

import json
import subprocess
import threading

import pytest
from conftest import binary
from surroundings import surroundings

ROUNDS = 12
ITEMS = 20


def at_once(*works):
    """Runs each of `works` in a thread of its own, all from one barrier on; answers what they return."""
    barrier = threading.Barrier(len(works))
    answers = [None] * len(works)

    def run(i):
        barrier.wait()
        answers[i] = works[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def servers(cortex, speak):
    """Two servers on one directory."""
    both = [speak([*cortex, "--embedder", "none"]) for _ in range(2)]
    for server in both:
        server.initialize()
    return both


def stored(server, items):
    result = server.ask("tools/call", {"name": "memory_store", "arguments": {"items": items}})["result"]
    assert not result["isError"], result
    return result["structuredContent"]["items"]


def total(server):
    return server.ask("tools/call", {"name": "memory_list", "arguments": {}})["result"]["structuredContent"]["total"]


@pytest.mark.parametrize("has_keys", [False, True], ids=["by text", "by key"])
def test_two_servers_that_store_the_same_items_at_one_moment_store_them_once(servers, has_keys):
    def item(number, round, writer):
        if has_keys:
            return {"content": f"fact {number} of round {round}, writer {writer}", "idempotency_key": f"{round} {number}"}
        return {"content": f"fact {number} of round {round}"}

    for round in range(ROUNDS):
        # In two orders, so that each server is the first with some of them.
        mine = [item(n, round, 0) for n in range(ITEMS)]
        theirs = [item(n, round, 1) for n in reversed(range(ITEMS))]
        answers = at_once(lambda: stored(servers[0], mine), lambda: stored(servers[1], theirs))
        for one, other in zip(answers[0], reversed(answers[1])):
            assert one["id"] == other["id"]
            statuses = sorted([one["status"], other["status"]])
            # The answer to a key is that of the call that stored it.
            assert statuses == (["stored", "stored"] if has_keys else ["skipped_dedupe", "stored"])
        assert [total(server) for server in servers] == [(round + 1) * ITEMS] * 2


def test_two_servers_that_store_items_one_by_one_store_each_once(servers):
    for number in range(60):
        texts = [{"content": f"single fact {number}"}]
        (one,), (other,) = at_once(lambda: stored(servers[0], texts), lambda: stored(servers[1], texts))
        assert one["id"] == other["id"]
        assert sorted([one["status"], other["status"]]) == ["skipped_dedupe", "stored"]
    assert total(servers[0]) == 60


def test_two_syncs_of_one_folder_store_each_section_once(request, tmp_path):
    program = binary(request.config)
    notes = tmp_path / "notes"
    notes.mkdir()
    command = [program, "sync", "--json", "--embedder", "none", "--data", str(tmp_path / "data"), str(notes)]

    def sync():
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=surroundings(HOME=str(tmp_path)))
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads(result.stdout)

    sections = 0
    for round in range(6):
        for name in range(3):
            (notes / f"{round}-{name}.md").write_text(
                "".join(f"# Part {part}\ntext {part} of file {name}, round {round}\n" for part in range(4)))
        # A section of an earlier round changes, one moves, and others leave their file.
        if round:
            (notes / "0-0.md").write_text(f"# Part 0\nchanged in round {round}\n# Part {round}\nmoving\n")
        one, other = at_once(sync, sync)
        assert one["ids"] == other["ids"] and len(set(one["ids"])) == len(one["ids"])
        sections = len(one["ids"])
        assert one["stored"] + other["stored"] == 12
    listed = subprocess.run(
        [program, "list", "--json", "--limit", "1", "--data", str(tmp_path / "data")], capture_output=True, text=True)
    assert json.loads(listed.stdout)["total"] == sections
    again = sync()
    assert (again["stored"], again["updated"], again["retired"], again["skipped"]) == (0, 0, 0, sections)
