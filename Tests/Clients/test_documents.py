"""`cortex store --from` and `cortex sync`: files own the memories of their sections."""

import json
import os
import pathlib
import subprocess

import pytest

from conftest import binary
from surroundings import surroundings


@pytest.fixture
def cortex(request, tmp_path):
    """Runs a command on a data directory of the test, as a user whose home is the test's directory."""
    program = binary(request.config)

    def run(name, *arguments, cwd=None, **options):
        return subprocess.run(
            [program, name, "--data", str(tmp_path / "data"), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=cwd or tmp_path,
            env=surroundings(HOME=str(tmp_path)),
            **options,
        )

    return run


def synced(cortex, *arguments, code=0, **options):
    result = cortex("sync", "--json", *arguments, **options)
    assert result.returncode == code, result.stdout + result.stderr
    facts = json.loads(result.stdout)
    return {name: facts[name] for name in ("stored", "updated", "skipped", "retired")}, facts


def bodies(cortex, *arguments):
    lines = cortex("export", "--kind", "section", *arguments).stdout.splitlines()
    return sorted(json.loads(line)["data"]["body_md"] for line in lines)


def git(*arguments, cwd):
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=cwd, check=True, capture_output=True
    )


def test_a_folder_is_kept_as_it_is(cortex, tmp_path):
    notes = tmp_path / "notes"
    (notes / "sub").mkdir(parents=True)
    (notes / "guide.md").write_text("Guide\n=====\nintro\n\nDeploy\n------\npush it\n\n## Rollback\npoint back\n")
    (notes / "sub/plain.txt").write_text("plain\n")
    assert synced(cortex, "notes")[0] == {"stored": 4, "updated": 0, "skipped": 0, "retired": 0}
    before = (tmp_path / "data/memories.collection.sqlite").stat().st_size
    second, facts = synced(cortex, "notes")
    assert second == {"stored": 0, "updated": 0, "skipped": 4, "retired": 0}
    assert len(facts["ids"]) == 4

    (notes / "guide.md").write_text("# Guide\nintro\n## Deploy\npush it twice\n")
    assert synced(cortex, "notes")[0] == {"stored": 0, "updated": 1, "skipped": 2, "retired": 1}
    assert bodies(cortex) == ["intro", "plain", "push it twice"]
    (line,) = [one for one in cortex("export").stdout.splitlines() if "push it twice" in one]
    assert [version["data"]["body_md"] for version in json.loads(line)["versions"]] == ["push it"]

    (notes / "sub/plain.txt").unlink()
    (notes / "guide.md").write_text("# Guide\nintro\n## Deploy\npush it twice\n## New\nfresh\n")
    result = cortex("sync", "notes")
    assert (result.returncode, result.stdout) == (0, "1 stored, 1 retired, 2 unchanged\n")
    assert bodies(cortex) == ["fresh", "intro", "push it twice"]
    assert before > 0


def test_a_file_stored_again_replaces_what_changed_and_the_new_text_is_found_first(cortex, tmp_path):
    file = tmp_path / "guide.md"
    file.write_text("# Ports\nThe gateway listens on port 4100.\n# Other\nsame\n")
    assert cortex("store", "--from", "guide.md").stdout == "2 stored\n"
    file.write_text("# Ports\nThe gateway listens on port 4200.\n# Other\nsame\n")
    result = cortex("store", "--from", "guide.md")
    assert (result.returncode, result.stdout) == (0, "1 updated, 1 unchanged\n")
    found = cortex("find", "--limit", "1", "which port does the gateway listen on").stdout
    assert "4200" in found and "guide.md" in found
    assert bodies(cortex) == ["The gateway listens on port 4200.", "same"]


def test_gits_rules_are_those_of_git_itself(cortex, tmp_path):
    root = tmp_path / "repo"
    rules = "*.txt\n!kept.txt\n/top.md\ndocs/*.md\n!docs/a.md\nbuild/\n**/deep/x.md\n[b-c]?.md\n\\!odd.md\n"
    names = [
        "top.md", "sub/top.md", "note.txt", "kept.txt", "docs/a.md", "docs/b.md", "docs/more/c.md", "build/kept.txt",
        "sub/build/a.md", "a/deep/x.md", "deep/x.md", "b1.md", "d1.md", "!odd.md", "own/secret.md", "own/plain.md",
        "with space.md",
    ]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"text of {name}\n")
    (root / ".gitignore").write_text(rules)
    (root / "own/.gitignore").write_text("secret.md\n")
    git("init", "-q", cwd=root)
    listed = subprocess.run(
        ["git", "-c", "core.quotePath=false", "ls-files", "--others", "--exclude-standard"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout.splitlines()
    wanted = sorted(f"text of {name}" for name in listed if not name.endswith(".gitignore"))
    synced(cortex, root)
    assert bodies(cortex) == wanted


def test_worktrees_of_a_repository_share_their_documents(cortex, tmp_path):
    root = tmp_path / "repo"
    root.mkdir()
    git("init", "-q", "-b", "main", cwd=root)
    (root / "guide.md").write_text("# A\none\n")
    git("add", ".", cwd=root)
    git("commit", "-q", "-m", "x", cwd=root)
    git("worktree", "add", "-q", tmp_path / "tree", cwd=root)
    assert synced(cortex, root, "--project", "p")[0]["stored"] == 1
    (tmp_path / "tree/guide.md").write_text("# A\ntwo\n")
    assert synced(cortex, tmp_path / "tree", "--project", "p")[0] == {
        "stored": 0, "updated": 1, "skipped": 0, "retired": 0,
    }
    assert bodies(cortex) == ["two"]


def test_what_is_passed_over_is_named_with_its_reason(cortex, tmp_path):
    notes = tmp_path / "notes"
    (notes / "node_modules/m").mkdir(parents=True)
    (notes / "node_modules/m/readme.md").write_text("not ours")
    (notes / "good.md").write_text("good\n")
    (notes / "utf16.md").write_bytes("# title\ntext\n".encode("utf-16"))
    (notes / "latin.md").write_bytes("caf\u00e9\n".encode("latin-1"))
    (notes / "binary.md").write_bytes(b"a\0b")
    os.mkfifo(notes / "pipe.md")
    (notes / "dangling.md").symlink_to("nowhere.md")
    counts, facts = synced(cortex, "notes")
    assert counts["stored"] == 1
    reasons = {one["path"]: one["reason"] for one in facts["passed_over"]}
    assert set(reasons) == {"node_modules", "utf16.md", "latin.md", "binary.md", "pipe.md", "dangling.md"}
    assert "UTF-16" in reasons["utf16.md"] and "iconv" in reasons["utf16.md"]
    assert "Latin-1" in reasons["latin.md"] and "binary" in reasons["binary.md"]
    assert "FIFO" in reasons["pipe.md"] and "nowhere.md, which does not exist" in reasons["dangling.md"]
    shown = cortex("sync", "notes").stderr
    assert all(f"passed over: {name} " in shown for name in reasons)
    # A file that was imported and cannot be read for a while keeps its memories.
    (notes / "good.md").write_bytes(b"caf\xe9\n")
    assert synced(cortex, "notes")[0]["retired"] == 0


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("utf16.md", "text".encode("utf-16"), "UTF-16"),
        ("latin.txt", b"caf\xe9", "Latin-1"),
        ("binary.txt", b"a\0b", "binary"),
    ],
)
def test_one_file_that_is_no_text_is_refused_with_a_remedy(cortex, tmp_path, name, content, part):
    (tmp_path / name).write_bytes(content)
    result = cortex("store", "--from", name)
    assert result.returncode == 64 and part in result.stderr and name in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_pipe_and_a_dangling_link_are_told_apart_from_a_missing_file(cortex, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.md").symlink_to("gone.md")
    assert "named pipe" in cortex("store", "--from", "pipe").stderr
    assert "a link to gone.md, which does not exist" in cortex("store", "--from", "link.md").stderr
    assert "there is no file or folder" in cortex("store", "--from", "nothing.md").stderr


def test_one_bad_line_among_many_keeps_the_good_ones(cortex, tmp_path):
    lines = [json.dumps({"content": f"fact {n}"}) for n in range(300)]
    lines[120] = '{"content": "half'
    lines[250] = json.dumps({"content": "unknown field", "colour": "red"})
    (tmp_path / "facts.jsonl").write_text("\n".join(lines) + "\n")
    result = cortex("store", "--from", "facts.jsonl", "--json", "--embedder", "none")
    facts = json.loads(result.stdout)
    assert result.returncode == 4 and facts["stored"] == 298
    assert len(facts["refused"]) == 2
    assert "facts.jsonl, line 121" in cortex("store", "--from", "facts.jsonl", "--embedder", "none").stderr


def test_a_followed_folder_takes_a_change_soon(request, tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("# A\none\n")
    process = subprocess.Popen(
        [binary(request.config), "sync", "--watch", "--interval", "1", "--json", "--data", str(tmp_path / "data"),
         str(notes)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings(HOME=str(tmp_path)),
    )
    try:
        assert json.loads(process.stdout.readline())["stored"] == 1
        (notes / "a.md").write_text("# A\ntwo and more\n")
        assert json.loads(process.stdout.readline())["updated"] == 1
        (notes / "a.md").unlink()
        assert json.loads(process.stdout.readline())["retired"] == 1
        process.send_signal(2)
        assert process.wait(timeout=30) == 0
        assert "is kept" in process.stderr.read()
    finally:
        process.kill()
        process.stdout.close()
        process.stderr.close()


def test_an_end_of_a_documents_parts_is_read_like_that_of_a_text(cortex, tmp_path):
    (tmp_path / "note.md").write_text("# Quokka\nit stays\n")
    refused = cortex("store", "--ttl", "7days", "--from", "note.md")
    assert refused.returncode == 64 and "permanent, short" in refused.stderr
    assert cortex("store", "--ttl", "Permanent", "--from", "note.md").returncode == 0
    (item,) = (json.loads(line) for line in cortex("export").stdout.splitlines())
    assert "expires_at" not in item
