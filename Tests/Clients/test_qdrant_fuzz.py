"""Bodies and paths changed at random: the served store answers or refuses them, and never fails.

The corpus is the table of refusals and the bodies that the published document describes.

    CORTEX_FUZZ_SECONDS=3600 pytest -q -s Tests/Clients/test_qdrant_fuzz.py --seed 1
"""

import http.client
import json
import os
import random
import time
import urllib.parse

from conftest import binary
from openapi import Generator, load
from qdrant_refusals import REFUSALS, VECTORS
from served import serving

SECONDS = float(os.environ.get("CORTEX_FUZZ_SECONDS", 3))
PIECES = [
    b"[",
    b"{",
    b'"',
    b"]",
    b"}",
    b",",
    b":",
    b"-",
    b"1e99",
    b"9" * 25,
    b"null",
    b"\\ud800",
    b"\xff",
    b"[" * 200,
    b"0",
]
SEGMENTS = ["..", "%00", "%2F", "x" * 300, "-1", "18446744073709551616", "é", "points", "%", "c", "snapshots", "0"]
# What makes files or asks other servers stays out: the fuzzer is to be quick and to ask nobody else.
LEFT_OUT = ("/snapshots", "/shards", "/vectors/{vector_name}")


def corpus(pick):
    """Requests to start from, for ever."""
    document = load()
    generator = Generator(document, pick)
    routes = [
        (method.upper(), template, operation)
        for template, methods in document["paths"].items()
        for method, operation in methods.items()
        if not any(word in template for word in LEFT_OUT)
    ]
    known = [row[:3] for row in REFUSALS if "snapshots" not in row[1] and "127.0.0.1" not in str(row[2])]
    while True:
        if pick.random() < 0.3:
            method, path, body = pick.choice(known)
        else:
            method, template, operation = pick.choice(routes)
            path, body = template.replace("{collection_name}", "c").replace("{id}", "1"), generator.body(operation)
        yield method, path, body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()


def changed(pick, body):
    body = bytearray(body)
    for _ in range(pick.choice([0, 1, 1, 2, 4])):
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
    parts = path.split("/")
    parts[pick.randrange(len(parts))] = pick.choice(SEGMENTS)
    return urllib.parse.quote("/" + "/".join(parts).strip("/"), safe="/%?=&")


def test_no_body_and_no_path_fails_the_server(request, tmp_path):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 32))
    print("seed", seed)
    pick, asked = random.Random(seed), 0
    with serving(binary(request.config), tmp_path / "data") as served:
        settings = {"vectors": VECTORS, "sparse_vectors": {"words": {}}}
        served.result("PUT", "/collections/c", settings)
        place = urllib.parse.urlsplit(served.url)
        wire = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        end = time.monotonic() + SECONDS
        for method, path, body in corpus(pick):
            if time.monotonic() > end:
                break
            if pick.random() < 0.2:
                path = rerouted(pick, path)
            body = changed(pick, body)
            wire.request(method, path, body, {"content-type": "application/json"})
            answer = wire.getresponse()
            content = answer.read()
            asked += 1
            assert answer.status < 500 or b"InferenceService" in content, (method, path, body, content)
            if asked % 500 == 0:
                served.call("PUT", "/collections/c", settings)
        assert served.process.poll() is None
    print(f"{asked} requests in {SECONDS:.0f} s, none failed the server")
