"""Bad input and bad disks: refused with a code and a remedy, nothing stored, no text repeated, nothing crashed."""

import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import tempfile

import pytest

from conftest import binary
from ledger import ask_all, counted
from lines import ENVELOPE, fault
from surroundings import surroundings

SECRET = "hunter2correcthorse"
NOBODY = 65534


def item(**members):
    return {"kind": "observation", "content": SECRET, **members}


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.fixture
def client(cortex, speak):
    """A server whose store holds one memory."""
    client = speak(cortex)
    (result,) = ask_all(client, [("memory_store", {"items": [{"kind": "todo", "content": "the one memory"}]})])
    assert not result["isError"], result
    return client


STORE = "memory_store"
FIND = "memory_find"
STATUS = "system_status"


@pytest.mark.parametrize(
    "tool, arguments, code, field, remedy",
    [
        (STORE, {}, "E2201", "items", "list"),
        (STORE, {"items": []}, "E2203", "items", "1 to 100"),
        (STORE, {"items": [item()] * 101}, "E2203", "items", "1 to 100"),
        (STORE, {"items": 7}, "E2202", "items", "must be a list"),
        (STORE, {"items": [[SECRET, SECRET]]}, "E2202", "items[0]", "must be an object"),
        (STORE, {"items": [item(kind=3)]}, "E2202", "items[0].kind", "observation"),
        (STORE, {"items": [item(kind=SECRET * 10)]}, "E2204", "items[0].kind", "observation"),
        (STORE, {"items": [{"kind": "todo"}]}, "E2201", "items[0].content", "content and data"),
        (STORE, {"items": [item(content="")]}, "E2201", "items[0].content", "content and data"),
        (STORE, {"items": [item(content=SECRET * 12000)]}, "E2203", "items[0].content", "200000"),
        (STORE, {"items": [{"kind": "todo", "contnet": SECRET}]}, "E2200", "items[0].contnet", "did you mean content"),
        (STORE, {"items": [item(scope=[SECRET, SECRET])]}, "E2202", "items[0].scope", "must be an object"),
        (STORE, {"items": [item(scope={"project": {}})]}, "E2202", "items[0].scope.project", "must be a string"),
        (STORE, {"items": [item(scope={"projct": SECRET})]}, "E2200", "items[0].scope.projct", "did you mean project"),
        (STORE, {"items": [item(data={"a": SECRET * 16_000})]}, "E2203", "items[0].data", "split"),
        (STORE, {"items": [item(ttl_config={"expires_at": SECRET})]}, "E2204", "items[0].ttl_config", "ISO 8601"),
        (STORE, {"items": [item()], "deduplication": {"merge_strategy": "merge"}}, "E2204", "merge_strategy", "combine"),
        (FIND, {}, "E2201", "query", "string"),
        (FIND, {"query": ""}, "E2203", "query", "at least 1"),
        (FIND, {"query": "x" * 100_001}, "E2203", "query", "100000"),
        (FIND, {"query": SECRET, "limit": 0}, "E2203", "limit", "between 1 and 100"),
        (FIND, {"query": SECRET, "limit": 101}, "E2203", "limit", "between 1 and 100"),
        (FIND, {"query": SECRET, "limit": 1 << 63}, "E2203", "limit", "between 1 and 100"),
        (FIND, {"query": SECRET, "limit": 2.5}, "E2202", "limit", "whole number"),
        (FIND, {"query": SECRET, "search_strategy": SECRET}, "E2204", "search_strategy", "fast, auto, deep"),
        (FIND, {"query": SECRET, "types": [3]}, "E2202", "types[0]", "observation"),
        (FIND, {"query": SECRET, "limt": 3}, "E2200", "limt", "did you mean limit"),
        (STATUS, {"operation": SECRET}, "E2204", "operation", "health"),
        (STATUS, {"operation": "get_document"}, "E2201", "document_id", "id of a memory"),
        (STATUS, {"operation": "get_document", "document_id": SECRET}, "E2204", "document_id", "UUID"),
        (STATUS, {"operation": "delete", "dry_run": False}, "E2201", "document_id", "scope"),
        (STATUS, {"operation": "delete", "types": ["todo"], "dry_run": False}, "E2201", "confirmation_token", "dry"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_bad_arguments_are_refused_with_code_place_and_remedy(client, tool, arguments, code, field, remedy):
    (result,) = ask_all(client, [(tool, arguments)])
    assert result["isError"] is True
    error = fault(result)
    assert error["code"] == code, error
    assert field in error["field"] and remedy in error["message"], error
    assert SECRET not in json.dumps(result)
    assert counted(client) == 1


@pytest.mark.parametrize("depth", [50, 1_000, 100_000])
def test_deeply_nested_data_is_kept_whole_or_refused_and_the_server_lives(client, depth):
    text = '{"a":' * depth + "{}" + "}" * depth
    items = '[{"kind":"todo","content":"deep","data":%s}]' % text
    line = '{"jsonrpc":"2.0","id":"deep","method":"tools/call","params":{"name":"memory_store","arguments":{"items":'
    client.write((line + items + '},"_meta":' + json.dumps(ENVELOPE) + "}}\n").encode())
    reply = client.read()
    if "result" in reply and not reply["result"]["isError"]:
        (stored,) = reply["result"]["structuredContent"]["items"]
        (result,) = ask_all(client, [(STATUS, {"operation": "get_document", "document_id": stored["id"]})])
        assert result["structuredContent"]["document"]["data"] == nested(depth)
    else:
        assert "deep" in json.dumps(reply) or "nest" in json.dumps(reply)
        assert counted(client) == 1


@pytest.mark.parametrize(
    "text", ["a\u0000b", "\u001b[2J\u0007gone", "\u202eevil", "\ufffe\uffff", "\r\n\t", "\U0001f600" * 50]
)
def test_odd_characters_come_back_as_they_were_or_are_refused(client, text):
    (result,) = ask_all(client, [(STORE, {"items": [{"kind": "todo", "content": text}]})])
    if result["isError"]:
        assert counted(client) == 1
        return
    id = result["structuredContent"]["items"][0]["id"]
    (result,) = ask_all(client, [(STATUS, {"operation": "get_document", "document_id": id})])
    assert result["structuredContent"]["document"]["content"] == text


# The commands.


@pytest.fixture
def command(cortex, tmp_path):
    """Runs a command of the product on the test's data directory."""

    def run(name, *arguments, data=tmp_path / "data", stdin="", prefix=(), **options):
        place = ("--data", str(data)) if data else ()
        return subprocess.run(
            [*prefix, cortex[0], name, *place, *arguments], input=stdin, capture_output=True, text=True, timeout=60,
            cwd=tmp_path, **options,
        )

    return run


def items(command, **options):
    result = command("status", "--json", **options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["stats"]["items"]


@pytest.mark.parametrize(
    "arguments, stdin, named",
    [
        (["store", ""], "", ["no text"]),
        (["store"], " \n\t", ["no text"]),
        (["store", "--from", "absent.md"], "", ["absent.md", "no file"]),
        (["store", "--from", "absent.md", SECRET], "", ["not both"]),
        (["store", "--from", "latin.txt"], "", ["latin.txt", "UTF-8"]),
        (["store", "--from", "/dev/null"], "", ["/dev/null", "a device, not a file"]),
        (["find", ""], "", ["query", "at least 1"]),
        (["find", "--limit", "0", SECRET], "", ["limit", "between 1 and 100"]),
        (["find", "--limit", "101", SECRET], "", ["limit", "between 1 and 100"]),
        (["find", "--limit", "many", SECRET], "", ["limit"]),
        (["find", "--mode", "quick", SECRET], "", ["strategy", "fast, auto, deep"]),
        (["find"], "", ["query"]),
        (["status", "--data", ""], "", ["directory"]),
        (["status", "--embedder", "oracle"], "", ["builtin"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_command_refuses_bad_input_and_names_what_to_do(command, tmp_path, arguments, stdin, named):
    (tmp_path / "latin.txt").write_bytes(b"\xe9t\xe9 " + SECRET.encode())
    assert command("store", "the one memory").returncode == 0
    result = command(*arguments, stdin=stdin)
    assert result.returncode in (1, 4, 64), result
    assert result.stdout == ""
    assert SECRET not in result.stderr
    assert "Domain=" not in result.stderr, "an error of the platform is no message"
    for word in named:
        assert word in result.stderr
    assert items(command) == 1


@pytest.mark.parametrize(
    "arguments, stdin, named, kept",
    [
        (["store"], SECRET * 12000, ["content", "200000"], 0),
        (["store", "--ttl", "never", SECRET], "", ["policy", "permanent"], 0),
        (["store", "--from", "bad.jsonl"], "", ["bad.jsonl", "line 2"], 1),
        (["store", "--from", "typo.jsonl"], "", ["did you mean content", "item 2"], 1),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_bad_item_is_refused_by_its_place_and_good_ones_are_kept(command, tmp_path, arguments, stdin, named, kept):
    good = json.dumps({"kind": "todo", "content": "a good line"}) + "\n"
    (tmp_path / "bad.jsonl").write_text(good + '{"kind": "todo", "content": ' + SECRET + "\n")
    (tmp_path / "typo.jsonl").write_text(good + json.dumps({"kind": "todo", "contnet": SECRET}) + "\n")
    result = command(*arguments, stdin=stdin)
    assert result.returncode == 4, result
    assert SECRET not in result.stdout + result.stderr
    for word in named:
        assert word in result.stderr
    assert items(command) == kept


def test_a_bad_line_far_into_a_file_is_named_and_the_others_are_stored(command, tmp_path):
    lines = [json.dumps({"kind": "todo", "content": f"line {n}"}) for n in range(150)]
    lines.append(json.dumps({"kind": "todo", "contnet": SECRET}))
    (tmp_path / "late.jsonl").write_text("\n".join(lines))
    result = command("store", "--from", "late.jsonl")
    assert result.returncode == 4
    assert "item 151" in result.stderr and "did you mean content" in result.stderr
    assert SECRET not in result.stdout + result.stderr
    assert items(command) == 150


@pytest.mark.parametrize(
    "arguments, note",
    [
        (["find", "--type", "desision", "quokka"], "read as decision"),
        (["find", "quokka " * 200], "the first 1000 are searched by meaning"),
    ],
)
def test_what_can_be_meant_is_read_and_the_reading_is_told(command, arguments, note):
    assert command("store", "--kind", "observaton", "the quokka sleeps").returncode == 0
    assert items(command) == 1
    assert note in command(*arguments).stderr


def test_an_empty_file_stores_nothing_and_says_so(command, tmp_path):
    (tmp_path / "empty.md").write_text("\n")
    result = command("store", "--from", "empty.md")
    assert "nothing stored" in result.stdout + result.stderr
    assert items(command) == 0


def test_escape_sequences_in_a_memory_never_reach_the_terminal(command):
    assert command("store", "quokka \x1b[2J\x07 gone").returncode == 0
    result = command("find", "quokka")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout and "\x07" not in result.stdout


# Disks.


def test_an_absent_store_answers_nothing_found_and_is_made_by_a_store(command, tmp_path):
    place = tmp_path / "not" / "yet" / "there"
    result = command("find", "anything", data=place)
    assert (result.returncode, result.stdout) == (3, "")
    assert items(command, data=place) == 0
    assert command("store", "the first", data=place).returncode == 0
    assert items(command, data=place) == 1


@pytest.fixture
def stranger(cortex):
    """A directory and how to run a command as a user who owns nothing, to whom modes apply."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="cortex-"))
    prefix = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root, and no setpriv to be anybody else")
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        os.chown(place, NOBODY, NOBODY)
        if subprocess.run([*prefix, cortex[0], "version"], capture_output=True, cwd="/").returncode:
            pytest.skip("the binary lies where others may not run it")
    yield place, prefix
    for folder in [place, *place.rglob("*")]:
        folder.chmod(0o700)
    shutil.rmtree(place)


def refused(result, *named):
    assert result.returncode == 1, result
    assert result.stdout == ""
    assert SECRET not in result.stderr and "Domain=" not in result.stderr
    for word in named:
        assert word in result.stderr


def test_a_folder_that_may_not_be_written_is_refused_with_its_path_and_a_remedy(command, stranger):
    place, prefix = stranger
    (place / "data").mkdir(mode=0o500)
    os.chown(place / "data", *([NOBODY] * 2 if prefix else [-1, -1]))
    for data in (place / "data", place / "data" / "below"):
        refused(command("store", SECRET, data=data, prefix=prefix), str(data), "owner and mode", "--data")
    assert list((place / "data").iterdir()) == []


def test_a_store_that_may_not_be_written_is_read_and_refuses_to_store(command, stranger):
    place, prefix = stranger
    data = place / "data"
    assert command("store", "the quokka", data=data, prefix=prefix).returncode == 0
    for file in data.iterdir():
        file.chmod(0o400)
    data.chmod(0o500)
    refused(command("store", SECRET, data=data, prefix=prefix), str(data), "owner and mode", "--data")
    result = command("find", "quokka", data=data, prefix=prefix)
    assert result.returncode == 0 and "the quokka" in result.stdout
    assert items(command, data=data, prefix=prefix) == 1


def test_a_server_on_a_store_that_may_not_be_written_refuses_and_lives(cortex, speak, command, stranger):
    place, prefix = stranger
    data = place / "data"
    assert command("store", "the quokka", data=data, prefix=prefix).returncode == 0
    for file in data.iterdir():
        file.chmod(0o400)
    data.chmod(0o500)
    client = speak([*prefix, *cortex[:-1], str(data)])
    (result,) = ask_all(client, [(STORE, {"items": [item()]})])
    assert result["isError"] is True
    error = fault(result)
    assert error["code"] == "E2006" and "--data" in error["message"]
    assert SECRET not in json.dumps(result)
    assert counted(client) == 1


def test_a_home_that_cannot_be_written_is_refused_with_a_remedy(command, stranger):
    place, prefix = stranger
    (place / "home").mkdir(mode=0o500)
    result = command("store", SECRET, data=None, prefix=prefix, env=surroundings(HOME=str(place / "home")))
    refused(result, str(place / "home"), "--data")


def test_a_directory_in_place_of_the_file_is_refused_with_its_path(command, tmp_path):
    (tmp_path / "data" / "memories.collection.sqlite").mkdir(parents=True)
    for arguments in (["store", SECRET], ["find", SECRET], ["status"]):
        refused(command(*arguments), str(tmp_path / "data" / "memories.collection.sqlite"))


def test_a_file_in_place_of_the_directory_is_refused_with_its_path(command, tmp_path):
    (tmp_path / "data").write_text("text")
    for arguments in (["store", SECRET], ["find", SECRET], ["status"]):
        refused(command(*arguments), str(tmp_path / "data"))
    assert (tmp_path / "data").read_text() == "text"


# Damaged files.


@pytest.fixture(scope="session")
def whole_store(request, tmp_path_factory):
    """A store of a hundred memories, all in its one file and none in its log; and the memories by id."""
    place = tmp_path_factory.mktemp("whole")
    texts = [f"memory {n} of subject{n}" for n in range(100)]
    lines = [json.dumps({"kind": "todo", "content": text, "metadata": {"filler": text * 20}}) for text in texts]
    (place / "texts.jsonl").write_text("\n".join(lines))
    result = subprocess.run(
        [binary(request.config), "store", "--data", place / "data", "--from", place / "texts.jsonl", "--json"],
        capture_output=True, text=True, timeout=60,
    )
    assert result.returncode == 0, result.stderr
    (file,) = (place / "data").glob("*.sqlite")
    database = sqlite3.connect(file)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return file, dict(zip(json.loads(result.stdout)["ids"], texts, strict=True))


@pytest.fixture
def stored(whole_store, tmp_path):
    """A copy of it in the test's data directory."""
    whole, texts = whole_store
    (tmp_path / "data").mkdir()
    return pathlib.Path(shutil.copy(whole, tmp_path / "data")), texts


def truncate(bytes, draw):
    return bytes[: len(bytes) // 2]


def cut_to_nothing(bytes, draw):
    return b""


def overwrite_header(bytes, draw):
    return draw.randbytes(100) + bytes[100:]


def another_format(bytes, draw):
    return bytes[:60] + (99).to_bytes(4, "big") + bytes[64:]


@pytest.mark.parametrize("damage", [truncate, cut_to_nothing, overwrite_header, another_format])
def test_a_file_that_is_no_longer_a_store_is_refused_with_its_path(command, stored, damage):
    file, _ = stored
    file.write_bytes(damage(file.read_bytes(), random.Random(1)))
    for arguments in (["store", SECRET], ["find", SECRET], ["status"]):
        refused(command(*arguments), str(file))


def test_the_undamaged_copy_is_read(command, stored):
    """The control of the tests around it."""
    assert items(command) == len(stored[1])


def test_a_server_on_a_damaged_file_refuses_and_lives(cortex, speak, stored):
    file, _ = stored
    file.write_bytes(overwrite_header(file.read_bytes(), random.Random(1)))
    client = speak(cortex)
    for tool, arguments in ((STORE, {"items": [item()]}), (FIND, {"query": SECRET}), (STATUS, {"operation": "health"})):
        (result,) = ask_all(client, [(tool, arguments)])
        assert result["isError"] is True
        assert str(file) in fault(result)["message"]
        assert SECRET not in json.dumps(result)
    client.expect_silence()


@pytest.mark.parametrize("damage", [cut_to_nothing, another_format])
def test_a_refused_file_is_left_as_it_is(command, stored, damage):
    file, _ = stored
    damaged = damage(file.read_bytes(), random.Random(1))
    file.write_bytes(damaged)
    refused(command("status"), str(file))
    assert file.read_bytes() == damaged


def test_after_a_clean_end_the_file_alone_is_the_store(command, tmp_path):
    assert command("store", "the quokka").returncode == 0
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "data" / "memories.collection.sqlite", tmp_path / "copy")
    assert items(command, data=tmp_path / "copy") == 1


def with_random_bytes(file, seed):
    """Writes 64 random bytes at one, or several, places behind the first page."""
    draw = random.Random(seed)
    bytes = bytearray(file.read_bytes())
    for _ in range(draw.choice([1, 8, 64])):
        at = draw.randrange(8192, len(bytes) - 64)
        bytes[at : at + 64] = draw.randbytes(64)
    file.write_bytes(bytes)


@pytest.mark.parametrize("seed", range(12))
def test_random_bytes_in_the_middle_never_make_a_wrong_answer_or_a_crash(cortex, speak, stored, seed):
    file, texts = stored
    with_random_bytes(file, seed)
    client = speak(cortex)
    calls = [(STATUS, {"operation": "get_document", "document_id": id}) for id in texts]
    for text, result in zip(texts.values(), ask_all(client, calls), strict=True):
        if result["isError"]:
            error = fault(result)
            assert error["code"] != "E2000", "it is damaged, which is not the same as never stored"
            assert "subject" not in error["message"]
        else:
            document = result["structuredContent"]["document"]
            assert (document["content"], document["metadata"]) == (text, {"filler": text * 20})
    for result in ask_all(client, [(FIND, {"query": text, "search_strategy": "fast"}) for text in texts.values()]):
        if not result["isError"]:
            assert {one["content"] for one in result["structuredContent"]["items"]} <= set(texts.values())
    client.expect_silence()


def test_a_store_that_has_lost_rows_to_damage_says_so(cortex, speak, stored):
    file, texts = stored
    with_random_bytes(file, seed=0)
    client = speak(cortex)
    health, stats = ask_all(client, [(STATUS, {"operation": "health"}), (STATUS, {"operation": "stats"})])
    if not stats["isError"] and stats["structuredContent"]["stats"]["items"] < len(texts):
        assert health["isError"] or health["structuredContent"]["health"]["status"] != "ok"


def test_a_store_whose_description_is_damaged_is_refused_with_a_remedy(command, stored):
    file, _ = stored
    database = sqlite3.connect(file)
    with database:
        database.execute("UPDATE meta SET value = '{' WHERE key = 'schema'")
    database.close()
    refused(command("status"), str(file), "backup")
