"""The official Python SDK against the server, in the era with a handshake and in the one without."""

import asyncio

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

VERSIONS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
TOOLS = {"memory_store", "memory_find", "system_status"}
READING = {"memory_find", "memory_get", "memory_list"}


def run(command, mode, body):
    async def inside():
        transport = stdio_client(StdioServerParameters(command=command[0], args=command[1:]))
        async with Client(transport, mode=mode) as client:
            return await body(client)

    return asyncio.run(asyncio.wait_for(inside(), timeout=60))


@pytest.fixture(params=list(VERSIONS))
def mode(request):
    return request.param


async def store(client, *texts):
    items = [{"kind": "observation", "content": text} for text in texts]
    result = await client.call_tool("memory_store", {"items": items})
    assert not result.is_error, result.content
    return [item["id"] for item in result.structured_content["items"]]


async def find(client, query):
    result = await client.call_tool("memory_find", {"query": query})
    assert not result.is_error, result.content
    return result.structured_content["items"]


def test_the_client_agrees_on_the_newest_version_of_its_era(server, mode):
    async def body(client):
        return client.protocol_version, client.server_info, client.server_capabilities

    version, info, capabilities = run(server, mode, body)
    assert version == VERSIONS[mode]
    assert info.name and info.version
    assert capabilities.tools is not None
    assert capabilities.logging is None


def test_every_tool_is_described_for_a_model_and_closed(server, mode):
    async def body(client):
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in run(server, mode, body)}
    assert TOOLS <= set(tools)
    for tool in (tool for tool in tools.values() if tool.name in TOOLS or tool.name.startswith("memory_")):
        assert tool.title and tool.description
        assert tool.input_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema
        assert tool.annotations.open_world_hint is False
        assert tool.annotations.read_only_hint is (tool.name in READING)


def test_what_is_stored_is_found_by_its_words(server, mode):
    async def body(client):
        ids = await store(client, "the quokka prefers eucalyptus", "the deploy runs on tuesdays")
        return ids, await find(client, "quokka")

    ids, items = run(server, mode, body)
    assert len(set(ids)) == 2
    assert items[0]["id"] == ids[0]
    assert items[0]["content"] == "the quokka prefers eucalyptus"


def test_the_status_tells_of_health_counts_and_documents(server, mode):
    async def body(client):
        (id,) = await store(client, "a document to fetch")
        answers = [await client.call_tool("system_status", {"operation": name}) for name in ("health", "stats")]
        answers.append(await client.call_tool("system_status", {"operation": "get_document", "document_id": id}))
        return answers

    health, stats, document = run(server, mode, body)
    assert not health.is_error and health.structured_content
    assert not stats.is_error and stats.structured_content
    assert not document.is_error
    assert "a document to fetch" in str(document.structured_content)


def test_a_delete_first_says_what_it_would_do(cortex, mode):
    async def body(client):
        (id,) = await store(client, "to be deleted perhaps")
        result = await client.call_tool("system_status", {"operation": "delete", "document_id": id})
        return result, await find(client, "deleted perhaps")

    result, items = run(cortex, mode, body)
    assert not result.is_error
    assert items, "a delete is a dry run unless told otherwise"


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("memory_store", {"items": 7}),
        ("memory_store", {"items": [{"kind": "todo"}]}),
        ("memory_find", {"query": ["two", "texts"]}),
        ("system_status", {"operation": "no such operation"}),
    ],
)
def test_bad_values_are_a_result_that_a_model_can_read(server, mode, name, arguments):
    async def body(client):
        return await client.call_tool(name, arguments)

    result = run(server, mode, body)
    failed = [item.get("status") for item in (result.structured_content or {}).get("items", [])]
    assert result.is_error or failed == ["validation_error"]
    assert result.content[0].text


def test_an_unknown_tool_is_a_protocol_error(server, mode):
    async def body(client):
        with pytest.raises(MCPError) as error:
            await client.call_tool("no_such_tool", {})
        return error.value.code

    assert run(server, mode, body) == -32602


def test_64_calls_at_once_are_each_answered_with_their_own_result(server, mode):
    async def body(client):
        ids = await asyncio.gather(*(store(client, f"note number {n} about subject{n}") for n in range(64)))
        found = await asyncio.gather(*(find(client, f"subject{n}") for n in range(64)))
        return ids, found

    ids, found = run(server, mode, body)
    assert len({id for (id,) in ids}) == 64
    for (id,), items in zip(ids, found):
        assert id in [item["id"] for item in items]


def test_links_in_an_answer_can_be_read(server, mode):
    async def body(client):
        items = [{"kind": "observation", "content": "linked and read"}]
        result = await client.call_tool("memory_store", {"items": items})
        links = [block.uri for block in result.content if block.type == "resource_link"]
        return [(await client.read_resource(uri)).contents[0].text for uri in links]

    texts = run(server, mode, body)
    assert texts and all("linked and read" in text for text in texts)


def test_a_missing_resource_is_an_error_of_its_era(server, mode):
    async def body(client):
        with pytest.raises(MCPError) as error:
            await client.read_resource("memory://nowhere/nothing")
        return error.value.code

    assert run(server, mode, body) == {"legacy": -32002, "auto": -32602}[mode]


def test_progress_reaches_the_caller_and_rises(demo, mode):
    async def body(client):
        seen = []

        async def note(progress, total, message):
            seen.append(progress)

        await client.call_tool("demo_wait", {"milliseconds": 20}, progress_callback=note)
        return seen

    assert run(demo, mode, body) == [1, 2, 3, 4]


def test_a_slow_call_does_not_hold_up_a_fast_one(demo, mode):
    async def body(client):
        slow = asyncio.ensure_future(client.call_tool("demo_wait", {"milliseconds": 60_000}))
        await store(client, "quick")
        await client.list_tools()
        was_done = slow.done()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        return was_done

    assert run(demo, mode, body) is False


def test_two_clients_of_one_directory_see_each_others_writes(cortex):
    async def inside():
        parameters = StdioServerParameters(command=cortex[0], args=cortex[1:])
        async with Client(stdio_client(parameters), mode="auto") as one:
            async with Client(stdio_client(parameters), mode="legacy") as two:
                await store(one, "written by the first wombat")
                await store(two, "written by the second numbat")
                return await find(two, "wombat"), await find(one, "numbat")

    first, second = asyncio.run(asyncio.wait_for(inside(), timeout=60))
    assert first[0]["content"] == "written by the first wombat"
    assert second[0]["content"] == "written by the second numbat"
