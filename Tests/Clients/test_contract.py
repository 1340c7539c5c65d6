"""The memory's contract under raw lines and the official SDK: every operation, thousands of bad calls, listeners."""

import asyncio
import json
import os
import pathlib
import random
import subprocess

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from lines import fault

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATIONS = """health stats telemetry metrics run_purge get_purge_reports get_purge_statistics run_cleanup
get_cleanup_statistics get_cleanup_history get_rate_limit_status get_performance_trends system_diagnostics
export""".split()
BAD_CALLS = int(os.environ.get("CORTEX_BAD_CALLS", "2000"))


def call(client, name, arguments):
    client.modern("tools/call", {"name": name, "arguments": arguments})
    return client.read()


def item(text, **more):
    return {"kind": "observation", "content": text, **more}


@pytest.fixture
def client(cortex, speak):
    return speak(cortex)


@pytest.fixture
def full(cortex, speak):
    """A server whose list of tools shows every operation."""
    return speak([*cortex, "--tools", "all"])


def schemas(client):
    client.modern("tools/list")
    return {tool["name"]: tool for tool in client.read()["result"]["tools"]}


def test_every_operation_answers_by_its_output_schema(client):
    assert schemas(client)["system_status"]["inputSchema"]["properties"]["operation"]["enum"] == ["health", "stats"]
    validator = Draft202012Validator(schemas(client)["system_status"]["outputSchema"])
    reply = call(client, "memory_store", {"items": [item("quokkas sleep by day")]})
    identifier = reply["result"]["structuredContent"]["items"][0]["id"]
    for operation in OPERATIONS:
        result = call(client, "system_status", {"operation": operation})["result"]
        assert not result["isError"], (operation, result)
        validator.validate(result["structuredContent"])
    for operation in ("get_document", "get_document_with_chunks", "reassemble_document"):
        result = call(client, "system_status", {"operation": operation, "document_id": identifier})["result"]
        validator.validate(result["structuredContent"])


def mutated(draw, schema):
    """A value that may well be wrong for the schema."""
    kind = draw.randrange(9)
    if kind == 0:
        return draw.choice([None, True, False, 0, -1, 1.5, 1e308, 2**63, 2**64 - 1, "", [], {}, [[]], [None]])
    if kind == 1:
        return "x" * draw.choice([1, 1_001, 200_001])
    if kind == 2:
        deep = "x"
        for _ in range(draw.choice([3, 100, 600])):
            deep = [deep] if draw.random() < 0.5 else {"a": deep}
        return deep
    if kind == 3:
        return draw.choice(["\0", "\u0007bell", "\u202e", "a\u0300" * 40, "\ufffe", "'; DROP TABLE points;--"])
    if kind == 4 and "minimum" in schema:
        return schema["minimum"] - 1
    if kind == 5 and "maximum" in schema:
        return schema["maximum"] + 1
    if schema.get("type") == "object" and schema.get("properties"):
        name, inner = draw.choice(sorted(schema["properties"].items()))
        return {name: mutated(draw, inner), **({"forged": True} if draw.random() < 0.3 else {})}
    if schema.get("type") == "array":
        return [mutated(draw, schema.get("items", {})) for _ in range(draw.choice([1, 2, 101]))]
    return draw.choice(["maybe", 7, [], {"a": 1}, "01900000-0000-7000-8000-000000000000", "2026-13-45"])


def test_thousands_of_bad_calls_name_their_fault_and_change_nothing(full):
    client = full
    draw = random.Random(20260728)
    tools = schemas(client)
    call(client, "memory_store", {"items": [item("quokkas sleep by day")]})
    before = call(client, "system_status", {"operation": "export"})["result"]["structuredContent"]
    refused = 0
    for number in range(BAD_CALLS):
        name = draw.choice(["memory_find", "memory_store", "system_status"])
        properties = tools[name]["inputSchema"]["properties"]
        field = draw.choice(sorted(properties))
        good = {"memory_find": {"query": "x"}, "system_status": {"operation": "health"}, "memory_store": {}}[name]
        # A store without items, with a bad item or an unknown field is never taken.
        value = mutated(draw, properties[field])
        arguments = {**good, field: value}
        if name == "memory_store":
            arguments.setdefault("items", [{"kind": 3, "content": "x"}])
            if field == "items":
                arguments["forged"] = 1
        if name == "system_status" and field == "operation":
            arguments["forged"] = 1
        reply = call(client, name, arguments)
        if "error" in reply:
            assert reply["error"]["code"] in (-32700, -32600, -32602), (number, arguments, reply)
            refused += 1
            continue
        result = reply["result"]
        if result["isError"]:
            refused += 1
            told = fault(result)
            assert told["message"] and (told["field"] or told["code"] == "E2001"), (number, arguments, told)
    assert refused > BAD_CALLS * 0.5
    after = call(client, "system_status", {"operation": "export"})["result"]["structuredContent"]
    assert after == before


def test_sixty_four_calls_at_once_answer_by_their_schemas_in_both_eras(cortex):
    async def inside(mode):
        transport = stdio_client(StdioServerParameters(command=cortex[0], args=cortex[1:]))
        async with Client(transport, mode=mode) as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            calls = []
            for n in range(64):
                name = ["memory_store", "memory_find", "system_status"][n % 3]
                arguments = [
                    {"items": [item(f"quokka {mode} {n} eats leaf {n * 7}")]},
                    {"query": f"quokka {n}", "formatting": {"include_relations": True}, "mode": "deep"},
                    {"operation": OPERATIONS[n % len(OPERATIONS)]},
                ][n % 3]
                calls.append((name, client.call_tool(name, arguments)))
            results = await asyncio.gather(*(pending for _, pending in calls))
            for (name, _), result in zip(calls, results, strict=True):
                assert not result.is_error, result.content
                Draft202012Validator(listed[name].output_schema).validate(result.structured_content)
                # For a model, who pays for every bracket.
                assert result.content[0].text and not result.content[0].text.startswith("{")

    for mode in ("legacy", "auto"):
        asyncio.run(asyncio.wait_for(inside(mode), timeout=120))


def test_prompts_are_listed_filled_completed_and_refused_without_their_arguments(client):
    call(client, "memory_store", {"items": [{"kind": "incident", "content": "the gateway fell over at noon"}]})
    client.modern("prompts/list")
    prompts = {prompt["name"]: prompt for prompt in client.read()["result"]["prompts"]}
    assert set(prompts) == {"recall", "record_decision", "write_postmortem"}
    client.modern("prompts/get", {"name": "recall", "arguments": {"topic": "the gateway"}})
    (message,) = client.read()["result"]["messages"]
    assert message["role"] == "user" and "fell over at noon" in message["content"]["text"]
    for params in ({"name": "recall"}, {"name": "recall", "arguments": {"topic": 3}}, {"name": "conjure"}):
        client.modern("prompts/get", params)
        assert client.read()["error"]["code"] == -32602
    client.modern(
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "write_postmortem"}, "argument": {"name": "incident", "value": "gate"}},
    )
    (identifier,) = client.read()["result"]["completion"]["values"]
    client.modern("prompts/get", {"name": "write_postmortem", "arguments": {"incident": identifier}})
    assert "fell over at noon" in client.read()["result"]["messages"][0]["content"]["text"]


def test_who_listens_hears_of_changes_and_nobody_else_does(client):
    key = "io.modelcontextprotocol/subscriptionId"
    listening = client.modern("subscriptions/listen", {"notifications": {"resourcesListChanged": True}})
    hello = client.read()
    assert hello["method"] == "notifications/subscriptions/acknowledged"
    assert hello["params"]["notifications"] == {"resourcesListChanged": True}
    assert hello["params"]["_meta"][key] == listening
    client.modern("tools/call", {"name": "memory_store", "arguments": {"items": [item("quokka")]}})
    messages = [client.read(), client.read()]
    changed = [message for message in messages if message.get("method") == "notifications/resources/list_changed"]
    assert len(changed) == 1 and changed[0]["params"]["_meta"][key] == listening
    call(client, "memory_find", {"query": "quokka"})
    rest, status = client.finish()
    assert status == 0
    assert [message["id"] for message in rest] == [listening]
    assert rest[0]["result"]["_meta"][key] == listening


def test_ten_memories_cost_their_text_and_thirty_tokens_each_at_most(client):
    texts = [f"Quokka number {n} was seen by the old harbour and ate {n} leaves." for n in range(10)]
    call(client, "memory_store", {"items": [item(text) for text in texts]})
    for name, arguments in (("memory_find", {"query": "quokka harbour"}), ("memory_list", {"limit": 10})):
        content = call(client, name, arguments)["result"]["content"]
        told = "".join(block.get("text", json.dumps(block)) for block in content)
        assert all(text in told for text in texts)
        # Four bytes to a token.
        assert (len(told.encode()) - sum(len(text) for text in texts)) / 4 <= 30 * 10, told


def cortex_command(*arguments, **options):
    binary = os.environ.get("CORTEX_BINARY", ROOT / ".build/release/cortex")
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


def test_an_export_moves_a_store_and_a_knowledge_graph_and_markdown_come_in(tmp_path):
    graph = tmp_path / "graph.jsonl"
    graph.write_text(
        '{"type":"entity","name":"Ana","entityType":"person","observations":["likes tea"]}\n'
        '{"type":"entity","name":"Acme","entityType":"company","observations":[]}\n'
        '{"type":"relation","from":"Ana","to":"Acme","relationType":"works_at"}\n'
    )
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.md").write_text('---\nkind: decision\ntags: ["db"]\n---\nWe keep prices in cents.')
    first, second = tmp_path / "first", tmp_path / "second"
    added = cortex_command("import", graph, "--data", first, "--json")
    assert json.loads(added.stdout)["added"] == 4, added.stderr
    assert json.loads(cortex_command("import", tmp_path / "notes", "--data", first, "--json").stdout)["added"] == 1
    lines = cortex_command("export", "--data", first).stdout
    assert len(lines.splitlines()) == 5
    moved = cortex_command("import", "-", "--data", second, "--json", input=lines)
    assert json.loads(moved.stdout)["added"] == 5, moved.stderr
    assert cortex_command("export", "--data", second).stdout == lines
    again = cortex_command("import", "-", "--data", second, "--json", input=lines)
    assert json.loads(again.stdout) == {"added": 0, "updated": 0, "unchanged": 5, "versions": 0}
    cortex_command("export", "--data", second, "--markdown", tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.md"))) == 5
    third = cortex_command("import", tmp_path / "out", "--data", tmp_path / "third", "--json")
    assert json.loads(third.stdout)["added"] == 5, third.stderr
    assert cortex_command("export", "--data", tmp_path / "third").stdout == lines


def test_the_readiness_benchmark_reports_every_operation_and_fails_by_its_bars():
    bench = pathlib.Path(os.environ.get("CORTEX_BINARY", ROOT / ".build/release/cortex")).parent / "Bench"
    easy = ["--p95", "60000", "--p99", "60000", "-n", "5", "--rate", "500", "--json"]
    result = subprocess.run([bench, "readiness", *easy], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    for operation in ("store", "find", "status"):
        assert report[f"{operation} closed"]["count"] == 5
    hard = ["--p95", "0", "--p99", "0", "-n", "2", "--rate", "500"]
    assert subprocess.run([bench, "readiness", *hard], capture_output=True, timeout=120).returncode == 1
