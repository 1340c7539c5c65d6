"""What the served store refuses, with its code and its words: clients compare both."""

import pytest
from conftest import binary
from served import serving

VECTORS = {
    "text": {"size": 2, "distance": "Dot"},
    "rows": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
}
C = "/collections/c"
P = f"{C}/points"


@pytest.fixture(scope="module")
def served(request, tmp_path_factory):
    with serving(binary(request.config), tmp_path_factory.mktemp("data")) as served:
        served.result("PUT", C, {"vectors": VECTORS, "sparse_vectors": {"words": {}}})
        served.result("PUT", "/collections/plain", {"vectors": {"size": 2, "distance": "Cosine"}})
        points = [{"id": i, "vector": {"text": [i, 1]}, "payload": {"n": i, "city": "a"}} for i in range(1, 6)]
        served.result("PUT", f"{P}?wait=true", {"points": points})
        yield served


def sized(size):
    return {"vectors": {"size": size, "distance": "Dot"}}


def made(**settings):
    return sized(2) | settings


def sparse(indices, values):
    return {"points": [{"id": 1, "vector": {"words": {"indices": indices, "values": values}}}]}


def upsert(vector, id_=1):
    return {"points": [{"id": id_, "vector": vector}]}


BODY, PATH, QUERY = (f"Validation error in {place}: [" for place in ("JSON body", "path parameters", "query parameters"))
NEW = "/collections/new"
GONE = "Not found: Collection `gone` doesn't exist!"
FORMAT = "Format error in JSON body: "

# method, path, body, status, words
REFUSALS = [
    ("PUT", C, sized(2), 409, "Wrong input: Collection `c` already exists!"),
    ("GET", "/collections/gone", None, 404, GONE),
    ("PATCH", "/collections/gone", {}, 404, GONE),
    ("POST", "/collections/gone/points/scroll", {}, 404, GONE),
    ("PUT", "/collections/gone/points", {"points": []}, 404, GONE),
    ("PUT", "/collections/gone/index", {"field_name": "n", "field_schema": "integer"}, 404, GONE),
    ("GET", f"{P}/77", None, 404, "Not found: Point with id 77 does not exists!"),
    ("GET", f"{P}/abc", None, 400, 'Can not recognize "abc" as point id'),
    # The configuration's limits.
    ("PUT", NEW, sized(0), 422, BODY + "vectors.size: value 0 invalid, must be from 1 to 65536]"),
    ("PUT", NEW, sized(65537), 422, BODY + "vectors.size: value 65537 invalid, must be from 1 to 65536]"),
    ("PUT", NEW, {"vectors": {"a": {"size": 0, "distance": "Dot"}}}, 422, "vectors.a.size: value 0 invalid"),
    ("PUT", NEW, {"vectors": {"size": 2, "distance": "Far"}}, 400, "unknown variant `Far`"),
    ("PUT", NEW, {"vectors": {"size": 2}}, 400, "missing field `distance`"),
    ("PUT", NEW, made(shard_number=0), 422, "shard_number: value 0 invalid, must be 1 or larger"),
    ("PUT", NEW, made(replication_factor=0), 422, "replication_factor: value 0 invalid, must be 1 or larger"),
    ("PUT", NEW, made(write_consistency_factor=0), 422, "write_consistency_factor: value 0 invalid"),
    ("PUT", NEW, made(hnsw_config={"ef_construct": 3}), 422, "hnsw_config.ef_construct: value 3 invalid, must be 4 or larger"),
    ("PUT", NEW, made(hnsw_config={"full_scan_threshold": 9}), 422, "full_scan_threshold: value 9 invalid, must be 10 or"),
    ("PUT", NEW, made(optimizers_config={"deleted_threshold": 2}), 422, "deleted_threshold: value 2.0 invalid, must be from 0.0 to 1.0"),
    ("PUT", NEW, made(optimizers_config={"vacuum_min_vector_number": 1}), 422, "must be 100 or larger"),
    ("PUT", NEW, made(optimizers_config={"max_segment_size": 0}), 422, "max_segment_size: value 0 invalid, must be 1 or larger"),
    ("PUT", NEW, made(wal_config={"wal_capacity_mb": 0}), 422, "wal_config.wal_capacity_mb: value 0 invalid, must be 1 or larger"),
    ("PUT", NEW, made(quantization_config={"scalar": {"type": "int8", "quantile": 0.1}}), 422, "must be from 0.5 to 1.0"),
    ("PUT", NEW, made(quantization_config={"product": {"compression": "x5"}}), 400, "unknown variant `x5`"),
    ("PUT", NEW, made(quantization_config={"unknown": {}}), 400, "untagged enum QuantizationConfig"),
    ("PUT", NEW, made(strict_mode_config={"max_query_limit": 0}), 422, "strict_mode_config.max_query_limit: value 0 invalid"),
    ("PUT", NEW, made(strict_mode_config={"sparse_config": {"s": {"max_length": 0}}}), 422, "sparse_config.s.max_length: value 0"),
    ("PUT", NEW, made(strict_mode_config={"max_resident_memory_percent": 101}), 422, "must be from 1 to 100"),
    ("PUT", NEW, made(sparse_vectors={"s": {"modifier": "x"}}), 400, "unknown variant `x`, expected `none` or `idf`"),
    ("PUT", NEW, made(sharding_method="x"), 400, "unknown variant `x`"),
    ("PUT", "/collections/" + "x" * 256, sized(2), 422, "must be from 1 to 255 characters"),
    ("PUT", "/collections/a%3Cb", sized(2), 422, PATH + 'name: collection name cannot contain "<" char]'),
    ("PUT", f"{NEW}?timeout=0", sized(2), 422, QUERY + "timeout: value 0 invalid, must be 1 or larger]"),
    ("PUT", f"{NEW}?timeout=x", sized(2), 400, "Deserialize error in query parameters"),
    ("PATCH", C, {"vectors": {"gone": {"on_disk": True}}}, 400, "Wrong input: Not existing vector name error: gone"),
    # Points.
    ("PUT", P, upsert({"text": [1, 2, 3]}), 400, "Wrong input: Vector dimension error: expected dim: 2, got 3"),
    ("PUT", P, upsert({"gone": [1, 2]}), 400, "Wrong input: Not existing vector name error: gone"),
    ("PUT", P, upsert([1, 2]), 400, "Not existing vector name error"),
    ("PUT", P, upsert({"text": [[1, 2]]}), 400, "Conversion between multi and regular vectors failed"),
    ("PUT", P, upsert({"text": {"indices": [1], "values": [1]}}), 400, "Conversion between sparse and regular vectors failed"),
    ("PUT", P, upsert({"words": [1, 2]}), 400, "Conversion between sparse and regular vectors failed"),
    ("PUT", P, upsert({"rows": [[1, 2], [1]]}), 422, "all vectors must have the same dimension, found vector with dimension 1"),
    ("PUT", P, upsert({"rows": [[1, 2, 3]]}), 400, "expected dim: 2, got 3"),
    ("PUT", P, upsert({"rows": [[]]}), 422, "all vectors must be non-empty"),
    ("PUT", P, sparse([1, 1], [1, 2]), 422, "indices: must be unique"),
    ("PUT", P, sparse([1, 2], [1]), 422, "values: must be the same length as indices"),
    ("PUT", P, sparse([-1], [1]), 400, FORMAT),
    ("PUT", P, upsert({"text": [1, 1e39]}), 400, FORMAT),
    ("PUT", P, upsert({"text": [1, "x"]}), 400, FORMAT),
    ("PUT", P, upsert({"text": [1, 2]}, -1), 400, "value -1 is not a valid point ID"),
    ("PUT", P, upsert({"text": [1, 2]}, "abc"), 400, 'value "abc" is not a valid point ID, valid values are either'),
    ("PUT", P, upsert({"text": [1, 2]}, 1.5), 400, FORMAT),
    ("PUT", P, {"points": [{"id": 1}]}, 400, "missing field `vector`"),
    ("PUT", P, {"points": [{"vector": {}}]}, 400, "missing field `id`"),
    ("PUT", P, {"points": [{"id": 1, "vector": {}, "payload": [1]}]}, 400, "expected a map"),
    ("PUT", P, {"points": [], "update_mode": "x"}, 400, "unknown variant `x`"),
    ("PUT", P, {}, 400, "PointInsertOperations"),
    ("PUT", P, {"batch": {"ids": [1], "vectors": {"text": [[1, 2], [3, 4]]}}}, 422, "(1 != 2)"),
    ("PUT", P, {"batch": {"ids": [1], "vectors": {"text": [[1, 2]]}, "payloads": []}}, 422, "payloads must be equal (1 != 0)"),
    ("PUT", f"{P}?wait=maybe", {"points": []}, 400, "provided string was not `true` or `false`"),
    ("PUT", f"{P}?ordering=never", {"points": []}, 400, "unknown variant `never`, expected one of `weak`, `medium`, `strong`"),
    ("PUT", f"{P}/vectors?wait=true", {"points": [{"id": 99, "vector": {"text": [1, 2]}}]}, 404, "No point with id 99 found"),
    ("PUT", f"{P}/vectors", {"points": []}, 422, "points: value invalid, must not be empty"),
    ("PUT", f"{P}/vectors", {"points": [{"id": 1, "vector": {}}]}, 422, "must specify vectors to update for point"),
    ("POST", f"{P}/vectors/delete", {"points": [1], "vector": []}, 422, "vector: value invalid, must not be empty"),
    ("POST", f"{P}/vectors/delete", {"points": [1], "vector": ["gone"]}, 400, "Not existing vector name error: gone"),
    ("POST", f"{P}/vectors/delete", {"vector": ["text"]}, 400, "Either list of ids or filter must be provided"),
    ("POST", f"{P}/payload", {"points": [1]}, 400, "missing field `payload`"),
    ("POST", f"{P}/payload", {"points": [1], "payload": {}, "key": "a["}, 400, "Invalid json path: 'a['"),
    ("POST", f"{P}/payload?wait=true", {"points": [99], "payload": {"a": 1}}, 404, "No point with id 99 found"),
    ("POST", f"{P}/payload/delete", {"points": [1]}, 400, "missing field `keys`"),
    ("POST", f"{P}/batch", {"operations": [{"unknown": {}}]}, 400, FORMAT),
    ("POST", f"{P}/batch", {"operations": [{"upsert": {"points": []}, "delete": {}}]}, 400, "UpdateOperation"),
    ("POST", f"{P}/batch", {}, 400, "missing field `operations`"),
    ("POST", P, {}, 400, "missing field `ids`"),
    ("POST", f"{P}?consistency=0", {"ids": [1]}, 400, "can't be zero"),
    ("POST", f"{P}?consistency=x", {"ids": [1]}, 400, "Deserialize error in query parameters"),
    # Filters, order, facets.
    ("POST", f"{P}/scroll", {"limit": 0}, 422, BODY + "limit: value 0 invalid, must be 1 or larger]"),
    ("POST", f"{P}/scroll", {"filter": {"must": [{"key": "n"}]}}, 422, "At least one field condition must be specified"),
    ("POST", f"{P}/scroll", {"filter": {"what": []}}, 400, "unknown field `what`"),
    ("POST", f"{P}/scroll", {"filter": {"must": [{"key": "n", "match": {"value": 1.5}}]}}, 400, "MatchInterface"),
    ("POST", f"{P}/scroll", {"filter": {"must": [{"key": "n", "match": {"any": [1, "a"]}}]}}, 400, FORMAT),
    ("POST", f"{P}/scroll", {"filter": {"must": [{"key": "n", "range": {"gte": "noon"}}]}}, 400, "RangeInterface"),
    ("POST", f"{P}/scroll", {"order_by": "n"}, 400, "No range index for `order_by` key: `n`. Please create one"),
    ("POST", f"{P}/scroll", {"order_by": {"key": "n", "direction": "up"}}, 400, "OrderByInterface"),
    ("POST", f"{P}/scroll", {"order_by": "n", "offset": 1}, 400, "Cannot use an `offset` when using `order_by`"),
    ("POST", f"{C}/facet", {"key": "city"}, 400, "No appropriate index for faceting: `city`. Please create one"),
    ("POST", f"{C}/facet", {"key": "city", "limit": 0}, 422, "limit: value 0 invalid, must be 1 or larger"),
    ("POST", f"{C}/facet", {}, 400, "missing field `key`"),
    # Queries.
    ("POST", f"{P}/query", {"query": [1, 2]}, 400, "Wrong input: Not existing vector name error: "),
    ("POST", f"{P}/query", {"query": [1, 2, 3], "using": "text"}, 400, "Vector dimension error: expected dim: 2, got 3"),
    ("POST", f"{P}/query", {"query": [1, 2], "using": "words"}, 400, "Conversion between sparse and regular vectors failed"),
    ("POST", f"{P}/query", {"query": 77, "using": "text"}, 404, "No point with id 77 found"),
    ("POST", f"{P}/query", {"query": {"indices": [1, 1], "values": [1, 2]}, "using": "words"}, 422, "must be unique"),
    ("POST", f"{P}/query", {"query": [1, 2], "using": "text", "limit": 0}, 422, "limit: value 0 invalid"),
    ("POST", f"{P}/query", {"query": {"fusion": "rrf"}}, 400, "refetch"),
    ("POST", f"{P}/query", {"query": {"fusion": "x"}, "prefetch": {}}, 400, "QueryInterface"),
    ("POST", f"{P}/query", {"query": {"rrf": {"k": 0}}, "prefetch": {}}, 422, "k: value 0 invalid, must be 1 or larger"),
    ("POST", f"{P}/query", {"query": {"nearest": [1, 2], "mmr": {"diversity": 2}}, "using": "text"}, 422, "must be from 0.0 to 1.0"),
    ("POST", f"{P}/query", {"query": {"recommend": {}}, "using": "text"}, 422, "At least one positive or negative vector/id"),
    ("POST", f"{P}/query", {"query": {"recommend": {"negative": [1]}}, "using": "text"}, 400, "At least one positive"),
    ("POST", f"{P}/query", {"query": {"recommend": {"positive": [1], "strategy": "x"}}, "using": "text"}, 400, "unknown variant `x`"),
    ("POST", f"{P}/query", {"query": {"order_by": "n"}}, 400, "No range index for `order_by` key"),
    ("POST", f"{P}/query", {"prefetch": [{"query": [1, 2], "using": "text"}]}, 400, "A query is needed to merge the prefetches"),
    ("POST", f"{P}/query", {"query": {"formula": "x"}, "prefetch": {"query": [1, 2], "using": "text"}}, 400, "No value found"),
    ("POST", f"{P}/query", {"query": {"formula": {"what": 1}}, "prefetch": {"query": 1, "using": "text"}}, 400, FORMAT),
    ("POST", f"{P}/query", {"query": {"sample": "x"}}, 400, "QueryInterface"),
    ("POST", f"{P}/query", {"query": {"text": "a", "model": "m"}, "using": "text"}, 500, "InferenceService is not initialized"),
    ("POST", f"{P}/query", {"query": 1, "using": "text", "lookup_from": {"collection": "gone"}}, 404, GONE),
    ("POST", f"{P}/query/batch", {}, 400, "missing field `searches`"),
    ("POST", f"{P}/query/groups", {"query": 1, "using": "text"}, 400, "missing field `group_by`"),
    ("POST", f"{P}/query/groups", {"query": 1, "using": "text", "group_by": ""}, 422, 'group_by: value "" invalid, must be at least 1'),
    ("POST", f"{P}/query/groups", {"query": 1, "using": "text", "group_by": "n", "group_size": 0}, 422, "group_size: value 0 invalid"),
    ("POST", f"{P}/search", {"vector": {"name": "text", "vector": [1, 2]}}, 400, "missing field `limit`"),
    ("POST", f"{P}/search/matrix/pairs", {"sample": 1}, 422, "sample: value 1 invalid, must be 2 or larger"),
    # Aliases, indexes, vectors, snapshots.
    ("POST", "/collections/aliases", {"actions": [{"create_alias": {"collection_name": "gone", "alias_name": "x"}}]}, 404, GONE),
    ("POST", "/collections/aliases", {"actions": [{"create_alias": {"collection_name": "c", "alias_name": "plain"}}]}, 409, "already exists"),
    ("POST", "/collections/aliases", {"actions": [{"rename_alias": {"old_alias_name": "x", "new_alias_name": "y"}}]}, 404, "Alias x does not exists!"),
    ("PUT", f"{C}/index", {"field_name": "n", "field_schema": "number"}, 400, "PayloadFieldSchema"),
    ("PUT", f"{C}/index", {"field_name": "n", "field_schema": {"type": "integer", "lookup": False, "range": False}}, 422, "can't be both disabled"),
    ("PUT", f"{C}/index", {"field_name": "t", "field_schema": {"type": "text", "tokenizer": "x"}}, 400, "unknown variant `x`"),
    ("PUT", f"{C}/index", {"field_name": "n"}, 400, "Bad request"),
    ("PUT", f"{C}/vectors/text", {"dense": {"size": 2, "distance": "Dot"}}, 409, "already exists"),
    ("DELETE", f"{C}/vectors/gone", None, 400, "Not existing vector name error: gone"),
    ("GET", f"{C}/snapshots/gone.snapshot", None, 404, "Not found: Snapshot gone.snapshot not found"),
    ("DELETE", f"{C}/snapshots/gone.snapshot", None, 404, "Not found: Snapshot gone.snapshot not found"),
    ("PUT", f"{C}/snapshots/recover", {}, 400, "missing field `location`"),
    ("PUT", f"{C}/snapshots/recover", {"location": "here"}, 400, "relative URL without a base"),
    ("PUT", f"{C}/snapshots/recover", {"location": "http://127.0.0.1:9/x"}, 400, "Failed to download snapshot"),
    ("PUT", f"{C}/snapshots/recover", {"location": "file:///x", "priority": "x"}, 400, "unknown variant `x`"),
    ("POST", f"{C}/snapshots/upload", {}, 400, "multipart"),
    ("GET", f"{C}/shards/7/snapshots", None, 404, "Shard 7"),
    ("GET", f"{C}/shards/x/snapshots", None, 400, "path parameters"),
    ("POST", "/cluster/recover", None, 405, "Qdrant is running in standalone mode"),
    # What is no JSON, or JSON that traps.
    ("POST", f"{P}/scroll", b"{", 400, FORMAT),
    ("POST", f"{P}/scroll", b'{"limit":NaN}', 400, FORMAT),
    ("POST", f"{P}/scroll", b'{"limit":1}x', 400, FORMAT),
    ("POST", f"{P}/scroll", b'{"limit":"1"}', 400, "limit"),
    ("POST", f"{P}/scroll", b'{"limit":1.5}', 400, "limit"),
    ("POST", f"{P}/scroll", b'{"limit":-1}', 400, "limit"),
    ("POST", f"{P}/scroll", b'{"limit":99999999999999999999}', 400, "limit"),
    ("POST", f"{P}/scroll", b'{"filter":' * 5 + b"[" * 300 + b"]" * 300 + b"}" * 5, 400, FORMAT),
    ("POST", f"{P}/scroll", b'{"filter":{"must":[{"key":"\xff"}]}}', 400, FORMAT),
    ("PUT", P, b'{"points":[{"id":1e400,"vector":[1,2]}]}', 400, FORMAT),
    ("PUT", P, b'{"points":[{"id":1,"vector":[1,2],"vector":[1,2,3]}]}', 400, ""),
    ("PUT", P, b"", 400, "EOF while parsing"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSALS)
def test_a_refusal_has_its_code_and_its_words(served, method, path, body, status, words):
    raw = {"raw": body} if isinstance(body, bytes) else {"body": body}
    found, answer = served.call(method, path, **raw)
    assert found == status, answer
    told = answer["status"]["error"]
    assert words in told and isinstance(answer["time"], float), told
    assert served.result("POST", f"{P}/count", {})["count"] == 5


STRICT = [
    ({"max_query_limit": 3}, "query", {"query": 1, "using": "text", "limit": 4}, 'Limit exceeded 4 > 3 for "limit"'),
    ({"max_query_limit": 3}, "query", {"query": 1, "using": "text", "limit": 1, "prefetch": {"limit": 9}}, "9 > 3"),
    ({"max_query_limit": 3}, "scroll", {}, 'Limit exceeded 10 > 3 for "limit"'),
    ({"search_max_hnsw_ef": 3}, "query", {"query": 1, "using": "text", "params": {"hnsw_ef": 4}}, '4 > 3 for "hnsw_ef"'),
    ({"search_allow_exact": False}, "query", {"query": 1, "using": "text", "params": {"exact": True}}, "Exact search disabled!"),
    (
        {"search_max_oversampling": 1.5},
        "query",
        {"query": 1, "using": "text", "params": {"quantization": {"oversampling": 2.5}}},
        'Limit exceeded 2.5 > 1.5 for "oversampling"',
    ),
    ({"search_max_batchsize": 1}, "query/batch", {"searches": [{}, {}]}, '2 > 1 for "search batch size"'),
    ({"filter_max_conditions": 1}, "count", {"filter": {"must": [{"has_id": [1]}, {"has_id": [2]}]}}, "limit reached (2 > 1)"),
    ({"condition_max_size": 1}, "count", {"filter": {"must": [{"has_id": [1, 2]}]}}, "Condition size limit reached (2 > 1)"),
    (
        {"unindexed_filtering_retrieve": False},
        "count",
        {"filter": {"must": [{"nested": {"key": "a", "filter": {"must": [{"key": "b", "match": {"value": 1}}]}}}]}},
        "Index required but not found for \"a",
    ),
    ({"unindexed_filtering_retrieve": False}, "query/groups", {"query": 1, "using": "text", "group_by": "n"}, 'not found for "n"'),
    ({"unindexed_filtering_update": False}, "delete", {"filter": {"must": [{"key": "n", "range": {"gt": 1}}]}}, "Index required"),
    ({}, "count", {"filter": {"must": [{"key": "n", "match": {"substring": "a"}}]}}, "Substring matching is not allowed"),
    ({"max_points_count": 5}, "upsert", upsert({"text": [1, 2]}, 9), "Max points count limit of 5 reached!"),
    ({"upsert_max_batchsize": 1}, "upsert", {"points": [{"id": i, "vector": {}} for i in (1, 2)]}, '2 > 1 for "upsert limit"'),
    ({"max_collection_vector_size_bytes": 8}, "upsert", upsert({"text": [1, 2]}, 9), "Max vector storage size limit"),
    ({"max_collection_payload_size_bytes": 8}, "payload", {"points": [1], "payload": {}}, "Max payload storage size limit"),
    ({"multivector_config": {"rows": {"max_vectors": 1}}}, "upsert", upsert({"rows": [[1, 2], [3, 4]]}), "limit of 1 vectors, but 2"),
    ({"sparse_config": {"words": {"max_length": 1}}}, "upsert", sparse([1, 2], [1, 2]), "limit of 1 indices, but 2 were"),
    ({"max_timeout": 2}, "scroll?timeout=3", {}, 'Limit exceeded 3 > 2 for "timeout"'),
    ({"max_payload_index_count": 0}, "index", {"field_name": "n", "field_schema": "integer"}, "maximum number of payload"),
]


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
    served.result("PUT", "/collections/slow", {"vectors": VECTORS, "strict_mode_config": {"enabled": True, "read_rate_limit": 1}})
    answers = [served.call("POST", "/collections/slow/points/count", {}) for _ in range(2)]
    assert [status for status, _ in answers] == [200, 429]
    assert "Rate limiting exceeded" in answers[1][1]["status"]["error"]
