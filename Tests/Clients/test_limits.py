"""Numbers that no arithmetic holds: answered, or refused with the name of the field; the server keeps running."""

import json

import fuzz_inputs
import pytest
from conftest import binary
from served import serving

MOST = (1 << 63) - 1
NUMBERS = [0, 1, 99_999, 100_000, 100_001, 1 << 31, 1 << 53, MOST - 1, MOST, (1 << 64) - 1]
NEAR = {"query": [1, 2], "using": "text"}
SPARSE = {"query": {"indices": [1], "values": [1.0]}, "using": "words"}
# Where a request holds two of its numbers: the path, the body, and the two fields.
BODIES = [
    ("query", lambda a, b: NEAR | {"limit": a, "offset": b}, ["limit", "offset"]),
    ("query", lambda a, b: NEAR | {"limit": a, "params": {"hnsw_ef": b}}, ["limit", "hnsw_ef"]),
    ("query", lambda a, b: SPARSE | {"limit": a, "offset": b}, ["limit", "offset"]),
    ("query", lambda a, b: NEAR | {"query": 1, "limit": a, "offset": b}, ["limit", "offset"]),
    ("query", lambda a, b: {"query": {"sample": "random"}, "limit": a, "offset": b}, ["limit", "offset"]),
    ("query", lambda a, b: {"query": {"order_by": "n"}, "limit": a, "offset": b}, ["limit", "offset"]),
    ("query", lambda a, b: NEAR | {"query": [[1, 2]], "using": "rows", "limit": a, "offset": b}, ["limit", "offset"]),
    (
        "query",
        lambda a, b: NEAR | {"query": {"nearest": [1, 2], "mmr": {"candidates_limit": b}}, "limit": a},
        ["limit", "candidates_limit"],
    ),
    (
        "query",
        lambda a, b: {"prefetch": [NEAR | {"limit": b}, SPARSE | {"limit": b}], "query": {"fusion": "rrf"}, "limit": a},
        ["limit", "offset"],
    ),
    ("query", lambda a, b: {"prefetch": NEAR, "query": {"rrf": {"k": b}}, "limit": a}, ["limit", "k"]),
    ("query/groups", lambda a, b: NEAR | {"group_by": "city", "limit": a, "group_size": b}, ["limit", "group_size"]),
    ("search", lambda a, b: {"vector": {"name": "text", "vector": [1, 2]}, "limit": a, "offset": b}, ["limit", "offset"]),
    ("search/matrix/pairs", lambda a, b: {"sample": a, "limit": b, "using": "text"}, ["sample", "limit"]),
    ("scroll", lambda a, b: {"limit": a, "offset": b}, ["limit", "offset"]),
    ("scroll", lambda a, b: {"limit": a, "order_by": {"key": "n", "start_from": b}}, ["limit", "start_from"]),
    ("scroll", lambda a, b: {"filter": {"must": [{"slice": {"total": a, "index": b}}]}}, ["total", "index"]),
    (
        "scroll",
        lambda a, b: {"limit": a, "filter": {"min_should": {"conditions": [{"has_id": [1]}], "min_count": b}}},
        ["limit", "min_count"],
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def served(request, tmp_path_factory):
    with serving(binary(request.config), tmp_path_factory.mktemp("limits") / "data") as served:
        for made in fuzz_inputs.preparation():
            status, answer = served.call(made["method"], made["path"], raw=made["body"].encode())
            assert status == 200, answer
        yield served


@pytest.mark.parametrize("case", range(len(BODIES)), ids=lambda case: f"{BODIES[case][0]}-{'-'.join(BODIES[case][2])}-{case}")
def test_every_pair_of_numbers_is_answered_or_refused_by_name(served, case):
    path, body, fields = BODIES[case]
    for first in NUMBERS:
        for second in NUMBERS:
            asked = body(first, second)
            status, answer = served.call("POST", f"/collections/c/points/{path}", asked)
            assert status in (200, 400, 422), (asked, status, answer)
            assert status == 200 or any(field in answer["status"]["error"] for field in fields), (asked, answer)
    assert served.process.poll() is None


@pytest.mark.parametrize("limit", [60, 100, MOST])
def test_a_limit_beyond_the_points_gives_all_of_them(served, limit):
    page = served.result("POST", "/collections/c/points/scroll", {"limit": limit})
    assert len(page["points"]) == 60 and page["next_page_offset"] is None
    body = {"prefetch": NEAR | {"limit": limit}, "query": {"fusion": "dbsf"}, "limit": 100}
    assert len(served.result("POST", "/collections/c/points/query", body)["points"]) == 60
    hits = served.result("POST", "/collections/c/facet", {"key": "city", "limit": limit})["hits"]
    assert len(hits) == 4
    body = NEAR | {"group_by": "city", "limit": limit, "group_size": limit}
    assert len(served.result("POST", "/collections/c/points/query/groups", body)["groups"]) == 4


@pytest.mark.parametrize("number", ["1.5", "-1", "18446744073709551616", '"1"', "1e3", "NaN"])
def test_what_is_no_count_is_refused(served, number):
    raw = json.dumps(NEAR)[:-1] + f', "limit": {number}}}'
    status, answer = served.call("POST", "/collections/c/points/query", raw=raw.encode())
    assert status == 400, answer
