"""What one client may take of the served store: files, memory, a place in the statistics; and scores that overflow."""

import http.client
import json
import os
import pathlib
import re
import resource
import urllib.parse

import pytest
import qdrant_edge
from conftest import binary
from served import serving

KEY = "a-key-that-is-long-enough-to-sign-with"
ONE = {"vectors": {"size": 1, "distance": "Dot"}}


@pytest.fixture
def program(request):
    return binary(request.config)


def limited(program, directory, soft, hard):
    """The program under a limit of open files, as a program of its own."""
    path = directory / "limited"
    path.write_text(f'#!/bin/sh\nulimit -Sn {soft} && ulimit -Hn {hard} && exec "{program}" "$@"\n')
    path.chmod(0o700)
    return str(path)


def test_a_server_takes_as_many_open_files_as_the_system_gives_it(program, tmp_path):
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 2000)
    with serving(limited(program, tmp_path, 128, hard), tmp_path / "data") as served:
        limits = pathlib.Path(f"/proc/{served.process.pid}/limits").read_text()
        assert re.search(r"Max open files\s+(\d+)\s+(\d+)", limits).groups() == (str(hard), str(hard))


@pytest.mark.parametrize("limit", range(100, 112))
def test_a_server_without_room_for_another_file_says_so_whichever_file_it_is(program, tmp_path, limit):
    """Each limit refuses another one of the files that are opened for a collection."""
    calls = [
        ("PUT", "", ONE),
        ("PUT", "/points?wait=true", {"points": [{"id": 1, "vector": [1]}]}),
        ("POST", "/points/query", {"query": [1]}),
        ("POST", "/points/scroll", {}),
    ]
    refusals = 0
    with serving(limited(program, tmp_path, limit, limit), tmp_path / "data") as served:
        # One connection for all: there may be no room for another.
        wire = http.client.HTTPConnection(urllib.parse.urlsplit(served.url).netloc, timeout=600)

        def ask(method, path, body):
            wire.request(method, path, body and json.dumps(body), {"content-type": "application/json"})
            answer = wire.getresponse()
            return answer.status, json.loads(answer.read())

        for number in range(limit):
            is_made = True
            for method, path, body in calls:
                status, content = ask(method, f"/collections/c{number}{path}", body)
                if status == 404 and not is_made:
                    continue
                if status != 200:
                    assert status == 507 and "too many open files" in content["status"]["error"], (number, path, content)
                    refusals += 1
                    is_made = is_made and path != ""
            if refusals > 8:
                break
        assert refusals > 8


def test_a_folder_is_no_snapshot(program, tmp_path):
    with serving(program, tmp_path) as served:
        served.result("PUT", "/collections/c", ONE)
        served.result("POST", "/collections/c/snapshots")
        for place in ("collections", "collections/c"):
            location = f"file://{tmp_path}/snapshots/{place}"
            status, answer = served.call("PUT", "/collections/d/snapshots/recover", {"location": location})
            assert status == 400 and "does not exist" in answer["status"]["error"], answer


def test_a_point_is_in_an_answer_once_however_often_it_is_asked_for(program, tmp_path):
    with serving(program, tmp_path) as served:
        served.result("PUT", "/collections/c", ONE)
        points = [{"id": i, "vector": [1], "payload": {"text": "x" * 10_000}} for i in (1, 2)]
        served.result("PUT", "/collections/c/points?wait=true", {"points": points})
        found = served.result("POST", "/collections/c/points", {"ids": [2, 1, 3] + [2, 1] * 10_000})
        assert [point["id"] for point in found] == [2, 1]


def test_the_statistics_list_known_paths_alone(program, tmp_path):
    with serving(program, tmp_path, CORTEX_API_KEY=KEY) as served:
        key = {"api-key": KEY}
        assert served.call("PUT", "/collections/c", ONE, headers=key)[0] == 200
        # Its field is called as a part of a path is.
        assert served.call("DELETE", "/collections/c/index/points", headers=key)[0] == 200
        words = ["points", "payload", "vectors", "search", "index", "query", "groups", "matrix"]
        for number in range(200):
            path = "/" + "/".join(words[(number >> shift) % 8] for shift in range(12))
            assert served.call("GET", path)[0] == 401
            assert served.call("GET", path, headers=key)[0] == 404
            assert served.call("GET", f"/collections/c/{words[number % 8]}/{words[number // 8 % 8]}/batch/x")[0] == 401
        metrics = served.call("GET", "/metrics", headers=key)[1].decode()
        seen = set(re.findall(r'rest_responses_total\{method="(\w+)",endpoint="([^"]*)"', metrics))
        assert seen == {
            ("PUT", "/collections/{collection_name}"),
            ("DELETE", "/collections/{collection_name}/index/{field_name}"),
            ("GET", "unknown"),
        }


HUGE = [[3e38, 3e38, 0], [3e38, -3e38, 1e38], [1, 1, 1], [2, 1, 1], [3, 1, 1], [4, 1, 1], [-3e38, 3e38, 3e38]]


@pytest.mark.parametrize("distance", ["Dot", "Cosine", "Euclid", "Manhattan"])
def test_a_score_that_is_no_number_leaves_its_point_out(program, tmp_path, distance):
    config = qdrant_edge.EdgeConfig(
        vectors=qdrant_edge.EdgeVectorParams(size=3, distance=getattr(qdrant_edge.Distance, distance))
    )
    os.makedirs(tmp_path / "edge")
    edge = qdrant_edge.EdgeShard.create(str(tmp_path / "edge"), config)
    edge.update(qdrant_edge.UpdateOperation.upsert_points([qdrant_edge.Point(i, v, {}) for i, v in enumerate(HUGE)]))
    with serving(program, tmp_path / "data") as served:
        served.result("PUT", "/collections/c", {"vectors": {"size": 3, "distance": distance}})
        points = [{"id": i, "vector": vector} for i, vector in enumerate(HUGE)]
        served.result("PUT", "/collections/c/points?wait=true", {"points": points})
        for query in ([10, -10, 1], [3e38, -3e38, 1], [1, 1, 1]):
            question = qdrant_edge.QueryRequest(query=qdrant_edge.Query.Nearest(query), limit=10)
            finite = [point for point in edge.query(question) if abs(point.score) < float("inf")]
            for limit in (1, 3, 10):
                found = served.result("POST", "/collections/c/points/query", {"query": query, "limit": limit})["points"]
                assert all(p["score"] is not None for p in found)
                if distance in ("Dot", "Cosine"):
                    # What is left of two huge terms that cancel each other depends on the order of adding.
                    continue
                assert [p["score"] for p in found] == pytest.approx([p.score for p in finite[:limit]], rel=1e-5)
                # Every point that has a number is found, and no other.
                assert limit < 10 or {p["id"] for p in found} == {p.id for p in finite}
            examples = {"recommend": {"positive": [query], "strategy": "best_score"}}
            body = {"query": examples, "limit": 10}
            for route in ("query", "query/groups"):
                more = {} if route == "query" else {"group_by": "none"}
                answer = served.result("POST", f"/collections/c/points/{route}", body | more)
                assert all(p["score"] is not None for p in answer.get("points", []))
        pairs = served.result("POST", "/collections/c/points/search/matrix/pairs", {"sample": 10, "limit": 10})["pairs"]
        assert pairs and all(pair["score"] is not None for pair in pairs)
