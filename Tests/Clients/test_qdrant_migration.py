"""A migration that is killed on the way and started again; the road over files; what is refused.

CORTEX_MIGRATION_POINTS=100000 pytest -q -s Tests/Clients/test_qdrant_migration.py   # the whole size
"""

import json
import math
import os
import random
import subprocess
import time

import pytest
from conftest import binary
from served import serving

POINTS = int(os.environ.get("CORTEX_MIGRATION_POINTS", 2000))
KILLS = 2
PAGE = 64
BATCH = 250


def point(pick, i):
    """One point of every kind of vector; some vectors and members are left out."""
    vector = {"text": [pick.uniform(-1, 1) for _ in range(32)], "image": [pick.uniform(-9, 9) for _ in range(8)]}
    indices = sorted(pick.sample(range(5000), pick.randint(1, 12)))
    vector["words"] = {"indices": indices, "values": [pick.uniform(0.1, 3) for _ in indices]}
    vector["rows"] = [[pick.uniform(-1, 1) for _ in range(4)] for _ in range(pick.randint(1, 3))]
    payload = {
        "n": i,
        "big": 9007199254740993 + i,
        "price": i + 0.0,
        "city": pick.choice(["Berlin", "Lima", 'Ōsaka "x"']),
        "deep": {"list": [{"a": i, "b": [None, True, 1.5]}, {}], "text": f"amber {i}"},
        "date": "2024-01-02T03:04:05Z",
    }
    for name in ("image", "words", "rows"):
        if pick.random() < 0.1:
            del vector[name]
    return {"id": i if i % 2 else f"00000000-0000-0000-0000-{i:012x}", "vector": vector, "payload": payload}


def fill(served):
    settings = {
        "vectors": {
            "text": {"size": 32, "distance": "Cosine", "hnsw_config": {"m": 24}, "on_disk": True},
            "image": {"size": 8, "distance": "Euclid", "datatype": "float16"},
            "rows": {"size": 4, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
        },
        "sparse_vectors": {"words": {"modifier": "idf", "index": {"full_scan_threshold": 500}}},
        "quantization_config": {"scalar": {"type": "int8", "always_ram": True}},
        "optimizers_config": {"indexing_threshold": 777},
        "strict_mode_config": {"enabled": True, "max_query_limit": 100000},
        "metadata": {"owner": "us", "nested": {"list": [1, 2.5]}},
    }
    served.result("PUT", "/collections/c", settings)
    pick = random.Random(5)
    for first in range(1, POINTS + 1, BATCH):
        points = [point(pick, i) for i in range(first, min(first + BATCH, POINTS + 1))]
        served.result("PUT", "/collections/c/points?wait=true", {"points": points})
    fields = {"n": "integer", "city": {"type": "keyword", "is_tenant": True}, "date": "datetime"}
    fields["deep.text"] = {"type": "text", "tokenizer": "prefix", "min_token_len": 2, "lowercase": True}
    for field, schema in fields.items():
        served.result("PUT", "/collections/c/index?wait=true", {"field_name": field, "field_schema": schema})
    actions = [{"create_alias": {"collection_name": "c", "alias_name": name}} for name in ("live", "now")]
    served.result("POST", "/collections/aliases", {"actions": actions})


def everything(served):
    """All a client can see of the collection."""
    points, offset = [], None
    while True:
        body = {"limit": 1000, "with_vector": True, "offset": offset}
        page = served.result("POST", "/collections/c/points/scroll", body)
        points += page["points"]
        offset = page["next_page_offset"]
        if offset is None:
            break
    info = served.result("GET", "/collections/c")
    aliases = sorted(one["alias_name"] for one in served.result("GET", "/collections/c/aliases")["aliases"])
    return {"points": points, "config": info["config"], "schema": info["payload_schema"], "aliases": aliases}


def counted(served):
    status, answer = served.call("POST", "/collections/c/points/count", {})
    return answer["result"]["count"] if status == 200 else 0


def run(command, environment=None):
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def moved_with_kills(command, reached):
    """Starts the command again and again, killing it each time it has come some way; how often it was killed."""
    killed = 0
    for part in range(1, KILLS + 1):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and reached() < POINTS * part // (KILLS + 1):
            time.sleep(0.01)
        if process.poll() is None:
            process.kill()
            killed += 1
        process.wait()
    return killed


def test_a_migration_killed_twice_is_identical_and_so_is_its_way_back(request, tmp_path):
    program, here = binary(request.config), str(tmp_path / "here")
    common = ["--page-size", str(PAGE), "--json"]
    with serving(program, tmp_path / "old") as old, serving(program, tmp_path / "new") as new:
        fill(old)
        begun = time.monotonic()
        # The target of the import is a directory: it is served beside the command, which shares its files.
        with serving(program, here) as watched:
            bring = [program, "import", "qdrant", old.url, "--data", here, *common]
            killed = moved_with_kills(bring, lambda: counted(watched))
        done = run(bring)
        assert done.returncode == 0, done.stderr
        [report] = json.loads(done.stdout)["collections"]
        assert report["whole"] and report["resumed"] and report["target_points"] == POINTS
        assert killed == KILLS
        took = time.monotonic() - begun
        done = run([program, "export", "qdrant", new.url, "--data", here, *common])
        assert done.returncode == 0, done.stderr
        before, after = everything(old), everything(new)
        assert before == after
        print(f"{POINTS} points, killed {killed} times, imported in {took:.1f} s, identical after the way back")


def test_files_carry_a_collection_out_and_in_again(request, tmp_path):
    program, files = binary(request.config), str(tmp_path / "files")
    with serving(program, tmp_path / "old") as old:
        fill(old)
        before = everything(old)
    done = run([program, "export", "qdrant", "--file", files, "--data", str(tmp_path / "old"), "--json"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["collections"] == [{"collection": "c", "points": POINTS}]
    lines = (tmp_path / "files/c.jsonl").read_text().splitlines()
    assert len(lines) == POINTS and json.loads(lines[0])["payload"]["big"] == 9007199254740994
    done = run([program, "import", "qdrant", "--file", files, "--data", str(tmp_path / "new"), "--json"])
    assert done.returncode == 0, done.stderr
    with serving(program, tmp_path / "new") as new:
        assert everything(new) == before


def fill_with_empty_vectors(served):
    """Vectors of the model's length that say nothing, with a text and without, beside some that say something."""
    served.result("PUT", "/collections/e", {"vectors": {"text": {"size": 384, "distance": "Dot"}}})
    served.result("PUT", "/collections/f", {"vectors": {"size": 384, "distance": "Cosine"}})
    told = [math.sin(n) for n in range(384)]
    texts = {1: "a cat on a warm roof", 2: "the certificate has expired", 3: None, 4: "kept as it is"}
    for collection, same in (("e", 0.5), ("f", 0.0)):
        points = []
        for id, text in texts.items():
            vector = [same] * 384 if id == 2 else told if id == 4 else [0.0] * 384
            page = {"page": {"text": text}} if text else {"page": {}}
            points.append({"id": id, "vector": {"text": vector} if collection == "e" else vector, "payload": page})
        served.result("PUT", f"/collections/{collection}/points?wait=true", {"points": points})


@pytest.mark.parametrize("road", ["rest", "files"])
def test_vectors_that_say_nothing_are_embedded_anew_on_request(request, tmp_path, road):
    program, files = binary(request.config), str(tmp_path / "files")
    with serving(program, tmp_path / "old") as old:
        fill_with_empty_vectors(old)
        untouched = {"ids": [3, 4], "with_vector": True}
        before = {name: old.result("POST", f"/collections/{name}/points", untouched) for name in "ef"}
        place = [old.url]
        if road == "files":
            done = run([program, "export", "qdrant", "--file", files, "--data", str(tmp_path / "old")])
            assert done.returncode == 0, done.stderr
            place = ["--file", files]
        words = [program, "import", "qdrant", *place, "--embed-from", "page.text", "--json"]
        done = run([*words, "--data", str(tmp_path / "new")])
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)["collections"]
    assert [report["renewed"] for report in reports] == [2, 2]
    if road == "rest":
        assert all(report["whole"] and report["empty_vectors"] == 3 for report in reports)
    with serving(program, tmp_path / "new") as new:
        for name in "ef":
            assert new.result("POST", f"/collections/{name}/points", untouched) == before[name]
            points = new.result("POST", f"/collections/{name}/points", {"ids": [1, 2], "with_vector": True})
            for point in points:
                vector = point["vector"]["text"] if name == "e" else point["vector"]
                assert abs(sum(x * x for x in vector) - 1) < 1e-4, "a unit vector of the model"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import", "qdrant"], "a URL or --file"),
        (["import", "qdrant", "http://127.0.0.1:1", "--file", "x"], "a URL or --file"),
        (["import", "qdrant", "ftp://x"], "is no URL of a Qdrant"),
        (["import", "qdrant", "http://127.0.0.1:1", "--embed-from", "a..b"], "payload path"),
        (["import", "qdrant", "--file", "nowhere"], "nowhere"),
        (["import", "qdrant-snapshot", "nowhere.snapshot"], "nowhere.snapshot"),
    ],
)
def test_what_cannot_be_moved_is_refused_with_what_to_do(request, tmp_path, words, told):
    done = run([binary(request.config), *words, "--data", str(tmp_path)])
    assert done.returncode != 0 and told in done.stderr, done.stderr


def test_a_broken_line_is_named(request, tmp_path):
    program, files = binary(request.config), tmp_path / "files"
    files.mkdir()
    (files / "c.json").write_text(json.dumps({"config": {"params": {"vectors": {"size": 1, "distance": "Dot"}}}}))
    (files / "c.jsonl").write_text('{"id":1,"vector":[1]}\n\n{"id":2,"vector":[1}')
    done = run([program, "import", "qdrant", "--file", str(files), "--data", str(tmp_path / "data")])
    assert done.returncode != 0 and "c.jsonl:3" in done.stderr, done.stderr


def test_a_snapshot_of_qdrant_is_refused_by_name(request, tmp_path):
    (tmp_path / "x.snapshot").write_bytes(b"config.json" + b"\0" * 246 + b"ustar\0" + b"\0" * 249)
    words = ["import", "qdrant-snapshot", str(tmp_path / "x.snapshot"), "--data", str(tmp_path / "data")]
    done = run([binary(request.config), *words])
    assert done.returncode != 0 and "cortex import qdrant URL" in done.stderr, done.stderr


def test_a_memory_that_went_over_files_can_be_used(request, tmp_path):
    program, files = binary(request.config), str(tmp_path / "files")
    stored = run([program, "store", "--data", str(tmp_path / "old"), "the quokka eats leaves"])
    assert stored.returncode == 0, stored.stderr
    for command in (["export", "qdrant", "--data", str(tmp_path / "old")], ["import", "qdrant", "--data", str(tmp_path / "new")]):
        done = run([program, *command, "--file", files])
        assert done.returncode == 0, done.stderr
    found = run([program, "find", "--data", str(tmp_path / "new"), "--json", "what do marsupials feed on"])
    assert found.returncode in (0, 3), found.stderr
    answer = json.loads(found.stdout)
    assert answer["items"][0]["content"] == "the quokka eats leaves" and answer["meta"]["vector_used"] is True
