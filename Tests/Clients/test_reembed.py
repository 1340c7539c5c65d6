"""`cortex reembed`: killed in the middle and resumed, searched and stored to meanwhile, with a service over HTTP."""

import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CORTEX_BINARY", ROOT / ".build/release/cortex"))
DIMENSION = 48
MEMORIES = 300


class Service(http.server.ThreadingHTTPServer):
    """Speaks OpenAI's /embeddings: a word is a direction. Holds its answers back after `allowed` texts."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.texts, self.allowed = [], None
        self.is_held, self.may_go = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        texts = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"]
        service = self.server
        if service.allowed is not None and len(service.texts) + len(texts) > service.allowed:
            service.is_held.set()
            service.may_go.wait(60)
        service.texts += texts
        data = [{"index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
        body = json.dumps({"data": data}).encode()
        try:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The client was killed meanwhile.

    def log_message(self, *_):
        pass


def vector(text):
    values = [0.01] * DIMENSION
    for word in text.lower().split():
        digest = hashlib.sha256(word.encode()).digest()
        values[digest[0] % DIMENSION] += 1 if digest[1] & 1 else -1
    return values


@pytest.fixture
def service():
    service = Service()
    yield service
    service.may_go.set()
    service.shutdown()
    service.server_close()


@pytest.fixture
def remote(service):
    return ["--embedder", "openai", "--embedding-url", service.url, "--embedding-model", "words",
            "--embedding-dimension", str(DIMENSION)]


@pytest.fixture
def run(tmp_path):
    """Runs a command on the store; `wait=False` answers the process."""

    def run(name, *arguments, stdin="", wait=True):
        command = [BINARY, name, "--data", str(tmp_path / "data"), *arguments]
        if not wait:
            return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, cwd=tmp_path)

    return run


def fill(run, *options):
    lines = "\n".join(f"valve {i} in hall {i % 13} was painted in shade {i * 7}" for i in range(MEMORIES))
    result = run("store", "--lines", *options, stdin=lines)
    assert result.returncode == 0, result.stderr


def found(run, query, *options):
    result = run("find", "--json", *options, query)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def report(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def best(answer):
    return answer["items"][0]["content"]


def test_a_killed_run_is_resumed_and_the_memories_are_found_before_between_and_after(run, service, remote):
    fill(run)
    service.allowed = 130
    process = run("reembed", *remote, wait=False)
    assert service.is_held.wait(60), "the service was never asked"
    # In the middle of it: the old vectors answer, and stores go on.
    answer = found(run, "the shade of valve 17")
    assert "valve 17 " in best(answer) and answer["meta"]["vector_used"] and not answer["meta"]["degraded"]
    assert run("store", "valve 999 was stored while others were embedded").returncode == 0
    process.kill()
    process.wait()
    service.may_go.set()
    answer = found(run, "the shade of valve 17")
    assert "valve 17 " in best(answer) and answer["meta"]["vector_used"]
    # What was embedded before the kill is not embedded again, but for the page that was under way.
    before = len(service.texts)
    service.allowed = None
    done = report(run("reembed", "--json", *remote))
    assert done["to"] == "words" and done["points"] == MEMORIES + 1
    assert done["embedded"] <= MEMORIES + 1 - 64, "the second run began from the start"
    assert len(service.texts) - before == done["embedded"]
    for number in (0, 17, 299, 999):
        answer = found(run, f"valve {number}", *remote)
        assert f"valve {number} " in best(answer) and answer["meta"]["vector_used"]
    assert run("verify").returncode == 0
    # Again: nothing is left to do.
    assert report(run("reembed", "--json", *remote))["embedded"] == 0


def test_the_former_embedder_is_refused_with_the_command_that_moves_back(run, remote):
    fill(run)
    assert report(run("reembed", "--json", *remote))["embedded"] == MEMORIES
    refused = run("find", "valve 17")
    assert refused.returncode == 1 and "cortex reembed" in refused.stderr and "words" in refused.stderr
    back = report(run("reembed", "--json"))
    assert (back["from"], back["embedded"]) == ("words", MEMORIES)
    assert "valve 17 " in best(found(run, "the shade of valve 17"))


def test_vectors_are_taken_away_and_come_back(run):
    fill(run)
    gone = report(run("reembed", "--json", "--embedder", "none"))
    assert gone["points"] == MEMORIES and "to" not in gone
    answer = found(run, "valve 17", "--embedder", "none")
    assert "valve 17 " in best(answer) and not answer["meta"]["vector_used"]
    answer = found(run, "valve 17")
    assert answer["meta"]["degraded"] and "cortex reembed" in answer["meta"]["degraded_reason"]
    # What is stored now has no vector; it gets one with the rest.
    assert run("store", "the attic has a skylight").returncode == 0
    assert report(run("reembed", "--json"))["embedded"] == MEMORIES + 1
    answer = found(run, "window in the roof")
    assert answer["items"][0]["content"] == "the attic has a skylight" and answer["meta"]["vector_used"]


def test_what_was_stored_while_the_service_was_down_gets_its_vectors(run, service, remote):
    fill(run, *remote)
    down = [*remote[:3], "http://127.0.0.1:9/v1", *remote[4:]]
    stored = run("store", "--json", "stored without a vector", *down)
    assert "degraded_reason" in json.loads(stored.stdout)
    assert report(run("reembed", "--json", *remote))["embedded"] == 1
    assert found(run, "stored without vector", *remote)["items"][0]["match_type"] in ("hybrid", "exact")


def test_a_run_fails_whole_when_the_service_does_and_two_runs_take_turns(run, service, remote):
    fill(run)
    down = [*remote[:3], "http://127.0.0.1:9/v1", *remote[4:]]
    failed = run("reembed", *down)
    assert failed.returncode == 1 and "cannot be reached" in failed.stderr
    assert "valve 17 " in best(found(run, "the shade of valve 17"))
    service.allowed = 0
    first = run("reembed", *remote, wait=False)
    assert service.is_held.wait(60)
    second = run("reembed", *remote)
    assert second.returncode == 1 and "another process" in second.stderr
    service.may_go.set()
    assert first.wait(60) == 0
    first.stdout.close()
    first.stderr.close()


def test_there_is_nothing_to_embed_where_nothing_is_stored(run):
    result = run("reembed")
    assert result.returncode == 1 and "nothing is stored" in result.stderr


def test_a_server_of_the_former_embedder_says_what_happened(run, speak, cortex):
    fill(run)
    client = speak(cortex)
    def find():
        client.modern("tools/call", {"name": "memory_find", "arguments": {"query": "valve 17"}})
        return client.read()["result"]
    assert find()["structuredContent"]["meta"]["vector_used"]
    assert report(run("reembed", "--json", "--embedder", "none"))["points"] == MEMORIES
    errors = [answer["content"][0]["text"] for answer in (find(), find()) if answer["isError"]]
    assert all(error.startswith("E2007") and "may succeed later" in error for error in errors)
    answer = find()["structuredContent"]
    assert answer["items"] and "cortex reembed" in answer["meta"]["degraded_reason"]
