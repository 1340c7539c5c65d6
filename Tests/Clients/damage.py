"""Stores with one damaged row, and whether every answer that lacks the row says so.

What an answer must say is in docs/durability.md. Over Qdrant's API the collection is red with an error in
`optimizer_status`, and a complete listing (a scroll over everything, an exact count) is refused with the ids. An answer
of the memory is `degraded`. A command prints a line on stderr.
"""

import collections
import json
import shutil
import sqlite3
import struct
import subprocess

from lines import Lines
from served import serving
from session import Broken
from surroundings import surroundings

POINTS = 120
#: The first id: no id is the number of a change.
FIRST = 5001
WORDS = "amber basil cedar damson ember fennel".split()
#: Rows up to this number are sealed when the store is made, the others are not.
SEALED = 80


# MARK: Points

def point(number):
    return {
        "id": FIRST + number,
        "vector": {"d": [number + 0.5, 1.25, number * 0.25, 7.0], "words": {"indices": [number % 5], "values": [1.5]}},
        "payload": {"mark": marker(number), "color": WORDS[number % 3], "size": number}}


def marker(number):
    """A word that no other row has, to be found in the file."""
    return f"markerofrow{number:05}ends"


def patterns(number):
    """Bytes of one row by where they are kept: in the payload, among the vectors, and as the key of its id."""
    return {
        "payload": marker(number).encode(), "vectors": struct.pack("<4f", *point(number)["vector"]["d"]),
        "key": b"\x00" + (FIRST + number).to_bytes(8, "big")}


def served_store(binary, place):
    """A collection "c" with sealed rows and others, in a store that was closed; answers its file."""
    with serving(binary, place, CORTEX_TEST_SEAL_ROWS=str(SEALED)) as served:
        settings = {"vectors": {"d": {"size": 4, "distance": "Euclid"}}, "sparse_vectors": {"words": {}}}
        served.result("PUT", "/collections/c", settings)
        served.result("PUT", "/collections/c/index?wait=true", {"field_name": "color", "field_schema": "keyword"})
        for start, end in ((0, SEALED), (SEALED, POINTS)):
            body = {"points": [point(number) for number in range(start, end)]}
            served.result("PUT", "/collections/c/points?wait=true", body)
    return folded(place / "c.collection.sqlite")


def folded(file):
    """The file with its write-ahead log folded in, so that every row lies in it once more and the log is empty."""
    database = sqlite3.connect(file)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return file


def flip(file, pattern, draw, occurrence=None):
    """Flips a bit within the places of `pattern` in a file: in all of them, or in one of them; answers how many."""
    content = bytearray(file.read_bytes())
    places, at = [], content.find(pattern)
    while at >= 0:
        places.append(at)
        at = content.find(pattern, at + 1)
    for at in places if occurrence is None else places[occurrence:][:1]:
        content[at + draw.randrange(1, len(pattern) - 1)] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
    return len(places)


def crc32c(*parts):
    """The checksum of the parts together (RFC 3720, appendix B.4)."""
    value = 0xFFFFFFFF
    for byte in b"".join(parts):
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def nest(file, word, levels=200):
    """Gives the row whose payload has `word` one that is nested too deep to be read, as an earlier version stored it: its
    checksum holds."""
    database = sqlite3.connect(file)
    found = "SELECT sequence, id, payload, sparse, checksum FROM points WHERE instr(payload, ?) > 0"
    [(sequence, key, payload, sparse, checksum)] = database.execute(found, [word.encode()])
    assert crc32c(key, payload, sparse) == checksum
    deep = payload[:-1] + b',"deep":' + b"[" * levels + b"]" * levels + b"}"
    change = "UPDATE points SET payload = ?, checksum = ? WHERE sequence = ?"
    database.execute(change, [deep, crc32c(key, deep, sparse), sequence])
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def flip_anywhere(file, draw):
    content = bytearray(file.read_bytes())
    at = draw.randrange(len(content))
    content[at] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
    return at


# MARK: Qdrant's API

def asked(served):
    """Every kind of answer: its name, whether it is a complete listing, its status, its result (None where it is
    refused), and the whole of it."""
    path = "/collections/c/points"
    parts = {"with_payload": True, "with_vector": True, "limit": 1000}
    some = {"must": [{"key": "size", "range": {"gte": 0}}]}
    colors = {"must": [{"key": "color", "match": {"any": WORDS}}]}
    calls = [
        ("scroll", True, f"{path}/scroll", parts),
        ("scroll with a filter", False, f"{path}/scroll", {**parts, "filter": some}),
        ("scroll with an indexed filter", False, f"{path}/scroll", {**parts, "filter": colors}),
        ("query", False, f"{path}/query", {"query": [1, 2, 3, 4], "using": "d", **parts}),
        ("exact query", False, f"{path}/query",
         {"query": [1, 2, 3, 4], "using": "d", "params": {"exact": True}, **parts}),
        ("query without payload", False, f"{path}/query",
         {**parts, "query": [1, 2, 3, 4], "using": "d", "with_payload": False, "with_vector": False}),
        ("query with a filter", False, f"{path}/query",
         {"query": [1, 2, 3, 4], "using": "d", "filter": colors, **parts}),
        ("sparse query", False, f"{path}/query",
         {"query": {"indices": [0, 1, 2, 3, 4], "values": [1, 1, 1, 1, 1]}, "using": "words", **parts}),
        ("retrieve", False, path, {**parts, "ids": list(range(FIRST, FIRST + POINTS))}),
        ("groups", False, f"{path}/query/groups",
         {"query": [1, 2, 3, 4], "using": "d", "group_by": "color", "group_size": 100, "with_payload": True}),
        ("count", True, f"{path}/count", {"exact": True}),
        ("count with a filter", True, f"{path}/count", {"exact": True, "filter": colors}),
        ("facet", False, "/collections/c/facet", {"key": "color", "exact": True})]
    for name, is_complete, where, body in calls:
        status, answer = served.call("POST", where, body)
        yield name, is_complete, status, None if status != 200 else answer["result"], answer


def found(name, result):
    """How many of the points an answer has; raises Broken where one of them is not as it was written."""
    if name.startswith("count"):
        return result["count"]
    if name == "facet":
        return sum(hit["count"] for hit in result["hits"])
    if name == "groups":
        points = [hit for group in result["groups"] for hit in group["hits"]]
    else:
        points = result if isinstance(result, list) else result["points"]
    for one in points:
        expected = point(one["id"] - FIRST)
        if any(key in one and one[key] != expected[key] for key in ("payload", "vector")):
            raise Broken(f"{name}: point {one['id']} is not as it was written: {one}")
    ids = {one["id"] for one in points}
    if len(ids) < len(points) or not ids <= set(range(FIRST, FIRST + POINTS)):
        raise Broken(f"{name}: a point twice, or one that nobody wrote")
    return len(ids)


def red(served):
    """The error that the collection shows; None while it is not red."""
    status, answer = served.call("GET", "/collections/c")
    if status != 200:
        return str(answer)
    facts = answer["result"]
    if facts["status"] != "red":
        return None
    return facts["optimizer_status"]["error"]


def verdicts(served, id=None):
    """What became of every answer: whole, said or refused; raises Broken for one that lacks a row and does not say so.

    A refusal of a complete listing, and what the collection shows, must name `id` where it is known.
    """
    counts = collections.Counter()
    for name, is_complete, status, result, answer in asked(served):
        if status >= 400:
            if id is not None and is_complete and not names(answer, id):
                raise Broken(f"{name} is refused without the id {id}: {answer}")
            counts["refused"] += 1
            continue
        lacks = POINTS - found(name, result)
        if lacks == 0:
            counts["whole"] += 1
            continue
        told = red(served)
        if is_complete:
            raise Broken(f"{name}, a complete listing, lacks {lacks} points and is not refused; shown: {told}")
        if told is None and {n: found(n, r) for n, _, s, r, _ in asked(served) if s == 200}.get(name) == POINTS:
            # It was mended between the answer and the look at the collection.
            counts["mended"] += 1
            continue
        if told is None:
            raise Broken(f"{name} lacks {lacks} points, and the collection is not red")
        if id is not None and not names(told, id):
            raise Broken(f"the collection does not show the id {id}: {told}")
        counts["said"] += 1
    return counts


def names(answer, id):
    return f" {id}" in json.dumps(answer).replace(",", " ").replace(".", " ").replace(";", " ").replace('"', " ")


# MARK: Memories

def memory(number):
    return {"kind": "observation", "content": f"{marker(number)} is about {WORDS[number % 6]} and nothing else"}


class Memories:
    """An MCP client on a store of memories."""

    def __init__(self, binary, place, **variables):
        self.process = subprocess.Popen(
            [binary, "mcp", "--data", str(place), "--embedder", "none"], env=surroundings(**variables),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.client = Lines(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.client.finish()
        self.process.stdout.close()

    def tool(self, name, **arguments):
        """The structured content of a call, whether it went well or not."""
        self.client.modern("tools/call", {"name": name, "arguments": arguments})
        return self.client.read()["result"]["structuredContent"]

    def resources(self):
        """All entries, page by page, and the `_meta` of each page; an error instead of a page ends the list."""
        entries, metas, cursor = [], [], None
        while True:
            self.client.modern("resources/list", {"cursor": cursor} if cursor else {})
            answer = self.client.read()
            if "error" in answer:
                return entries, [*metas, answer["error"]["message"]]
            entries += answer["result"]["resources"]
            metas.append(answer["result"].get("_meta", {}))
            cursor = answer["result"].get("nextCursor")
            if cursor is None:
                return entries, metas


def memory_store(binary, place, count=40):
    """Memories, most of them sealed, in a store that was closed; answers its file."""
    with Memories(binary, place, CORTEX_TEST_SEAL_ROWS="30") as memories:
        answer = memories.tool("memory_store", items=[memory(number) for number in range(count)])
        assert len(answer["items"]) == count, answer
    return folded(place / "memories.collection.sqlite")


def shell(binary, place, *words):
    """Lines of stdout and the text on stderr of one command."""
    done = subprocess.run(
        [binary, *words, "--data", str(place)], capture_output=True, text=True, env=surroundings(), timeout=120)
    return done.stdout.splitlines(), done.stderr


def says_damage(value):
    return "damaged" in (value if isinstance(value, str) else json.dumps(value))


def memory_verdicts(binary, place, number, count=40):
    """Asks for the damaged memory and for all through MCP and through commands; raises Broken as `verdicts` does."""
    counts = collections.Counter()

    def judge(name, lacks, told):
        if lacks and not says_damage(told):
            raise Broken(f"{name} lacks {lacks} memories and does not say so: {told}")
        counts["said" if lacks else "whole"] += 1

    with Memories(binary, place) as memories:
        for query, expected in ((marker(number), 1), (" ".join(WORDS), count)):
            answer = memories.tool("memory_find", query=query, search_strategy="fast", limit=100)
            lacks = expected - len(answer.get("items", []))
            if lacks and answer.get("meta", {}).get("degraded") is not True:
                raise Broken(f"memory_find lacks {lacks} and is not degraded: {answer.get('meta', answer)}")
            judge("memory_find", lacks, answer.get("meta", answer))
        answer = memories.tool("system_status", operation="export", limit=500)
        judge("export", count - len(answer.get("items", [])), {k: v for k, v in answer.items() if k != "items"})
        answer = memories.tool("system_status", operation="stats")
        judge("stats", count - answer.get("stats", {}).get("items", 0), answer)
        entries, metas = memories.resources()
        judge("resources/list", count - len(entries), metas)
    lines, told = shell(binary, place, "find", marker(number), "--mode", "fast", "--json", "--embedder", "none")
    items = json.loads("\n".join(lines))["items"] if lines else []
    judge("cortex find", 1 - len(items), told)
    lines, told = shell(binary, place, "export", "memories", "--embedder", "none")
    judge("cortex export", count - len(lines), told)
    return counts


# MARK: Many damages

def answers(cortex, place, draw, count):
    """One flipped bit anywhere in the file of a collection, so many times; no answer may lack a row in silence."""
    counts = collections.Counter()
    made = place / "made"
    file = served_store(cortex, made)
    for number in range(count):
        copy = place / "copy"
        shutil.copytree(made, copy)
        if number % 2:
            row = draw.randrange(POINTS)
            where = draw.choice(("payload", "vectors", "key"))
            what = f"the {where} of row {row}"
            flip(copy / file.name, patterns(row)[where], draw, draw.choice((None, 0, -1)))
        else:
            what = f"byte {flip_anywhere(copy / file.name, draw)}"
        try:
            with serving(cortex, copy) as served:
                result = verdicts(served)
        except Broken as broken:
            raise Broken(f"damage {number}, {what}: {broken}") from broken
        counts["damages"] += 1
        counts["whole" if set(result) == {"whole"} else "said" if result["said"] or result["whole"] else "refused"] += 1
        shutil.rmtree(copy)
    return counts
