"""The wire of the served store: codes and texts of refusals, keys, snapshots, migration, restarts."""

import base64
import hashlib
import hmac
import json
import subprocess
import time

import pytest
from conftest import binary
from served import serving

KEY = "a-key-that-is-long-enough-to-sign-with"


@pytest.fixture
def served(request, tmp_path):
    with serving(binary(request.config), tmp_path / "data") as served:
        yield served


def fill(served, name="c", count=20):
    served.result("PUT", f"/collections/{name}", {"vectors": {"size": 4, "distance": "Dot"}})
    points = [
        {"id": i, "vector": [i / 10, 0.2, 0.3, 0.4], "payload": {"n": i, "big": 2**60 + i, "f": 1.0, "city": "ab"[i % 2]}}
        for i in range(1, count + 1)
    ]
    served.result("PUT", f"/collections/{name}/points?wait=true", {"points": points})


REFUSALS = [
    ("GET", "/collections/none", None, 404, "Not found: Collection `none` doesn't exist!"),
    ("PUT", "/collections/c", {}, 409, "Wrong input: Collection `c` already exists!"),
    (
        "PUT",
        "/collections/d",
        {"vectors": {"size": 65537, "distance": "Dot"}},
        422,
        "Validation error in JSON body: [vectors.size: value 65537 invalid, must be from 1 to 65536]",
    ),
    ("PUT", "/collections/d", {"vectors": {"size": 4, "distance": "Far"}}, 400, "unknown variant `Far`"),
    ("POST", "/collections/c/points/query", {"query": [1, 2]}, 400, "expected dim: 4, got 2"),
    ("POST", "/collections/c/points/query", {"query": 99}, 404, "Not found: No point with id 99 found"),
    ("POST", "/collections/c/points/query", {"query": 1, "using": "x"}, 400, "Not existing vector name error: x"),
    ("POST", "/collections/c/points/query", {"query": [1, 2, 3, 4], "limit": 0}, 422, "must be 1 or larger"),
    ("POST", "/collections/c/points/query", {"query": {"fusion": "rrf"}}, 400, "Bad request"),
    ("POST", "/collections/c/points/scroll", {"filter": {"must": [{"key": "n"}]}}, 422, "condition"),
    ("POST", "/collections/c/points/scroll", {"order_by": "n"}, 400, "No range index for `order_by` key: `n`"),
    ("POST", "/collections/c/facet", {"key": "city"}, 400, "No appropriate index for faceting"),
    ("PUT", "/collections/c/points?wait=true", {"points": [{"id": -1, "vector": [1, 2, 3, 4]}]}, 400, "point ID"),
    ("POST", "/collections/c/points/payload?wait=true", {"payload": {"a": 1}}, 400, "must be provided"),
    ("POST", "/collections/c/points/payload?wait=true", {"payload": {}, "points": [77]}, 404, "No point with id 77"),
    ("GET", "/collections/c/points/77", None, 404, "Point with id 77 does not exists!"),
    ("GET", "/collections/c/points/x", None, 400, "point id"),
    ("GET", "/collections/c?timeout=0", None, 422, "query parameters: [timeout: value 0 invalid"),
    ("POST", "/cluster/recover", None, 405, "standalone mode"),
]


def test_every_refusal_has_its_code_and_text(served):
    fill(served)
    for method, path, body, status, text in REFUSALS:
        got, answer = served.call(method, path, body)
        assert got == status, (path, body, answer)
        assert text in answer["status"]["error"], (path, body, answer)


TRAPS = [b"", b"{", b"[" * 5000, b'{"points":[{"id":1,"vector":[1e400,0,0,0]}]}', b"\xff\xfe", b"nul", b'{"points":{}}']


@pytest.mark.parametrize("body", TRAPS)
def test_a_body_that_is_no_request_is_a_refusal_and_not_the_end(served, body):
    fill(served)
    status, answer = served.call("PUT", "/collections/c/points?wait=true", raw=body)
    assert 400 <= status < 500, answer
    assert "error" in answer["status"]
    assert served.result("POST", "/collections/c/points/count", {})["count"] == 20


def test_numbers_keep_their_types_and_ids_their_width(served):
    fill(served, count=1)
    served.result("PUT", "/collections/c/points?wait=true", {"points": [{"id": 2**64 - 1, "vector": [0.15, 0, 0, 0]}]})
    status, text = served.call("GET", "/collections/c/points/1")
    assert text["result"]["payload"] == {"n": 1, "big": 2**60 + 1, "f": 1.0, "city": "b"}
    assert isinstance(text["result"]["payload"]["f"], float)
    assert served.result("GET", f"/collections/c/points/{2**64 - 1}")["vector"][0] == 0.15
    shown = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    for spelling in (shown.upper(), shown.replace("-", ""), f"urn:uuid:{shown}", "{" + shown + "}"):
        body = {"points": [{"id": spelling, "vector": [1, 0, 0, 0]}]}
        served.result("PUT", "/collections/c/points?wait=true", body)
    assert served.result("POST", "/collections/c/points/count", {})["count"] == 3
    assert served.result("GET", f"/collections/c/points/{shown}")["id"] == shown


def test_everything_is_there_after_a_kill(request, tmp_path):
    with serving(binary(request.config), tmp_path) as served:
        fill(served)
        served.result("PUT", "/collections/c/index?wait=true", {"field_name": "n", "field_schema": "integer"})
        actions = [{"create_alias": {"collection_name": "c", "alias_name": "a"}}]
        served.result("POST", "/collections/aliases", {"actions": actions})
        served.process.kill()
    with serving(binary(request.config), tmp_path) as served:
        info = served.result("GET", "/collections/a")
        assert info["points_count"] == 20
        assert info["payload_schema"]["n"] == {"data_type": "integer", "points": 20}
        page = served.result("POST", "/collections/a/points/scroll", {"order_by": {"key": "n", "direction": "desc"}})
        assert [p["id"] for p in page["points"]] == list(range(20, 10, -1))


def test_a_snapshot_brings_the_collection_back(served):
    fill(served)
    made = served.result("POST", "/collections/c/snapshots")
    status, content = served.call("GET", f"/collections/c/snapshots/{made['name']}")
    assert hashlib.sha256(content).hexdigest() == made["checksum"]
    served.result("POST", "/collections/c/points/delete?wait=true", {"filter": {}})
    assert served.result("POST", "/collections/c/points/count", {})["count"] == 0
    location = f"{served.url}/collections/c/snapshots/{made['name']}"
    status, answer = served.call("PUT", "/collections/c/snapshots/recover", {"location": location, "checksum": "0" * 64})
    assert status == 400 and "Checksum mismatch" in answer["status"]["error"]
    served.result("PUT", "/collections/c/snapshots/recover", {"location": location})
    assert served.result("POST", "/collections/c/points/count", {})["count"] == 20
    status, _ = served.call("GET", "/collections/c/snapshots/..%2F..%2Fmemories.snapshot")
    assert status == 404
    status, answer = served.call("PUT", "/collections/c/snapshots/recover", {"location": "file:///etc/passwd"})
    assert status == 403, answer


def token(claims, key=KEY):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    mac = hmac.new(key.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def test_keys_and_tokens_say_who_may_do_what(request, tmp_path):
    keys = {"CORTEX_API_KEY": KEY, "CORTEX_READ_ONLY_API_KEY": "readers"}
    with serving(binary(request.config), tmp_path, **keys) as served:
        admin = {"api-key": KEY}
        body = {"vectors": {"size": 2, "distance": "Dot"}}
        assert served.call("GET", "/healthz")[0] == 200
        assert served.call("GET", "/collections")[0] == 401
        assert served.call("GET", "/collections", headers={"api-key": "wrong"})[0] == 401
        for name in ("one", "two"):
            assert served.call("PUT", f"/collections/{name}", body, headers=admin)[0] == 200
        reader = {"authorization": "Bearer readers"}
        assert served.call("GET", "/collections/one", headers=reader)[0] == 200
        assert served.call("PUT", "/collections/three", body, headers=reader)[0] == 403
        point = {"points": [{"id": 1, "vector": [1, 2]}]}
        for access, reads, writes in (("r", 200, 403), ("rw", 200, 200)):
            one = {"api-key": token({"access": [{"collection": "one", "access": access}]})}
            assert served.call("GET", "/collections/one", headers=one)[0] == reads
            assert served.call("PUT", "/collections/one/points?wait=true", point, headers=one)[0] == writes
            assert served.call("GET", "/collections/two", headers=one)[0] == 403
            listed = served.call("GET", "/collections", headers=one)[1]["result"]["collections"]
            assert listed == [{"name": "one"}]
        # Clocks may differ by a minute, and an end is a number and nothing else.
        now = time.time()
        for end, status in ((now - 90, 403), (now - 9, 200), (int(now) + 9, 200), (1e308, 200), (2**64, 200)):
            assert served.call("GET", "/collections", headers={"api-key": token({"exp": end})})[0] == status, end
        for end in (str(int(now) + 90), None, True, [now + 90]):
            assert served.call("GET", "/collections", headers={"api-key": token({"exp": end})})[0] == 401, end
        assert served.call("GET", "/collections", headers={"api-key": token({"nbf": now + 90})})[0] == 403
        writer = {"api-key": token({"access": [{"collection": "one", "access": "prw"}]})}
        assert served.call("PUT", "/collections/one/points?wait=true", point, headers=writer)[0] == 200
        index = {"field_name": "n", "field_schema": "integer"}
        assert served.call("PUT", "/collections/one/index", index, headers=writer)[0] == 403
        assert served.call("POST", "/collections/one/snapshots", headers=writer)[0] == 403
        assert served.call("GET", "/collections", headers={"api-key": token({}, "another key")})[0] == 401


def test_strict_mode_refuses_what_it_limits(served):
    fill(served)
    limits = {"enabled": True, "max_query_limit": 5, "unindexed_filtering_retrieve": False, "upsert_max_batchsize": 2}
    served.result("PATCH", "/collections/c", {"strict_mode_config": limits})
    query = {"query": [1, 0, 0, 0], "limit": 6}
    status, answer = served.call("POST", "/collections/c/points/query", query)
    assert status == 400 and 'Limit exceeded 6 > 5 for "limit"' in answer["status"]["error"]
    chosen = {"limit": 2, "filter": {"must": [{"key": "city", "match": {"value": "a"}}]}}
    status, answer = served.call("POST", "/collections/c/points/scroll", chosen)
    assert status == 400 and 'Index required but not found for "city"' in answer["status"]["error"]
    served.result("PUT", "/collections/c/index?wait=true", {"field_name": "city", "field_schema": "keyword"})
    assert len(served.result("POST", "/collections/c/points/scroll", chosen)["points"]) == 2


def test_what_is_imported_is_exported_again_unchanged(request, tmp_path):
    program = binary(request.config)
    with serving(program, tmp_path / "old") as old, serving(program, tmp_path / "new") as new:
        fill(old, count=300)
        old.result("PUT", "/collections/c/index?wait=true", {"field_name": "n", "field_schema": "integer"})
        old.result("PATCH", "/collections/c", {"metadata": {"owner": "us"}})
        actions = [{"create_alias": {"collection_name": "c", "alias_name": "a"}}]
        old.result("POST", "/collections/aliases", {"actions": actions})
        for direction, url in (("import", old.url), ("export", new.url)):
            command = [program, direction, "qdrant", url, "--data", str(tmp_path / "here"), "--page-size", "64", "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            report = json.loads(done.stdout)["collections"][0]
            assert report["whole"] and report["source_points"] == 300 and report["compared"] > 100
        everything = {"limit": 400, "with_vector": True}
        pages = [peer.result("POST", "/collections/a/points/scroll", everything)["points"] for peer in (old, new)]
        assert pages[0] == pages[1]
        infos = [peer.result("GET", "/collections/a") for peer in (old, new)]
        assert infos[0]["config"] == infos[1]["config"]
        assert infos[0]["payload_schema"] == infos[1]["payload_schema"]
