"""Snapshots behind Qdrant's routes: what has which name whatever is restored over what, and calls that wait for a slow
disk while others are answered.
"""

import contextlib
import http.client
import json
import os
import random
import threading
import urllib.parse

import pytest
from conftest import binary
from served import serving

NAMES = ["a", "b", "c", "d"]
ROUNDS = 150


class Model:
    """What the server should have: the mark in each collection's one point, aliases, snapshots with their marks."""

    def __init__(self, served):
        self.served = served
        self.collections = {}
        self.aliases = {}
        self.snapshots = {}
        self.kept = []

    def real(self, name):
        return self.aliases.get(name, name)

    def create(self, pick):
        name = pick.choice(NAMES)
        status, answer = self.served.call("PUT", f"/collections/{name}", {"vectors": {"size": 1, "distance": "Dot"}})
        if name in self.aliases:
            assert status == 400 and "Alias with the same name" in answer["status"]["error"]
        elif name in self.collections:
            assert status == 409
        else:
            assert status == 200, answer
            self.collections[name], self.snapshots[name] = None, set()
            self.mark(name, pick)

    def mark(self, name, pick):
        mark = pick.randrange(1 << 30)
        point = {"id": 1, "vector": [1], "payload": {"mark": mark}}
        self.served.result("PUT", f"/collections/{name}/points?wait=true", {"points": [point]})
        self.collections[self.real(name)] = mark

    def change(self, pick):
        name = pick.choice(NAMES)
        if self.real(name) in self.collections:
            self.mark(name, pick)

    def delete(self, pick):
        name = pick.choice(NAMES)
        existed = name in self.collections
        assert self.served.result("DELETE", f"/collections/{name}") == existed
        if not existed:
            return  # perhaps an alias: by it no collection is deleted
        del self.collections[name], self.snapshots[name]
        self.kept = [kept for kept in self.kept if kept[0] != name]
        self.aliases = {alias: target for alias, target in self.aliases.items() if target != name}

    def alias(self, pick):
        name, alias = pick.choice(NAMES), pick.choice(NAMES)
        action = {"create_alias": {"collection_name": name, "alias_name": alias}}
        status, _ = self.served.call("POST", "/collections/aliases", {"actions": [action]})
        assert status == (404 if name not in self.collections else 409 if alias in self.collections else 200)
        if status == 200:
            self.aliases[alias] = name

    def drop_alias(self, pick):
        alias = pick.choice(NAMES)
        self.served.result("POST", "/collections/aliases", {"actions": [{"delete_alias": {"alias_name": alias}}]})
        self.aliases.pop(alias, None)

    def snapshot(self, pick):
        name = pick.choice(NAMES)
        status, answer = self.served.call("POST", f"/collections/{name}/snapshots")
        real = self.real(name)
        assert status == (200 if real in self.collections else 404)
        if status == 200:
            self.snapshots[real].add(answer["result"]["name"])
            self.kept.append((real, answer["result"]["name"], self.collections[real]))

    def restore(self, pick):
        if not self.kept:
            return
        name, (source, file, mark) = pick.choice(NAMES), pick.choice(self.kept)
        if pick.random() < 0.5:
            path = os.path.join(self.served.snapshots, "collections", source, file)
            status, answer = self.served.call("PUT", f"/collections/{name}/snapshots/recover", {"location": f"file://{path}"})
        else:
            status, content = self.served.call("GET", f"/collections/{source}/snapshots/{file}")
            assert status == 200
            head = b'--x\r\ncontent-disposition: form-data; name="snapshot"; filename="s"\r\n\r\n'
            status, answer = self.served.call(
                "POST",
                f"/collections/{name}/snapshots/upload",
                headers={"content-type": "multipart/form-data; boundary=x"},
                raw=head + content + b"\r\n--x--\r\n",
            )
        if name in self.aliases:
            assert status == 400 and "Alias with the same name" in answer["status"]["error"], answer
        else:
            assert status == 200, answer
            self.collections[name] = mark
            self.snapshots.setdefault(name, set())

    def check(self):
        listed = self.served.result("GET", "/collections")["collections"]
        assert sorted(one["name"] for one in listed) == sorted(self.collections)
        aliases = self.served.result("GET", "/aliases")["aliases"]
        assert {one["alias_name"]: one["collection_name"] for one in aliases} == self.aliases
        for name in NAMES:
            real = self.real(name)
            status, answer = self.served.call("POST", f"/collections/{name}/points", {"ids": [1], "with_payload": True})
            assert status == (200 if real in self.collections else 404), (name, answer)
            if status == 200:
                assert answer["result"][0]["payload"]["mark"] == self.collections[real], name
                files = self.served.result("GET", f"/collections/{name}/snapshots")
                assert {file["name"] for file in files} == self.snapshots[real], name


def test_a_name_leads_to_one_collection_whatever_is_made_restored_and_deleted(request, tmp_path):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    pick = random.Random(seed)
    with serving(binary(request.config), tmp_path / "data") as served:
        served.snapshots = str(tmp_path / "data/snapshots")
        model = Model(served)
        steps = [model.create] * 3 + [model.alias] * 3 + [model.snapshot] * 2 + [model.restore] * 4
        steps += [model.change, model.change, model.delete, model.drop_alias]
        for _ in range(ROUNDS):
            pick.choice(steps)(pick)
            model.check()


@contextlib.contextmanager
def stuck(path):
    """A file whose reader waits, as for a disk that does not answer, until the block ends."""
    os.mkfifo(path)
    try:
        yield
    finally:
        # A request that waits now has an end of the pipe; a later one finds no file.
        held = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        path.unlink()
        os.close(held)


def connection(served):
    return http.client.HTTPConnection(urllib.parse.urlsplit(served.url).netloc, timeout=120)


# More than there are event loops, so that each of them has such a call.
CALLS = 12


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("GET", "/collections/c/snapshots", None),
        ("GET", "/collections/c/snapshots/stuck.snapshot", None),
        ("PUT", "/collections/d/snapshots/recover", {"location": "file://{folder}/collections/c/stuck.snapshot"}),
        ("GET", "/snapshots", None),
        ("GET", "/snapshots/stuck.snapshot", None),
    ],
)
def test_a_call_that_waits_for_the_disk_keeps_no_other_call_waiting(request, tmp_path, method, path, body):
    with serving(binary(request.config), tmp_path / "data") as served:
        served.result("PUT", "/collections/c", {"vectors": {"size": 1, "distance": "Dot"}})
        folder = tmp_path / "data/snapshots"
        (folder / "collections/c").mkdir(parents=True, exist_ok=True)
        place = folder / "collections/c" if "/c/" in path or body else folder
        if body:
            body = json.dumps(body).replace("{folder}", str(folder))
        headers = {"content-type": "application/json"}
        others = [connection(served) for _ in range(CALLS)]
        for other in others:
            other.request("GET", "/livez")
            assert other.getresponse().read()
        waiting = [connection(served) for _ in range(CALLS)]
        with stuck(place / "stuck.snapshot"):
            for call in waiting:
                call.request(method, path, body=body, headers=headers)
            for _ in range(5):
                for other in others:
                    other.request("GET", "/livez")
                    answer = other.getresponse()
                    assert answer.status == 200 and answer.read()
        statuses = []
        readers = [threading.Thread(target=lambda call=call: statuses.append(call.getresponse().status)) for call in waiting]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(timeout=120)
        assert len(statuses) == CALLS, "a call was never answered"
        assert served.process.poll() is None
