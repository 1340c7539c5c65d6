"""What the served store lets in: web pages of other origins, the memories, large uploads, and modes of files."""

import hashlib
import http.client
import json
import os
import pathlib
import re
import stat
import subprocess
import time
import urllib.parse

import pytest
from conftest import binary
from served import serving, wait_until_ready
from surroundings import surroundings

KEY = "a-key-that-is-long-enough-to-sign-with"
TEXT = "the gateway moved to Rust"
MIB = 1 << 20
NONE = "http://evil.example"


def ask(url, method, path, body=None, **headers):
    """Status, headers and body of one call with exactly these headers (and Host, where none is given)."""
    place = urllib.parse.urlsplit(url)
    wire = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    wire.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        wire.putheader(name.replace("_", "-"), value)
    if body is not None:
        wire.putheader("content-length", str(len(body)))
    wire.endheaders(body)
    answer = wire.getresponse()
    content = answer.read()
    wire.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def remember(program, directory):
    command = [program, "store", TEXT, "--data", str(directory)]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=surroundings())


def found(program, directory):
    command = [program, "find", "--json", "gateway", "--data", str(directory)]
    result = subprocess.run(command, check=True, capture_output=True, timeout=120, env=surroundings())
    return [item["content"] for item in json.loads(result.stdout)["items"]]


@pytest.fixture
def program(request):
    return binary(request.config)


JSON = {"content_type": "application/json"}
EVERYTHING = b'{"filter": {}}'
# What a page of another origin can send, with a preflight and without one.
ATTACKS = [
    ("POST", "/collections/memories/points/scroll", b"{}", {"origin": NONE, "content_type": "text/plain"}, 403),
    ("POST", "/collections/memories/points/delete", EVERYTHING, {"origin": NONE, "content_type": "text/plain"}, 403),
    ("POST", "/collections/memories/points/delete", EVERYTHING, {"origin": NONE} | JSON, 403),
    ("DELETE", "/collections/memories", None, {"origin": NONE}, 403),
    ("GET", "/collections", None, {"origin": NONE}, 403),
    ("GET", "/collections", None, {"origin": "null"}, 403),
    ("OPTIONS", "/collections/memories", None, {"origin": NONE, "access_control_request_method": "DELETE"}, 403),
    ("GET", "/collections", None, {"host": "evil.example"}, 403),
    ("DELETE", "/collections/memories", None, {"host": "evil.example:6333"}, 403),
    ("POST", "/collections/memories/points/scroll", b"{}", {"host": "127.0.0.1.evil.example"} | JSON, 403),
    ("POST", "/collections/memories/points/delete", EVERYTHING, {"content_type": "text/plain"}, 415),
    ("POST", "/collections/memories/points/delete", EVERYTHING, {}, 415),
    ("POST", "/collections/memories/points/delete", EVERYTHING, {"content_type": "multipart/form-data"}, 415),
    ("POST", "/collections/c/snapshots/upload", b"x", {"origin": NONE, "content_type": "multipart/form-data"}, 403),
    ("POST", "/collections/c/snapshots/upload", b"x", {"content_type": "text/plain"}, 415),
]


@pytest.mark.parametrize("flags", [[], ["--serve-memories"]])
def test_no_web_page_reads_or_changes_anything(program, tmp_path, flags):
    remember(program, tmp_path / "data")
    with serving(program, tmp_path / "data", *flags) as served:
        for method, path, body, headers, status in ATTACKS:
            got, sent, content = ask(served.url, method, path, body, **headers)
            assert got == status, (method, path, headers, content)
            assert content.startswith(b"Refused: ") and TEXT.encode() not in content
            assert not [name for name in sent if name.startswith("access-control")], sent
        # A page of this machine may ask, and a browser keeps other origins from reading: no header allows it.
        status, sent, _ = ask(served.url, "GET", "/collections", origin="http://localhost:3000")
        assert status == 200 and not [name for name in sent if name.startswith("access-control")]
        for host in ("localhost", "127.0.0.1:1", "[::1]:6333"):
            assert ask(served.url, "GET", "/", host=host)[0] == 200
    assert found(program, tmp_path / "data") == [TEXT]


def test_the_health_door_is_closed_to_other_hosts_as_well(program, tmp_path):
    command = [program, "serve", "--data", str(tmp_path), "--port", "0", "--qdrant-port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=surroundings())
    try:
        for _ in range(2):
            url = re.search(r"http://[^ ,]+:\d+", process.stderr.readline()).group(0)
            assert ask(url, "GET", "/healthz")[0] == 200
            assert ask(url, "GET", "/healthz", host="evil.example")[0] == 403
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_with_a_key_the_key_decides(program, tmp_path):
    with serving(program, tmp_path, CORTEX_API_KEY=KEY) as served:
        page = {"origin": NONE, "host": "cortex.example"}
        assert ask(served.url, "GET", "/collections", **page)[0] == 401
        status, sent, _ = ask(served.url, "GET", "/collections", api_key=KEY, **page)
        assert status == 200 and not [name for name in sent if name.startswith("access-control")]


def test_the_memories_are_served_on_request_alone(program, tmp_path):
    remember(program, tmp_path)
    with serving(program, tmp_path) as served:
        assert served.result("GET", "/collections")["collections"] == []
        status, answer = served.call("POST", "/collections/memories/points/scroll", {})
        assert status == 404 and answer["status"]["error"] == "Not found: Collection `memories` doesn't exist!"
        assert served.result("DELETE", "/collections/memories") is False
        for name in ("memories", "memories.history", "memories.reembedding"):
            body = {"vectors": {"size": 2, "distance": "Dot"}}
            status, answer = served.call("PUT", f"/collections/{name}", body)
            assert status == 403 and "--serve-memories" in answer["status"]["error"]
    assert found(program, tmp_path) == [TEXT]
    with serving(program, tmp_path, "--serve-memories") as served:
        assert {"name": "memories"} in served.result("GET", "/collections")["collections"]
        (point,) = served.result("POST", "/collections/memories/points/scroll", {})["points"]
        assert TEXT in json.dumps(point["payload"])


def test_a_server_says_when_its_collections_are_open(program, tmp_path):
    with serving(program, tmp_path) as served:
        wait_until_ready(served.url)
        for name in "abc":
            served.result("PUT", f"/collections/{name}", {"vectors": {"size": 2, "distance": "Dot"}})
    (tmp_path / "b.collection.sqlite").write_bytes(b"no database" * 100)
    with serving(program, tmp_path) as served:
        assert served.call("GET", "/healthz") == (200, b"healthz check passed")
        wait_until_ready(served.url)
        assert served.call("GET", "/collections/a")[0] == 200
        assert served.call("GET", "/collections/b")[0] == 500
    assert any("'b' cannot be opened" in line for line in served.complaints)


# Uploads


def memory_of(process, what):
    return int(re.search(rf"{what}:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text()).group(1)) << 10


def form(path, boundary=b"----a-boundary"):
    """A form with the file as `snapshot`, in parts of a megabyte; and its length."""
    disposition = b'content-disposition: form-data; name="snapshot"; filename="s"'
    head = b"--" + boundary + b"\r\n" + disposition + b"\r\ncontent-type: application/octet-stream\r\n\r\n"
    tail = b"\r\n--" + boundary + b"--\r\n"

    def parts():
        yield head
        with open(path, "rb") as file:
            while part := file.read(MIB):
                yield part
        yield tail

    return parts(), len(head) + os.path.getsize(path) + len(tail), f"multipart/form-data; boundary={boundary.decode()}"


def upload(url, path, name="d", cut=None, **headers):
    parts, length, kind = form(path)
    place = urllib.parse.urlsplit(url)
    wire = http.client.HTTPConnection(place.hostname, place.port, timeout=300)
    wire.putrequest("POST", f"/collections/{name}/snapshots/upload")
    for key, value in ({"content-type": kind, "content-length": str(length)} | headers).items():
        wire.putheader(key, value)
    wire.endheaders()
    for number, part in enumerate(parts):
        if number == cut:
            wire.close()
            return None, b""
        wire.send(part)
    answer = wire.getresponse()
    return answer.status, answer.read()


def left_behind(directory):
    return sorted(path.name for path in (directory / "snapshots" / "tmp").glob("*"))


@pytest.fixture(scope="module")
def snapshot(request, tmp_path_factory):
    """A snapshot of more than 100 MB: its file, and how many points it holds."""
    place = tmp_path_factory.mktemp("large")
    with serving(binary(request.config), place / "data") as served:
        served.result("PUT", "/collections/c", {"vectors": {"size": 4, "distance": "Dot"}})
        for first in range(0, 112, 16):
            points = [
                {"id": i, "vector": [1, 2, 3, i], "payload": {"text": f"{i} " + "amber basil " * (MIB // 12)}}
                for i in range(first, first + 16)
            ]
            served.result("PUT", "/collections/c/points?wait=true", {"points": points})
        made = served.result("POST", "/collections/c/snapshots")
    path = place / "data/snapshots/collections/c" / made["name"]
    assert path.stat().st_size > 100 * MIB
    return path, 112, made["checksum"]


def test_an_upload_of_a_hundred_megabytes_goes_to_disk_and_not_to_memory(program, tmp_path, snapshot):
    path, count, checksum = snapshot
    with serving(program, tmp_path) as served:
        wait_until_ready(served.url)
        before = memory_of(served.process, "VmRSS")
        status, content = upload(served.url, path)
        assert status == 200, content
        grown = memory_of(served.process, "VmHWM") - before
        assert grown < 64 * MIB, f"{grown >> 20} MiB more memory for {path.stat().st_size >> 20} MiB"
        assert left_behind(tmp_path) == []
        assert served.result("POST", "/collections/d/points/count", {})["count"] == count
        assert checksum == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_upload_that_is_cut_off_leaves_nothing_behind(program, tmp_path, snapshot):
    path, *_ = snapshot
    with serving(program, tmp_path) as served:
        upload(served.url, path, cut=40)
        # Ends the requests under way, the cut one too.
        served.process.terminate()
        served.process.wait(timeout=60)
        assert left_behind(tmp_path) == []
        assert not list(tmp_path.glob("d.*"))


class HalfUpload:
    """An upload of which eight megabytes have been sent and are on disk."""

    def __init__(self, url, directory, path):
        parts, length, kind = form(path)
        place = urllib.parse.urlsplit(url)
        self.parts = parts
        self.wire = http.client.HTTPConnection(place.hostname, place.port, timeout=300)
        self.wire.putrequest("POST", "/collections/d/snapshots/upload")
        self.wire.putheader("content-type", kind)
        self.wire.putheader("content-length", str(length))
        self.wire.endheaders()
        for _ in range(9):
            self.wire.send(next(self.parts))
        patience = time.monotonic() + 60
        while not any(path.stat().st_size > 4 * MIB for path in (directory / "snapshots" / "tmp").glob("*")):
            assert time.monotonic() < patience, "nothing of the upload comes to disk"
            time.sleep(0.01)

    def finish(self):
        for part in self.parts:
            self.wire.send(part)
        return self.wire.getresponse().status


def test_what_a_killed_upload_left_is_removed_by_the_next_start(program, tmp_path, snapshot):
    path, *_ = snapshot
    with serving(program, tmp_path) as served:
        HalfUpload(served.url, tmp_path, path)
        served.process.kill()
        served.process.wait()
    assert left_behind(tmp_path) != []
    with serving(program, tmp_path) as served:
        wait_until_ready(served.url)
        assert left_behind(tmp_path) == []


def test_a_start_leaves_the_uploads_of_other_processes_alone(program, tmp_path, snapshot):
    path, count, _ = snapshot
    with serving(program, tmp_path) as served:
        upload = HalfUpload(served.url, tmp_path, path)
        with serving(program, tmp_path) as other:
            wait_until_ready(other.url)
            assert left_behind(tmp_path) != []
            assert upload.finish() == 200
            assert other.result("POST", "/collections/d/points/count", {})["count"] == count
        assert left_behind(tmp_path) == []


@pytest.mark.parametrize("route", ["stored", "made for the answer"])
def test_a_download_of_a_hundred_megabytes_is_read_while_it_is_sent(program, tmp_path, snapshot, route):
    path, count, checksum = snapshot
    with serving(program, tmp_path) as served:
        assert upload(served.url, path)[0] == 200
        made = served.result("POST", "/collections/d/snapshots")
        source = f"snapshots/{made['name']}" if route == "stored" else "shards/0/snapshot"
        place = urllib.parse.urlsplit(served.url)
        wire = http.client.HTTPConnection(place.hostname, place.port, timeout=300)
        wire.request("GET", "/healthz")
        wire.getresponse().read()
        before = memory_of(served.process, "VmRSS")
        wire.request("GET", f"/collections/d/{source}")
        answer = wire.getresponse()
        assert answer.status == 200 and int(answer.headers["content-length"]) > 100 * MIB
        digest, largest = hashlib.sha256(), 0
        for number in range(1 << 20):
            # Nothing is read for a while: the rest stays on disk, and others are answered.
            if number % 16 == 1:
                assert served.call("GET", "/healthz")[0] == 200
                largest = max(largest, memory_of(served.process, "VmRSS"))
            part = answer.read(MIB)
            if not part:
                break
            digest.update(part)
        grown = max(largest, memory_of(served.process, "VmRSS")) - before
        assert grown < 32 * MIB, f"{grown >> 20} MiB more memory for a download"
        if route == "stored":
            assert digest.hexdigest() == made["checksum"]
        assert left_behind(tmp_path) == []
        # The connection goes on.
        wire.request("POST", "/collections/d/points/count", "{}", {"content-type": "application/json"})
        assert json.loads(wire.getresponse().read())["result"]["count"] == count
        # A client that leaves in the middle holds nothing up.
        wire.request("GET", f"/collections/d/{source}")
        wire.getresponse().read(MIB)
        wire.close()
        assert served.call("GET", "/healthz")[0] == 200
    assert served.process.returncode == 0, list(served.complaints)


def test_a_snapshot_of_everything_is_made_and_downloaded_without_taking_memory(program, tmp_path, snapshot):
    path, *_ = snapshot
    with serving(program, tmp_path) as served:
        assert upload(served.url, path)[0] == 200
        # Opens the collection, whose payloads are in memory from then on.
        served.result("POST", "/collections/d/points/count", {})
        before = memory_of(served.process, "VmRSS")
        made = served.result("POST", "/snapshots")
        assert memory_of(served.process, "VmRSS") - before < 48 * MIB
        file = tmp_path / "snapshots" / made["name"]
        status, content = served.call("GET", f"/snapshots/{made['name']}")
        assert status == 200 and content == file.read_bytes()
        head, _, rest = content.partition(b"\n")
        assert len(rest) == sum(entry["size"] for entry in json.loads(head)["collections"])
        assert hashlib.sha256(content).hexdigest() == made["checksum"]
        assert left_behind(tmp_path) == []


def test_an_upload_without_the_key_is_refused_before_it_takes_room(program, tmp_path, snapshot):
    path, *_ = snapshot
    with serving(program, tmp_path, CORTEX_API_KEY=KEY) as served:
        small = tmp_path / "small"
        small.write_bytes(bytes(8 * MIB))
        status, _ = upload(served.url, small)
        assert status == 401
        assert left_behind(tmp_path) == []
        status, content = upload(served.url, path, **{"api-key": KEY})
        assert status == 200, content


# Modes


def test_everything_that_is_made_is_its_users_alone(program, tmp_path):
    """A session with every command that writes, under a umask that lets everybody read and write."""
    data, out = tmp_path / "made/on/the/way", tmp_path / "out"
    out.mkdir(mode=0o700)

    def run(*arguments):
        command = [program, *map(str, arguments), "--data", str(data)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, umask=0, env=surroundings())
        assert result.returncode == 0, result.stderr
        return result.stdout

    run("store", TEXT)
    run("store", "certificates expire in May")
    run("backup", "create")
    run("export", "--out", out / "lines.jsonl")
    run("export", "--markdown", out / "notes/deep")
    run("reembed", "--embedder", "none")
    run("doctor", "--embedder", "none")
    run("backup", "drill")
    run("restore", "--into", tmp_path / "restored")
    command = [program, "serve", "--data", str(data), "--qdrant-port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, umask=0, env=surroundings())
    try:
        url = re.search(r"http://[^ ,]+:\d+", process.stderr.readline()).group(0)
        body = json.dumps({"vectors": {"size": 2, "distance": "Dot"}}).encode()
        assert ask(url, "PUT", "/collections/c", body, **JSON)[0] == 200
        alias = {"actions": [{"create_alias": {"collection_name": "c", "alias_name": "a"}}]}
        assert ask(url, "POST", "/collections/aliases", json.dumps(alias).encode(), **JSON)[0] == 200
        made = json.loads(ask(url, "POST", "/collections/c/snapshots")[2])["result"]["name"]
        assert ask(url, "POST", "/snapshots")[0] == 200
        assert upload(url, data / "snapshots/collections/c" / made)[0] == 200
        exported = [program, "export", "qdrant", "--file", str(out / "files"), "--data", str(data)]
        subprocess.run(exported, check=True, capture_output=True, timeout=120, umask=0, env=surroundings())
        check_modes(tmp_path, ["-wal", "-shm", ".mark", ".lease"])
        # Killed, so that what is removed at a clean end is looked at too.
        process.kill()
    finally:
        process.kill()
        process.communicate(timeout=30)
    run("find", "gateway", "--embedder", "none")
    check_modes(tmp_path, [".sqlite", ".mark", ".snapshot", ".checksum", "manifest.json", ".jsonl", ".md"])


def check_modes(directory, endings):
    paths = [path for path in directory.rglob("*")]
    for ending in endings:
        assert any(path.name.endswith(ending) for path in paths), f"the walk met no {ending}"
    for path in paths:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} has mode {mode:o}"
