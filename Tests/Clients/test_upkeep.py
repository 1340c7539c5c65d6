"""The commands that look after the files: backups, restores, keys, verification, and the door of `cortex serve`."""

import json
import re
import sqlite3
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import binary
from served import wait_until_ready
from surroundings import surroundings

KEY, OTHER_KEY = "1f" * 32, "2e" * 32
TEXTS = ["the gateway moved to Rust", "certificates expire in May", "the export runs at night"]


@pytest.fixture
def cortex(request, tmp_path):
    """Runs a command on the test's data directory, or with other flags where these say so."""
    program = binary(request.config)

    def run(*arguments, data="data", **variables):
        flags = ["--data", str(tmp_path / data)] if data else []
        return subprocess.run(
            [program, *arguments, *flags], capture_output=True, text=True, timeout=60, cwd=tmp_path,
            env=surroundings(**variables))

    return run


def passed(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def refused(result, *words):
    assert result.returncode not in (0, -11, -6), result.stdout
    for word in words:
        assert word in result.stderr, result.stderr


def remember(cortex, texts=TEXTS, **variables):
    for text in texts:
        passed(cortex("store", text, **variables))


def found(cortex, query, **options):
    result = cortex("find", "--json", query, **options)
    return [item["content"] for item in json.loads(result.stdout)["items"]] if result.returncode == 0 else []


def the_backup(tmp_path):
    (backup,) = (tmp_path / "data/backups").glob("full-*")
    return backup


def test_a_backup_is_listed_verified_rehearsed_and_restored(cortex, tmp_path):
    remember(cortex)
    made = passed(cortex("backup", "create"))
    backup = the_backup(tmp_path)
    assert made.startswith(backup.name) and re.search(r"memories: 3 points, change \d+, sha256 [0-9a-f]{64}", made)
    assert passed(cortex("backup", "verify", "--deep")).split() == ["sound", backup.name]
    assert re.match(rf"{backup.name}  3 points  \d+ KiB  verified\n", passed(cortex("backup", "list")))
    (row,) = json.loads(passed(cortex("backup", "list", "--json")))["backups"]
    assert row["name"] == backup.name and row["collections"][0]["points"] == 3

    drill = passed(cortex("backup", "drill"))
    assert re.search(r"RTO \d+\.\d\d s .*3 points", drill) and "RPO" in drill and drill.endswith("passed\n")
    facts = json.loads(passed(cortex("backup", "drill", "--json")))
    assert facts["passed"] is True and facts["points"] == 3 and facts["rto_seconds"] > 0

    restored = passed(cortex("restore", "--into", str(tmp_path / "again")))
    assert "memories: 3 points" in restored and str(tmp_path / "again") in restored
    assert sorted(found(cortex, "gateway certificates export", data="again")) == sorted(TEXTS)


def test_a_restore_never_writes_over_what_is_there(cortex, tmp_path):
    remember(cortex, TEXTS[:1])
    passed(cortex("backup", "create"))
    refused(cortex("restore", "--into", str(tmp_path / "data")), str(tmp_path / "data"))
    assert found(cortex, "gateway") == TEXTS[:1]


def test_one_backup_by_its_path_restores_up_to_a_change(cortex, tmp_path):
    remember(cortex, TEXTS[:1])
    passed(cortex("backup", "create"))
    remember(cortex, TEXTS[1:])
    (copy,) = json.loads(passed(cortex("backup", "list", "--json")))["backups"][0]["collections"]
    facts = json.loads(
        passed(
            cortex(
                "restore", "--json", "--from", str(the_backup(tmp_path)), "--into", str(tmp_path / "again"),
                "--collection", "memories", "--to-seq", str(copy["sequence"]))))
    assert facts["data"] == str(tmp_path / "again") and facts["collections"][0]["proven"] is True
    assert found(cortex, "gateway", data="again") == TEXTS[:1]


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--to-time", "yesterday"], "2026-"),
        (["--to-seq", "-1"], "--to-seq"),
        (["--to-seq", "1", "--to-time", "2026-11-21T22:00:00Z"], "not both"),
        (["--to-time", "2001-01-01T00:00:00Z"], "older than the moment"),
    ],
)
def test_a_moment_that_cannot_be_restored_is_refused(cortex, tmp_path, flags, word):
    remember(cortex, TEXTS[:1])
    passed(cortex("backup", "create"))
    refused(cortex("restore", "--into", str(tmp_path / "again"), *flags), word)
    assert not (tmp_path / "again").exists()


def test_a_damaged_backup_is_named_by_list_and_verify_and_not_restored(cortex, tmp_path):
    remember(cortex)
    passed(cortex("backup", "create"))
    backup = the_backup(tmp_path)
    (copy,) = backup.glob("*.sqlite")
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 0xFF
    copy.write_bytes(content)
    result = cortex("backup", "verify")
    assert result.returncode == 1 and result.stdout.startswith(f"DAMAGED  {backup.name}")
    facts = json.loads(cortex("backup", "verify", "--json", backup.name).stdout)
    assert facts["sound"] is False and copy.name in facts["backups"][0]["findings"][0]
    assert cortex("restore", "--into", str(tmp_path / "again")).returncode != 0
    assert not (tmp_path / "again").exists()
    (backup / "manifest.json").write_text("{")
    assert f"{backup.name}  DAMAGED" in passed(cortex("backup", "list"))
    (row,) = json.loads(passed(cortex("backup", "list", "--json")))["backups"]
    assert row["name"] == backup.name and row["damaged"]


def test_pruning_keeps_the_newest_verified_backup(cortex, tmp_path):
    remember(cortex, TEXTS[:1])
    for _ in range(3):
        passed(cortex("backup", "create"))
    passed(cortex("backup", "verify", "--deep"))
    names = [row["name"] for row in json.loads(passed(cortex("backup", "list", "--json")))["backups"]]
    assert "older than 30 days" in passed(cortex("backup", "prune"))
    removed = json.loads(passed(cortex("backup", "prune", "--keep-days", "0", "--json")))["removed"]
    assert sorted(removed) == names[:-1]
    assert passed(cortex("backup", "list")).startswith(names[-1])


def test_wrong_retention_is_refused(cortex):
    refused(cortex("backup", "prune", "--keep-days", "-1"), "--keep-days")
    refused(cortex("backup", "prune", BACKUP_RETENTION_DAYS="a week"), "BACKUP_RETENTION_DAYS")


def test_an_empty_place_says_that_it_is_empty(cortex, tmp_path):
    refused(cortex("backup", "create"), "nothing is stored", str(tmp_path / "data"))
    assert "there are no backups" in passed(cortex("backup", "list"))
    assert "there are no backups" in passed(cortex("backup", "verify"))
    assert "nothing is stored" in passed(cortex("verify"))


def test_a_plain_store_is_encrypted_and_its_key_changed(cortex, tmp_path):
    remember(cortex)
    assert passed(cortex("key", "encrypt", ENCRYPTION_KEY=KEY)) == "encrypted: memories\n"
    files = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("memories*"))
    assert not any(text.encode() in files for text in TEXTS)
    assert sorted(found(cortex, "gateway certificates export", ENCRYPTION_KEY=KEY)) == sorted(TEXTS)
    refused(cortex("find", "gateway"), "ENCRYPTION_KEY")
    refused(cortex("find", "gateway", ENCRYPTION_KEY=OTHER_KEY), "another ENCRYPTION_KEY")

    changed = cortex("key", "rotate", "--json", ENCRYPTION_KEY=KEY, ENCRYPTION_KEY_NEW=OTHER_KEY)
    assert json.loads(passed(changed)) == {"rotated": ["memories"]}
    refused(cortex("find", "gateway", ENCRYPTION_KEY=KEY), "another ENCRYPTION_KEY")
    assert sorted(found(cortex, "gateway certificates export", ENCRYPTION_KEY=OTHER_KEY)) == sorted(TEXTS)
    assert "nothing is stored plainly" in passed(cortex("key", "encrypt", ENCRYPTION_KEY=OTHER_KEY))


@pytest.mark.parametrize(
    ("arguments", "variables", "word"),
    [
        (["encrypt"], {}, "ENCRYPTION_KEY is not set"),
        (["rotate"], {"ENCRYPTION_KEY": KEY}, "ENCRYPTION_KEY_NEW is not set"),
        (["encrypt"], {"ENCRYPTION_KEY": "short"}, "64 hexadecimal digits"),
        (["encrypt"], {"ENCRYPTION_KEY": "zz" * 32}, "64 hexadecimal digits"),
    ],
)
def test_a_key_that_is_none_is_refused_before_anything_is_written(cortex, arguments, variables, word):
    remember(cortex, TEXTS[:1])
    refused(cortex("key", *arguments, **variables), word)
    assert found(cortex, "gateway") == TEXTS[:1]


def test_a_damaged_memory_is_named_and_comes_back_from_the_backup(cortex, tmp_path):
    remember(cortex)
    passed(cortex("backup", "create"))
    assert passed(cortex("verify")).startswith("sound    memories: 3 points")
    file = sqlite3.connect(tmp_path / "data/memories.collection.sqlite")
    with file:
        (sequence, payload) = file.execute("SELECT sequence, payload FROM points LIMIT 1").fetchone()
        file.execute(
            "UPDATE points SET payload = ? WHERE sequence = ?", (bytes(payload).replace(b"e", b"f"), sequence))
    file.close()
    result = cortex("verify")
    assert result.returncode == 1 and "damaged: " in result.stdout
    repaired = passed(cortex("verify", "--repair"))
    assert "repaired 1 point came back from the log or a backup\n" in repaired and "sound    3 points" in repaired
    assert json.loads(passed(cortex("verify", "--json")))["sound"] is True
    assert sorted(found(cortex, "gateway certificates export")) == sorted(TEXTS)


def test_what_no_backup_holds_is_set_aside_and_named(cortex, tmp_path):
    remember(cortex)
    file = sqlite3.connect(tmp_path / "data/memories.collection.sqlite")
    with file:
        file.execute("UPDATE points SET payload = x'00' WHERE sequence = (SELECT min(sequence) FROM points)")
    file.close()
    facts = json.loads(cortex("verify", "--repair", "--json").stdout)
    (collection,) = facts["collections"]
    assert collection["repair"]["restored"] == 0 and len(collection["repair"]["set_aside"]) == 1
    assert collection["sound_after_repair"] is True and len(found(cortex, "gateway certificates export")) == 2


def test_the_health_door_answers_without_a_key(request, tmp_path):
    command = [binary(request.config), "serve", "--data", str(tmp_path / "data"), "--port", "0", "--qdrant-port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=surroundings(CORTEX_API_KEY="secret"))
    try:
        doors = {}
        while len(doors) < 2:
            line = process.stderr.readline()
            assert line, "the command ended"
            kind, address = re.search(r"cortex serves (\w+).* (?:at|in)? ?(http://[^ ,]+:\d+)", line).groups()
            doors[kind] = address
        for path in ("healthz", "livez"):
            with urllib.request.urlopen(f"{doors['health']}/{path}") as answer:
                assert answer.read() == f"{path} check passed".encode()
        for door in doors.values():
            wait_until_ready(door)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{doors['health']}/elsewhere")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{doors['Qdrant']}/collections")
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--qdrant-port", "65536"], "--qdrant-port"),
        (["--port", "-1"], "--port"),
        (["--host", "0.0.0.0"], "CORTEX_API_KEY"),
    ],
)
def test_a_door_that_must_not_open_is_refused(cortex, flags, word):
    refused(cortex("serve", *flags), word)


def test_the_benchmarks_are_reached_through_the_command(cortex):
    assert "retrieval" in passed(cortex("bench", "--help", data=None))


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--embedder", "openai"], "EMBEDDING_MODEL"),
        (["--embedder", "openai", "--embedding-model", "m"], "OPENAI_BASE_URL"),
    ],
)
def test_an_embedder_over_the_network_says_what_it_needs(cortex, flags, word):
    refused(cortex("store", "a text", *flags), word)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("absent.jsonl", None, "absent.jsonl"),
        ("torn.jsonl", b'{"kind": "observation", "content": "a"}\n{"kind"\n', "line 2"),
        ("list.jsonl", b"[1]\n", "line 1"),
        ("latin.md", b"caf\xe9", "UTF-8"),
    ],
)
def test_a_file_that_is_no_export_is_refused_by_its_line(cortex, tmp_path, name, content, word):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(cortex("import", str(tmp_path / name)), word)


def test_an_import_says_what_it_brought(cortex, tmp_path):
    remember(cortex)
    exported = passed(cortex("export"))
    file = tmp_path / "all.jsonl"
    file.write_text(exported)
    assert passed(cortex("import", str(file), data="other")).startswith("3 added, 0 updated, 0 unchanged")
    assert passed(cortex("import", str(file), data="other")).startswith("0 added, 0 updated, 3 unchanged")
    assert sorted(found(cortex, "gateway certificates export", data="other")) == sorted(TEXTS)


def test_after_a_change_of_the_key_a_drill_says_that_it_needs_a_new_backup(cortex):
    remember(cortex)
    passed(cortex("key", "encrypt", ENCRYPTION_KEY=KEY))
    passed(cortex("backup", "create", ENCRYPTION_KEY=KEY))
    changed = cortex("key", "rotate", ENCRYPTION_KEY=KEY, ENCRYPTION_KEY_NEW=OTHER_KEY)
    assert "cortex backup create" in changed.stderr and changed.returncode == 0
    refused(cortex("backup", "drill", ENCRYPTION_KEY=OTHER_KEY), "cortex backup create")
    made = json.loads(passed(cortex("backup", "create", "--json", ENCRYPTION_KEY=OTHER_KEY)))
    assert made["created_at"].endswith("Z") and made["verified_at"].endswith("Z")
    assert "passed" in passed(cortex("backup", "drill", ENCRYPTION_KEY=OTHER_KEY))
