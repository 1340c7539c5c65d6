"""Numbers that no arithmetic holds: answered, or refused with the name of the field; the server keeps running."""

import json
import random

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


# What a query is compared with, `count` examples of it: path, body, the field that a refusal names, how many there may be.
def pairs(count, example=1):
    return [{"positive": example, "negative": [2, 1]}] * (count // 2)


EXAMPLES = [
    *(
        ("query", lambda n, way=way: {"query": {"recommend": {"positive": [[1, 2]] * n, "strategy": way}}}, "positive", 1024)
        for way in ["average_vector", "best_score", "sum_scores"]
    ),
    (
        "query",
        lambda n: {"query": {"recommend": {"positive": [1] * (n // 2), "negative": [2] * (n - n // 2), "strategy": "best_score"}}},
        "negative",
        1024,
    ),
    ("query", lambda n: {"query": {"discover": {"target": 1, "context": pairs(n)}}}, "context", 1024),
    ("query", lambda n: {"query": {"context": pairs(n, [0.5, 1])}}, "context", 1024),
    (
        "query",
        lambda n: {
            "query": {
                "relevance_feedback": {
                    "target": [1, 2],
                    "feedback": [{"example": [1, i], "score": i} for i in range(n)],
                    "strategy": {"naive": {"a": 1, "b": 1, "c": 1}},
                }
            }
        },
        "feedback",
        128,
    ),
    ("recommend", lambda n: {"positive": [1] * n, "limit": 3}, "positive", 1024),
    ("recommend", lambda n: {"negative": [[1, 2]] * n, "strategy": "best_score", "limit": 3}, "negative", 1024),
    ("discover", lambda n: {"target": [1, 2], "context": pairs(n), "limit": 3}, "context", 1024),
    ("discover", lambda n: {"context": pairs(n), "limit": 3}, "context", 1024),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(EXAMPLES)), ids=lambda case: f"{EXAMPLES[case][0]}-{EXAMPLES[case][2]}-{case}")
def test_more_examples_than_a_query_may_have_are_refused_by_name_wherever_they_are(served, case):
    path, body, field, most = EXAMPLES[case]
    for count in (most - 2, most, most + 2, 4 * most):
        asked = body(count) | {"using": "text"}
        forms = [(path, asked), (f"{path}/batch", {"searches": [NEAR if path == "query" else body(2) | {"using": "text"}, asked]})]
        if path == "query":
            forms += [
                ("query", {"prefetch": [NEAR, asked], "query": {"fusion": "rrf"}}),
                ("query/groups", asked | {"group_by": "city"}),
            ]
        else:
            forms.append((f"{path}/groups", asked | {"group_by": "city", "group_size": 1}))
        for form, sent in forms:
            status, answer = served.call("POST", f"/collections/c/points/{form}", sent)
            if form == "discover/groups":
                assert status == 404
            elif count <= most:
                assert status == 200, (form, count, answer)
            else:
                assert status == 422 and field in answer["status"]["error"], (form, count, answer)
                assert str(most) in answer["status"]["error"]


def fused(count, limit=1):
    return {"prefetch": [NEAR | {"limit": limit}] * count, "query": {"fusion": "rrf"}, "limit": 2}


def test_a_query_has_as_many_prefetches_as_it_may_have_wherever_they_are(served):
    most = 1024
    shapes = {
        most: [fused(most), {"prefetch": [fused(511), fused(511)], "query": {"fusion": "dbsf"}}],
        most + 1: [fused(most + 1), {"prefetch": [fused(511), fused(512)], "query": {"fusion": "dbsf"}}],
        most + 31: [fused(most + 31), {"prefetch": {"prefetch": fused(most + 29), "query": [1, 2], "using": "text"}, "query": 1, "using": "text"}],
    }  # fmt: skip
    for count, bodies in shapes.items():
        for body in bodies:
            forms = [
                ("query", body),
                ("query/groups", body | {"group_by": "city"}),
                ("query/batch", {"searches": [NEAR, body]}),
            ]
            for form, sent in forms:
                status, answer = served.call("POST", f"/collections/c/points/{form}", sent)
                if count <= most:
                    assert status == 200, (form, count, answer)
                else:
                    assert status == 422 and f"prefetch: {count} prefetches" in answer["status"]["error"], (form, answer)
                    assert f"at most {most}" in answer["status"]["error"]
    assert served.process.poll() is None


def test_a_batch_has_as_many_searches_as_it_may_have(served):
    most = 4096
    plain = {"vector": {"name": "text", "vector": [1, 2]}, "limit": 1}
    by_example = {"positive": [1], "using": "text", "limit": 1}
    discovery = {"target": [1, 2], "using": "text", "limit": 1}
    near = NEAR | {"limit": 1}
    for count in (most, most + 1):
        forms = [
            ("query/batch", [near] * count),
            ("search/batch", [plain] * count),
            ("recommend/batch", [by_example] * count),
            ("discover/batch", [discovery] * count),
            # Each with its prefetches counts as many.
            ("query/batch", [fused(1023)] * 3 + [fused(1023 + count - most)]),
        ]
        for form, searches in forms:
            status, answer = served.call("POST", f"/collections/c/points/{form}", {"searches": searches})
            if count <= most:
                assert status == 200 and len(answer["result"]) == len(searches), (form, answer)
            else:
                assert status == 422 and f"searches: {count} searches" in answer["status"]["error"], (form, answer)
                assert f"at most {most}" in answer["status"]["error"]
    assert served.process.poll() is None


def test_a_matrix_has_as_many_points_and_pairs_as_one_answer_may_have(served):
    for sample in (2, 3, 10, 999, 1000, 1001, 9999, 10_000, 10_001, MOST):
        for limit in (1, 3, 99, 100, 101, 998, 999, 1000, 1001, MOST):
            for form in ("pairs", "offsets"):
                body = {"sample": sample, "limit": limit, "using": "text"}
                status, answer = served.call("POST", f"/collections/c/points/search/matrix/{form}", body)
                if sample > 10_000:
                    assert status == 422 and "sample" in answer["status"]["error"] and "10000" in answer["status"]["error"]
                elif sample * min(limit, sample - 1) > 1_000_000:
                    assert status == 422 and "limit" in answer["status"]["error"]
                    assert "1000000 pairs" in answer["status"]["error"]
                else:
                    assert status == 200, answer


def test_results_that_are_diversified_are_as_many_as_can_be_compared(served):
    for limit in (16_383, 16_384, 16_385, 100_000):
        for candidates in (None, 0, 5, 16_384):
            mmr = {"diversity": 0.5} | ({} if candidates is None else {"candidates_limit": candidates})
            body = NEAR | {"query": {"nearest": [1, 2], "mmr": mmr}, "limit": limit}
            for sent in (body, {"prefetch": body, "query": {"fusion": "dbsf"}}):
                status, answer = served.call("POST", "/collections/c/points/query", sent)
                if limit > 16_384 and candidates is None:
                    assert status == 422 and "limit" in answer["status"]["error"] and "16384" in answer["status"]["error"]
                else:
                    assert status == 200, answer


# More than are compared at a time.
MANY = 1100


@pytest.fixture(scope="module")
def many(served):
    """Points whose similarities are computed in parts: id, vector, sparse weights by index."""
    pick = random.Random(5)
    served.result(
        "PUT",
        "/collections/many",
        {"vectors": {"text": {"size": 2, "distance": "Dot"}}, "sparse_vectors": {"words": {}}},
    )
    points = [
        (i, [pick.uniform(-1, 1), pick.uniform(-1, 1)], {i % 400: pick.uniform(0.1, 1), 1000 + i % 3: 0.01}) for i in range(MANY)
    ]
    for start in range(0, MANY, 500):
        sent = [
            {"id": i, "vector": {"text": vector, "words": {"indices": list(words), "values": list(words.values())}}}
            for i, vector, words in points[start : start + 500]
        ]
        served.result("PUT", "/collections/many/points?wait=true", {"points": sent})
    return points


def dot(a, b):
    if isinstance(a, dict):
        return sum(weight * b.get(index, 0) for index, weight in a.items())
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("using, place", [("text", 1), ("words", 2)])
def test_a_matrix_that_is_computed_in_parts_is_the_whole_one(served, many, using, place):
    body = {"sample": MANY, "limit": 8, "using": using}
    found = {}
    for pair in served.result("POST", "/collections/many/points/search/matrix/pairs", body)["pairs"]:
        found.setdefault(pair["a"], []).append(pair["score"])
    assert len(found) == MANY
    for point in many[:: MANY // 50]:
        scores = sorted((dot(point[place], other[place]) for other in many if other[0] != point[0]), reverse=True)[:8]
        assert found[point[0]] == pytest.approx(scores, abs=1e-5)


def test_points_that_are_scored_in_parts_are_in_one_order(served, many):
    pick = random.Random(6)
    positive = [[pick.uniform(-1, 1), pick.uniform(-1, 1)] for _ in range(1000)]
    query = {"recommend": {"positive": positive, "strategy": "sum_scores"}}
    body = {"query": query, "using": "text", "limit": MANY}
    hits = served.result("POST", "/collections/many/points/query", body)["points"]
    total = [sum(vector[axis] for vector in positive) for axis in (0, 1)]
    assert len(hits) == MANY and {hit["id"] for hit in hits} == set(range(MANY))
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for hit in hits:
        assert hit["score"] == pytest.approx(dot(many[hit["id"]][1], total), abs=1e-2)


def test_candidates_that_are_compared_one_by_one_are_chosen_alike(served, many):
    query, diversity = [0.7, -0.4], 0.6
    relevance = {point[0]: dot(point[1], query) for point in many}
    chosen, nearest = [], {}
    while len(chosen) < 12:
        rest = [point for point in many if point[0] not in chosen]
        value = {i: (1 - diversity) * relevance[i] - diversity * nearest[i] if chosen else relevance[i] for i, *_ in rest}
        chosen.append(max(value, key=value.get))
        for i, vector, _ in rest:
            nearest[i] = max(nearest.get(i, -9), dot(vector, many[chosen[-1]][1]))
    mmr = {"diversity": diversity, "candidates_limit": MANY}
    body = {"query": {"nearest": query, "mmr": mmr}, "using": "text", "limit": 12, "params": {"exact": True}}
    assert [hit["id"] for hit in served.result("POST", "/collections/many/points/query", body)["points"]] == chosen
