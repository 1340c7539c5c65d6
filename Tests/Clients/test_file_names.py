"""Names and paths from callers: whatever they hold, they lead to a snapshot or to nothing, and change nothing else."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import random

import pytest
from conftest import binary
from served import serving

KEY = "k" * 32
# Pieces of names that a file system, a URL or a string of C reads in a way of its own.
PIECES = [
    "..", ".", "/", "%2F", "%2f", "%5C", "%00", "%0A", "%0D%0A", "%01", "%7F", "%20", "%2E%2E", "%252F", "%25", "%CC%81", "%CC%B8",
    "%EF%BC%8F", "%FF", "a", "collections", "tmp", "folder", "link", "pipe", "outside", "data", "*", "~", "x" * 300,
]  # fmt: skip
ENDINGS = [
    "",
    ".snapshot",
    "%00.snapshot",
    "/.snapshot",
    "%2F.snapshot",
    "%2F%CC%81.snapshot",
    ".snapshot%00",
    ".snapshot%2F",
]


def names(pick, count):
    yield from (piece + ending for piece in PIECES for ending in ENDINGS)
    yield from (f"{way}{slash}{rest}" for way in ("..", "%2E%2E", ".", "a") for slash in ("/", "%2F", "%2F%CC%81", "%00")
                for rest in ("b.snapshot", "..%00.snapshot", "..%2F..%00.snapshot", "outside.snapshot", "catalog.sqlite%00.snapshot"))  # fmt: skip
    for _ in range(count):
        yield "".join(pick.choices(PIECES, k=pick.randint(1, 5))) + pick.choice(ENDINGS)


def tree(folder):
    """Every name below a folder, and the bytes of every file but those that a running store changes by itself."""
    found = {}
    for place, folders, files in os.walk(folder):
        found |= {os.path.join(place, name): None for name in folders}
        for name in files:
            path = os.path.join(place, name)
            stays = name.endswith(("snapshot", "checksum")) and os.path.isfile(path)
            found[path] = pathlib.Path(path).read_bytes() if stays else None
    return {path: content for path, content in found.items() if not path.endswith(("-wal", "-shm", "-journal", ".lease"))}


def token(claims):
    def text(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    message = text(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + text(json.dumps(claims).encode())
    return (message + b"." + text(hmac.new(KEY.encode(), message, hashlib.sha256).digest())).decode()


@pytest.fixture
def prepared(request, tmp_path):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    data = tmp_path / "data"
    with serving(binary(request.config), data, "--serve-memories", CORTEX_API_KEY=KEY) as served:
        served.key = {"api-key": KEY}
        made = {}
        for name in "ab":
            body = {"vectors": {"size": 1, "distance": "Dot"}}
            assert served.call("PUT", f"/collections/{name}", body, headers=served.key)[0] == 200
            status, answer = served.call("POST", f"/collections/{name}/snapshots", headers=served.key)
            assert status == 200
            made[name] = answer["result"]
        status, answer = served.call("POST", "/snapshots", headers=served.key)
        assert status == 200
        made[None] = answer["result"]
        (tmp_path / "outside.snapshot").write_bytes(b"outside")
        for folder in (data / "snapshots", data / "snapshots/collections/a"):
            (folder / "folder.snapshot").mkdir()
            (folder / "folder.snapshot/b.snapshot").write_bytes(b"inside")
            os.mkfifo(folder / "pipe.snapshot")
            (folder / "link.snapshot").symlink_to(tmp_path / "outside.snapshot")
            (folder / "linked").symlink_to(tmp_path)
        yield served, tmp_path, made, random.Random(seed)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_name_that_no_snapshot_has_is_not_found_and_nothing_is_touched(prepared, method):
    served, place, made, pick = prepared
    writer = {"api-key": token({"access": [{"collection": "a", "access": "rw"}]})}
    before = tree(place)
    for name in names(pick, 300):
        if not name.strip("/"):
            continue  # the path of the list
        for path, rights in (("/collections/a/snapshots/", writer), ("/collections/a/shards/0/snapshots/", served.key),
                             ("/snapshots/", served.key)):  # fmt: skip
            status, answer = served.call(method, path + name, headers=rights)
            assert status in (400, 404), (method, path + name, status, answer)
            assert str(place) not in json.dumps(answer if isinstance(answer, dict) else answer.decode())
        assert tree(place) == before, name
    # The control: the names that there are.
    for collection, path in (("a", "/collections/a/snapshots/"), (None, "/snapshots/")):
        assert served.call(method, path + made[collection]["name"], headers=served.key)[0] == 200
    assert len(tree(place)) == len(before) - (4 if method == "DELETE" else 0)


def test_a_location_leads_to_a_regular_file_below_the_snapshots_or_is_refused(prepared):
    served, place, made, pick = prepared
    folder = f"{place}/data/snapshots"
    good = f"file://{folder}/collections/b/{made['b']['name']}"
    before = tree(place)
    tried = [f"file://{folder}/collections/a/{name}" for name in names(pick, 100)]
    tried += [f"file://{folder}/{name}" for name in names(pick, 100)]
    tried += [good + ending for ending in ("%00", "%00x", "/..", "/x", "%CC%81")]
    tried += [f"file://{folder}{end}" for end in ("", "/", "/tmp", "/collections", "/collections/b", "/collections/a/linked")]
    tried += [
        f"file://{place}/outside.snapshot",
        "file:///dev/zero",
        "file:///etc/passwd",
        f"file://{place}/data/catalog.sqlite",
    ]
    for location in tried:
        body = {"location": location}
        status, answer = served.call("PUT", "/collections/new/snapshots/recover", body, headers=served.key)
        assert status in (400, 403, 422), (location, answer)
        assert tree(place) == before, location
    status, answer = served.call("PUT", "/collections/new/snapshots/recover", {"location": good}, headers=served.key)
    assert status == 200, answer


def test_a_collection_of_any_name_has_its_snapshots_in_a_folder_of_its_own(prepared):
    served, place, _, pick = prepared
    before = tree(place)
    for name in itertools.islice(names(pick, 60), 0, None, 3):
        if "/" in name:
            continue
        path = f"/collections/{name}"
        status, answer = served.call("PUT", path, {"vectors": {"size": 1, "distance": "Dot"}}, headers=served.key)
        if status != 200:
            assert status in (400, 404, 409, 422), (name, answer)
            continue
        status, answer = served.call("POST", f"{path}/snapshots", headers=served.key)
        assert status == 200, (name, answer)
        listed = served.call("GET", f"{path}/snapshots", headers=served.key)[1]["result"]
        assert answer["result"] in listed, name
        assert served.call("DELETE", path, headers=served.key)[1]["result"] is True
    after = tree(place)
    assert {path: after.get(path, "gone") for path in before} == before
    assert not [path for path in after if path.endswith(".snapshot") and path not in before]
