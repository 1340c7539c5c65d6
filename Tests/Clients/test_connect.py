"""`cortex connect` and `cortex hook`: the files of the clients, and what a session begins with."""

import json
import pathlib
import subprocess
import sys
import tomllib

import pytest

from conftest import binary
from surroundings import surroundings
from toml_texts import texts

GOLDEN = pathlib.Path(__file__).parent / "golden"
# Where each client keeps its servers, and the file's text before.
CLIENTS = {
    "claude-code": (
        ".claude.json",
        '{\n  "numStartups": 41,\n  "mcpServers": {\n    "files": {"type": "stdio", "command": "npx", "args": ["-y", "files"]}\n  }\n}\n',
    ),
    "claude-desktop": (".config/Claude/claude_desktop_config.json", None),
    "cursor": (
        ".cursor/mcp.json",
        '{\n    "mcpServers": {\n        "other": {\n            "url": "https://example.com/mcp"\n        }\n    }\n}\n',
    ),
    "vscode": (".config/Code/User/mcp.json", '{\n\t// Servers of every workspace.\n\t"inputs": []\n}\n'),
    "codex": (
        ".codex/config.toml",
        'model = "gpt-5.4"  # as the team has it\n\n[mcp_servers.docs]\ncommand = "docs-server"\n',
    ),
    "gemini": (".gemini/settings.json", '{\n  "theme": "Default"\n}\n'),
    "zed": (
        ".config/zed/settings.json",
        '// Zed settings\n{\n  "ui_font_size": 16, /* large */\n  "theme": "One Dark", // mine\n}\n',
    ),
}


@pytest.fixture
def cortex(request, tmp_path):
    """Runs a command as a user whose home is the test's directory, from a directory that is no checkout."""
    program = binary(request.config)
    (tmp_path / "work").mkdir()

    def run(*arguments, cwd=None, **variables):
        return subprocess.run(
            [program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=cwd or tmp_path / "work",
            env=surroundings(HOME=str(tmp_path), **variables),
        )

    run.program = program
    return run


@pytest.mark.skipif(sys.platform == "darwin", reason="the files of applications are elsewhere on macOS")
@pytest.mark.parametrize("client", CLIENTS)
def test_each_clients_file_gets_the_server_and_keeps_the_rest(cortex, tmp_path, client):
    name, before = CLIENTS[client]
    file = tmp_path / name
    if before is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(before)
    (golden,) = GOLDEN.glob(f"{client}.*")
    expected = golden.read_text().replace("@CORTEX@", cortex.program)

    printed = cortex("connect", client, "--print")
    assert (printed.returncode, printed.stdout) == (0, expected if expected.endswith("\n") else expected + "\n")
    assert not file.exists() if before is None else file.read_text() == before, "--print only prints"

    written = cortex("connect", client)
    assert written.returncode == 0, written.stderr
    assert file.read_text() == expected
    assert "+ " in written.stdout and "Next: " in written.stdout, "it shows the change first"
    copies = sorted(file.parent.glob(file.name + ".before-cortex*"))
    assert [copy.read_text() for copy in copies] == ([] if before is None else [before])

    again = cortex("connect", client, "--json")
    assert json.loads(again.stdout) == {"file": str(file), "changed": False}
    assert file.read_text() == expected
    assert sorted(file.parent.glob(file.name + ".before-cortex*")) == copies
    listed = json.loads(cortex("connect", "--json").stdout)["clients"]
    assert [one["state"] for one in listed if one["client"] == client] == ["connected"]


def test_a_file_that_is_no_settings_stays_as_it_is(cortex, tmp_path):
    file = tmp_path / ".cursor/mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {,}}')
    result = cortex("connect", "cursor")
    assert result.returncode == 1 and "line 1" in result.stderr and "Nothing was changed" in result.stderr
    assert file.read_text() == '{"mcpServers": {,}}'
    assert [path.name for path in file.parent.iterdir()] == ["mcp.json"]


def test_codex_settings_in_any_spelling_get_the_entry_or_stay_as_they_are(cortex, tmp_path):
    file = tmp_path / ".codex/config.toml"
    file.parent.mkdir()
    refused = 0
    for text in texts(seed=20, count=3):
        file.write_bytes(text.encode())
        before = tomllib.loads(text)
        result = cortex("connect", "codex")
        after = file.read_bytes().decode()
        if result.returncode != 0:
            refused += 1
            assert (result.returncode, after) == (1, text), text
            assert tomllib.loads(result.stdout) == {"mcp_servers": {"cortex": {"command": cortex.program, "args": ["mcp"]}}}
            continue
        entry = before.setdefault("mcp_servers", {}).setdefault("cortex", {})
        entry["command"] = cortex.program
        if entry.get("args", [])[:1] != ["mcp"]:
            entry["args"] = ["mcp"]
        assert tomllib.loads(after) == before, f"{text!r} became {after!r}"
        assert after.count("\r\n") == (after.count("\n") if "\r" in text else 0), "lines end as the others do"
        again = cortex("connect", "codex", "--json")
        assert json.loads(again.stdout) == {"file": str(file), "changed": False}, after
    assert refused == 12, "inline tables, arrays of tables, and a command that is a table"


def test_an_entry_that_is_switched_off_is_said_to_be(cortex, tmp_path):
    file = tmp_path / ".cursor/mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"cortex": {"disabled": true, "args": ["mcp", "--project", "p"]}}}')
    result = cortex("connect", "cursor")
    assert result.returncode == 0 and "switched off" in result.stdout
    entry = json.loads(file.read_text())["mcpServers"]["cortex"]
    assert entry == {"disabled": True, "args": ["mcp", "--project", "p"], "command": cortex.program}
    listed = json.loads(cortex("connect", "--json").stdout)["clients"]
    assert [one["state"] for one in listed if one["client"] == "cursor"] == ["switched off"]


def test_the_projects_own_file_is_written_where_that_is_asked_for(cortex, tmp_path):
    work = tmp_path / "work"
    (work / ".git").mkdir()
    (work / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (work / "src").mkdir()
    assert cortex("connect", "claude-code", "--here", "--data", "store", cwd=work / "src").returncode == 0
    server = json.loads((work / ".mcp.json").read_text())["mcpServers"]["cortex"]
    assert server["args"] == ["mcp", "--data", str(work / "src/store")]
    assert cortex("connect", "claude-desktop", "--here").returncode == 64


def test_the_server_that_was_written_answers_a_client(cortex, tmp_path):
    assert cortex("connect", "cursor", "--data", tmp_path / "data").returncode == 0
    server = json.loads((tmp_path / ".cursor/mcp.json").read_text())["mcpServers"]["cortex"]
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    answer = subprocess.run(
        [server["command"], *server["args"]],
        input=json.dumps(hello) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=surroundings(HOME=str(tmp_path)),
    )
    assert json.loads(answer.stdout)["result"]["serverInfo"]["name"] == "cortex"


# The hook.


def memories(count):
    for n in range(count):
        yield {
            "kind": ["decision", "todo", "observation"][n % 3],
            "content": f"Number {n}: the {['parser', 'cache', 'printer'][n % 3]} {n} keeps its {n * 7} entries sorted "
            + "and says so in its log, because somebody once looked for a day " * 3,
            "data": {"status": "accepted" if n % 3 == 0 else "pending", "observation_type": "lesson"},
        }


def test_a_session_in_a_repository_with_300_memories_begins_with_2000_tokens_at_most(cortex, tmp_path):
    work = tmp_path / "work"
    (work / ".git").mkdir()
    (work / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (work / "all.jsonl").write_text("".join(json.dumps(one) + "\n" for one in memories(300)))
    assert cortex("store", "--from", "all.jsonl", "--embedder", "none").returncode == 0
    assert cortex("store", "--kind", "todo", "--project", "elsewhere", "not for this project").returncode == 0
    result = cortex("hook", "session-start")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.encode()) <= 8_000
    assert "the project work" in result.stdout and "not for this project" not in result.stdout
    for part in ["## Decisions", "## Open todos", "## Lessons"]:
        assert part in result.stdout
    assert "Number 297" in result.stdout and "Number 298" in result.stdout, "the newest come first"
    context = json.loads(cortex("hook", "session-start", "--json").stdout)["hookSpecificOutput"]
    assert context == {"hookEventName": "SessionStart", "additionalContext": result.stdout}


def test_a_session_without_memories_begins_undisturbed(cortex, tmp_path):
    result = cortex("hook", "session-start")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert not (tmp_path / ".local").exists()


def test_the_hook_is_installed_once_and_runs(cortex, tmp_path):
    file = tmp_path / ".claude/settings.json"
    file.parent.mkdir()
    file.write_text('{\n  "hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "date"}]}]}\n}\n')
    assert cortex("hook", "install", "claude-code").returncode == 0
    text = file.read_text()
    commands = [hook["command"] for group in json.loads(text)["hooks"]["SessionStart"] for hook in group["hooks"]]
    assert commands == ["date", f"{cortex.program} hook session-start"]
    assert json.loads(cortex("hook", "install", "claude-code", "--json").stdout)["changed"] is False
    assert file.read_text() == text
    assert subprocess.run(commands[1], shell=True, env=surroundings(HOME=str(tmp_path))).returncode == 0
