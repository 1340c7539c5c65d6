"""What the fuzzer sends to each surface."""

import functools
import json
import urllib.parse

import extremes
from lines import INITIALIZE
from openapi import Generator, load
from qdrant_refusals import REFUSALS, VECTORS

PIECES = [
    b"[", b"{", b'"', b"]", b"}", b",", b":", b"-", b"1e99", b"9" * 25, b"null", b"\\ud800", b"\xff", b"[" * 200, b"0",
]  # fmt: skip
SEGMENTS = [
    "..", "%00", "%2F", "x" * 300, "-1", "18446744073709551616", "\u00e9", "e\u0301", "points", "%", "c", "snapshots", "0",
    "9223372036854775807", "00000000-0000-0000-0000-000000000001",
]  # fmt: skip
PARAMETERS = ["timeout", "wait", "ordering", "consistency", "level", "anonymize", "details_level", "per_collection"]
# What makes files or asks other servers stays out: the fuzzer is to be quick and to ask nobody else.
LEFT_OUT = ("/snapshots", "/shards", "/vectors/{vector_name}")
FIELDS = {
    "n": "integer", "city": "keyword", "price": "float", "flag": "bool", "date": "datetime", "place": "geo", "id": "uuid",
    "text": {"type": "text", "phrase_matching": True},
}  # fmt: skip
MEMBERS = [
    "limit", "offset", "group_size", "hnsw_ef", "oversampling", "exact", "score_threshold", "sample", "using", "filter",
    "with_payload", "with_vector", "candidates_limit", "diversity", "timeout", "k", "weights", "order_by", "start_from",
    "prefetch", "params", "top", "min_should", "min_count", "slice", "total", "index", "values_count", "lookup_from",
]  # fmt: skip
COLLECTION = {"vectors": VECTORS, "sparse_vectors": {"words": {}}}


def request(method, path, body=""):
    return {"method": method, "path": path, "body": body if isinstance(body, str) else json.dumps(body)}


def preparation():
    """Requests that make the collection `c`, with points and an index of every kind."""
    yield request("PUT", "/collections/c", COLLECTION)
    for name, schema in FIELDS.items():
        yield request("PUT", "/collections/c/index?wait=true", {"field_name": name, "field_schema": schema})
    points = [
        {
            "id": i,
            "vector": {"text": [i % 7, i % 3], "rows": [[i, 1], [1, i]], "words": {"indices": [i % 5, 9], "values": [1, 2]}},
            "payload": {
                "n": [i, -i, (1 << 63) - 1][i % 3], "city": ["Lima", "caf\u00e9", "cafe\u0301", ["Oslo", "Lima"]][i % 4],
                "price": i / 3, "flag": i % 2 == 0, "date": f"2024-01-{i % 28 + 1:02}T00:00:00Z", "text": f"word {i} amber",
                "place": {"lon": i, "lat": i % 90}, "id": f"00000000-0000-0000-0000-{i:012}", "deep": {"part": [{"size": i}]},
            },
        }
        for i in range(60)
    ]  # fmt: skip
    yield request("PUT", "/collections/c/points?wait=true", {"points": points})


# Searches as callers write them, whose numbers are worth changing.
SEARCHES = [
    ("query", {"query": [1, 2], "using": "text", "limit": 10, "offset": 1}),
    ("query", {"query": [1, 2], "using": "text", "limit": 5, "params": {"hnsw_ef": 64, "quantization": {"oversampling": 2.0}}}),
    ("query", {"query": {"nearest": [1, 2], "mmr": {"diversity": 0.5, "candidates_limit": 20}}, "using": "text", "limit": 3}),
    ("query", {"prefetch": [{"query": [1, 2], "using": "text", "limit": 9}, {"query": {"indices": [1], "values": [1]},
      "using": "words", "limit": 9}], "query": {"fusion": "rrf"}, "limit": 4}),
    ("query", {"prefetch": [{"query": [1, 2], "using": "text", "limit": 7}] * 2, "query": {"rrf": {"k": 60, "weights": [1, 2]}}}),
    ("query", {"prefetch": {"query": [1, 2], "using": "text"}, "query": {"formula": {"sum": ["$score", {"mult": [2, "price"]}]}}}),
    ("query", {"prefetch": {"query": [1, 2], "using": "text"}, "query": {"formula": {"exp_decay": {"x": "n", "scale": 5}}}}),
    ("query", {"query": {"order_by": {"key": "n", "start_from": 3}}, "limit": 6}),
    ("query", {"query": {"sample": "random"}, "limit": 6}),
    ("query", {"query": [[1, 2], [2, 1]], "using": "rows", "limit": 3}),
    ("query", {"query": {"recommend": {"positive": [1, 2], "negative": [3], "strategy": "best_score"}}, "using": "text"}),
    ("query", {"query": {"discover": {"target": 1, "context": [{"positive": 2, "negative": 3}]}}, "using": "text"}),
    ("query/groups", {"query": [1, 2], "using": "text", "group_by": "city", "limit": 3, "group_size": 2}),
    ("query/batch", {"searches": [{"query": [1, 2], "using": "text", "limit": 2}] * 2}),
    ("search", {"vector": {"name": "text", "vector": [1, 2]}, "limit": 3, "offset": 2}),
    ("search/groups", {"vector": {"name": "text", "vector": [1, 2]}, "group_by": "n", "limit": 3, "group_size": 2}),
    ("search/matrix/pairs", {"sample": 10, "limit": 3, "using": "text"}),
    ("search/matrix/offsets", {"sample": 10, "limit": 3, "using": "text"}),
    ("scroll", {"limit": 10, "offset": 3, "order_by": "n"}),
    ("scroll", {"limit": 10, "offset": 3, "filter": {"must": [{"key": "n", "range": {"gte": 1, "lt": 5}}]}}),
    ("scroll", {"filter": {"must": [{"key": "city", "values_count": {"gte": 1}}, {"slice": {"total": 3, "index": 1}}]}}),
    ("scroll", {"filter": {"min_should": {"conditions": [{"key": "n", "match": {"value": 1}}], "min_count": 1}}}),
    ("scroll", {"filter": {"should": [{"key": "date", "range": {"gte": "2024-01-03T00:00:00Z"}}, {"has_id": [1, 2]}]}}),
    ("scroll", {"filter": {"must": [{"key": "place", "geo_radius": {"center": {"lon": 1, "lat": 2}, "radius": 1000.0}}]}}),
    ("scroll", {"filter": {"must": [{"key": "text", "match": {"phrase": "word 3"}}, {"key": "deep.part[0].size", "match": {"any": [1]}}]}}),
    ("count", {"filter": {"must_not": [{"key": "city", "match": {"except": ["Lima"]}}]}, "exact": True}),
    ("", {"ids": [1, 2, 3], "with_payload": True}),
    ("payload", {"payload": {"caf\u00e9": 1, "n": 2}, "points": [1], "key": "deep"}),
    ("payload/delete", {"keys": ["cafe\u0301", "deep.part[].size"], "points": [1]}),
    ("delete", {"filter": {"must": [{"key": "n", "match": {"value": 17}}]}}),
    ("batch", {"operations": [{"upsert": {"points": [{"id": 7, "vector": {"text": [1, 2]}}]}}, {"clear_payload": {"points": [8]}}]}),
]  # fmt: skip


@functools.cache
def document():
    """The published document, read once."""
    return load()


def bodies(pick):
    """Requests to start from, for ever: method, path, body."""
    generator = Generator(document(), pick)
    routes = [
        (method.upper(), template, operation)
        for template, methods in document()["paths"].items()
        for method, operation in methods.items()
        if not any(word in template for word in LEFT_OUT)
    ]
    known = [row[:3] for row in REFUSALS if "snapshots" not in row[1] and "127.0.0.1" not in str(row[2])]
    while True:
        kind = pick.random()
        if kind < 0.15:
            yield pick.choice(known)
        elif kind < 0.6:
            name, body = pick.choice(SEARCHES)
            yield "POST", f"/collections/c/points/{name}".rstrip("/"), body
        elif kind < 0.65:
            schema = {"type": "text", "min_token_len": 1, "max_token_len": 20, "tokenizer": "prefix"}
            yield "PUT", "/collections/c/index", {"field_name": "text", "field_schema": schema}
        elif kind < 0.7:
            config = {"strict_mode_config": {"enabled": pick.random() < 0.1, "max_query_limit": 100_000, "read_rate_limit": 1 << 40}}
            yield "PATCH", "/collections/c", config
        else:
            method, template, operation = pick.choice(routes)
            yield method, template.replace("{collection_name}", "c").replace("{id}", "1"), generator.body(operation)


def bent(pick, body):
    """Bytes with some put in, left out or changed."""
    body = bytearray(body)
    for _ in range(pick.choice([1, 1, 2, 4])):
        at = pick.randint(0, len(body))
        kind = pick.randrange(4)
        if kind == 0:
            body[at:at] = pick.choice(PIECES)
        elif kind == 1:
            del body[at : at + pick.randint(1, 9)]
        elif kind == 2 and at < len(body):
            body[at] = pick.randrange(256)
        else:
            start = pick.randint(0, len(body))
            body[at:at] = body[start : start + 30]
    return bytes(body)


def rerouted(pick, path):
    if pick.random() < 0.4:
        value = urllib.parse.quote(str(pick.choice([*extremes.NUMBERS, "true", "NaN", "1.5", "", "caf\u00e9"])), safe="")
        return f"{path.partition('?')[0]}?{pick.choice(PARAMETERS)}={value}"
    parts = path.split("/")
    parts[pick.randrange(len(parts))] = pick.choice(SEGMENTS)
    return urllib.parse.quote("/" + "/".join(parts).strip("/"), safe="/%?=&")


def requests(pick):
    """Requests for one connection, for ever."""
    renewal, count = list(preparation()), 0
    for method, path, body in bodies(pick):
        count += 1
        if count % 500 == 0:
            yield from renewal
        if pick.random() < 0.1:
            path = rerouted(pick, path)
        if isinstance(body, bytes):
            data = body
        elif body is None:
            data = b""
        else:
            data = extremes.text(pick, extremes.changed(pick, body, MEMBERS)).encode()
        if pick.random() < 0.2:
            data = bent(pick, data)
        yield {"method": method, "path": path, "body": data.decode("latin-1")}
        # The other connections ask a collection that is deleted meanwhile, and then one that is made again.
        if method == "DELETE" and path.partition("?")[0].rstrip("/") == "/collections/c":
            yield from renewal


# MARK: MCP

ITEM = {
    "kind": "todo", "content": "Zebra crossing", "tags": ["a", "caf\u00e9"], "scope": {"project": "p", "branch": "b"},
    "metadata": {"caf\u00e9": 1, "cafe\u0301": 2, "confidence": 0.5}, "idempotency_key": "k",
    "data": {"title": "t", "dependencies": ["u"], "due_date": "2024-01-01", "priority": "high", "id": "x"},
    "source": {"actor": "me", "session": "s", "timestamp": "2024-01-01T00:00:00Z"},
    "ttl_config": {"policy": "short", "extend_threshold_days": 7, "max_extensions": 3},
    "truncation_config": {"enabled": True, "max_chars": 100, "max_tokens": 50},
}  # fmt: skip
CALLS = [
    ("memory_store", {"items": [ITEM], "deduplication": {"similarity_threshold": 0.8, "dedupe_window_days": 30, "max_items_to_check": 9}}),
    ("memory_store", {"items": [{"kind": "decision", "data": {"component": "c", "title": "t", "status": "accepted", "rationale": "r"}}]}),
    ("memory_find", {"query": "zebra", "limit": 10, "offset": 0, "mode": "fast", "filters": {"tags": ["caf\u00e9"], "metadata": {"n": 1}}}),
    ("memory_find", {"query": "zebra", "as_of": "2024-01-01T00:00:00Z", "graph_expansion": {"enabled": True, "max_depth": 2, "max_nodes": 9}}),
    ("memory_find", {"query": "zebra", "optimization": {"timeout_ms": 1000, "recency_weight": 0.5, "diversity": 0.5},
      "formatting": {"max_content_length": 10, "highlight_matches": True}, "filters": {"created_after": "2024-01-01", "confidence_min": 0.1}}),
    ("system_status", {"operation": "stats", "stats_period_days": 30}),
    ("system_status", {"operation": "export", "limit": 100, "cursor": "00000000-0000-0000-0000-000000000001"}),
    ("system_status", {"operation": "run_purge", "purge_config": {"dry_run": True, "batch_size": 10, "max_batches": 2}}),
    ("system_status", {"operation": "run_cleanup", "cleanup_config": {"operations": ["expired"], "dry_run": True}}),
    ("system_status", {"operation": "list_reports", "report_limit": 3}),
    ("system_status", {"operation": "telemetry", "performance_window_hours": 24}),
    ("system_status", {"operation": "get_document", "document_id": "00000000-0000-0000-0000-000000000001", "offset": 1, "limit": 2}),
]  # fmt: skip
MEMBERS_OF_CALLS = [
    "limit", "offset", "top_k", "max_depth", "timeout_ms", "as_of", "expires_at", "cursor", "priority", "filters", "scope",
    "ttl_config", "merge", "ids", "document_id", "max_chars", "confidence_min", "created_before", "query", "items", "dry_run",
]  # fmt: skip
METHODS = [
    ("tools/list", {"cursor": "0"}), ("resources/list", {"cursor": "0"}), ("prompts/list", {}), ("ping", {}),
    ("resources/read", {"uri": "memory://00000000-0000-0000-0000-000000000001"}),
    ("prompts/get", {"name": "recall", "arguments": {"topic": "x"}}),
    ("completion/complete", {"ref": {"type": "ref/prompt", "name": "recall"}, "argument": {"name": "topic", "value": "z"}}),
    ("logging/setLevel", {"level": "info"}), ("resources/subscribe", {"uri": "memory://x"}),
]  # fmt: skip


def lines(pick):
    """Lines for one `cortex mcp`, for ever, the handshake first."""
    yield json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE})
    yield json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
    number = 0
    while True:
        number += 1
        if pick.random() < 0.85:
            name, arguments = pick.choice(CALLS)
            method, params = "tools/call", {"name": name, "arguments": extremes.changed(pick, arguments, MEMBERS_OF_CALLS)}
        else:
            method, params = pick.choice(METHODS)
            params = extremes.changed(pick, params, ["cursor", "limit", "_meta", "progressToken"])
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        if pick.random() < 0.05:
            message = extremes.changed(pick, message)
        data = extremes.text(pick, message).encode()
        if pick.random() < 0.1:
            data = bent(pick, data)
        yield data.replace(b"\n", b" ").replace(b"\r", b" ").decode("latin-1")


# MARK: The command line

EXPORTED = {
    "id": "0196f0a4-0000-7000-8000-000000000001", "kind": "todo", "content": "x", "scope": {"project": "p"},
    "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z", "expires_at": "2999-01-01T00:00:00Z",
    "tags": ["a"], "metadata": {"caf\u00e9": 1}, "data": {"title": "t"},
    "versions": [{"content": "w", "valid_from": "2023-01-01T00:00:00Z", "valid_until": "2024-01-01T00:00:00Z"}],
}  # fmt: skip
GRAPH = [
    {"type": "entity", "name": "n", "entityType": "t", "observations": ["o"]},
    {"type": "relation", "from": "n", "to": "m", "relationType": "r"},
]


def runs(pick):
    """Runs of the command, for ever: its words, and the text of the file that FILE stands for."""
    while True:
        kind = pick.randrange(4)
        if kind == 0:
            rows, words = [ITEM] * pick.randint(1, 3), ["store", "--from", "FILE"]
        elif kind == 1:
            rows, words = [EXPORTED] * pick.randint(1, 3), ["import", "memories", "FILE"]
        elif kind == 2:
            rows, words = GRAPH, ["import", "memories", "FILE"]
        else:
            limit = str(pick.choice([*extremes.NUMBERS, *extremes.FRACTIONS, "NaN", "", "x"]))
            yield {"arguments": ["find", "zebra", f"--limit={limit}"], "file": ""}
            continue
        data = "\n".join(extremes.text(pick, extremes.changed(pick, row, MEMBERS_OF_CALLS)) for row in rows).encode()
        if pick.random() < 0.2:
            data = bent(pick, data)
        yield {"arguments": words, "file": data.decode("latin-1"), "name": pick.choice(["input.jsonl", "input.json"])}
