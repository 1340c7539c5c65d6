#!/usr/bin/env python3
"""How fast the served store answers over loopback: what a client waits for, JSON both ways.

    Benchmarks/edge/edge.py --points 100000            # needs numpy; starts .build/release/cortex by itself
    Benchmarks/edge/edge.py --url http://127.0.0.1:6333  # the same questions to another server of Qdrant's API

Three figures: queries on one connection, upserts of 100 points with `wait` on one connection, queries on 32 connections
at once. Vectors are drawn around 1 000 centres, 384 floats each, written with all their digits as clients write them.

Beside them it prints the share that is not the store's, from the same run: `floor`, the same client asking /healthz on the same
connection; `query_c`, the same queries from a client in C (roundtrip.c, where there is a compiler); `upsert_floor`, a
body of an upsert's size sent to a path that is not there; `disk`, a write of a commit's size and its fdatasync.
"""

import argparse
import asyncio
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZE = 384
BATCH = 100
# The thresholds of the issue: milliseconds.
TARGETS = {"query_p50": 0.4, "query_p99": 1.5, "upsert_p50": 4.0, "saturated_p99": 20.0}


class Wire:
    """One connection: whole requests out, whole answers in."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        """Status and body of one request."""
        self.socket.sendall(request)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self.received()
        length = int(re.search(rb"content-length: *(\d+)", answer[:end].lower()).group(1))
        while len(answer) < end + 4 + length:
            answer += self.received()
        return int(answer[9:12]), answer[end + 4 :]

    def received(self):
        part = self.socket.recv(1 << 18)
        if not part:
            sys.exit("the server closed the connection")
        return part


# Host and port of the server that is measured, as a client names them to it.
authority = ""


def request(method, path, body=None):
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    length = f"content-length: {len(content)}"
    head = [f"{method} {path} HTTP/1.1", f"host: {authority}", "content-type: application/json", length]
    return "\r\n".join([*head, "", ""]).encode() + content


class Vectors:
    """Reproducible vectors around centres."""

    def __init__(self, seed):
        self.random = numpy.random.default_rng(seed)
        self.centres = self.random.normal(size=(1000, SIZE))

    def rows(self, count):
        at = self.random.integers(0, len(self.centres), count)
        return (self.centres[at] + self.random.normal(scale=0.7, size=(count, SIZE))).astype(numpy.float32).tolist()


def upsert(vectors, first, count=BATCH):
    points = [
        {"id": first + i, "vector": row, "payload": {"n": first + i, "city": "Berlin", "tags": ["amber", "basil"]}}
        for i, row in enumerate(vectors.rows(count))
    ]
    return request("PUT", "/collections/edge/points?wait=true", {"points": points})


def query(row):
    return request("POST", "/collections/edge/points/query", {"query": row, "limit": 10, "with_payload": True})


def milliseconds(times):
    ordered = sorted(times)
    at = lambda part: round(1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))], 3)  # noqa: E731
    return {"p50": at(0.5), "p99": at(0.99), "max": round(1000 * ordered[-1], 3), "count": len(ordered)}


def timed(wire, requests, wanted=200):
    times = []
    for one in requests:
        start = time.perf_counter()
        status, body = wire.ask(one)
        times.append(time.perf_counter() - start)
        if status != wanted:
            sys.exit(f"{status}: {body[:500]!r}")
    return milliseconds(times)


def timed_in_c(place, requests, count):
    """The same from a client that costs nothing; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        program, texts = f"{directory}/roundtrip", f"{directory}/requests"
        source = pathlib.Path(__file__).with_name("roundtrip.c")
        subprocess.run([compiler, "-O2", "-o", program, source], check=True)
        pathlib.Path(texts).write_bytes(b"".join(struct.pack("<I", len(one)) + one for one in requests))
        command = [program, place.hostname, str(place.port), texts, str(count)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return milliseconds([float(line) / 1e6 for line in lines])


def disk(directory, size=30 * 8192, count=50):
    """Writes of a commit's size into a file that is long enough, each with its fdatasync."""
    times = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        file.write(bytes(size * count))
        os.fsync(file.fileno())
        file.seek(0)
        for _ in range(count):
            start = time.perf_counter()
            file.write(os.urandom(size))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return milliseconds(times)


async def saturated(host, port, requests, connections, seconds):
    """Every connection asks one question after another until the time is over."""
    times, errors = [], 0
    end = time.perf_counter() + seconds

    async def one(offset):
        nonlocal errors
        reader, writer = await asyncio.open_connection(host, port)
        at = offset
        while time.perf_counter() < end:
            start = time.perf_counter()
            writer.write(requests[at % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: *(\d+)", head.lower()).group(1))
            await reader.readexactly(length)
            times.append(time.perf_counter() - start)
            errors += head[9:12] != b"200"
            at += 1
        writer.close()

    await asyncio.gather(*(one(i * 31) for i in range(connections)))
    return milliseconds(times) | {"errors": errors, "per_second": round(len(times) / seconds)}


def fill(wire, vectors, points):
    settings = {"vectors": {"size": SIZE, "distance": "Cosine"}}
    wire.ask(request("DELETE", "/collections/edge"))
    status, body = wire.ask(request("PUT", "/collections/edge", settings))
    if status != 200:
        sys.exit(body.decode())
    times = []
    for first in range(0, points, BATCH):
        one = upsert(vectors, first, min(BATCH, points - first))
        start = time.perf_counter()
        status, body = wire.ask(one)
        times.append(time.perf_counter() - start)
        if status != 200:
            sys.exit(body.decode())
    return round(sum(times), 2)


def settled(wire, points):
    """Waits until the store has nothing left to index; seconds it took. Few points are never indexed."""
    start, last, since = time.perf_counter(), None, time.perf_counter()
    while time.perf_counter() - since < 5 and points > 20_000:
        info = json.loads(wire.ask(request("GET", "/collections/edge"))[1])["result"]
        now = (info["indexed_vectors_count"], info["segments_count"])
        if now != last or info["indexed_vectors_count"] < points // 2:
            last, since = now, time.perf_counter()
        time.sleep(0.25)
    return round(time.perf_counter() - start, 1)


def measure(url, options):
    global authority
    place = urllib.parse.urlsplit(url)
    authority = place.netloc.rpartition("@")[2]
    wire = Wire(place.hostname, place.port)
    vectors = Vectors(7)
    report = {"points": options.points, "filled_seconds": fill(wire, vectors, options.points)}
    report["settled_seconds"] = settled(wire, options.points)
    requests = [query(row) for row in vectors.rows(min(options.queries, 2000))]
    timed(wire, requests[:200])
    report["floor"] = timed(wire, [request("GET", "/healthz")] * options.queries)
    report["query"] = timed(wire, (requests * 100)[: options.queries])
    report["query_c"] = timed_in_c(place, requests, options.queries)
    together = saturated(place.hostname, place.port, requests, options.connections, options.seconds)
    report["saturated"] = asyncio.run(together)
    upserts = [upsert(vectors, options.points + i * BATCH) for i in range(options.upserts)]
    nothing = request("POST", "/nothing", bytes(len(upserts[0])))
    report["upsert_floor"] = timed(wire, [nothing] * options.upserts, wanted=404)
    report["upsert"] = timed(wire, upserts)
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--upserts", type=int, default=200)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--url", help="a server that runs; none: one is started on an empty directory")
    parser.add_argument("--binary", default=ROOT / ".build/release/cortex")
    parser.add_argument("--smoke", action="store_true", help="few points, no judgement of times")
    options = parser.parse_args()
    if options.smoke:
        options.points, options.queries, options.upserts, options.seconds = 1000, 50, 3, 0.5
    if options.url:
        report = measure(options.url, options)
    else:
        with tempfile.TemporaryDirectory() as directory:
            command = [options.binary, "serve", "--data", directory, "--qdrant-port", "0"]
            server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            try:
                at_rest = disk(directory)
                url = re.search(r"http://[^ ,]+:\d+", server.stderr.readline()).group(0)
                report = measure(url, options) | {"disk": at_rest}
            finally:
                server.terminate()
                server.wait()
    report["missed"] = [
        name for name, most in TARGETS.items() if report[name.rpartition("_")[0]][name.rpartition("_")[2]] > most
    ]
    print(json.dumps(report))
    if report["saturated"]["errors"] or (report["missed"] and not options.smoke):
        sys.exit(1)


if __name__ == "__main__":
    main()
