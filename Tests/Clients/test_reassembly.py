"""Long texts in every script come back byte for byte: stored, chunked, reassembled, compared by SHA-256.

    CORTEX_DOCUMENTS=1000 .venv/bin/pytest -s Tests/Clients/test_reassembly.py
"""

import hashlib
import json
import os
import random
import unicodedata

DOCUMENTS = int(os.environ.get("CORTEX_DOCUMENTS", "20"))
LONGEST = 200_000
# An answer with its text and its structured content.
MOST_CHARACTERS = 40_000
FEWEST_SCRIPTS = 100
# Between words, sentences, lines and paragraphs; some of them nowhere else in Unicode.
BREAKS = [" "] * 12 + [". ", "? ", "! ", "\n", "\n\n", "\r\n", "\t", "\u3002", "\u0964 ", "\u2028", "\u00a0", "\u200b",
                       "\u200d", "\u202e", "\u0301", " \U0001f469\u200d\U0001f680 ", "\ufeff", ""]


def scripts():
    """Letters and marks of every script, by the first word of their names."""
    found = {}
    for point in range(0x20, 0x323B0):
        letter = chr(point)
        if unicodedata.category(letter)[0] not in "LM" or 0x3400 <= point < 0x9F00 or 0xAC20 <= point <= 0xD7A3:
            continue  # A few hundred Chinese characters and Korean syllables stand for all.
        name = unicodedata.name(letter, "")
        if name:
            found.setdefault(name.split()[0], []).append(letter)
    return {name: letters for name, letters in found.items() if len(letters) >= 5}


def document(draw, letters, length):
    """Words of one to twelve letters, parted by breaks; now and then a run without any."""
    parts, size = [], 0
    while size < length:
        count = draw.randrange(1, 13) if draw.random() < 0.999 else draw.randrange(100, 4_000)
        parts += draw.choices(letters, k=count)
        parts.append(draw.choice(BREAKS))
        size += count + len(parts[-1])
    return "".join(parts)[:length]


def call(client, name, arguments):
    client.modern("tools/call", {"name": name, "arguments": arguments})
    answer = client.read()["result"]
    assert not answer["isError"], answer["content"]
    assert len(json.dumps(answer, ensure_ascii=False)) <= MOST_CHARACTERS
    return answer["structuredContent"]


def whole(client, arguments):
    """The text of a document, from as many pages as it takes, and the digest that the server gives."""
    text, answer = "", {}
    while not text or "next_cursor" in answer:
        more = {"cursor": answer["next_cursor"]} if "next_cursor" in answer else {}
        answer = call(client, "system_status", {**arguments, **more})
        assert answer["document"].get("content_from", 0) == len(text)
        text += answer["document"]["content"]
    return text, answer["sha256"]


def got(client, id):
    """The same by memory_get."""
    text, answer = "", {}
    while not text or "next_cursor" in answer:
        answer = call(client, "memory_get", {"ids": [id], **({"cursor": answer["next_cursor"]} if answer else {})})
        text += answer["items"][0]["content"]
    return text


def test_documents_in_every_script_come_back_byte_for_byte(cortex, speak, request):
    seed = int(request.config.getoption("--seed") or 1)
    draw = random.Random(seed)
    known = scripts()
    assert len(known) >= FEWEST_SCRIPTS
    names = sorted(known)
    draw.shuffle(names)
    client = speak([*cortex, "--embedder", "none"])
    seen, characters, chunks = set(), 0, 0
    for number in range(DOCUMENTS):
        # Each script alone in its turn; every fourth document mixes five.
        mixed = number % 4 == 3
        chosen = draw.sample(names, 5) if mixed else [names[number * 3 // 4 % len(names)]]
        seen.update(chosen)
        length = draw.choice([1, 2_399, 2_400, 2_401, LONGEST]) if number % 10 == 0 else draw.randrange(1, LONGEST + 1)
        text = document(draw, [letter for name in chosen for letter in known[name]], length)
        assert len(text) == length
        stored = call(client, "memory_store", {
            "items": [{"kind": "section", "content": text, "scope": {"project": str(number)}}],
            "deduplication": {"enabled": False}})["items"][0]
        assert stored["status"] == "stored", (seed, number, stored)
        found, digest = whole(client, {"operation": "reassemble_document", "document_id": stored["id"]})
        assert digest == hashlib.sha256(text.encode()).hexdigest(), (seed, number, chosen)
        assert found.encode() == text.encode(), (seed, number, chosen)
        assert got(client, stored["id"]).encode() == text.encode(), (seed, number, chosen)
        assert (stored.get("chunks", 0) > 0) == (length > 2_400), (seed, number)
        characters, chunks = characters + length, chunks + stored.get("chunks", 0)
    print(f"{DOCUMENTS} documents, {len(seen)} of {len(known)} scripts, {characters} characters, {chunks} chunks: "
          "every SHA-256 equal")
