"""`cortex import` and `cortex export`: other memories' exports, bad lines, edited files."""

import json
import pathlib
import re

import pytest

from test_documents import cortex  # noqa: F401  the same command on the same directories

EXPORTS = pathlib.Path(__file__).parent / "exports"
BAD_LINES = 5


def imported(cortex, path, code=0, *arguments):
    result = cortex("import", path, "--json", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout)


def exported(cortex, *arguments):
    result = cortex("export", *arguments)
    assert result.returncode == 0, result.stderr
    # A text may hold other line breaks than that between two lines.
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def test_mem0s_export_is_read_and_a_second_time_changes_nothing(cortex):
    first = imported(cortex, EXPORTS / "mem0-2.2.1.json")
    assert (first["added"], first["unchanged"]) == (2, 0)
    items = {item["content"]: item for item in exported(cortex)}
    tea, train = items["Ana prefers tea to coffee."], items["The release train leaves on Tuesdays."]
    assert tea["metadata"] == {"source": "chat", "user_id": "ana", "role": "user"}
    assert (tea["source"]["actor"], train["source"]["session"]) == ("ana", "sprint-7")
    assert train["source"]["timestamp"].startswith("2026-11-30T")
    again = imported(cortex, EXPORTS / "mem0-2.2.1.json")
    assert (again["added"], len(exported(cortex))) == (0, 2)


def test_two_users_of_mem0_keep_the_same_sentence_each(cortex, tmp_path):
    (tmp_path / "users.json").write_text(json.dumps({
        "results": [
            {"id": "1", "memory": "Is allergic to nuts", "user_id": "ann", "created_at": "2026-05-01T10:00:00Z"},
            {"id": "2", "memory": "Is allergic to nuts", "user_id": "bob", "created_at": "2026-06-01T10:00:00Z"},
            {"id": "3", "memory": "The trial is running", "user_id": "bob", "expiration_date": "2999-01-01"},
            {"id": "4", "memory": "Has a voucher", "user_id": "bob", "expiration_date": "soon"},
        ],
        "relations": [{"source": "ann", "relationship": "likes", "destination": "tea"}, {"source": "ann"}],
    }))
    facts = imported(cortex, "users.json", BAD_LINES)
    assert (facts["added"], [fault["line"] for fault in facts["faults"]]) == (4, [4, 6])
    items = exported(cortex)
    nuts = [item for item in items if item.get("content") == "Is allergic to nuts"]
    assert sorted((item["source"]["actor"], item["metadata"]["user_id"]) for item in nuts) == [
        ("ann", "ann"), ("bob", "bob"),
    ]
    (trial,) = [item for item in items if item.get("content") == "The trial is running"]
    assert trial["expires_at"].startswith("2999-01-01T00:00:00")
    (relation,) = [item for item in items if item["kind"] == "relation"]
    assert (relation["data"]["from_entity_id"], relation["data"]["relation_type"]) == ("ann", "likes")


def test_mcp_memory_services_export_is_read(cortex):
    assert imported(cortex, EXPORTS / "mcp-memory-service-12.4.0.json")["added"] == 2
    items = {item["content"]: item for item in exported(cortex)}
    decision = items["Invoices are rounded per line, never per total."]
    assert (decision["kind"], decision["tags"]) == ("decision", ["billing", "rounding"])
    assert decision["metadata"] == {"author": "ana"}
    assert decision["source"]["timestamp"] == "2026-01-01T00:00:00.250Z"
    assert items["The staging database is reset every Monday at four."]["kind"] == "observation"


def test_claude_mems_export_is_read_and_an_entry_without_text_is_named(cortex):
    facts = imported(cortex, EXPORTS / "claude-mem.json", BAD_LINES)
    assert (facts["added"], [(fault["line"], fault["file"]) for fault in facts["faults"]]) == (
        5, [(3, "claude-mem.json")],
    )
    items = {item["kind"] + item["data"].get("observation_type", ""): item for item in exported(cortex)}
    assert set(items) == {"decision", "change", "observationsession_summary", "observationuser_prompt"}
    decision = items["decision"]
    assert decision["scope"]["project"] == "billing" and decision["source"]["session"] == "6f1c"
    assert "Two services had given out one number" in decision["content"]
    assert items["change"]["data"]["affected_files"] == ["src/print.ts"]


def test_claude_mems_sessions_lend_their_project_and_their_prompt(cortex, tmp_path):
    session = {"id": 1, "content_session_id": "c", "memory_session_id": "s", "project": "web", "started_at_epoch": 0}
    (tmp_path / "sessions.json").write_text(json.dumps({
        "exportedAt": "2026-11-30T10:00:00Z", "observations": [], "summaries": [],
        "sessions": [session | {"user_prompt": "fix the login"}, session | {"id": 2, "user_prompt": "second prompt"}],
        "prompts": [{"id": 1, "content_session_id": "c", "prompt_number": 2, "prompt_text": "second prompt"}],
    }))
    assert imported(cortex, "sessions.json")["added"] == 2
    assert sorted((item["content"], item["scope"]["project"]) for item in exported(cortex)) == [
        ("fix the login", "web"), ("second prompt", "web"),
    ]


def test_a_note_of_basic_memory_becomes_an_entity_with_what_is_known_of_it(cortex):
    assert imported(cortex, EXPORTS / "basic-memory")["added"] > 0
    items = exported(cortex)
    kinds = [item["kind"] for item in items]
    assert {"entity", "observation", "relation", "section"} <= set(kinds)
    (method,) = [item for item in items if "water just off the boil" in item.get("content", "")]
    assert method["data"]["entity_id"] == "Coffee Brewing" and method["data"]["observation_type"] == "method"
    assert "brewing" in method["tags"]
    (relation,) = [item for item in items if item["kind"] == "relation"]
    assert (relation["data"]["to_entity_id"], relation["data"]["relation_type"]) == ("Water Temperature", "depends_on")
    assert imported(cortex, EXPORTS / "basic-memory")["added"] == 0


def test_a_vault_of_notes_with_other_front_matter_is_read(cortex, tmp_path):
    vault = tmp_path / "vault"
    (vault / ".obsidian").mkdir(parents=True)
    (vault / ".obsidian/app.json").write_text("{}")
    (vault / "daily").mkdir()
    (vault / "daily/2026-01-02.md").write_text(
        "---\naliases: [friday]\ntags:\n  - daily\n  - work\ncssclass: wide\n---\n# Friday\nMet [[Ana]] #idea\n"
    )
    (vault / "Ana.md").write_text("Ana owns the printer.\n")
    assert imported(cortex, vault)["added"] == 2
    items = {item["data"]["body_md"]: item for item in exported(cortex)}
    friday = items["Met [[Ana]] #idea"]
    assert friday["tags"] == ["daily", "work"]
    assert friday["metadata"]["aliases"] == ["friday"] and friday["metadata"]["cssclass"] == "wide"
    (vault / "Ana.md").write_text("Ana owns the printer and the plotter.\n")
    facts = imported(cortex, vault)
    assert (facts["added"], facts["updated"], facts["unchanged"]) == (0, 1, 1)


def test_every_bad_line_is_named_and_the_good_ones_are_kept(cortex, tmp_path):
    lines = [json.dumps({"content": f"fact {n}", "kind": "observation"}) for n in range(1_000)]
    lines[9] = '{"content": "half'
    lines[500] = "[]"
    lines[777] = json.dumps({"content": "x", "colour": "red"})
    lines[778] = json.dumps({"id": "no id", "created_at": "2026-01-01", "kind": "todo", "content": "x"})
    (tmp_path / "facts.jsonl").write_text("\n".join(lines) + "\n")
    facts = imported(cortex, "facts.jsonl", BAD_LINES, "--embedder", "none")
    assert facts["added"] == 996
    assert [fault["line"] for fault in facts["faults"]] == [10, 501, 778, 779]
    result = cortex("import", "facts.jsonl", "--embedder", "none")
    assert result.returncode == BAD_LINES and "4 could not be imported" in result.stdout
    assert [int(number) for number in re.findall(r"^facts.jsonl, line (\d+): ", result.stderr, re.M)] == [10, 501, 778, 779]


def test_a_knowledge_graph_with_a_bad_line_keeps_the_rest(cortex, tmp_path):
    (tmp_path / "memory.json").write_text(
        '{"type":"entity","name":"Ana","entityType":"person","observations":["likes tea"]}\n'
        '{"type":"entity","entityType":"person","observations":[]}\n'
        "half a line\n"
        '{"type":"relation","from":"Ana","to":"Printer","relationType":"owns"}\n'
    )
    facts = imported(cortex, "memory.json", BAD_LINES)
    assert (facts["added"], [fault["line"] for fault in facts["faults"]]) == (3, [2, 3])
    assert "without a name" in facts["faults"][0]["reason"]


def test_an_export_with_unusual_line_breaks_can_be_imported(cortex, tmp_path):
    text = "one\u2028two\u2029three\u0085four\x0bfive\x0csix"
    assert cortex("store", text).returncode == 0
    (memory,) = exported(cortex)
    assert cortex("export", "--out", "all.jsonl").returncode == 0
    assert cortex("delete", memory["id"]).returncode == 0
    assert imported(cortex, "all.jsonl")["added"] == 1
    assert [item["content"] for item in exported(cortex)] == [text]


def test_a_knowledge_graph_as_one_object_is_read(cortex, tmp_path):
    (tmp_path / "graph.json").write_text(json.dumps({
        "entities": [{"name": "Ana", "entityType": "person", "observations": ["likes tea"]}],
        "relations": [{"from": "Ana", "to": "Printer", "relationType": "owns"}],
    }, indent=2))
    assert imported(cortex, "graph.json")["added"] == 3
    assert sorted(item["kind"] for item in exported(cortex)) == ["entity", "observation", "relation"]


@pytest.mark.parametrize("command", [["import"], ["store", "--from"]])
def test_a_line_that_is_not_utf_8_is_named_and_the_others_are_kept(cortex, tmp_path, command):
    lines = [json.dumps({"content": f"fact {n}", "kind": "observation"}).encode() for n in range(50)]
    lines[20] = '{"content": "caf\u00e9"}'.encode("latin-1")
    (tmp_path / "facts.jsonl").write_bytes(b"\n".join(lines))
    result = cortex(*command, "facts.jsonl", "--embedder", "none")
    assert result.returncode in (4, BAD_LINES)
    assert "line 21" in result.stderr and "not UTF-8" in result.stderr
    assert len(exported(cortex)) == 49


def test_an_edited_markdown_export_is_an_update(cortex, tmp_path):
    assert cortex("store", "--kind", "decision", "Prices are kept in cents.").returncode == 0
    (tmp_path / "guide.md").write_text("# Ports\nThe gateway listens on port 4100.\n")
    assert cortex("store", "--from", "guide.md").returncode == 0
    assert cortex("export", "--markdown", "out").returncode == 0
    files = sorted((tmp_path / "out").glob("*.md"))
    assert len(files) == 2
    facts = imported(cortex, "out")
    assert (facts["added"], facts["updated"], facts["unchanged"]) == (0, 0, 2)
    for file in files:
        file.write_text(file.read_text().replace("in cents", "in tenths of a cent").replace("4100", "4200"))
    facts = imported(cortex, "out")
    assert (facts["added"], facts["updated"], facts["unchanged"]) == (0, 2, 0)
    items = {item["kind"]: item for item in exported(cortex)}
    assert items["decision"]["content"] == "Prices are kept in tenths of a cent."
    assert items["section"]["data"]["body_md"] == "The gateway listens on port 4200."
    assert items["decision"]["versions"][0]["content"] == "Prices are kept in cents."


def test_an_export_is_of_the_project_that_was_named(cortex):
    for project in ["one", "two"]:
        assert cortex("store", "--project", project, f"the text of {project}").returncode == 0
    assert [item["content"] for item in exported(cortex, "--project", "one")] == ["the text of one"]
    none = cortex("export", "--project", "nope")
    assert (none.returncode, none.stdout) == (0, "") and "no memories of the project nope" in none.stderr
    assert len(exported(cortex)) == 2
    status = json.loads(cortex("status", "--project", "two", "--json").stdout)
    assert (status["project"], status["stats"]["items"]) == ("two", 1)


@pytest.mark.parametrize("flag", ["--kind", "--type"])
def test_a_kind_is_named_by_either_flag_everywhere(cortex, flag):
    assert cortex("store", flag, "risk", "the printer may burn").returncode == 0
    assert cortex("store", flag, "todo", "feed the printer").returncode == 0
    assert [item["kind"] for item in exported(cortex, flag, "risk")] == ["risk"]
    found = json.loads(cortex("find", "--json", flag, "todo", "printer").stdout)["items"]
    assert [item["kind"] for item in found] == ["todo"]
