"""Two hundred argument shapes as models send them, from the official SDK in both eras: each is done, or refused with a
remedy, in one answer, and the server lives."""

import asyncio
import json
import re

import pytest
from argument_shapes import DONE, ID, SHAPES
from hostile_arguments import HOSTILE
from lines import ENVELOPE
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client


def filled(value, id):
    """The arguments with the id of a memory that is there."""
    if isinstance(value, dict):
        return {key: filled(inner, id) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, id) for inner in value]
    return value.replace(ID, id) if isinstance(value, str) else value


def is_whole(value):
    """Whether the SDK can send it: half a character has no UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def test_there_are_two_hundred_of_them():
    assert len(SHAPES) >= 200


def test_each_tool_has_forty_hostile_ones():
    for name in {tool for tool, _, _ in HOSTILE}:
        assert sum(tool == name for tool, _, _ in HOSTILE) >= 40, name


def failures(cortex, mode, shapes):
    """What is neither done nor refused as it must be, with a memory that is there as long as no shape deletes it."""
    found = []

    async def inside():
        options = [*cortex[1:], "--project", "alpha"]
        transport = stdio_client(StdioServerParameters(command=cortex[0], args=options))
        async with Client(transport, mode=mode) as client:
            stored = await client.call_tool("memory_store", {"content": "quokkas sleep by day"})
            id = stored.structured_content["items"][0]["id"]
            for tool, arguments, fate in shapes:
                if not is_whole(arguments):
                    continue
                result = await client.call_tool(tool, filled(arguments, id))
                text = result.content[0].text
                refused = re.findall(r"^E2\d{3} ([\w.\[\]]+): .{12,}", text, re.MULTILINE)
                shown = str(arguments)[:300]
                if fate == DONE and result.is_error:
                    found.append((tool, shown, text[:500]))
                elif fate == DONE or (fate is None and not result.is_error):
                    pass
                elif not result.is_error or (fate is not None and fate not in refused):
                    found.append((tool, shown, fate, text[:500]))
                elif result.structured_content is not None:
                    found.append((tool, shown, "has structured content"))
                if len(text) > 40_000:
                    found.append((tool, shown, f"{len(text)} characters of text"))
            assert not (await client.call_tool("system_status", {})).is_error

    asyncio.run(asyncio.wait_for(inside(), timeout=600))
    return found


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_every_shape_is_done_or_refused_with_a_remedy_and_the_server_lives(cortex, mode):
    found = failures(cortex, mode, SHAPES)
    assert not found, "\n".join(map(str, found))


def test_hostile_arguments_are_done_or_refused_with_a_remedy_and_the_server_lives(cortex):
    found = failures(cortex, "auto", HOSTILE)
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("text", ["cut \ud83d", "\ude00 cut", "\ud83d\ud83d\ude00"])
@pytest.mark.parametrize("envelope", [{}, {"_meta": ENVELOPE}], ids=["legacy", "modern"])
def test_half_a_character_is_read_as_u_fffd_and_its_request_is_answered(cortex, speak, text, envelope):
    client = speak(cortex)
    if not envelope:
        client.initialize()
    call = {"name": "memory_store", "arguments": {"content": text}, **envelope}
    line = json.dumps({"jsonrpc": "2.0", "id": "half", "method": "tools/call", "params": call})
    assert "\\ud83d" in line or "\\ude00" in line
    client.write(line.encode() + b"\n")
    reply = client.read()
    assert reply["id"] == "half"
    result = reply["result"]
    assert not result["isError"] and "U+FFFD" in result["content"][0]["text"], result
    params = {"name": "memory_get", "arguments": {"id": result["structuredContent"]["items"][0]["id"]}, **envelope}
    client.request("tools/call", params)
    (item,) = client.read()["result"]["structuredContent"]["items"]
    assert "\ufffd" in item["content"] and "cut" in item["content"] or text.startswith("\ud83d\ud83d")


def test_the_answer_says_how_an_argument_was_read(cortex, speak):
    client = speak(cortex)
    client.modern("tools/call", {"name": "memory_store", "arguments": {"content": "a", "kind": "preference"}})
    result = client.read()["result"]
    assert result["structuredContent"]["notes"]
    assert "observation_type" in result["content"][0]["text"]
    client.modern("tools/call", {"name": "memory_find", "arguments": {"query": "a", "kinds": "preference"}})
    (found,) = client.read()["result"]["structuredContent"]["items"]
    assert found["kind"] == "observation" and found["data"]["observation_type"] == "preference"
