"""Memories at the shell: list, recent, show, edit, delete, versions, projects, tags, compact; what people mistype."""

import json
import os
import pty
import re
import signal
import socket
import subprocess

import pytest

from conftest import binary
from surroundings import surroundings
from test_documents import cortex  # noqa: F401  the same command on the same directories


def stored(cortex, *arguments):
    result = cortex("store", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["ids"][0]


def read(cortex, name, *arguments, code=0):
    result = cortex(name, "--json", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout)


def texts(cortex, *arguments, **options):
    return [item["content"] for item in read(cortex, "list", *arguments, **options)["items"]]


@pytest.fixture
def three(cortex):
    return [
        stored(cortex, "--project", "alpha", "--kind", "todo", "--tag", "home", "feed the quokka"),
        stored(cortex, "--project", "alpha", "--kind", "decision", "--tag", "home", "--tag", "work", "the quokka stays"),
        stored(cortex, "--project", "beta", "the wombat digs"),
    ]


def test_a_list_is_newest_first_and_is_narrowed_by_every_flag(cortex, three):
    assert texts(cortex) == ["the wombat digs", "the quokka stays", "feed the quokka"]
    assert texts(cortex, "--order", "oldest")[0] == "feed the quokka"
    assert texts(cortex, "--project", "ALPHA") == ["the quokka stays", "feed the quokka"]
    assert texts(cortex, "--kind", "todo", "--type", "decision") == ["the quokka stays", "feed the quokka"]
    assert texts(cortex, "--tag", "work") == ["the quokka stays"]
    page = read(cortex, "list", "--limit", "2", "--offset", "2")
    assert ([item["content"] for item in page["items"]], page["total"]) == (["feed the quokka"], 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", page["items"][0]["created_at"])
    shown = cortex("list", "--limit", "1")
    assert "the wombat digs" in shown.stdout and "beta" in shown.stdout and f"memory://{three[2]}" in shown.stdout
    assert "1 of 3; more: --offset 1" in shown.stderr


def test_a_list_of_nothing_ends_with_3_and_names_the_projects(cortex, three):
    result = cortex("list", "--project", "gamma")
    assert result.returncode == 3 and "there are: alpha, beta" in result.stderr
    assert read(cortex, "list", "--kind", "risk", code=3) == {"items": [], "total": 0}


def test_projects_and_tags_have_their_counts(cortex, three):
    assert read(cortex, "projects")["projects"] == [{"name": "alpha", "count": 2}, {"name": "beta", "count": 1}]
    assert read(cortex, "tags")["tags"] == [{"name": "home", "count": 2}, {"name": "work", "count": 1}]
    assert cortex("tags", "--project", "beta").returncode == 3
    assert cortex("tags").stdout == "      2  home\n      1  work\n"


def test_an_edit_keeps_the_former_version_and_brings_it_back(cortex, three):
    todo = three[0]
    assert cortex("edit", todo, "feed the quokka twice").stdout == "changed; this is version 2\n"
    assert cortex("edit", f"memory://{todo}", "feed the quokka twice").stdout == "nothing was changed\n"
    assert read(cortex, "recent", "--limit", "1")["items"][0]["content"] == "feed the quokka twice"
    (version,) = read(cortex, "versions", todo)["versions"]
    assert version["content"] == "feed the quokka" and version["version"] == 1
    assert read(cortex, "edit", todo, "--restore", "1")["content"] == "feed the quokka"
    changed = read(cortex, "edit", todo, "--tag", "new", "--set", "status=done", "--ttl", "short")
    assert (changed["tags"], changed["data"]["status"], changed["changed"]) == (["new"], "done", True)
    assert changed["expires_at"].endswith("Z")
    (item,) = read(cortex, "show", todo, "--versions")["items"]
    assert [one["content"] for one in item["versions"]] == ["feed the quokka", "feed the quokka twice", "feed the quokka"]


def test_edit_opens_the_editor_on_the_text(request, cortex, three, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i s/quokka/wallaby/ \"$2\"\ntest \"$1\" = --wait\n")
    editor.chmod(0o700)
    command = [binary(request.config), "edit", "--data", str(tmp_path / "data"), three[0]]
    environment = surroundings(HOME=str(tmp_path), EDITOR=f"{editor} --wait")
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert result.stdout == "changed; this is version 2\n", result.stderr
    assert texts(cortex, "--kind", "todo") == ["feed the wallaby"]
    environment["EDITOR"] = "false"
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert result.returncode == 1 and "nothing was changed" in result.stderr


def test_a_memory_is_deleted_by_its_id_and_what_matches_only_when_confirmed(cortex, three):
    assert cortex("delete", three[2]).stdout == "1 deleted\n"
    missing = cortex("show", three[2])
    assert missing.returncode == 1 and "cortex list" in missing.stderr
    refused = cortex("delete", "--project", "alpha")
    assert refused.returncode == 64 and "2 memories match" in refused.stderr and "--yes" in refused.stderr
    assert cortex("delete", "--project", "alpha", "--kind", "todo", "--yes").stdout == "1 deleted\n"
    assert texts(cortex) == ["the quokka stays"]
    assert cortex("delete").returncode == 64
    assert "no id of a memory" in cortex("delete", "nonsense").stderr


def test_an_erased_memory_leaves_no_bytes(cortex, three, tmp_path):
    assert cortex("edit", three[0], "a secret called xyzzy").returncode == 0

    def holders():
        return [path.name for path in (tmp_path / "data").rglob("*") if path.is_file() and b"xyzzy" in path.read_bytes()]

    assert holders()
    result = cortex("delete", three[0], "--erase")
    assert (result.returncode, result.stdout) == (0, "1 deleted, and their bytes zeroed\n"), result.stderr
    assert holders() == []
    assert "given back" in cortex("compact").stdout


def test_a_section_that_left_its_file_is_shown_restored_and_erased_by_its_id(cortex, tmp_path):
    notes = tmp_path / "guide.md"
    notes.write_text("# A\nkept\n# B\na secret called xyzzy\n")
    first = json.loads(cortex("sync", "--json", "guide.md").stdout)["ids"]
    notes.write_text("# A\nkept\n")
    (gone,) = json.loads(cortex("sync", "--json", "guide.md").stdout)["retired_ids"]
    assert gone == first[1]
    shown = cortex("show", gone)
    assert shown.returncode == 1 and "was retired at" in shown.stderr and "restore 1" in shown.stderr
    (version,) = read(cortex, "versions", gone)["versions"]
    assert version["data"]["body_md"] == "a secret called xyzzy"
    moment = version["valid_from"]
    assert read(cortex, "show", gone, "--as-of", moment)["items"][0]["retired_at"] == version["valid_until"]
    assert "xyzzy" in cortex("find", "--as-of", moment, "secret").stdout
    assert read(cortex, "edit", gone, "--restore", "1")["changed"]
    assert read(cortex, "show", gone)["items"][0]["data"]["body_md"] == "a secret called xyzzy"
    assert cortex("delete", gone).stdout == "1 deleted\n"

    notes.write_text("# A\nkept\n# B\nanother secret, plugh\n")
    cortex("sync", "guide.md")
    notes.write_text("# A\nkept\n")
    (gone,) = json.loads(cortex("sync", "--json", "guide.md").stdout)["retired_ids"]
    assert cortex("delete", "--erase", gone).stdout == "1 deleted, and their bytes zeroed\n"
    held = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and b"plugh" in path.read_bytes()]
    assert held == []
    assert cortex("delete", gone).returncode == 1


def test_here_is_the_project_of_the_checkout_and_refused_outside_of_one(cortex, three, tmp_path):
    (tmp_path / "alpha" / ".git").mkdir(parents=True)
    (tmp_path / "alpha" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    inside = cortex("list", "--json", "--here", cwd=tmp_path / "alpha")
    assert [item["content"] for item in json.loads(inside.stdout)["items"]] == ["the quokka stays", "feed the quokka"]
    found = cortex("find", "--json", "--here", "wombat", cwd=tmp_path / "alpha")
    assert {item["scope"]["project"] for item in json.loads(found.stdout)["items"]} == {"alpha"}
    for name, *words in (["find", "wombat"], ["list"], ["recent"]):
        outside = cortex(name, "--here", *words)
        assert outside.returncode == 1 and "no current project here" in outside.stderr, name


def test_a_long_section_is_listed_whole_and_similar_lines_are_summed_up(cortex, tmp_path):
    body = "the wombat digs " * 60
    (tmp_path / "long.md").write_text(f"# Digging\n{body}\n")
    cortex("store", "--from", "long.md")
    assert read(cortex, "list")["items"][0]["data"]["body_md"] == body.strip()
    assert "the wombat digs" in cortex("list").stdout
    lines = "\n".join(f"line {n} of the file says that retry {n} waits" for n in range(30))
    result = cortex("store", "--lines", "-", input=lines)
    assert result.returncode == 0 and result.stdout.startswith("30 stored")
    similar = [line for line in result.stderr.splitlines() if line.startswith("similar to memory://")]
    assert len(similar) == 3 and "more; --json lists them" in result.stderr
    assert len(result.stderr.splitlines()) < 12, result.stderr


def test_nothing_is_lost_where_nothing_was_merged(cortex, three):
    result = cortex("versions", "--lost")
    assert result.returncode == 3 and "nothing is lost" in result.stderr


def test_only_what_all_flags_match_is_deleted(cortex):
    for branch in ("main", "feature"):
        stored(cortex, "--project", "alpha", "--branch", branch, "--org", "acme", f"the quokka on {branch}")
    assert cortex("delete", "--project", "alpha", "--org", "other", "--yes").returncode == 1
    assert cortex("delete", "--project", "alpha", "--branch", "FEATURE", "--yes").returncode == 1
    assert cortex("delete", "--project", "alpha", "--branch", "feature", "--yes").stdout == "1 deleted\n"
    assert texts(cortex) == ["the quokka on main"]
    assert cortex("delete", "--org", "acme", "--yes").stdout == "1 deleted\n"


def test_nothing_is_deleted_without_a_yes(cortex, three):
    ours, theirs = pty.openpty()
    try:
        # Only standard input is a terminal, so that nobody can be asked.
        silent = cortex("delete", "--project", "alpha", stdin=theirs)
        assert silent.returncode == 64 and "--yes" in silent.stderr
    finally:
        os.close(ours)
        os.close(theirs)
    assert len(texts(cortex)) == 3


@pytest.mark.parametrize("name", ["show", "edit", "delete", "versions"])
def test_an_empty_memory_is_answered_with_how_to_begin(cortex, name):
    result = cortex(name, "01a1ffb4-1430-7ccc-bec0-d05964f63000")
    assert result.returncode == 1 and "cortex store" in result.stderr


# What people mistype.


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["fnd"], "did you mean: cortex find?"),
        (["serach"], "did you mean: cortex find?"),
        (["backup", "creat"], "did you mean: cortex backup create?"),
        (["conjure"], "cortex --help lists the commands"),
    ],
)
def test_a_command_that_there_is_not_is_answered_with_the_nearest(request, words, hint):
    result = subprocess.run([binary(request.config), *words], capture_output=True, text=True, timeout=60)
    assert result.returncode == 64 and result.stdout == ""
    assert hint in result.stderr and words[-1] in result.stderr


def test_find_ends_with_3_where_the_answer_says_that_nothing_is_close(cortex, three):
    nothing = "nothing stored is close to this"
    answer = read(cortex, "find", "zzzz qqqq", code=3)
    assert answer["note"] == nothing and {item["relevance"] for item in answer["items"]} == {"weak"}
    shown = cortex("find", "zzzz qqqq")
    heads = [line for line in shown.stdout.splitlines() if line.startswith("0.")]
    assert shown.returncode == 3 and shown.stdout.startswith(f"{nothing}\n")
    assert len(heads) == 3 and all(" weak" in head for head in heads)
    assert "note" not in read(cortex, "find", "the quokka stays")
    found = cortex("find", "the quokka stays")
    assert found.returncode == 0 and re.match(r"0\.\d\d sure decision", found.stdout), found.stdout


def test_find_names_the_projects_where_the_scope_has_nothing(cortex, three):
    result = cortex("find", "--project", "gamma", "quokka")
    assert result.returncode == 3 and "projects with memories: alpha, beta" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_have_the_values_of_flags(request, shell):
    result = subprocess.run([binary(request.config), "completions", shell], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    for value in ["pr_context", "claude-desktop", "permanent", "builtin"]:
        assert value in result.stdout, value


def test_a_port_in_use_is_named(request, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [binary(request.config), "serve", "--qdrant-port", port, "--data", str(tmp_path / "data")],
            capture_output=True, text=True, timeout=60, env=surroundings(HOME=str(tmp_path)),
        )
    assert result.returncode == 1
    assert f"port {port} of 127.0.0.1 is in use by another program" in result.stderr


def test_an_interrupted_import_says_what_is_kept(request, tmp_path):
    lines = (json.dumps({"content": f"fact {n} " + "about the quokka and its leaves " * 20}) for n in range(20_000))
    (tmp_path / "many.jsonl").write_text("\n".join(lines))
    program = binary(request.config)
    data = tmp_path / "data"
    process = subprocess.Popen(
        [program, "import", "--data", str(data), "--embedder", "none", "many.jsonl"], cwd=tmp_path,
        stderr=subprocess.PIPE, text=True, env=surroundings(HOME=str(tmp_path)),
    )
    while process.poll() is None and not (data / "memories.collection.sqlite").exists():
        pass
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    said = process.stderr.read()
    process.stderr.close()
    (done,) = re.findall(r"interrupted: (\d+) of 20000 were imported and are kept", said)
    status = subprocess.run([program, "status", "--json", "--data", str(data)], capture_output=True, text=True)
    assert json.loads(status.stdout)["stats"]["items"] >= int(done)
