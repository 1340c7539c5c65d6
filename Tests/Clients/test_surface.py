"""What a client sees of the memory's tools: their list, the words of their answers, and how long an answer may be."""

import json

import pytest
from conftest import binary
from lines import ENVELOPE, fault

MOST_CHARACTERS = 40_000
MOST_BYTES = 9_000
KEYWORDS = {"type", "description", "properties", "required", "items", "enum", "maximum", "minimum", "format",
            "additionalProperties", "default"}


@pytest.fixture(params=["legacy", "modern"])
def call(request, cortex, speak):
    """Calls a tool, in both eras."""
    return caller(speak(cortex), request.param)


@pytest.fixture(params=["legacy", "modern"])
def call_by_words(request, cortex, speak):
    """The same on a server without a model, which takes its time for long texts."""
    return caller(speak([*cortex, "--embedder", "none"]), request.param)


def caller(client, era):
    if era == "legacy":
        client.initialize()
    envelope = {"_meta": ENVELOPE} if era == "modern" else {}

    def ask(tool, /, **arguments):
        client.request("tools/call", {"name": tool, "arguments": arguments, **envelope})
        return client.read()["result"]

    ask.client, ask.envelope = client, envelope
    return ask


def text(result):
    assert not result["isError"], result
    return result["content"][0]["text"]


def faults(schema, path, depth=0):
    """What the providers' rules forbid in a schema."""
    found = [f"{path} has {key}" for key in schema if key not in KEYWORDS]
    if depth > 5:
        found.append(f"{path} is too deep")
    if schema.get("type") not in ("string", "integer", "number", "boolean", "array", "object"):
        found.append(f"{path} has no plain type")
    if schema.get("format", "date-time") != "date-time":
        found.append(f"{path} has a format")
    if schema.get("type") == "array" and "items" not in schema:
        found.append(f"{path} has no items")
    if schema.get("type") == "object" and "properties" not in schema and schema.get("additionalProperties") is not True:
        found.append(f"{path} is an object of nothing")
    for name, inner in schema.get("properties", {}).items():
        found += faults(inner, f"{path}.{name}", depth + 1)
    if "items" in schema:
        found += faults(schema["items"], f"{path}[]", depth + 1)
    return found


def test_the_list_of_tools_is_short_and_every_provider_takes_it(call):
    call.client.request("tools/list", call.envelope)
    reply = call.client.read()
    assert len(json.dumps(reply, separators=(",", ":")).encode()) <= MOST_BYTES
    tools = reply["result"]["tools"]
    assert [tool["name"] for tool in tools] == [
        "memory_store", "memory_find", "memory_get", "memory_update", "memory_delete", "memory_list", "system_status"]
    for tool in tools:
        assert faults(tool["inputSchema"], tool["name"]) == []
        assert faults(tool["outputSchema"], tool["name"]) == []
        assert all(member.get("description") for member in tool["inputSchema"]["properties"].values()), tool
    assert tools[-1]["inputSchema"]["properties"]["operation"]["enum"] == ["health", "stats"]


def test_every_operation_is_shown_on_request(request, tmp_path, speak):
    client = speak([binary(request.config), "mcp", "--data", str(tmp_path / "data"), "--tools", "all"])
    client.modern("tools/list")
    status = client.read()["result"]["tools"][-1]
    assert len(status["inputSchema"]["properties"]["operation"]["enum"]) == 20


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_instructions_name_the_project_and_the_branch(cortex, speak, tmp_path, era):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/topic\n")
    client = speak(cortex)
    if era == "legacy":
        instructions = client.initialize()["instructions"]
    else:
        client.modern("server/discover")
        instructions = client.read()["result"]["instructions"]
    assert f"Project: {tmp_path.name}" in instructions and "branch: topic" in instructions


def test_no_answer_is_longer_than_clients_take(call_by_words):
    call = call_by_words
    long = [f"Note {n} about the harbour. " + f"It says \"{n}\" again and again.\n" * 120 for n in range(60)]
    for start in range(0, 60, 20):
        call("memory_store", items=[{"content": one} for one in long[start : start + 20]],
             deduplication={"enabled": False})
    for tool, arguments in (
        ("memory_find", {"query": "harbour"}),
        ("memory_find", {"query": "harbour", "limit": 50}),
        ("memory_find", {"query": "harbour", "limit": 50, "max_content_length": 100_000}),
        ("memory_find", {"query": "harbour", "limit": 50, "graph_expansion": True, "explain": True}),
        ("memory_list", {"limit": 100}),
        ("system_status", {"operation": "export"}),
    ):
        seen, cursor, pages = [], None, 0
        while cursor is not None or not pages:
            result = call(tool, **arguments, **({"cursor": cursor} if cursor else {}))
            assert len(json.dumps(result, ensure_ascii=False)) <= MOST_CHARACTERS, (tool, arguments)
            answer = result["structuredContent"]
            seen += [item["id"] for item in answer["items"]]
            cursor = answer.get("next_cursor")
            assert cursor is None or tool == "system_status" or cursor in text(result)
            pages += 1
            assert pages < 100
        assert len(seen) == len(set(seen)) >= min(60, arguments.get("limit", 10))


def test_a_memory_is_a_block_for_a_model(call):
    call("memory_store", items=[
        {"kind": "decision", "content": "We keep prices in cents.", "scope": "shop"},
        {"kind": "todo", "data": {"title": "Paint the fence", "status": "pending"}, "ttl": "long"},
        {"kind": "preference", "content": "Ana likes tea."}])
    for result in (call("memory_find", query="prices fence tea"), call("memory_list")):
        told, items = text(result), result["structuredContent"]["items"]
        assert "{" not in told and '"' not in told
        for item in items:
            assert item["id"] in told and item["created_at"][:10] in told
        assert "decision, shop" in told and "We keep prices in cents." in told
        assert "status: pending" in told and "expires " in told
        assert "observation (preference)" in told
    scores = [item["score"] for item in call("memory_find", query="prices")["structuredContent"]["items"]]
    assert f"{scores[0]:.2f}".rstrip("0").rstrip(".") in text(call("memory_find", query="prices"))


def test_a_store_says_what_became_of_each_item(call):
    first = call("memory_store", items=[{"content": "Quokkas sleep by day."}, {"content": "Bills are paid on Mondays."}])
    assert text(first).startswith("2 stored")
    again = call("memory_store", items=[
        {"content": "Quokkas sleep by day."}, {"content": "A third thing.", "ttl": "short"}, {"colour": "red"}])
    told = text(again)
    assert told.startswith("1 stored, 1 skipped as a copy, 1 refused")
    assert first["structuredContent"]["items"][0]["id"] in told
    assert "expires " in told and "items[2].colour: there is no such field" in told
    assert again["structuredContent"]["items"][2]["error"]["code"] == "E2200"
    assert again["structuredContent"]["items"][2]["error"]["field"] == "items[2].colour"


def test_an_error_is_text_alone_and_says_what_to_do(call):
    for tool, arguments, remedy in (
        ("memory_find", {}, "is required"),
        ("memory_find", {"query": "a", "limt": 3}, "did you mean limit?"),
        ("memory_store", {"items": [{"colour": "red"}]}, "known are"),
        ("memory_get", {"id": "nobody"}, "UUID"),
        ("memory_get", {"id": "01900000-0000-7000-8000-000000000000"}, "memory_list"),
        ("memory_update", {"id": "01900000-0000-7000-8000-000000000000", "content": "x"}, "deleted"),
        ("memory_delete", {"filter": {"tags": ["a"]}, "dry_run": False}, "dry run"),
        ("system_status", {"operation": "get_document"}, "needs the id"),
    ):
        assert remedy in fault(call(tool, **arguments))["message"], (tool, arguments)


def test_what_is_not_close_is_said_to_be_weak(call):
    call("memory_store", content="The harbour was dredged in spring.")
    told = text(call("memory_find", query="zzzz qqqq"))
    assert told.startswith("nothing stored is close to this") and "weak" in told
    assert "close" not in text(call("memory_find", query="When was the harbour dredged?"))


def test_a_scope_without_memories_is_answered_with_the_projects(call):
    call("memory_store", content="The harbour was dredged.", project="alpha")
    assert "alpha" in text(call("memory_find", query="harbour", project="beta"))


def test_a_memory_is_changed_listed_and_deleted_by_its_id(call):
    (stored,) = call("memory_store", content="The harbour was dredged.")["structuredContent"]["items"]
    told = text(call("memory_update", id=stored["id"], content="The harbour was dredged twice."))
    assert "version 2" in told and "restore 1" in told
    told = text(call("memory_get", id="memory://" + stored["id"], versions=True))
    assert "dredged twice" in told and "version 1, until" in told and "The harbour was dredged." in told
    assert "dredged twice" in text(call("memory_list"))
    assert text(call("memory_delete", id=stored["id"])).startswith("deleted 1")
    assert "no memories match" in text(call("memory_list"))
