"""Every route of Qdrant's published document: its answers have the document's shapes, its fields are accepted."""

import random

import pytest
from conftest import binary
from openapi import Generator, Judge
from served import serving

UUID = "550e8400-e29b-41d4-a716-446655440000"
# Random bodies for each route that takes one, and where none of them is accepted.
BODIES = 15
MOST_BODIES = 600
CITIES = ["amber", "b"]
SINGLE = ("shards", "shards/delete", "cluster", "vectors/{vector_name}")


@pytest.fixture(scope="module")
def judge():
    return Judge()


class Judged:
    """A served store whose every answer is held to the document."""

    def __init__(self, served, judge):
        self.served = served
        self.judge = judge

    def call(self, method, path, body=None, **rest):
        status, answer = self.served.call(method, path, body, **rest)
        self.judge.check(method, path, status, answer)
        return status, answer

    def good(self, method, path, body=None, **rest):
        status, answer = self.call(method, path, body, **rest)
        assert status == 200, (method, path, answer)
        return answer["result"] if isinstance(answer, dict) and "result" in answer else answer

    def bad(self, method, path, body=None, status=404, **rest):
        found, answer = self.call(method, path, body, **rest)
        assert found == status, (method, path, answer)


def point(i):
    return {
        "id": i if i % 3 else f"00000000-0000-0000-0000-{i:012}",
        "vector": {"": [i, 1, 2, 3], "image": [1, i], "sparse": {"indices": [i, 99], "values": [1, 0.5]}},
        "payload": {
            "n": i,
            "price": i / 4,
            "city": CITIES[i % 2],
            "flag": i % 2 == 0,
            "text": f"amber word{i}",
            "place": {"lon": i, "lat": i},
            "date": f"2024-01-{i:02}T00:00:00Z",
            "deep": {"part": [{"size": i}]},
        },
    }


def fill(api, name="c"):
    vectors = {"": {"size": 4, "distance": "Dot"}, "image": {"size": 2, "distance": "Cosine", "on_disk": True}}
    settings = {
        "vectors": vectors,
        "sparse_vectors": {"sparse": {"modifier": "idf", "index": {"on_disk": False, "full_scan_threshold": 100}}},
        "hnsw_config": {"m": 8, "payload_m": 4},
        "quantization_config": {"scalar": {"type": "int8", "quantile": 0.9}},
        "strict_mode_config": {"enabled": True, "max_query_limit": 1000},
        "metadata": {"owner": "us"},
    }
    assert api.good("PUT", f"/collections/{name}", settings) is True
    points = [point(i) for i in range(1, 21)]
    api.good("PUT", f"/collections/{name}/points?wait=true&ordering=strong", {"points": points})
    schemas = ["integer", "float", "keyword", "bool", "text", "geo", "datetime"]
    for field, kind in zip(["n", "price", "city", "flag", "text", "place", "date"], schemas):
        body = {"field_name": field, "field_schema": kind if kind != "text" else {"type": "text", "lowercase": True}}
        api.good("PUT", f"/collections/{name}/index?wait=true", body)


def writes(api):
    """Each write once, as it should be."""
    base = "/collections/c/points"
    one = {"points": [1]}
    api.good("PUT", f"{base}?wait=true", {"batch": {"ids": [30], "vectors": {"image": [[1, 2]]}, "payloads": [{}]}})
    api.good("PUT", f"{base}/vectors?wait=true", {"points": [{"id": 1, "vector": {"image": [3, 4]}}]})
    api.good("POST", f"{base}/vectors/delete?wait=true", {"points": [2], "vector": ["image"]})
    api.good("POST", f"{base}/payload?wait=true", one | {"payload": {"fresh": 1}, "key": "deep"})
    api.good("PUT", f"{base}/payload?wait=true", {"filter": {"must": {"has_id": [30]}}, "payload": {"n": 30}})
    api.good("POST", f"{base}/payload/delete?wait=true", one | {"keys": ["fresh"]})
    api.good("POST", f"{base}/payload/clear", {"points": [30]})
    operations = [{"upsert": {"points": [point(31)]}}, {"delete": {"points": [31]}}]
    api.good("POST", f"{base}/batch?wait=true", {"operations": operations})
    api.good("POST", f"{base}/delete?wait=true", {"points": [30]})
    api.good("PUT", "/collections/c/vectors/late", {"dense": {"size": 3, "distance": "Dot"}})
    api.good("DELETE", "/collections/c/vectors/late")


def reads(api):
    """Each kind of question once, as it should be."""
    base = "/collections/c/points"
    api.good("GET", f"{base}/1")
    everything = {"with_payload": True, "with_vector": True}
    api.good("POST", base, {"ids": [1, UUID, 2]} | everything)
    api.good("POST", f"{base}/scroll", {"limit": 3} | everything)
    api.good("POST", f"{base}/scroll", {"order_by": {"key": "date", "direction": "desc"}})
    api.good("POST", f"{base}/count", {"filter": {"must": [{"key": "n", "range": {"gte": 3}}]}, "exact": True})
    for key in ("city", "n", "flag"):
        api.good("POST", "/collections/c/facet", {"key": key, "exact": True})
    plain = {"query": [1, 2, 3, 4], "limit": 3} | everything
    api.good("POST", f"{base}/query", plain)
    api.good("POST", f"{base}/query", {"query": {"order_by": "price"}, "with_payload": ["n"]})
    fused = {"prefetch": [{"query": [1, 2], "using": "image"}, {"query": [1, 2, 3, 4]}], "query": {"fusion": "rrf"}}
    api.good("POST", f"{base}/query/batch", {"searches": [plain, fused]})
    looked_up = {"collection": "c", "with_payload": True, "with_vectors": ["image"]}
    api.good("POST", f"{base}/query/groups", plain | {"group_by": "n", "with_lookup": looked_up})
    api.good("POST", f"{base}/query/groups", {"query": 1, "group_by": "city", "group_size": 2})
    for shape in ("pairs", "offsets"):
        api.good("POST", f"{base}/search/matrix/{shape}", {"sample": 5, "limit": 2, "using": "image"})
    search = {"vector": {"name": "image", "vector": [1, 2]}, "limit": 3, "with_payload": True}
    recommend = {"positive": [1], "negative": [2], "limit": 3}
    discover = {"target": 1, "context": [{"positive": 2, "negative": 4}], "limit": 3}
    for name, body in (("search", search), ("recommend", recommend), ("discover", discover)):
        api.good("POST", f"{base}/{name}", body)
        api.good("POST", f"{base}/{name}/batch", {"searches": [body, body]})
        if name != "discover":
            api.good("POST", f"{base}/{name}/groups", body | {"group_by": "city", "group_size": 1})


def service(api):
    for path in ("/", "/healthz", "/livez", "/readyz", "/metrics", "/issues", "/cluster", "/collections", "/aliases"):
        api.good("GET", path)
    # In the models of 1.19 alone.
    assert api.good("GET", "/quotas")["config"] == {"enabled": False}
    api.bad("PUT", "/quotas", {"enabled": True}, status=400)
    for level in (0, 1, 2, 3, 6, 10):
        api.good("GET", f"/telemetry?details_level={level}&per_collection=true&anonymize=true")
    api.good("DELETE", "/issues")
    for path in ("", "/exists", "/aliases", "/cluster", "/shards", "/optimizations", "/snapshots"):
        api.good("GET", f"/collections/c{path}")
    api.good("GET", "/collections/c/optimizations?with=queued,completed,idle_segments&completed_limit=3")
    actions = [{"create_alias": {"collection_name": "c", "alias_name": "a"}}]
    api.good("POST", "/collections/aliases", {"actions": actions})
    api.good("GET", "/collections/c/aliases")
    api.good("PATCH", "/collections/c", {"hnsw_config": {"m": 4}, "metadata": {"owner": None, "x": 1}})
    api.good("DELETE", "/collections/c/index/price?wait=true")


def snapshots(api):
    """Made, listed, loaded, brought back, removed: of a collection, of its one shard, of everything."""
    for base in ("/collections/c/snapshots", "/collections/c/shards/0/snapshots", "/snapshots"):
        made = api.good("POST", base)
        assert made["name"] in [one["name"] for one in api.good("GET", base)]
        api.good("GET", f"{base}/{made['name']}")
        if base.startswith("/collections"):
            content = api.good("GET", f"{base}/{made['name']}")
            form = b'--x\r\ncontent-disposition: form-data; name="snapshot"\r\n\r\n' + content + b"\r\n--x--\r\n"
            kind = {"content-type": "multipart/form-data; boundary=x"}
            path = f"{base}/upload?priority=snapshot&checksum={made['checksum']}"
            assert api.good("POST", path, raw=form, headers=kind) is True
            location = f"{api.served.url}{base}/{made['name']}"
            assert api.good("PUT", f"{base}/recover", {"location": location, "priority": "snapshot"}) is True
        assert api.good("DELETE", f"{base}/{made['name']}") is True
        api.bad("GET", f"{base}/{made['name']}")
    assert api.good("GET", "/collections/c/shards/0/snapshot")
    assert api.call("POST", "/collections/c/snapshots?wait=false")[0] == 202


def refused(api, judge):
    """Every route that names a collection, asked for one that is not there; the rest with what they refuse."""
    generator = Generator(judge.document, random.Random(1))
    for method, _, template, operation in judge.routes:
        if "{collection_name}" not in template or template.endswith("/exists"):
            continue
        path = template.replace("{collection_name}", "nothing").replace("{id}", "1").replace("{shard_id}", "0")
        for name in ("field_name", "vector_name", "snapshot_name"):
            path = path.replace("{" + name + "}", "x.snapshot")
        body = generator.body(operation)
        while body is not None and any(word in repr(body) for word in ("'model'", "'text'")):
            body = generator.body(operation)
        status, _ = api.call(method, path, body)
        if (method, template) != ("DELETE", "/collections/{collection_name}"):
            assert 400 <= status < 500 or template.endswith(("/recover", "/upload")) or method == "PUT", (path, status)
    api.bad("POST", "/cluster/recover", status=405)
    api.bad("DELETE", "/cluster/peer/1", status=405)
    api.bad("GET", "/cluster/telemetry", status=400)
    api.bad("GET", "/telemetry?timeout=0", status=422)
    api.bad("POST", "/collections/aliases", {"actions": [{}]}, status=400)


def test_every_answer_of_every_route_has_the_documents_shape(request, tmp_path, judge):
    with serving(binary(request.config), tmp_path / "data") as served:
        api = Judged(served, judge)
        fill(api)
        reads(api)
        writes(api)
        service(api)
        snapshots(api)
        refused(api, judge)
        api.good("DELETE", "/collections/c")
    missing = [(verb, template) for verb, _, template, _ in judge.routes if (verb, template, "ok") not in judge.seen]
    # What a single node refuses whatever is asked.
    assert {template for _, template in missing} == {
        "/collections/{collection_name}/shards",
        "/collections/{collection_name}/shards/delete",
        "/collections/{collection_name}/cluster",
        "/cluster/telemetry",
        "/cluster/recover",
        "/cluster/peer/{peer_id}",
        "/quotas",
    }
    assert {verb for verb, template in missing if template.endswith(("shards", "}/cluster"))} == {"PUT", "POST"}


def test_no_documented_field_is_unknown_and_no_body_of_the_document_fails_the_server(request, tmp_path, judge):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 32))
    print("seed", seed)
    generator = Generator(judge.document, random.Random(seed))
    accepted = {}
    # A single node has no shards to move, and the collection has its vector already.
    refused = {f"/collections/{{collection_name}}/{rest}" for rest in SINGLE} | {"/collections/aliases"}
    with serving(binary(request.config), tmp_path / "data") as served:
        api = Judged(served, judge)
        fill(api)
        for method, _, template, operation in judge.routes:
            if "requestBody" not in operation or template.endswith(("/upload", "/recover")):
                continue
            path = template.replace("{vector_name}", "image")
            for i in range(MOST_BODIES):
                # Of some routes few bodies mean anything: more, until one has been accepted.
                if i >= BODIES and (template in refused or accepted[method, template]):
                    break
                body = generator.body(operation)
                # A collection of its own each time it is made.
                name = "c" if template != "/collections/{collection_name}" or method != "PUT" else f"made{i}"
                status, answer = api.call(method, path.replace("{collection_name}", name), body)
                text = str(answer)
                if "InferenceService is not initialized" not in text:
                    assert status < 500, (method, template, body, answer)
                assert "unknown field" not in text and "unknown variant" not in text, (template, body, answer)
                accepted[method, template] = accepted.get((method, template), 0) + (status == 200)
            # What a random change of the settings forbids must not hide the routes that follow.
            served.call("DELETE", "/collections/c")
            fill(Judged(served, judge))
    never = {template for (_, template), count in accepted.items() if count == 0}
    assert never <= refused
