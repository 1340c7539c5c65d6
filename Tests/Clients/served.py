"""A served store for one test: started on a port of the system's choice, ended with the test."""

import collections
import contextlib
import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request

from surroundings import surroundings

#: Seconds after which an answer counts as one that never comes.
PATIENCE = 600


class Served:
    """A running `cortex serve`, and plain HTTP calls to it."""

    def __init__(self, url, process, said=()):
        self.url = url
        self.process = process
        #: The last lines of its standard error. Nobody may leave that pipe full: the server would wait for its reader.
        self.complaints = collections.deque(said, maxlen=200)
        self.listener = threading.Thread(target=self.complaints.extend, args=(process.stderr,), daemon=True)
        self.listener.start()

    def call(self, method, path, body=None, headers=None, raw=None):
        """Status and body (parsed where it is JSON) of one call."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, data=data)
        request.add_header("content-type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            answer = urllib.request.urlopen(request, timeout=PATIENCE)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        content = answer.read()
        if "json" in (answer.headers.get("content-type") or ""):
            return answer.status, json.loads(content)
        return answer.status, content

    def result(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        assert status == 200, (method, path, answer)
        return answer["result"]


def wait_until_ready(url):
    """Asks /readyz until it says yes; before that it may only say that it is not ready."""
    patience = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{url}/readyz") as answer:
                assert answer.read() == b"all shards are ready"
                return
        except urllib.error.HTTPError as refusal:
            assert refusal.code == 503 and refusal.read().startswith(b"some shards are not ready")
            assert time.monotonic() < patience, "the server does not become ready"


@contextlib.contextmanager
def serving(binary, directory, *flags, **variables):
    """Serves `directory` until the block ends."""
    process = subprocess.Popen(
        [binary, "serve", "--data", str(directory), "--qdrant-port", "0", *flags],
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(**variables),
    )
    served, watchdog = None, threading.Timer(PATIENCE, process.kill)
    try:
        # Lines of the log may come before the one that names the port; a server that ends without it ends the lines.
        said, found = [], None
        watchdog.start()
        while not found:
            said.append(process.stderr.readline())
            assert said[-1], "".join(said)
            found = re.search(r"http://[^ ,]+:\d+", said[-1])
        watchdog.cancel()
        served = Served(found.group(0), process, said)
        yield served
    finally:
        watchdog.cancel()
        process.terminate()
        process.wait(timeout=30)
        if served:
            served.listener.join()
        process.stderr.close()
