"""Snapshots that are made, listed, read and removed at one moment; processes that are killed while they restore one."""

import collections
import hashlib
import http.client
import os
import random
import threading
import time

import pytest
from conftest import binary
from served import serving

COLLECTION = {"vectors": {"size": 1, "distance": "Dot"}}
DEADLINE = 240


def fill(served, name, points, kilobytes):
    served.result("PUT", f"/collections/{name}", COLLECTION)
    for i in range(points):
        point = {"id": i, "vector": [1], "payload": {"a": os.urandom(kilobytes << 9).hex()}}
        served.result("PUT", f"/collections/{name}/points?wait=true", {"points": [point]})


def together(*bodies):
    """Runs functions at one moment, and raises what the first of them raised."""
    raised = []

    def run(body):
        try:
            body()
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            raised.append(error)

    threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=DEADLINE)
        assert not thread.is_alive()
    if raised:
        raise raised[0]


@pytest.mark.parametrize("of", ["/collections/c", ""])
def test_a_listed_snapshot_is_whole_and_has_the_checksum_of_its_bytes(request, tmp_path, of):
    with serving(binary(request.config), tmp_path / "data") as served:
        fill(served, "c", 12, 512)
        made, listed = [], {}
        ended = threading.Event()

        def make():
            try:
                made.extend(served.result("POST", f"{of}/snapshots") for _ in range(4))
            finally:
                ended.set()

        def look():
            while not ended.is_set():
                for one in served.result("GET", f"{of}/snapshots"):
                    assert listed.setdefault(one["name"], one) == one

        together(make, look, look)
        for one in made:
            status, content = served.call("GET", f"{of}/snapshots/{one['name']}")
            assert status == 200 and len(content) == one["size"]
            assert hashlib.sha256(content).hexdigest() == one["checksum"]
            assert listed.get(one["name"], one) == one
        assert {one["name"]: one for one in served.result("GET", f"{of}/snapshots")} == {one["name"]: one for one in made}


def test_a_checksum_that_was_kept_of_an_unfinished_file_is_made_again(request, tmp_path):
    with serving(binary(request.config), tmp_path / "data") as served:
        fill(served, "c", 1, 16)
        made = served.result("POST", "/collections/c/snapshots")
        path = tmp_path / "data/snapshots/collections/c" / made["name"]
        kept = path.with_name(path.name + ".checksum")
        assert kept.read_text() == made["checksum"]
        for old in ("0" * 64, "", "no sum"):
            kept.write_text(old)
            os.utime(kept, ns=(0, path.stat().st_mtime_ns - 1))
            assert served.result("GET", "/collections/c/snapshots") == [made]


@pytest.mark.parametrize("deletes_collections", [False, True])
def test_what_is_removed_while_it_is_asked_for_is_not_there_and_no_error(request, tmp_path, deletes_collections):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    with serving(binary(request.config), tmp_path / "data") as served:
        served.result("PUT", "/collections/c", COLLECTION)
        seen = collections.Counter()
        ended = threading.Event()

        def call(method, path, body=None):
            status, answer = served.call(method, path, body)
            seen[method, status] += 1
            gone = (404, 409) if deletes_collections else (404,)
            assert status == 200 or status in gone, (method, path, status, answer)
            return answer["result"] if status == 200 and isinstance(answer, dict) else None

        def make():
            try:
                for _ in range(40):
                    call("POST", "/collections/c/snapshots")
            finally:
                ended.set()

        def look():
            while not ended.is_set():
                call("GET", "/collections/c/snapshots")

        def read_and_remove(pick):
            while not ended.is_set():
                for one in call("GET", "/collections/c/snapshots") or []:
                    method = pick.choice(["GET", "DELETE"])
                    call(method, f"/collections/c/snapshots/{one['name']}")

        def replace():
            while deletes_collections and not ended.is_set():
                call("DELETE", "/collections/c")
                call("PUT", "/collections/c", COLLECTION)

        together(
            make,
            make,
            look,
            lambda: read_and_remove(random.Random(seed)),
            lambda: read_and_remove(random.Random(-seed)),
            replace,
        )
        assert seen["POST", 200]
        folder = tmp_path / "data/snapshots/collections/c"
        names = set(os.listdir(folder)) if folder.exists() else set()
        assert not [name for name in names if name.endswith(".checksum") and name.removesuffix(".checksum") not in names]
        assert [name for name in os.listdir(tmp_path / "data/snapshots/tmp")] == []


def test_copies_that_a_killed_process_made_ready_are_gone_after_the_next_start(request, tmp_path):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    pick = random.Random(seed)
    data = tmp_path / "data"
    with serving(binary(request.config), data) as served:
        fill(served, "c", 6, 1024)
        name = served.result("POST", "/collections/c/snapshots")["name"]
    location = {"location": f"file://{data}/snapshots/collections/c/{name}"}

    def left():
        return [one for one in os.listdir(data) if ".new-" in one] + os.listdir(data / "snapshots/tmp")

    met = 0
    for _ in range(6):
        with serving(binary(request.config), data) as served:
            target = pick.choice(["c", "d"])

            def restore(served=served, target=target):
                try:
                    served.call("PUT", f"/collections/{target}/snapshots/recover", location)
                except (OSError, http.client.HTTPException):
                    pass  # the server was killed

            thread = threading.Thread(target=restore)
            thread.start()
            # Until there is a copy, and a random number of looks longer.
            looks = pick.randrange(200)
            deadline = time.monotonic() + DEADLINE
            while thread.is_alive() and (looks := looks - bool(left())) > 0:
                assert time.monotonic() < deadline
            served.process.kill()
            served.process.wait()
            thread.join()
        met += bool(left())
        with serving(binary(request.config), data) as served:
            # Every collection is opened after the leftovers are removed.
            deadline = time.monotonic() + DEADLINE
            while served.call("GET", "/readyz")[0] != 200:
                assert time.monotonic() < deadline
            assert left() == []
            assert served.result("POST", "/collections/c/points/count", {})["count"] == 6
    assert met, "no kill left anything: the test has tested nothing"
