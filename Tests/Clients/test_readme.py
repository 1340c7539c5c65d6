"""What the README shows of a new user's first three commands is what they print."""

import asyncio
import json
import re
import subprocess

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from conftest import ROOT, binary
from surroundings import surroundings


def shown():
    """The commands of the section with what they print, as the README has them."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## In three commands")[2].partition("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    commands = []
    for line in lines:
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return commands


def normal(text, home, program):
    text = text.replace(program, "/home/you/cortex").replace(str(home), "/home/you")
    return re.sub(r"memory://[0-9a-f-]{36}", "memory://ID", text)


def test_three_commands_lead_to_a_memory_that_a_client_finds(request, tmp_path):
    program = binary(request.config)
    first, second, third = shown()
    assert third == ('claude "how do we keep prices?"', [])
    for command, printed in (first, second):
        assert command.startswith("./cortex ")
        result = subprocess.run(
            program + command.removeprefix("./cortex"), shell=True, capture_output=True, text=True, timeout=60,
            cwd=tmp_path, env=surroundings(HOME=str(tmp_path)),
        )
        assert (result.returncode, result.stderr) == (0, "")
        assert normal(result.stdout, tmp_path, program).splitlines() == [
            normal(line, tmp_path, program) for line in printed
        ]

    server = json.loads((tmp_path / ".claude.json").read_text())["mcpServers"]["cortex"]
    parameters = StdioServerParameters(
        command=server["command"], args=server["args"], env=surroundings(HOME=str(tmp_path)), cwd=str(tmp_path)
    )

    async def ask():
        async with Client(stdio_client(parameters)) as client:
            return await client.call_tool("memory_find", {"query": "how do we keep prices"})

    answer = asyncio.run(asyncio.wait_for(ask(), timeout=60))
    assert not answer.is_error and "halves of a cent got lost" in answer.model_dump_json()
