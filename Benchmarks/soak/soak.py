"""What the soak benchmarks share: a served store, fast clients, its memory, and points with known payloads."""

import argparse
import base64
import http.client
import json
import os
import pathlib
import random
import re
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = "c"
POINTS = f"/collections/{COLLECTION}/points"


class Server:
    """`cortex serve` on a directory of its own."""

    def __init__(self, binary, place):
        self.place = pathlib.Path(place)
        variables = {key: os.environ[key] for key in ("HOME", "PATH", "USER") if key in os.environ}
        self.log = open(self.place / "log", "wb")
        self.process = subprocess.Popen(
            [binary, "serve", "--data", str(self.place / "data"), "--qdrant-port", "0"], stderr=self.log, env=variables)
        self.address = None
        while self.address is None:
            found = re.search(rb"http://([^ ,]+:\d+)", (self.place / "log").read_bytes())
            self.address = found and found.group(1).decode()
            if self.process.poll() is not None:
                raise SystemExit(f"{binary} ended with {self.process.returncode}")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def client(self):
        return Client(self.address)

    def status(self, key):
        """Kilobytes of one line of /proc/<pid>/status, such as VmRSS."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+)", text).group(1))

    @property
    def resident_megabytes(self):
        return self.status("VmRSS") / 1024

    @property
    def file_megabytes(self):
        return sum(path.stat().st_size for path in (self.place / "data").glob("*.sqlite*")) / 1e6


class Client:
    """One kept connection."""

    def __init__(self, address):
        place = urllib.parse.urlsplit("//" + address)
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=600)

    def call(self, method, path, body=None):
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, data, {"content-type": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{method} {path} was answered {answer.status}: {content[:300]}")
        return content

    def result(self, method, path, body=None):
        return json.loads(self.call(method, path, body))["result"]

    def timed(self, count, method, path, body):
        """Milliseconds of so many calls, sorted."""
        data = json.dumps(body).encode()
        times = []
        for _ in range(count):
            began = time.perf_counter()
            self.call(method, path, data)
            times.append(1000 * (time.perf_counter() - began))
        return sorted(times)


def share(times, fraction):
    return times[min(len(times) - 1, int(fraction * len(times)))]


def vector(draw, dimension):
    return [round(draw.uniform(-1, 1), 3) for _ in range(dimension)]


def filler(draw, count):
    """Text of so many characters that does not compress."""
    return base64.b64encode(draw.randbytes(count))[:count].decode()


def fill(client, points, make, step=500):
    """Inserts points 0… made by `make`."""
    for start in range(0, points, step):
        body = {"points": [make(number) for number in range(start, min(points, start + step))]}
        client.call("PUT", f"{POINTS}?wait=true", body)


def settle(client, seconds=60):
    """Until the number of indexed vectors stands still for two seconds."""
    end, last, since = time.monotonic() + seconds, None, time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < 2:
        now = client.result("GET", f"/collections/{COLLECTION}")["indexed_vectors_count"]
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.1)


def table(rows):
    """Prints rows of cells under each other."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)


def arguments(description, **options):
    """The parser's answer; each option is (type, default, help)."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / ".build/release/cortex"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="a few points, to see that it runs")
    for name, (kind, default, text) in options.items():
        parser.add_argument("--" + name, type=kind, default=default, help=text)
    return parser.parse_args()


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} × {model.group(1) if model else 'unknown processor'}, load {os.getloadavg()[0]:.1f}"


def place():
    return tempfile.TemporaryDirectory()


def draws(seed):
    return random.Random(seed)


