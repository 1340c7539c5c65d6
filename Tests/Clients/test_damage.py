"""An answer that lacks a damaged row says so, on every surface; a row that a backup still has comes back by itself."""

import fcntl
import os
import random
import shutil
import subprocess
import time

import pytest

import damage
from conftest import binary
from damage import FIRST, POINTS, SEALED, Memories, flip, marker, memory_store, patterns, served_store, verdicts
from served import serving
from surroundings import surroundings

#: One row of a sealed segment and one that is in none.
ROWS = [7, SEALED + 7]
PATIENCE = 60


@pytest.fixture
def cortex_path(request):
    return binary(request.config)


@pytest.fixture
def draw(request):
    chosen = request.config.getoption("--seed")
    chosen = random.SystemRandom().randrange(1 << 32) if chosen is None else int(chosen)
    print(f"seed {chosen}")
    return random.Random(chosen)


def test_every_answer_of_a_sound_store_is_whole(cortex_path, tmp_path):
    served_store(cortex_path, tmp_path / "data")
    with serving(cortex_path, tmp_path / "data") as served:
        assert set(verdicts(served)) == {"whole"}
        assert damage.red(served) is None


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(("where", "occurrence"), [("payload", None), ("vectors", None), ("key", 0), ("key", -1)])
def test_an_answer_of_qdrants_api_that_lacks_a_damaged_row_says_so(
        cortex_path, tmp_path, draw, row, where, occurrence):
    file = served_store(cortex_path, tmp_path / "data")
    assert flip(file, patterns(row)[where], draw, occurrence)
    with serving(cortex_path, tmp_path / "data") as served:
        counts = verdicts(served, None if where == "key" else FIRST + row)
    print(dict(counts))


def degraded(served, collection="c"):
    """The counter of answers that may lack damaged points, as /metrics shows it."""
    status, page = served.call("GET", "/metrics")
    lines = page.decode().splitlines()
    name = "collection_degraded_answers_total"
    assert status == 200 and f"# TYPE {name} counter" in lines
    assert [line for line in lines if line.startswith(f"# HELP {name} ")]
    [value] = [line.split()[-1] for line in lines if line.startswith(f'{name}{{id="{collection}"}} ')]
    return int(value)


def test_answers_that_lack_a_damaged_row_are_counted_and_logged(cortex_path, tmp_path, draw):
    file = served_store(cortex_path, tmp_path / "data")
    search = ("POST", "/collections/c/points/query", {"query": [1, 2, 3, 4], "using": "d", "limit": 1000, "with_payload": True})
    facet = ("POST", "/collections/c/facet", {"key": "color"})
    with serving(cortex_path, tmp_path / "data") as served:
        served.result(*search)
        assert degraded(served) == 0
    assert flip(file, patterns(7)["payload"], draw)
    with serving(cortex_path, tmp_path / "data") as served:
        actions = [{"create_alias": {"collection_name": "c", "alias_name": "other"}}]
        served.result("POST", "/collections/aliases", {"actions": actions})
        served.result("PUT", "/collections/sound", {"vectors": {"size": 4, "distance": "Dot"}})
        for turn in range(1, 4):
            assert len(served.result(*search)["points"]) == POINTS - 1
            assert degraded(served) == 3 * turn - 2
            served.result(*facet)
            served.result("POST", "/collections/other/points/query", search[2])
            assert degraded(served) == 3 * turn
        # What is refused lacks nothing, and other collections are none of this.
        assert served.call("POST", "/collections/c/points/count", {})[0] == 500
        served.result("POST", "/collections/sound/points/query", {"query": [1, 2, 3, 4]})
        assert (degraded(served), degraded(served, "sound")) == (9, 0)
        # A new version takes the place of the damaged one.
        served.result("PUT", "/collections/c/points?wait=true", {"points": [damage.point(7)]})
        served.result(*search)
        assert degraded(served) == 9
    assert any("answers lack" in line and "collection=c" in line for line in served.complaints)


def test_what_is_left_of_a_damaged_collection_can_be_listed_without_the_damaged_ids(cortex_path, tmp_path, draw):
    file = served_store(cortex_path, tmp_path / "data")
    assert flip(file, patterns(7)["payload"], draw)
    with serving(cortex_path, tmp_path / "data") as served:
        others = {"must_not": [{"has_id": [FIRST + 7]}]}
        body = {"limit": 1000, "filter": others, "with_payload": True, "with_vector": True}
        points = served.result("POST", "/collections/c/points/scroll", body)["points"]
        assert damage.found("scroll", {"points": points}) == POINTS - 1
        # A new version takes the place of the damaged one, and with it all is well again.
        served.result("PUT", "/collections/c/points?wait=true", {"points": [damage.point(7)]})
        assert set(verdicts(served)) == {"whole"}
        assert damage.red(served) is None


@pytest.mark.parametrize("number", [3, 35])
@pytest.mark.parametrize("where", ["payload", "sealed"])
def test_an_answer_of_the_memory_that_lacks_a_damaged_row_says_so(cortex_path, tmp_path, draw, number, where):
    file = memory_store(cortex_path, tmp_path / "data")
    assert flip(file, marker(number).encode(), draw)
    print(dict(damage.memory_verdicts(cortex_path, tmp_path / "data", number)))


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_is_nested_too_deep_to_be_read_is_damaged_for_qdrants_api(cortex_path, tmp_path, row):
    file = served_store(cortex_path, tmp_path / "data")
    damage.nest(file, marker(row))
    with serving(cortex_path, tmp_path / "data") as served:
        # Beside one that is as deep as payloads may be, whose answers are nested deeper still.
        body = {"payload": {"x": 1}, "key": ".".join(["a"] * 127), "points": [FIRST + 1]}
        served.result("POST", "/collections/c/points/payload?wait=true", body)
        others = {"must": [{"has_id": [FIRST + 1, FIRST + 2, FIRST + row]}]}
        found = served.result("POST", "/collections/c/points/scroll", {"filter": others, "with_payload": True})["points"]
        assert [one["id"] for one in found] == [FIRST + 1, FIRST + 2]
        there = served.result("POST", "/collections/c/points", {"ids": [FIRST + 1], "with_payload": True})
        assert there == found[:1]
        assert served.result("GET", f"/collections/c/points/{FIRST + 1}")["payload"] == found[0]["payload"]
        served.result("POST", "/collections/c/points/payload/delete?wait=true", {"keys": ["a"], "points": [FIRST + 1]})
        counts = verdicts(served, FIRST + row)
        assert counts["said"] and counts["refused"]
        # Until it is stored again.
        served.result("PUT", "/collections/c/points?wait=true", {"points": [damage.point(row)]})
        assert set(verdicts(served)) == {"whole"}
        assert damage.red(served) is None


@pytest.mark.parametrize("number", [3, 35])
def test_a_memory_that_is_nested_too_deep_to_be_read_is_damaged(cortex_path, tmp_path, number):
    place = tmp_path / "data"
    damage.nest(memory_store(cortex_path, place), marker(number))
    counts = damage.memory_verdicts(cortex_path, place, number)
    assert counts["said"]
    repaired = subprocess.run(
        [cortex_path, "verify", "--repair", "--data", str(place)], capture_output=True, text=True, env=surroundings())
    assert repaired.returncode == 0, repaired.stderr
    lines, told = damage.shell(cortex_path, place, "export", "memories", "--embedder", "none")
    assert len(lines) == 39 and not damage.says_damage(told)


def unfinished(place):
    """Files that a repair makes ready to take the place of a collection."""
    return [name for name in os.listdir(place) if ".new-" in name]


def test_what_a_killed_repair_leaves_is_removed_by_the_next_command(cortex_path, tmp_path):
    place = tmp_path / "data"
    damage.nest(memory_store(cortex_path, place), marker(3))
    # Whoever is opening a collection keeps the repair from giving the new file its name.
    folder = os.open(place, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_SH)
    repair = [cortex_path, "verify", "--repair", "--data", str(place)]
    process = subprocess.Popen(repair, stdout=subprocess.DEVNULL, env=surroundings())
    until(lambda: any(name[-36:].count("-") == 4 for name in unfinished(place)))
    # A command beside the repair leaves its file alone.
    damage.shell(cortex_path, place, "list", "--embedder", "none")
    assert unfinished(place) and process.poll() is None
    process.kill()
    process.wait()
    os.close(folder)
    assert unfinished(place)
    lines, _ = damage.shell(cortex_path, place, "export", "memories", "--embedder", "none")
    assert len(lines) == 39 and not unfinished(place)
    repaired = subprocess.run(repair, capture_output=True, text=True, env=surroundings())
    assert repaired.returncode == 0 and not unfinished(place), repaired.stderr


def backed_up(cortex_path, place):
    made = [cortex_path, "backup", "create", "--data", str(place)]
    subprocess.run(made, check=True, capture_output=True, env=surroundings())


def until(condition):
    """Asks again and again until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it has not become so in time"
        time.sleep(0.05)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("where", ["payload", "vectors"])
def test_a_damaged_row_comes_back_from_a_backup_without_being_asked(cortex_path, tmp_path, draw, row, where):
    file = served_store(cortex_path, tmp_path / "data")
    backed_up(cortex_path, tmp_path / "data")
    assert flip(damage.folded(file), patterns(row)[where], draw)
    with serving(cortex_path, tmp_path / "data") as served:
        verdicts(served, FIRST + row)
        until(lambda: damage.red(served) is None)
        assert set(verdicts(served)) == {"whole"}
    checked = subprocess.run([cortex_path, "verify", "--data", str(tmp_path / "data")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_a_row_written_after_the_backup_comes_back_from_the_shipped_log(cortex_path, tmp_path, draw):
    place = tmp_path / "data"
    file = served_store(cortex_path, place)
    backed_up(cortex_path, place)
    with serving(cortex_path, place) as served:
        newer = damage.point(7)
        served.result("PUT", "/collections/c/points?wait=true", {"points": [{**newer, "id": 9000}]})
        served.result("POST", "/collections/c/points/delete?wait=true", {"points": [FIRST + 7]})
    # Closed, so that its log has been shipped.
    assert flip(damage.folded(file), patterns(7)["payload"], draw)
    with serving(cortex_path, place) as served:
        def is_back():
            status, answer = served.call("POST", "/collections/c/points", {"ids": [9000], "with_vector": True})
            return status == 200 and answer["result"] == [{**newer, "id": 9000}]
        until(is_back)


def test_a_damaged_memory_comes_back_for_a_command_that_asks_again(cortex_path, tmp_path, draw):
    place = tmp_path / "data"
    file = memory_store(cortex_path, place)
    backed_up(cortex_path, place)
    assert flip(damage.folded(file), marker(3).encode(), draw)
    words = ("find", marker(3), "--mode", "fast", "--embedder", "none")
    first, told = damage.shell(cortex_path, place, *words)
    assert first or damage.says_damage(told)
    lines, told = damage.shell(cortex_path, place, *words)
    assert any(marker(3) in line for line in lines) and not damage.says_damage(told)


def test_what_no_backup_has_stays_named(cortex_path, tmp_path, draw):
    """Nothing is set aside by itself: as long as nobody asks for a repair, the row is spoken of."""
    file = served_store(cortex_path, tmp_path / "data")
    assert flip(file, patterns(7)["payload"], draw)
    for _ in range(2):
        with serving(cortex_path, tmp_path / "data") as served:
            verdicts(served, FIRST + 7)
            assert damage.names(damage.red(served), FIRST + 7)


def test_no_answer_lacks_a_row_in_silence_wherever_a_bit_is_flipped(cortex_path, tmp_path, draw):
    print(dict(damage.answers(cortex_path, tmp_path, draw, 12)))


def test_a_store_that_leaves_a_row_out_is_caught(cortex_path, tmp_path):
    """The control: a row that was deleted behind the test's back."""
    served_store(cortex_path, tmp_path / "data")
    with serving(cortex_path, tmp_path / "data") as served:
        served.result("POST", "/collections/c/points/delete?wait=true", {"points": [FIRST + 5]})
        with pytest.raises(damage.Broken, match="lacks 1 points"):
            verdicts(served)
    copy = tmp_path / "memories"
    memory_store(cortex_path, copy)
    with Memories(cortex_path, copy) as memories:
        gone = memories.tool("memory_find", query=marker(3), search_strategy="fast")["items"][0]["id"]
        memories.tool("system_status", operation="delete", document_id=gone, dry_run=False)
    with pytest.raises(damage.Broken, match="lacks 1"):
        damage.memory_verdicts(cortex_path, copy, 3)
    shutil.rmtree(copy)
