"""Texts in TOML that say the same things in different spellings, for programs that change one table of them."""

import itertools
import random

# The server's entry, by how it is spelled; {c} and {a} are its command and arguments.
ENTRIES = [
    "",
    "[mcp_servers.cortex]\ncommand = {c}\nargs = {a}\n",
    "[ mcp_servers . cortex ]   # mine\nargs={a} # list\ncommand\t= {c}\n",
    "[mcp_servers.'cortex']\ncommand = {c}\n",
    '["mcp_servers"."c\\u006frtex"]\nenabled = true\nargs = {a}\n',
    "[mcp_servers.cortex.env]\nA = '1'\n",
    "[mcp_servers.cortex.env]\nA = '1'\n[mcp_servers.cortex]\ncommand = {c}\n",
    "[mcp_servers]\ncortex.command = {c}\n",
    "[mcp_servers]\ncortex . 'command' = {c}\ncortex.env.A = 'b'\n",
    "[mcp_servers]\ncortex.env.A = 'b'\n",
    "[mcp_servers]\nother.command = 'q'\n",
    "[mcp_servers]\ncortex = {{ command = {c}, args = [] }}\n",
    "[mcp_servers]\nother = {{ command = 'q' }}\n",
    "[[mcp_servers]]\ncortex = 1\n",
    "[mcp_servers.cortex]\ncommand.is = 'a table'\n",
]
# Entries that belong before the first header.
FIRST = [
    "",
    "mcp_servers.cortex.command = {c}\nmcp_servers.cortex.args = {a}\n",
    "mcp_servers . \"cortex\" . args = {a}\n",
    "mcp_servers.other.command = 'q'\n",
    "mcp_servers = {{ cortex = {{ command = {c} }} }}\n",
]
COMMANDS = ['"old"', "'old'", '"""old"""', "'''\nold'''", '"\\u006fld"', '"o # \\"[x]"']
ARGUMENTS = ["[]", '["mcp"]', "[ 'mcp', '--project', 'p', ]", '[ # list\n  "x", # y ]\n  "[mcp_servers.cortex]",\n]', "[1, [2]]"]
BEFORE = [
    "",
    "# [mcp_servers.cortex]\n",
    'notes = """\n[mcp_servers.cortex]\ncommand = "old"\n\\\n   """\n',
    "notes = '''\n[mcp_servers.cortex]\n'' '''\n",
    'dates = [1979-05-27 07:32:00Z, 07:32:00, -inf, 0xDEAD_BEEF, 1e+3]\n"" = 1\n"a.b" = {x.y = [1], z = "}"}\n',
    "quotes = [\"\"\"a\"\"\"\"\", '', \"\\\\\", '\\']\n",
]
AFTER = ["", "[[rows]]\ncommand = 'keep'\n[[rows]]\n[rows.deep]\nargs = 1\n", "[profiles.cortex]\ncommand = 'keep'", "\n\n# end"]


def texts(seed, count):
    """`count` texts of each entry's spelling, with either line end."""
    numbers = random.Random(seed)
    for entry, first in itertools.chain(((e, "") for e in ENTRIES), (("", f) for f in FIRST)):
        for _ in range(count):
            values = {"c": numbers.choice(COMMANDS), "a": numbers.choice(ARGUMENTS)}
            text = first.format(**values) + numbers.choice(BEFORE) + entry.format(**values) + numbers.choice(AFTER)
            yield text.replace("\n", "\r\n") if numbers.random() < 0.3 else text
