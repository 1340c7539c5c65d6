"""What a collection is beside its points changes beside writers, in every process, and whenever one is killed."""

import concurrent.futures
import random
import threading
import time
import urllib.error
import urllib.parse

import pytest

from conftest import binary
from served import serving

DIMENSION = 16
#: Times that a process is killed at a random moment of the change.
KILLS = 6


@pytest.fixture
def program(request):
    return binary(request.config)


@pytest.fixture
def draw(request):
    seed = request.config.getoption("--seed")
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else int(seed)
    print(f"seed {seed}")
    return random.Random(seed)


def create(served, name="c", **more):
    body = {"vectors": {"a": {"size": DIMENSION, "distance": "Dot"}}, "sparse_vectors": {"words": {}}, **more}
    served.result("PUT", f"/collections/{urllib.parse.quote(name, safe='')}", body)


def point(number, state="old"):
    return {"id": number, "vector": {"a": [float(number % 7)] * DIMENSION}, "payload": {"state": state}}


def upsert(served, points, name="c"):
    served.result("PUT", f"/collections/{urllib.parse.quote(name, safe='')}/points?wait=true", {"points": points})


def everything(served, name="c"):
    body = {"limit": 100_000, "with_vector": True}
    return served.result("POST", f"/collections/{urllib.parse.quote(name, safe='')}/points/scroll", body)["points"]


def wait_until(holds, seconds=60):
    """Asks again until it holds; how long that takes decides nothing."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


def count(served, name="c"):
    return served.result("POST", f"/collections/{name}/points/count", {})["count"]


# MARK: Beside writers

def test_vector_names_come_and_go_beside_writers_and_no_point_is_lost(program, tmp_path):
    with serving(program, tmp_path / "data") as served, serving(program, tmp_path / "data") as other:
        create(served)
        acknowledged, ended = [set(), set()], threading.Event()

        def write(place, to):
            number = place
            while not ended.is_set():
                upsert(to, [point(number)])
                acknowledged[place].add(number)
                number += 2

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            writers = [pool.submit(write, 0, served), pool.submit(write, 1, other)]
            try:
                for turn in range(3):
                    for name, body in (("b", {"dense": {"size": 4, "distance": "Cosine"}}),
                                       ("s", {"sparse": {}}),
                                       ("m", {"dense": {"size": 4, "distance": "Dot",
                                                        "multivector_config": {"comparator": "max_sim"}}})):
                        written = [len(numbers) for numbers in acknowledged]
                        wait_until(lambda: all(len(now) > then for now, then in zip(acknowledged, written)))
                        served.result("PUT", f"/collections/c/vectors/{name}", body)
                        assert other.call("PUT", f"/collections/c/vectors/{name}", body)[0] == 409
                    for name in "bsm":
                        other.result("DELETE", f"/collections/c/vectors/{name}")
            finally:
                ended.set()
            for writer in writers:
                writer.result()
        wanted = sorted(acknowledged[0] | acknowledged[1])
        for one in (served, other):
            points = everything(one)
            assert [found["id"] for found in points] == wanted
            assert all(found["vector"]["a"] == [float(found["id"] % 7)] * DIMENSION for found in points)


def test_a_new_vector_name_is_stored_searched_and_filtered_by(program, tmp_path):
    with serving(program, tmp_path / "data") as served, serving(program, tmp_path / "data") as other:
        create(served)
        upsert(served, [point(number) for number in range(50)])
        assert count(other) == 50
        served.result("PUT", "/collections/c/vectors/b", {"dense": {"size": 2, "distance": "Dot"}})
        body = {"points": [{"id": 7, "vector": {"b": [3.0, 4.0]}}]}
        other.result("PUT", "/collections/c/points/vectors?wait=true", body)
        for one in (served, other):
            found = one.result("POST", "/collections/c/points/query", {"query": [1.0, 0.0], "using": "b"})["points"]
            assert [(hit["id"], hit["score"]) for hit in found] == [(7, 3.0)]
            has = {"filter": {"must": [{"has_vector": "b"}]}}
            assert [hit["id"] for hit in one.result("POST", "/collections/c/points/scroll", has)["points"]] == [7]
            assert "b" in one.result("GET", "/collections/c")["config"]["params"]["vectors"]
        other.result("DELETE", "/collections/c/vectors/b")
        assert served.call("POST", "/collections/c/points/query", {"query": [1.0, 0.0], "using": "b"})[0] == 400
        assert served.result("GET", "/collections/c/points/7")["vector"].keys() == {"a"}


# MARK: Killed

def kill_during(served, draw, seconds, work):
    """Kills the process at a random moment within about so many seconds of the work's beginning."""
    worker = threading.Thread(target=lambda: quietly(work))
    worker.start()
    worker.join(draw.uniform(0, 1.2 * seconds))
    served.process.kill()
    worker.join()


def quietly(work):
    try:
        work()
    except (urllib.error.URLError, OSError, AssertionError):
        pass  # The process was killed under it: what came of it is read from the disk.


def test_a_killed_restore_leaves_the_old_points_or_the_new_ones(program, tmp_path, draw):
    data = tmp_path / "data"
    with serving(program, data) as served:
        create(served)
        upsert(served, [point(number, "snapshot") for number in range(3000)])
        name = served.result("POST", "/collections/c/snapshots")["name"]
    location = {"location": f"file://{data}/snapshots/collections/c/{name}"}
    seconds, outcomes = None, set()
    for kill in range(KILLS):
        with serving(program, data) as served:
            served.result("POST", "/collections/c/points/delete?wait=true", {"filter": {}})
            upsert(served, [point(number, "old") for number in range(10_000, 12_000)])
            if seconds is None:
                began = time.monotonic()
                served.result("PUT", "/collections/c/snapshots/recover", location)
                seconds = time.monotonic() - began
                outcomes.add("new")
                continue
            kill_during(served, draw, seconds,
                        lambda: served.result("PUT", "/collections/c/snapshots/recover", location))
        with serving(program, data) as served:
            states = {found["payload"]["state"] for found in everything(served)}
            numbers = [found["id"] for found in everything(served)]
            assert (states, numbers) in (({"old"}, list(range(10_000, 12_000))), ({"snapshot"}, list(range(3000))))
            # It takes writes again, and its mark is beside it.
            upsert(served, [point(99_999)])
            assert served.result("GET", "/collections/c")["status"] == "green"
            outcomes.add("new" if "snapshot" in states else "old")
    print(outcomes)


def test_a_killed_change_of_vector_names_leaves_the_old_ones_or_the_new_ones(program, tmp_path, draw):
    data = tmp_path / "data"
    with serving(program, data) as served:
        create(served)
        upsert(served, [point(number) for number in range(3000)])
    body = {"dense": {"size": 4, "distance": "Dot"}}
    seconds = None
    for kill in range(KILLS):
        with serving(program, data) as served:
            has = "b" in served.result("GET", "/collections/c")["config"]["params"]["vectors"]
            call = ("DELETE", "/collections/c/vectors/b") if has else ("PUT", "/collections/c/vectors/b", body)
            if seconds is None:
                began = time.monotonic()
                served.result(*call)
                seconds = time.monotonic() - began
                continue
            kill_during(served, draw, seconds, lambda: served.result(*call))
        with serving(program, data) as served:
            points = everything(served)
            assert [found["id"] for found in points] == list(range(3000))
            assert all(found["vector"] == {"a": [float(found["id"] % 7)] * DIMENSION} for found in points)
            facts = served.result("GET", "/collections/c")
            names = set(facts["config"]["params"]["vectors"])
            assert facts["status"] == "green" and names in ({"a"}, {"a", "b"})
            # What the configuration names is what the rows hold.
            extra = {"b": [1.0, 0.0, 0.0, 0.0]} if "b" in names else {}
            one = {"id": 1, "vector": {"a": [1.0] * DIMENSION, **extra}}
            upsert(served, [one])
            assert served.result("GET", "/collections/c/points/1")["vector"] == one["vector"]
            upsert(served, [point(1)])


# MARK: Shared by processes

def test_aliases_made_by_two_processes_all_exist_and_both_see_them(program, tmp_path):
    with serving(program, tmp_path / "data") as one, serving(program, tmp_path / "data") as two:
        create(one)

        def make(served, names):
            for name in names:
                action = {"create_alias": {"collection_name": "c", "alias_name": name}}
                served.result("POST", "/collections/aliases", {"actions": [action]})

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            made = [pool.submit(make, served, [f"{place}-{i}" for i in range(10)])
                    for place, served in (("one", one), ("two", two))]
            for outcome in made:
                outcome.result()
        wanted = {f"{place}-{i}" for place in ("one", "two") for i in range(10)}
        for served in (one, two):
            assert {alias["alias_name"] for alias in served.result("GET", "/aliases")["aliases"]} == wanted
            assert count(served, "one-3") == count(served, "two-7") == 0
        # A name is an alias or a collection, whichever process asks.
        assert two.call("PUT", "/collections/one-1", {})[0] == 400
        clash = {"actions": [{"create_alias": {"collection_name": "c", "alias_name": "c"}}]}
        assert two.call("POST", "/collections/aliases", clash)[0] == 409
        # By an alias nothing is deleted; with a collection its aliases go.
        assert two.result("DELETE", "/collections/one-1") is False
        two.result("DELETE", "/collections/c")
        assert one.result("GET", "/aliases")["aliases"] == []
        assert one.call("GET", "/collections/c")[0] == 404


def test_aliases_of_an_earlier_version_are_taken_over_once(program, tmp_path):
    data = tmp_path / "data"
    with serving(program, data) as served:
        create(served)
    for file in data.glob("catalog.sqlite*"):
        file.unlink()
    (data / "qdrant-aliases.json").write_text('{"now":"c"}')
    with serving(program, data) as served:
        assert count(served, "now") == 0
        served.result("POST", "/collections/aliases", {"actions": [{"delete_alias": {"alias_name": "now"}}]})
    assert not (data / "qdrant-aliases.json").exists()
    with serving(program, data) as served:
        assert served.result("GET", "/aliases")["aliases"] == []


def test_a_process_follows_the_settings_that_another_one_changes(program, tmp_path):
    with serving(program, tmp_path / "data") as one, serving(program, tmp_path / "data") as two:
        create(one)
        upsert(one, [point(number) for number in range(10)])
        assert count(two) == 10
        limits = {"strict_mode_config": {"enabled": True, "max_query_limit": 3}}
        one.result("PATCH", "/collections/c", limits)
        query = {"query": [1.0] * DIMENSION, "using": "a", "limit": 5}
        assert two.call("POST", "/collections/c/points/query", query)[0] == 400
        # Two changes at once are both kept.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for outcome in [pool.submit(served.result, "PATCH", "/collections/c", {"metadata": {key: 1}})
                            for served in (one, two) for key in (f"k{id(served)}", f"l{id(served)}")]:
                outcome.result()
        assert len(one.result("GET", "/collections/c")["config"]["metadata"]) == 4
        index = {"field_name": "state", "field_schema": "keyword"}
        one.result("PUT", "/collections/c/index?wait=true", index)
        assert two.result("GET", "/collections/c")["payload_schema"]["state"]["points"] == 10
        assert two.result("POST", "/collections/c/facet", {"key": "state", "limit": 3})["hits"] == [{"value": "old", "count": 10}]
        two.result("DELETE", "/collections/c/index/state")
        assert one.result("GET", "/collections/c")["payload_schema"] == {}


def test_a_process_follows_a_restore_by_another_one_and_loses_no_later_write(program, tmp_path):
    data = tmp_path / "data"
    with serving(program, data) as one, serving(program, data) as two:
        create(one)
        upsert(one, [point(number) for number in range(20)])
        name = one.result("POST", "/collections/c/snapshots")["name"]
        upsert(two, [point(number, "later") for number in range(30)])
        location = {"location": f"file://{data}/snapshots/collections/c/{name}"}
        one.result("PUT", "/collections/c/snapshots/recover", location)
        assert count(two) == 20
        upsert(two, [point(50, "after")])
        for served in (one, two):
            states = {found["id"]: found["payload"]["state"] for found in everything(served)}
            assert states == {**{number: "old" for number in range(20)}, 50: "after"}
    with serving(program, data) as served:
        assert count(served) == 21


# MARK: Names and thresholds

def test_a_name_has_up_to_255_bytes(program, tmp_path):
    names = ["n" * 67, "n" * 68, "n" * 255, "ü" * 127, "%" * 255, "n" * 254 + "+"]
    with serving(program, tmp_path / "data") as served:
        for name in names:
            create(served, name)
            upsert(served, [point(len(name))], name)
        assert served.call("PUT", "/collections/" + "n" * 256, {})[0] in (400, 422)
        assert served.call("PUT", "/collections/" + urllib.parse.quote("ü" * 128), {})[0] in (400, 422)
    with serving(program, tmp_path / "data") as served:
        found = [entry["name"] for entry in served.result("GET", "/collections")["collections"]]
        assert sorted(found) == sorted(names)
        for name in names:
            assert [hit["id"] for hit in everything(served, name)] == [len(name)]
            path = "/collections/" + urllib.parse.quote(name, safe="")
            snapshot = served.result("POST", path + "/snapshots")["name"]
            assert [entry["name"] for entry in served.result("GET", path + "/snapshots")] == [snapshot]
            assert served.result("DELETE", path) is True
        assert served.result("GET", "/collections")["collections"] == []


def test_the_modifier_idf_is_used_once_it_is_set_and_after_a_restart(program, tmp_path):
    data = tmp_path / "data"
    query = {"query": {"indices": [1, 2], "values": [1.0, 1.0]}, "using": "words"}

    def scores(served):
        return [hit["score"] for hit in served.result("POST", "/collections/c/points/query", query)["points"]]

    with serving(program, data) as served, serving(program, data) as other:
        create(served)
        sparse = [{"id": number, "vector": {"words": {"indices": [1] if number else [2], "values": [1.0]}}}
                  for number in range(10)]
        upsert(served, sparse)
        assert scores(served) == scores(other) == [1.0] * 10
        served.result("PATCH", "/collections/c", {"sparse_vectors": {"words": {"modifier": "idf"}}})
        weighed = scores(served)
        # The one point with the rare word comes first, and by more than its word weighs alone.
        assert weighed[0] > 1.5 and weighed[1] < 0.5
        assert scores(other) == weighed
    with serving(program, data) as served:
        assert scores(served) == weighed
        served.result("PATCH", "/collections/c", {"sparse_vectors": {"words": {"modifier": "none"}}})
        assert scores(served) == [1.0] * 10


def test_vectors_are_indexed_from_the_threshold_on_and_never_at_zero(program, tmp_path):
    with serving(program, tmp_path / "data") as served:
        def make(name, threshold):
            body = {"vectors": {"size": 256, "distance": "Dot"},
                    "optimizers_config": {"indexing_threshold": threshold}}
            served.result("PUT", f"/collections/{name}", body)
            points = [{"id": number, "vector": [float(number)] * 256} for number in range(100)]
            served.result("PUT", f"/collections/{name}/points?wait=true", {"points": points})

        def indexed(name):
            return served.result("GET", f"/collections/{name}")["indexed_vectors_count"]

        # 100 vectors of 1 KB each.
        make("off", 0)
        make("high", 101)
        make("low", 10)
        wait_until(lambda: indexed("low") == 100)
        assert indexed("off") == indexed("high") == 0
        served.result("PATCH", "/collections/high", {"optimizers_config": {"indexing_threshold": 100}})
        wait_until(lambda: indexed("high") == 100)
        assert indexed("off") == 0
