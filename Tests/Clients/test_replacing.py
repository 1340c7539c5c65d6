"""Commands that replace a collection's file, killed at every system call that counts: the collection is there
afterwards with every point, and the same command ends what was begun.
"""

import itertools
import json
import shutil
import sqlite3
import subprocess

import pytest
from conftest import binary
from served import serving
from surroundings import surroundings

POINTS = 100
KEY = "1f" * 32
SECRET = "the heron waits in the reeds"
CALLS = "rename,link,unlink,ftruncate"

pytestmark = pytest.mark.skipif(
    not shutil.which("strace"), reason="NOT TESTED HERE: killing at a system call needs strace")


@pytest.fixture
def program(request):
    return binary(request.config)


@pytest.fixture
def store(program, tmp_path):
    """A plain store with one collection."""
    place = tmp_path / "store"
    points = [{"id": i, "vector": [1.0, 2.0], "payload": {"text": SECRET}} for i in range(1, POINTS + 2)]
    with serving(program, place) as served:
        served.result("PUT", "/collections/c", {"vectors": {"size": 2, "distance": "Dot"}})
        served.result("PUT", "/collections/c/points?wait=true", {"points": points})
        served.result("POST", "/collections/c/points/delete?wait=true", {"points": [POINTS + 1]})
    return place


def run(program, place, *arguments, tracer=(), **variables):
    return subprocess.run(
        [*tracer, program, *arguments, "--data", str(place)], capture_output=True, text=True, timeout=120,
        env=surroundings(**variables))


def verified(program, place):
    """The collection, which must be there, as `verify` sees it."""
    (found,) = json.loads(run(program, place, "verify", "--json").stdout)["collections"]
    return found


def killed(program, store, tmp_path, *arguments, **variables):
    """Copies of the store on which the command was killed at its first call, at its second, and so on; in the end, one
    on which it ran through.
    """
    for turn in itertools.count(1):
        place = tmp_path / f"killed-{turn}"
        shutil.copytree(store, place)
        tracer = ("strace", "-f", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e",
                  f"inject={CALLS}:signal=KILL:when={turn}")  # fmt: skip
        has_ended = run(program, place, *arguments, tracer=tracer, **variables).returncode >= 0
        yield place
        shutil.rmtree(place)
        if has_ended:
            assert turn > 3, "the command makes too few calls to be interrupted"
            return


def test_a_killed_encryption_leaves_the_plain_or_the_encrypted_collection(program, store, tmp_path):
    for place in killed(program, store, tmp_path, "key", "encrypt", ENCRYPTION_KEY=KEY):
        found = verified(program, place)
        assert found["sound"] and found["points"] == POINTS
        again = run(program, place, "key", "encrypt", ENCRYPTION_KEY=KEY)
        assert again.returncode == 0, again.stderr
        found = verified(program, place)
        assert found["sound"] and found["points"] == POINTS
        files = b"".join(path.read_bytes() for path in place.glob("c.collection*"))
        assert SECRET.encode() not in files
    run(program, store, "key", "encrypt", ENCRYPTION_KEY=KEY)
    with serving(program, store, ENCRYPTION_KEY=KEY) as served:
        assert served.result("POST", "/collections/c/points/count", {})["count"] == POINTS


def test_a_killed_repair_leaves_the_old_or_the_new_collection(program, store, tmp_path):
    with sqlite3.connect(store / "c.collection.sqlite") as file:
        assert file.execute("UPDATE deletions SET checksum = checksum + 1").rowcount == 1
    file.close()
    for place in killed(program, store, tmp_path, "verify", "--repair"):
        assert verified(program, place)["points"] == POINTS
        again = run(program, place, "verify", "--repair")
        assert again.returncode == 0, again.stdout + again.stderr
        found = verified(program, place)
        assert found["sound"] and found["points"] == POINTS
