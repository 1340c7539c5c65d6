"""The commands: their shape for scripts, their exit codes, what they store and find, their completions."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from ledger import ask_all
from surroundings import surroundings

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CORTEX_BINARY", ROOT / ".build/release/cortex"))


def cortex(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60, **options)


def commands() -> list[str]:
    listed = cortex("--help").stdout.partition("SUBCOMMANDS:")[2]
    return re.findall(r"^  ([a-z-]+) {2,}", listed, re.MULTILINE)


def test_version_is_one_json_object_on_standard_output():
    result = cortex("version", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    facts = json.loads(result.stdout)
    assert facts["name"] == "cortex"
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?", facts["version"])
    assert re.fullmatch(r"3\.\d+\.\d+", facts["sqlite"])


def test_both_ways_to_ask_for_the_version_agree():
    version = json.loads(cortex("version", "--json").stdout)["version"]
    assert cortex("--version").stdout.strip() == version
    assert cortex("version").stdout.startswith(f"cortex {version} ")


def test_changelog_knows_the_version():
    version = cortex("--version").stdout.strip()
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{version}]" in changelog or "## [Unreleased]" in changelog


def test_doctor_finds_the_libraries_inside_the_binary_well():
    result = cortex("doctor", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    checks = {check["name"]: check["status"] for check in json.loads(result.stdout)["checks"]}
    assert checks["sqlite"] == "pass"
    assert checks["blas"] == "pass"


def test_an_unknown_command_is_refused_with_exit_code_64():
    result = cortex("conjure")
    assert result.returncode == 64
    assert "conjure" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_name_every_command(shell):
    script = cortex("--generate-completion-script", shell).stdout
    assert {"version", "store", "find", "mcp"} <= set(commands())
    for command in commands():
        assert command in script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_takes_its_completions(shell):
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    script = cortex("--generate-completion-script", shell).stdout
    assert script
    assert subprocess.run([shell, "-n"], input=script, text=True).returncode == 0


def test_every_command_has_help_with_its_options_and_no_run_on_errors():
    for command in commands():
        result = cortex(command, "--help")
        assert (result.returncode, result.stderr) == (0, ""), command
        assert "USAGE:" in result.stdout
        assert cortex("help", command).stdout == result.stdout


@pytest.mark.parametrize("command", ["mcp", "store", "find", "status", "quickstart"])
def test_every_command_that_touches_the_memory_takes_its_directory(command):
    assert "--data <dir>" in cortex(command, "--help").stdout


def test_doctor_says_in_lines_what_it_says_in_json():
    checks = json.loads(cortex("doctor", "--json").stdout)["checks"]
    result = cortex("doctor")
    assert result.returncode == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [["pass", c["name"] + ":"] for c in checks]


# With a store.


@pytest.fixture
def memory(tmp_path):
    """Runs a command on a data directory of the test, from a directory that is no checkout."""

    def run(name, *arguments, **options):
        return cortex(name, "--data", str(tmp_path / "data"), *arguments, cwd=tmp_path, **options)

    return run


def stored(memory, *arguments, **options) -> dict:
    result = memory("store", "--json", *arguments, **options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def found(memory, query, *arguments) -> list:
    result = memory("find", "--json", "--limit", "100", *arguments, query)
    assert result.returncode in (0, 3), result.stderr
    return json.loads(result.stdout)["items"]


def sections(memory) -> dict:
    """Text by heading of all sections; a query of one stop word finds every memory by meaning."""
    return {item["data"]["heading"]: item["data"]["body_md"] for item in found(memory, "anything", "--type", "section")}


def test_a_text_as_argument_is_stored_and_found(memory):
    result = memory("store", "the quokka", "eats leaves")
    assert result.returncode == 0
    assert re.fullmatch(r"1 stored\nmemory://[0-9a-f-]{36}\n", result.stdout)
    (item,) = found(memory, "quokka")
    assert (item["kind"], item["content"]) == ("observation", "the quokka eats leaves")
    assert f"memory://{item['id']}" in result.stdout


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_a_text_on_stdin_is_stored_without_the_spaces_around_it(memory, arguments):
    assert stored(memory, *arguments, input="\n  the quokka\n eats \n\n")["stored"] == 1
    (item,) = found(memory, "quokka")
    assert item["content"] == "the quokka\n eats"


def test_lines_are_a_memory_each_and_take_kind_tags_and_expiry(memory):
    outcome = stored(
        memory, "--lines", "--kind", "todo", "--tag", "home", "--tag", "now", "--ttl", "permanent",
        input="feed the quokka\n\n   \n  walk the wombat\n",
    )
    assert (outcome["stored"], len(outcome["ids"])) == (2, 2)
    items = found(memory, "quokka wombat")
    assert sorted(item["content"] for item in items) == ["feed the quokka", "walk the wombat"]
    for item in items:
        assert (item["kind"], item["tags"]) == ("todo", ["home", "now"])
        assert "expires_at" not in item


def test_jsonl_is_an_item_a_line_with_its_own_kind_and_tags(memory, tmp_path):
    (tmp_path / "items.jsonl").write_text(
        '{"kind":"decision","content":"the quokka stays","tags":{"a":"b"}}\n\n{"content":"kindless"}\n'
    )
    assert stored(memory, "--from", "items.jsonl", "--kind", "risk", "--tag", "x")["stored"] == 2
    items = {item["content"]: (item["kind"], item["tags"]) for item in found(memory, "quokka kindless")}
    assert items == {"the quokka stays": ("decision", {"a": "b"}), "kindless": ("risk", ["x"])}


MARKDOWN = """Before any heading.

# Deploy guide
Intro.

## Rollback
Point the balancer back.

```bash
# no heading
make
```

####### seven are none
#nor without a space

### Deep #
~~~
## nor this
~~~
end
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_markdown_is_a_section_for_each_heading(memory, tmp_path, newline):
    (tmp_path / "guide.md").write_bytes(MARKDOWN.replace("\n", newline).encode())
    assert stored(memory, "--from", "guide.md")["stored"] == 4
    texts = sections(memory)
    assert texts["guide"] == "Before any heading."
    assert texts["Deploy guide"] == "Intro."
    assert "# no heading\nmake" in texts["Rollback"] and "#nor without a space" in texts["Rollback"]
    deep = texts["Deep"] if "Deep" in texts else texts["Deep #"]
    assert deep == "~~~\n## nor this\n~~~\nend"


def test_a_fence_is_closed_by_its_own_mark_alone(memory, tmp_path):
    (tmp_path / "fence.md").write_text("# A\n~~~\n```\n## no heading\n~~~\n# B\nend\n")
    stored(memory, "--from", "fence.md")
    assert sections(memory) == {"A": "~~~\n```\n## no heading\n~~~", "B": "end"}


def test_a_folder_is_walked_and_its_exact_copies_are_kept_once(memory, tmp_path):
    notes = tmp_path / "notes"
    for name in ("sub", ".hidden"):
        (notes / name).mkdir(parents=True)
    (notes / "guide.md").write_text(MARKDOWN)
    (notes / "sub" / "plain.txt").write_text("plain quokka\n")
    (notes / ".hidden" / "secret.md").write_text("hidden wombat")
    (notes / "picture.png").write_bytes(b"\x89PNG wombat")
    first = stored(memory, "--from", "notes")
    assert (first["stored"], first["skipped"]) == (5, 0)
    second = stored(memory, "--from", "notes")
    assert (second["stored"], second["skipped"], second["ids"]) == (0, 5, first["ids"])
    assert json.loads(memory("status", "--json").stdout)["stats"]["items"] == 5
    assert not any("wombat" in json.dumps(item) for item in found(memory, "wombat"))


@pytest.mark.parametrize("text", ["早朝の会議で決めた。" * 600, "x" * 5_000, ("word " * 19 + "\n\n") * 80])
def test_a_long_text_is_kept_to_its_last_character(memory, speak, tmp_path, text):
    (tmp_path / "long.txt").write_text(text)
    ids = stored(memory, "--from", "long.txt")["ids"]
    client = speak([BINARY, "mcp", "--data", str(tmp_path / "data")])
    calls = [("system_status", {"operation": "get_document", "document_id": id}) for id in ids]
    pieces = [result["structuredContent"]["document"]["data"]["body_md"] for result in ask_all(client, calls)]
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= 2_400 for piece in pieces)


@pytest.mark.parametrize("characters", [100, 1_990, 2_300])
def test_find_shows_how_a_section_begins_however_long_it_is(memory, tmp_path, characters):
    (tmp_path / "long.md").write_text("# Quokka\n" + ("eats leaves " * 200)[:characters])
    stored(memory, "--from", "long.md")
    assert "eats leaves" in memory("find", "quokka").stdout


def test_find_keeps_to_its_limit_and_types_and_prints_the_tools_result(memory):
    stored(memory, "--lines", input="quokka one\nquokka two\nquokka three\n")
    stored(memory, "--kind", "risk", "quokka at risk")
    assert len(json.loads(memory("find", "--json", "--limit", "2", "quokka").stdout)["items"]) == 2
    assert [item["content"] for item in found(memory, "quokka", "--type", "risk")] == ["quokka at risk"]
    assert len(found(memory, "quokka", "--type", "risk", "--type", "observation")) == 4
    result = json.loads(memory("find", "--json", "--mode", "fast", "quokka").stdout)
    assert (result["total"], result["strategy"], result["meta"]["degraded"]) == (4, "fast", False)


def test_the_memory_that_has_the_word_stands_before_its_neighbours(memory):
    filler = "the deploy failed because certificate rotation skipped a replica and the export was restarted "
    texts = ["quokka " + filler * 25, "billing skipped", "the certificate and the deploy"]
    stored(memory, "--lines", input="\n".join([*(f"note {n} on billing" for n in range(20)), *texts]))
    result = json.loads(memory("find", "--json", "--mode", "fast", "quokka").stdout)
    assert result["items"][0]["content"].startswith("quokka")


def test_find_ends_with_3_when_nothing_is_found_and_says_so_on_stderr(memory):
    stored(memory, "the quokka")
    result = memory("find", "--type", "risk", "quokka")
    assert (result.returncode, result.stdout, result.stderr) == (3, "", "nothing found\n")
    result = memory("find", "--type", "risk", "--json", "quokka")
    assert result.returncode == 3
    assert json.loads(result.stdout)["items"] == []


def test_status_tells_where_the_memory_is_and_what_is_in_it(memory, tmp_path):
    stored(memory, "--lines", "--kind", "todo", input="one\ntwo\n")
    stored(memory, "three")
    facts = json.loads(memory("status", "--json").stdout)
    assert facts["data"] == str(tmp_path / "data")
    assert pathlib.Path(facts["health"]["location"]).is_file()
    assert facts["health"]["status"] == "ok"
    assert facts["stats"]["items"] == 3
    assert facts["stats"]["by_kind"] == {"todo": 2, "observation": 1}
    lines = memory("status").stdout
    assert re.search(r"^memories: +3$", lines, re.MULTILINE)
    assert str(tmp_path / "data") in lines


def test_nothing_is_coloured_and_no_bar_is_drawn_in_a_pipe(memory, tmp_path):
    (tmp_path / "many.txt").write_text("\n".join(f"line {n}" for n in range(150)))
    results = [memory("store", "--from", "many.txt", "--lines"), memory("find", "line"), memory("status")]
    for result in results:
        assert result.returncode == 0
        assert "\x1b" not in result.stdout + result.stderr
        assert "\r" not in result.stdout + result.stderr


def test_quickstart_finds_what_it_stored_by_meaning_and_names_this_binary(tmp_path):
    result = cortex("quickstart", env=surroundings(HOME=str(tmp_path), TMPDIR=str(tmp_path)), cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("   stored ") == 6
    questions = result.stdout.partition("why did we move away")[2]
    assert re.search(r"PostgreSQL.*certificate had expired.*roll back a release", questions, re.DOTALL)
    assert f'"command": "{pathlib.Path(BINARY).resolve()}"' in result.stdout
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_quickstart_without_a_model_asks_by_words_and_says_so(tmp_path):
    result = cortex("quickstart", "--embedder", "none", env=surroundings(HOME=str(tmp_path), TMPDIR=str(tmp_path)))
    assert (result.returncode, result.stderr) == (0, "")
    assert "by words alone" in result.stdout and "degraded: there is no embedding model" in result.stdout
    questions = result.stdout.partition("the client asks")[2]
    assert re.search(r"PostgreSQL.*certificate had expired.*roll back a release", questions, re.DOTALL)


def test_quickstart_keeps_its_memories_where_it_is_told_to(memory):
    assert memory("quickstart").returncode == 0
    assert json.loads(memory("status", "--json").stdout)["stats"]["items"] == 6


# Doctor.


def doctor(*arguments, code=0, **options):
    result = cortex("doctor", "--json", *arguments, **options)
    assert result.returncode == code, result.stdout + result.stderr
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


def test_doctor_looks_at_the_directory_the_collections_and_the_model(tmp_path):
    data = ["--data", str(tmp_path / "data")]
    checks = doctor(*data)
    assert "made with the first memory" in checks["data"]["message"]
    assert "384 dimensions" in checks["model"]["message"]
    assert not (tmp_path / "data").exists(), "it only looks"
    assert cortex("store", *data, "the attic has a skylight").returncode == 0
    checks = doctor(*data)
    assert {check["status"] for check in checks.values()} == {"pass"}
    assert checks["collection memories"]["message"].startswith("1 points")
    assert doctor(*data, "--embedder", "none")["memories"]["status"] == "warn"


def test_doctor_fails_with_a_remedy(tmp_path):
    data = tmp_path / "data"
    assert cortex("store", "--data", str(data), "the attic has a skylight").returncode == 0
    assert cortex("reembed", "--data", str(data), "--embedder", "none").returncode == 0
    checks = doctor("--data", str(data))
    assert checks["memories"]["status"] == "warn" and "reembed" in checks["memories"]["message"]
    # A service that does not answer, and a flag that is missing.
    remote = ["--embedder", "openai", "--embedding-url", "http://127.0.0.1:9/v1", "--embedding-model", "m"]
    checks = doctor("--data", str(data), *remote, code=1)
    assert checks["model"]["status"] == "fail" and checks["model"]["remedy"]
    checks = doctor("--data", str(data), "--embedder", "openai", "--embedding-url", "http://127.0.0.1:9/v1", code=1)
    assert "--embedding-model" in checks["settings"]["message"]
    # Bytes that are not what was written, and a file where the directory should be.
    file = data / "memories.collection.sqlite"
    file.write_bytes(b"no database" + file.read_bytes()[11:])
    checks = doctor("--data", str(data), code=1)
    check = checks["collection memories"]
    assert check["status"] == "fail" and "cortex verify" in check["remedy"]
    (tmp_path / "file").write_text("x")
    checks = doctor("--data", str(tmp_path / "file"), code=1)
    assert checks["data"]["status"] == "fail" and "--data" in checks["data"]["remedy"]


# Cleanup.


def test_a_cleanup_makes_a_backup_that_can_be_verified(tmp_path, speak):
    data = str(tmp_path / "data")
    client = speak([BINARY, "mcp", "--data", data])

    def status(**arguments):
        client.modern("tools/call", {"name": "system_status", "arguments": arguments})
        return client.read()["result"]["structuredContent"]

    items = [{"kind": "todo", "content": "wind the clock"} for _ in range(2)]
    client.modern("tools/call", {"name": "memory_store", "arguments": {
        "items": items, "deduplication": {"enabled": False}}})
    assert client.read()["result"]["structuredContent"]["summary"]["stored"] == 2
    dry = status(operation="run_cleanup", cleanup_config={"operations": ["duplicate"]})["cleanup"]
    assert dry["would_remove"] == {"duplicate": 1}
    done = status(operation="confirm_cleanup", cleanup_token=dry["cleanup_token"])["cleanup"]
    assert done["deleted"] == 1 and done["backup"].startswith(data + "/backups/")
    assert pathlib.Path(done["backup"]).is_dir()
    verified = cortex("backup", "verify", "--data", data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    # Without one where none is wanted.
    assert "backup" not in status(
        operation="run_cleanup",
        cleanup_config={"operations": ["expired"], "dry_run": False, "require_confirmation": False,
                        "enable_backup": False})["cleanup"]
