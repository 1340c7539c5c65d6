"""Texts whose bytes differ are different, though a reader may see the same letters: keys, values, names.

"é" is one letter or an "e" with an accent, "Å" is also the Ångström sign, a Hangul syllable is also its letters.
"""

import json
import urllib.parse

import pytest
from conftest import binary
from served import serving

PAIRS = [
    ("caf\u00e9", "cafe\u0301"),
    ("\u00c5ngstr\u00f6m", "\u212bngstro\u0308m"),
    ("\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af"),
]
EACH_PAIR = pytest.mark.parametrize("pair", PAIRS, ids=["cafe", "angstrom", "hangul"])


@pytest.fixture(scope="module")
def served(request, tmp_path_factory):
    with serving(binary(request.config), tmp_path_factory.mktemp("bytes") / "data") as served:
        yield served


def place(*parts):
    return "/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)


def made(served, name, *fields):
    served.call("DELETE", place("collections", name))
    served.result("PUT", place("collections", name), {"vectors": {"size": 2, "distance": "Dot"}})
    for field in fields:
        body = {"field_name": field, "field_schema": "keyword"}
        served.result("PUT", place("collections", name, "index") + "?wait=true", body)


def put(served, name, *payloads):
    points = [{"id": i + 1, "vector": [1, i], "payload": payload} for i, payload in enumerate(payloads)]
    served.result("PUT", place("collections", name, "points") + "?wait=true", {"points": points})


def ids(served, name, key, value):
    body = {"filter": {"must": [{"key": key, "match": {"value": value}}]}, "with_payload": False}
    page = served.result("POST", place("collections", name, "points", "scroll"), body)
    return [point["id"] for point in page["points"]]


@EACH_PAIR
def test_a_payload_keeps_both_keys(served, pair):
    made(served, "keys")
    payload = {pair[0]: 1, pair[1]: {pair[0]: "in", pair[1]: "side"}}
    put(served, "keys", payload)
    stored = served.result("GET", "/collections/keys/points/1")["payload"]
    assert json.dumps(stored, sort_keys=True) == json.dumps(payload, sort_keys=True)
    served.result("POST", "/collections/keys/points/payload?wait=true", {"payload": {pair[1]: 5}, "points": [1]})
    assert served.result("GET", "/collections/keys/points/1")["payload"] == {pair[0]: 1, pair[1]: 5}


@EACH_PAIR
def test_collections_and_aliases_are_told_apart(served, pair):
    for i, name in enumerate(pair):
        made(served, name)
        put(served, name, *([{}] * (i + 1)))
    for i, name in enumerate(pair):
        assert served.result("GET", place("collections", name))["points_count"] == i + 1
    names = [entry["name"] for entry in served.result("GET", "/collections")["collections"]]
    assert set(pair) <= set(names)
    aliases = [f"{name} alias" for name in pair]
    actions = [
        {"create_alias": {"collection_name": name, "alias_name": alias}} for name, alias in zip(pair, aliases)
    ]
    served.result("POST", "/collections/aliases", {"actions": actions})
    for i, alias in enumerate(aliases):
        assert served.result("GET", place("collections", alias))["points_count"] == i + 1
        listed = served.result("GET", place("collections", pair[i], "aliases"))["aliases"]
        assert [entry["alias_name"] for entry in listed] == [alias]
    served.result("DELETE", place("collections", pair[0]))
    assert served.call("GET", place("collections", pair[0]))[0] == 404
    assert served.result("GET", place("collections", aliases[1]))["points_count"] == 2
    served.result("DELETE", place("collections", pair[1]))


@EACH_PAIR
def test_a_vector_is_found_by_the_name_it_was_given(served, pair):
    served.call("DELETE", "/collections/vectors")
    both = {name: {"size": 2, "distance": "Dot"} for name in pair}
    status, answer = served.call("PUT", "/collections/vectors", {"vectors": both})
    assert status == 400 and "rename one of them" in answer["status"]["error"]
    served.result("PUT", "/collections/vectors", {"vectors": {pair[0]: both[pair[0]]}})
    point = {"id": 1, "vector": {pair[1]: [1, 2]}}
    assert served.call("PUT", "/collections/vectors/points?wait=true", {"points": [point]})[0] == 400
    point["vector"] = {pair[0]: [1, 2]}
    served.result("PUT", "/collections/vectors/points?wait=true", {"points": [point]})
    for name, status in zip(pair, (200, 400)):
        query = {"query": [1, 0], "using": name}
        assert served.call("POST", "/collections/vectors/points/query", query)[0] == status
    kept = served.result("POST", "/collections/vectors/points", {"ids": [1], "with_vector": [pair[1]]})
    assert not kept[0].get("vector")
