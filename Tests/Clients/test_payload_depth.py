"""Payloads that a change would nest deeper than JSON is read: refused before anything is written, for every kind of path
and of change; what was stored stays readable, and the server keeps running.
"""

import random
import shutil
import subprocess

import pytest
from conftest import ROOT, binary
from served import serving
from surroundings import surroundings

# Arrays and objects in each other, the payload itself counted, that can be read again.
DEEPEST = 128
STEPS = [1, 2, 126, 127, 128, 129, 600, 200_000]
FIXTURE = ROOT / "Tests/VectorEngineTests/Fixtures/nested-payloads"


def nested(depth, kind=None):
    """Members in which objects and arrays lie in each other, the members' own object counted."""
    value = 1
    for level in range(depth - 1):
        value = [value] if kind == "arrays" or (kind == "both" and level % 2) else {"m": value}
    return {"x": value}


def keys(members, path):
    for key in reversed(path):
        members = {key: members}
    return members


def ids(points):
    return sorted(point["id"] for point in points)


@pytest.fixture(params=["no index", "an index"])
def served(request, tmp_path):
    with serving(binary(request.config), tmp_path / "data") as served:
        served.result("PUT", "/collections/c", {"vectors": {"size": 2, "distance": "Dot"}})
        if request.param == "an index":
            served.result("PUT", "/collections/c/index?wait=true", {"field_name": "k", "field_schema": "integer"})
        yield served


def payload(served, point):
    return served.result("POST", "/collections/c/points", {"ids": [point], "with_payload": True})[0]["payload"]


def reset(served):
    points = [{"id": i, "vector": [1, i], "payload": {"k": 1}} for i in (1, 2, 3)]
    served.result("PUT", "/collections/c/points?wait=true", {"points": points})


CHANGES = {
    "set": lambda change: ("POST", "/payload", change),
    "overwrite": lambda change: ("PUT", "/payload", change),
    "batch set": lambda change: ("POST", "/batch", {"operations": [{"set_payload": change}]}),
    "batch overwrite": lambda change: ("POST", "/batch", {"operations": [{"overwrite_payload": change}]}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_made_exactly_if_the_payload_can_be_read_again(served, change):
    for count in STEPS:
        for members in (nested(1), nested(3, "both"), nested(90, "arrays")):
            reset(served)
            depth = str(members).count("[") + str(members).count("{")
            chosen = {"points": [1]} if count % 2 else {"filter": {"must": [{"key": "k", "match": {"value": 1}}]}}
            body = {"payload": members, "key": ".".join(["a"] * count)} | chosen
            method, path, body = CHANGES[change](body)
            status, answer = served.call(method, f"/collections/c/points{path}?wait=true", body)
            if count + depth <= DEEPEST:
                assert status == 200, (count, depth, answer)
                kept = {} if "overwrite" in change else {"k": 1}
                assert payload(served, 1) == kept | keys(members, ["a"] * count)
                served.result("POST", "/collections/c/points/payload?wait=true", {"payload": {"later": 1}, "points": [1]})
                served.result("POST", "/collections/c/points/payload/delete?wait=true", {"keys": ["a"], "points": [1]})
                assert payload(served, 1) == kept | {"later": 1}
            else:
                assert status in (400, 422) and ("key" in str(answer) or "path" in str(answer)), (count, depth, answer)
                assert len(str(answer)) < 1000
                assert [payload(served, point) for point in (1, 2, 3)] == [{"k": 1}] * 3
    assert served.process.poll() is None


def test_paths_of_every_kind_of_step_leave_payloads_that_can_be_read(served, request):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    pick = random.Random(seed)
    reset(served)
    for _ in range(150):
        count = pick.choice([1, 3, 100, 126, 127, 128, 129, 400])
        path = "a"
        for _ in range(count - 1):
            path += pick.choice([".a", '."b.c"', "[]", "[0]", "[7]", ".a"] if pick.random() < 0.2 else [".a", '."b.c"'])
        start = nested(pick.choice([1, 2, 100]), pick.choice(["arrays", "both", None]))
        served.result("PUT", "/collections/c/points/payload?wait=true", {"payload": {"a": start["x"], "k": 1}, "points": [1]})
        body = {"payload": nested(pick.choice([1, 2, 60])), "key": path, "points": [1, 2]}
        status, answer = served.call("POST", "/collections/c/points/payload?wait=true", body)
        assert status in (200, 400, 422), answer
        # A further change reads the stored payload.
        served.result("POST", "/collections/c/points/payload?wait=true", {"payload": {"n": 1}, "points": [1, 2]})
        status, answer = served.call("POST", "/collections/c/points/payload/delete?wait=true", {"keys": [path], "points": [1, 2]})
        assert status == 200 or count > DEEPEST, answer
        assert payload(served, 1)["n"] == payload(served, 2)["n"] == 1
    assert served.process.poll() is None


@pytest.mark.parametrize("depth", [1, 2, 100, 120, 124, 125, 126, 127, 128, 129, 300, 100_000])
def test_a_whole_point_is_stored_exactly_if_its_payload_can_be_read_again(served, depth):
    reset(served)
    text = '{"a":' * depth + "1" + "}" * depth
    raw = '{"points":[{"id":2,"vector":[1,2],"payload":' + text + "}]}"
    status, answer = served.call("PUT", "/collections/c/points?wait=true", raw=raw.encode())
    # The request around the payload is nested deeper still.
    assert status == (200 if depth <= DEEPEST else 400), answer
    served.result("POST", "/collections/c/points/payload?wait=true", {"payload": {"n": 1}, "points": [2]})
    assert payload(served, 2)["n"] == 1


def test_rows_that_an_earlier_version_has_stored_too_deep_end_no_process(request, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(FIXTURE, data)
    everything = {"filter": {"must": [{"key": "k", "match": {"value": 1}}]}}
    for start in range(2):
        with serving(binary(request.config), data) as served:
            points = "/collections/nested/points"
            served.result("PUT", "/collections/nested/index?wait=true", {"field_name": "k", "field_schema": "integer"})
            served.result("PUT", "/collections/nested/index?wait=true", {"field_name": "a.a", "field_schema": "keyword"})
            assert ids(served.result("POST", f"{points}/scroll", {"with_payload": True} | everything)["points"]) == [1, 2, 6]
            assert served.result("GET", "/collections/nested")["status"] == "red"
            served.result("POST", f"{points}/payload?wait=true", {"payload": {"met": start}} | everything)
            served.result("PUT", f"{points}?wait=true", {"points": [{"id": 1, "vector": [0, 0], "payload": {"k": 1}}]})
            for method, path, body in [
                ("POST", "/payload", {"payload": {"z": 1}, "points": [4]}),
                ("POST", "/payload/delete", {"keys": ["a.a"], "points": [4]}),
                ("POST", "/query", {"query": 4, "limit": 3}),
                ("POST", "", {"ids": [4], "with_payload": {"include": ["a.a"]}}),
            ]:
                served.call(method, points + path, body)
            assert served.process.poll() is None
    with serving(binary(request.config), data) as served:
        whole = [{"id": i, "vector": [1, i], "payload": {"k": 1}} for i in (3, 4)]
        served.result("PUT", f"{points}?wait=true", {"points": whole})
        served.result("POST", f"{points}/delete?wait=true", {"points": [5]})
        assert ids(served.result("POST", f"{points}/scroll", everything)["points"]) == [1, 2, 3, 4, 6]
        assert served.result("GET", "/collections/nested")["status"] == "green"


def test_the_deepest_payload_goes_out_and_comes_back(request, tmp_path):
    deepest = nested(DEEPEST, "both")
    points = [{"id": 1, "vector": [1.0, 2.0], "payload": deepest}, {"id": 2, "vector": [3.0, 4.0], "payload": {"k": 1}}]
    whole = {"with_payload": True, "with_vector": True}
    with serving(binary(request.config), tmp_path / "data") as served:
        served.result("PUT", "/collections/c", {"vectors": {"size": 2, "distance": "Dot"}})
        served.result("PUT", "/collections/c/points?wait=true", {"points": points})
        there = served.result("POST", "/collections/c/points/scroll", whole)["points"]
        assert there == points
        # What was answered may be sent again, in every form that takes whole points.
        served.result("PUT", "/collections/c/points?wait=true", {"points": there})
        body = {"operations": [{"upsert": {"points": there}}, {"overwrite_payload": {"payload": deepest, "points": [2]}}]}
        served.result("POST", "/collections/c/points/batch?wait=true", body)
        assert payload(served, 2) == deepest
        too_deep = nested(DEEPEST + 1, "both")
        for path, body in (
            ("", {"points": [points[0] | {"payload": too_deep}]}),
            ("", {"batch": {"ids": [1], "vectors": [[1, 2]], "payloads": [too_deep]}}),
        ):
            status, answer = served.call("PUT", f"/collections/c/points{path}?wait=true", body)
            assert status == 400 and "nested deeper than 128" in answer["status"]["error"], answer
        assert payload(served, 1) == deepest
    command = [binary(request.config)]
    dump = str(tmp_path / "dump")
    for words in (["export", "qdrant", "--file", dump, "--data", tmp_path / "data"],
                  ["import", "qdrant", "--file", dump, "--data", tmp_path / "copy"]):
        done = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, env=surroundings())
        assert done.returncode == 0, done.stderr
    with serving(binary(request.config), tmp_path / "copy") as served:
        assert payload(served, 1) == payload(served, 2) == deepest
