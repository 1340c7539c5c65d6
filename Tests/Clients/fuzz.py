"""Requests with extreme values and broken bodies, several at a time, until the time is over or a program fails.

    python Tests/Clients/fuzz.py --minutes 60 --seed 7

It starts the binary (`--cortex`, else CORTEX_BINARY, else .build/release/cortex) on an empty directory for each surface:
REST (four connections at once), MCP over stdio, and the command line's `store --from` and `import memories`. Whatever is
sent must be answered or refused. A program that ends, hangs or answers with an error of its own (500) is a failure:
the requests that led to it are written to Tests/Clients/corpus, and the exit status is 1. `test_corpus.py` sends every
file of the corpus again.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import fuzz_inputs as inputs  # noqa: E402
from served import serving  # noqa: E402
from surroundings import surroundings  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
# Requests that a failure's file holds, of each connection.
KEPT = 40
PATIENCE = 120
CONNECTIONS = 4
# What a process that trapped says last.
TRAPS = (b"Fatal error", b"Illegal instruction", b"Program crashed", b"Segmentation fault")


class Failure(Exception):
    """A program that failed, and the requests that came before."""

    def __init__(self, surface, what, requests):
        super().__init__(what)
        self.surface, self.what, self.requests = surface, what, requests

    def keep(self, seed):
        CORPUS.mkdir(exist_ok=True)
        path = CORPUS / f"found-{self.surface}-{seed}-{int(time.time())}.json"
        path.write_text(json.dumps({"surface": self.surface, "requests": self.requests}, indent=1) + "\n")
        return path


# MARK: REST


def sent(wire, request):
    """Status and content of one request: `{"method", "path", "body"}`, the body's bytes as Latin-1."""
    body = request["body"].encode("latin-1")
    wire.request(request["method"], request["path"], body, {"content-type": "application/json"})
    answer = wire.getresponse()
    return answer.status, answer.read()


def failed(status, content):
    """Whether an answer is an error of the server's own. Without an inference service 500 is Qdrant's word too."""
    return status >= 500 and status not in (501, 503, 507) and b"InferenceService" not in content


def connected(place):
    return http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)


def rest(binary, requests, until, connections=CONNECTIONS, prepare=True):
    """Sends what `requests(number)` gives each connection; answers how many there were."""
    with tempfile.TemporaryDirectory() as directory, serving(binary, pathlib.Path(directory) / "data") as served:
        place = urllib.parse.urlsplit(served.url)
        if prepare:
            for request in inputs.preparation():
                assert sent(connected(place), request)[0] == 200, request
        failures, asked = [], [0] * connections
        recent = [[] for _ in range(connections)]

        def ask(number):
            wire = connected(place)
            for request in requests(number):
                if time.monotonic() > until or failures:
                    return
                recent[number] = [*recent[number][1 - KEPT :], request]
                try:
                    status, content = sent(wire, request)
                except (OSError, http.client.HTTPException) as error:
                    if isinstance(error, http.client.RemoteDisconnected) and served.process.poll() is None:
                        # A request that is no HTTP ends its connection; the server goes on.
                        wire = connected(place)
                        try:
                            assert sent(wire, {"method": "GET", "path": "/healthz", "body": ""})[0] == 200
                            continue
                        except (OSError, http.client.HTTPException, AssertionError):
                            pass
                    failures.append(f"{type(error).__name__}: {error} on {request}")
                    return
                asked[number] += 1
                if failed(status, content):
                    failures.append(f"{status} {content[:300]!r} on {request}")
                    return

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise Failure("rest", failures[0] + last_words(served.process), sum(recent, []))
        if served.process.poll() is not None:
            raise Failure("rest", f"the server ended with {served.process.returncode}", sum(recent, []))
        return sum(asked)


def last_words(process):
    """What a server that ended said of it; nothing of one that runs."""
    try:
        process.wait(PATIENCE if process.poll() is not None else 20)
    except subprocess.TimeoutExpired:
        return ""
    lines = process.stderr.read().splitlines()
    told = [line for line in lines if "Fatal error" in line or " in " in line and " at " in line]
    return f"; the server ended with {process.returncode}: " + "\n".join(told[:12])


# MARK: MCP


def mcp(binary, lines, until):
    """Sends lines to one `cortex mcp`; each that is a request is answered before the next is sent."""
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [binary, "mcp", "--data", directory, "--embedder", "none"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, cwd=directory, env=surroundings(),
        )  # fmt: skip
        recent, asked = [], 0
        watch = threading.Timer(PATIENCE, process.kill)
        try:
            for line in lines:
                if time.monotonic() > until:
                    break
                recent = [*recent[1 - KEPT :], line]
                watch.cancel()
                watch = threading.Timer(PATIENCE, process.kill)
                watch.start()
                process.stdin.write(line.encode("latin-1") + b"\n")
                # A ping behind it, so that a line that is not answered is no reason to wait.
                process.stdin.write(b'{"jsonrpc":"2.0","id":"ping %d","method":"ping"}\n' % asked)
                process.stdin.flush()
                while True:
                    answer = process.stdout.readline()
                    if not answer:
                        raise Failure("mcp", f"the process ended: {process.wait()}", recent)
                    message = json.loads(answer)
                    if message.get("error", {}).get("code") == -32603:
                        raise Failure("mcp", f"an internal error: {answer!r}", recent)
                    if message.get("id") == f"ping {asked}":
                        break
                asked += 1
            process.stdin.close()
            if process.wait(PATIENCE) != 0:
                raise Failure("mcp", f"the process ended with {process.returncode}", recent)
        except BrokenPipeError:
            raise Failure("mcp", f"the process ended: {process.wait()}", recent) from None
        finally:
            watch.cancel()
            process.kill()
            process.wait()
        return asked


# MARK: The command line


def command(binary, runs, until):
    """Runs the command once for each `{"arguments", "file"}`; FILE in the arguments stands for a file with that text."""
    asked = 0
    with tempfile.TemporaryDirectory() as directory:
        for run in runs:
            if time.monotonic() > until:
                break
            path = pathlib.Path(directory) / run.get("name", "input.jsonl")
            path.write_bytes(run["file"].encode("latin-1"))
            words = [str(path) if word == "FILE" else word for word in run["arguments"]]
            words += ["--data", f"{directory}/data", "--embedder", "none"]
            try:
                done = subprocess.run(
                    [binary, *words], capture_output=True, timeout=PATIENCE, cwd=directory, env=surroundings()
                )
            except subprocess.TimeoutExpired:
                raise Failure("command", "the command does not end", [run]) from None
            asked += 1
            if done.returncode < 0 or done.returncode >= 128 or any(trap in done.stderr for trap in TRAPS):
                what = f"the command ended with {done.returncode}: {done.stderr[-300:]!r}"
                raise Failure("command", what, [run])
    return asked


def replay(binary, entry):
    """Sends what a file of the corpus holds; a Failure when the program fails on it."""
    until = time.monotonic() + 10 * PATIENCE
    if entry["surface"] == "rest":
        # Once in order, and then on several connections at once.
        rest(binary, lambda number: entry["requests"], until, connections=1)
        return rest(binary, lambda number: entry["requests"], until)
    return {"mcp": mcp, "command": command}[entry["surface"]](binary, entry["requests"], until)


def fuzz(binary, seconds, seed, surfaces=("rest", "mcp", "command")):
    """Draws requests for so long, a share of the time for each surface; prints what was sent."""
    print("seed", seed, flush=True)
    inputs.document()
    # Short rounds, so that each surface is met by every seed and its store stays small.
    end, turn = time.monotonic() + seconds, 0
    counts = dict.fromkeys(surfaces, 0)
    while (left := end - time.monotonic()) > 0:
        surface, share = surfaces[turn % len(surfaces)], max(min(60, seconds / len(surfaces)), 1)
        pick = random.Random(f"{seed} {turn}")
        until = time.monotonic() + min(share, left)
        if surface == "rest":
            seeds = [pick.random() for _ in range(CONNECTIONS)]
            counts[surface] += rest(binary, lambda number: inputs.requests(random.Random(seeds[number])), until)
        elif surface == "mcp":
            counts[surface] += mcp(binary, inputs.lines(pick), until)
        else:
            counts[surface] += command(binary, inputs.runs(pick), until)
        turn += 1
    print(", ".join(f"{count} on {surface}" for surface, count in counts.items()), "none failed", flush=True)
    return counts


def main():
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--minutes", type=float, default=float(os.environ.get("CORTEX_FUZZ_SECONDS", 60)) / 60)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    words.add_argument("--cortex", default=os.environ.get("CORTEX_BINARY", ROOT / ".build/release/cortex"))
    words.add_argument("--surfaces", nargs="+", default=["rest", "mcp", "command"])
    asked = words.parse_args()
    try:
        fuzz(str(asked.cortex), asked.minutes * 60, asked.seed, asked.surfaces)
    except Failure as failure:
        print(f"{failure.surface}: {failure.what}\nkept in {failure.keep(asked.seed)}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
