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


def test_a_rate_limit_says_when_to_come_again(served):
    served.result(
        "PUT", "/collections/slow", {"vectors": VECTORS, "strict_mode_config": {"enabled": True, "read_rate_limit": 1}}
    )
    answers = [served.call("POST", "/collections/slow/points/count", {}) for _ in range(2)]
    assert [status for status, _ in answers] == [200, 429]
    assert "Rate limiting exceeded" in answers[1][1]["status"]["error"]
