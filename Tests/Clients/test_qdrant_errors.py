"""What the served store refuses, with its code and its words: clients compare both."""

import pytest
from conftest import binary
from qdrant_refusals import REFUSALS, STRICT, VECTORS, C, P
from served import serving


@pytest.fixture(scope="module")
def served(request, tmp_path_factory):
    with serving(binary(request.config), tmp_path_factory.mktemp("data")) as served:
        served.result("PUT", C, {"vectors": VECTORS, "sparse_vectors": {"words": {}}})
        served.result("PUT", "/collections/plain", {"vectors": {"size": 2, "distance": "Cosine"}})
        points = [{"id": i, "vector": {"text": [i, 1]}, "payload": {"n": i, "city": "a"}} for i in range(1, 6)]
        served.result("PUT", f"{P}?wait=true", {"points": points})
        yield served


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSALS)
def test_a_refusal_has_its_code_and_its_words(served, method, path, body, status, words):
    raw = {"raw": body} if isinstance(body, bytes) else {"body": body}
    found, answer = served.call(method, path, **raw)
    assert found == status, answer
    told = answer["status"]["error"]
    assert words in told and isinstance(answer["time"], float), told
    assert served.result("POST", f"{P}/count", {})["count"] == 5


@pytest.mark.parametrize(("limits", "route", "body", "words"), STRICT)
def test_strict_mode_names_the_limit_and_what_to_do(served, limits, route, body, words):
    served.result("DELETE", "/collections/strict")
    served.result("PUT", "/collections/strict", {"vectors": VECTORS, "sparse_vectors": {"words": {}}})
    points = [{"id": i, "vector": {"text": [i, 1]}, "payload": {"n": i}} for i in range(5)]
    served.result("PUT", "/collections/strict/points?wait=true", {"points": points})
    served.result("PATCH", "/collections/strict", {"strict_mode_config": {"enabled": True} | limits})
    base = "/collections/strict"
    method, path = {"upsert": ("PUT", "/points"), "index": ("PUT", "/index")}.get(route, ("POST", f"/points/{route}"))
    status, answer = served.call(method, base + path, body)
    assert status == 400 and words in answer["status"]["error"], answer
    served.result("PATCH", base, {"strict_mode_config": {"enabled": False}})
    assert served.call(method, base + path, body)[0] == 200


def test_strict_mode_without_exact_search_needs_a_graph(served):
    served.result("PUT", "/collections/plane", {"vectors": VECTORS, "hnsw_config": {"m": 0}})
    tenant = {"type": "keyword", "is_tenant": True}
    served.result("PUT", "/collections/plane/index?wait=true", {"field_name": "who", "field_schema": tenant})
    search = {"query": [1.0] * VECTORS["text"]["size"], "using": "text"}
    of_one = search | {"filter": {"must": {"key": "who", "match": {"value": "a"}}}}
    path = "/collections/plane/points/query"
    assert served.call("POST", path, search)[0] == 200
    served.result("PATCH", "/collections/plane", {"strict_mode_config": {"enabled": True, "search_allow_exact": False}})
    for body, words in (
        (search, "on 'text' because global vector indexing is disabled (hnsw_config.m = 0)"),
        ({"prefetch": search, "query": {"fusion": "rrf"}}, "global vector indexing is disabled"),
        (of_one, "payload vector indexing is disabled (hnsw_config.payload_m = 0)"),
    ):
        status, answer = served.call("POST", path, body)
        assert status == 400 and words in answer["status"]["error"], answer
    served.result("PATCH", "/collections/plane", {"hnsw_config": {"payload_m": 8}})
    assert served.call("POST", path, of_one)[0] == 200
    assert served.call("POST", path, search)[0] == 400
    served.result("PATCH", "/collections/plane", {"hnsw_config": {"m": 8}})
    assert served.call("POST", path, search)[0] == 200


def test_a_rate_limit_says_when_to_come_again(served):
    served.result(
        "PUT", "/collections/slow", {"vectors": VECTORS, "strict_mode_config": {"enabled": True, "read_rate_limit": 1}}
    )
    answers = [served.call("POST", "/collections/slow/points/count", {}) for _ in range(2)]
    assert [status for status, _ in answers] == [200, 429]
    assert "Rate limiting exceeded" in answers[1][1]["status"]["error"]


def one(kind, value):
    return {"key": "x", "match": {kind: value}}


# An index that does not do what a condition asks, and the same index made so that it does.
ABILITIES = [
    (one("value", 1), {"type": "integer", "lookup": False, "range": True}, "integer", "integer"),
    (one("any", [1, 2]), {"type": "integer", "lookup": False, "range": True}, "integer", "integer"),
    (
        {"key": "x", "range": {"gte": 1}},
        {"type": "integer", "lookup": True, "range": False},
        {"type": "integer", "lookup": False, "range": True},
        "float, integer",
    ),
    (one("phrase", "a b"), "text", {"type": "text", "phrase_matching": True}, "text"),
    (
        one("phrase", "a b"),
        {"type": "text", "phrase_matching": False},
        {"type": "text", "phrase_matching": True},
        "text",
    ),
    (one("prefix", "a"), "keyword", {"type": "keyword", "prefix": True}, "keyword"),
    (one("value", "a"), "uuid", {"type": "keyword", "prefix": True}, "keyword"),
    (one("value", "12345678-90ab-cdef-1234-567890abcdef"), "text", "uuid", "keyword, uuid"),
    (one("value", True), "keyword", "bool", "bool"),
    ({"is_empty": {"key": "x"}}, None, "geo", "bool, datetime, float, geo, integer, keyword, text, uuid"),
    ({"is_null": {"key": "x"}}, None, "text", "bool, datetime, float, geo, integer, keyword, text, uuid"),
    ({"key": "x", "values_count": {"gt": 1}}, None, "bool", "bool, datetime, float, geo, integer, keyword, text, uuid"),
    ({"key": "x", "range": {"gte": "2024-01-01"}}, "keyword", "datetime", "datetime"),
]
FORMULAS = [
    ({"sum": ["$score", "x"]}, "keyword", "float", "float, integer"),
    ({"sum": ["$score", {"max": [1, {"neg": "x"}]}]}, None, {"type": "integer", "lookup": False}, "float, integer"),
    ({"geo_distance": {"origin": {"lon": 1, "lat": 1}, "to": "x"}}, "float", "geo", "geo"),
    ({"lin_decay": {"x": {"datetime_key": "x"}}}, None, "datetime", "datetime"),
    ({"mult": [2, one("value", 3)]}, {"type": "integer", "lookup": False, "range": True}, "integer", "integer"),
]


def indexed(served, field, schema):
    """A collection in strict mode with that index or none."""
    path = "/collections/abilities"
    served.result("DELETE", path)
    strict = {"enabled": True, "unindexed_filtering_retrieve": False, "unindexed_filtering_update": False}
    served.result("PUT", path, {"vectors": {"size": 2, "distance": "Dot"}, "strict_mode_config": strict})
    if schema:
        served.result("PUT", f"{path}/index?wait=true", {"field_name": field, "field_schema": schema})
    return path


@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
@pytest.mark.parametrize(("condition", "poor", "good", "kinds"), ABILITIES)
def test_strict_mode_asks_for_an_index_that_does_what_the_filter_needs(served, nested, condition, poor, good, kinds):
    field = "a[].x" if nested else "x"
    chosen = {"nested": {"key": "a", "filter": {"must": [condition]}}} if nested else condition
    for clause, wait in (("must", ""), ("must_not", ""), ("should", "?wait=true")):
        body = {"filter": {clause: [chosen]}}
        route = f"/points/delete{wait}" if wait else "/points/scroll"
        status, answer = served.call("POST", indexed(served, field, poor) + route, body)
        told = f'Index required but not found for "{field}" of one of the following types: [{kinds}]. Help: '
        assert status == 400 and told + "Create an index for this key" in answer["status"]["error"], answer
    path = indexed(served, field, good)
    assert served.call("POST", f"{path}/points/scroll", body)[0] == 200


@pytest.mark.parametrize(("formula", "poor", "good", "kinds"), FORMULAS)
def test_strict_mode_asks_for_an_index_of_what_a_formula_reads(served, formula, poor, good, kinds):
    inner = {"prefetch": {"query": [1, 0], "limit": 3}, "query": {"formula": formula}, "limit": 3}
    for body in (inner, {"prefetch": inner, "query": {"fusion": "rrf"}}):
        status, answer = served.call("POST", indexed(served, "x", poor) + "/points/query", body)
        told = f'Index required but not found for "x" of one of the following types: [{kinds}]. Help: '
        assert status == 400 and told in answer["status"]["error"], answer
        assert "use a different formula expression." in answer["status"]["error"]
        assert served.call("POST", indexed(served, "x", good) + "/points/query", body)[0] == 200


def test_strict_mode_needs_no_index_for_an_empty_list_and_one_that_matches_for_groups(served):
    path = indexed(served, "x", "geo")
    assert served.call("POST", f"{path}/points/scroll", {"filter": {"must": [one("any", [])]}})[0] == 200
    path = indexed(served, "x", {"type": "integer", "lookup": False, "range": True})
    status, answer = served.call("POST", f"{path}/points/query/groups", {"query": [1, 0], "group_by": "x"})
    assert status == 400 and 'Index of type "Integer" found for "x"' in answer["status"]["error"]
