"""Writes the files of Tests/Clients/exports with the released code of the projects whose exports they are.

    python3.12 -m venv /tmp/exports && /tmp/exports/bin/pip install basic-memory==0.24.1 mem0ai==2.2.1 pyyaml
    /tmp/exports/bin/pip install --no-deps mcp-memory-service==12.4.0
    /tmp/exports/bin/python Tests/tools/make_export_fixtures.py

claude-mem is not on PyPI under that name; claude-mem.json has the form that its `scripts/export-memories.ts` writes.
"""

import asyncio
import json
import os
import pathlib
import tempfile

EXPORTS = pathlib.Path(__file__).resolve().parents[1] / "Clients/exports"


def basic_memory():
    from basic_memory.markdown.entity_parser import EntityParser
    from basic_memory.markdown.markdown_processor import MarkdownProcessor
    from basic_memory.markdown.schemas import EntityFrontmatter, EntityMarkdown, Observation, Relation

    note = EntityMarkdown(
        frontmatter=EntityFrontmatter(
            metadata={"title": "Coffee Brewing", "type": "note", "permalink": "coffee-brewing", "tags": ["coffee"]}
        ),
        content="# Coffee Brewing\n\nHow the office makes it.\n",
        observations=[
            Observation(
                category="method",
                content="Pour over needs water just off the boil #brewing",
                tags=["brewing"],
                context="from experience",
            ),
            Observation(category="decision", content="The machine is cleaned on Fridays"),
        ],
        relations=[Relation(type="depends_on", target="Water Temperature")],
    )
    text = MarkdownProcessor(EntityParser(pathlib.Path("."))).to_markdown_string(note)
    (EXPORTS / "basic-memory/Coffee Brewing.md").write_text(text, encoding="utf-8")


def mem0():
    os.environ["MEM0_TELEMETRY"] = "False"
    os.environ["OPENAI_API_KEY"] = "none"
    os.environ["MEM0_DIR"] = tempfile.mkdtemp()
    from mem0 import Memory

    class Embedder:
        def embed(self, text, *_, **__):
            return [1.0, 0.0, 0.0, float(len(text) % 7)]

        def embed_batch(self, texts, *_, **__):
            return [self.embed(text) for text in texts]

    place = tempfile.mkdtemp()
    store = {"provider": "qdrant", "config": {"path": place, "embedding_model_dims": 4, "collection_name": "m"}}
    memory = Memory.from_config({"vector_store": store, "history_db_path": place + "/history.db"})
    memory.embedding_model = Embedder()
    memory.add("Ana prefers tea to coffee.", user_id="ana", metadata={"source": "chat"}, infer=False)
    memory.add("The release train leaves on Tuesdays.", user_id="ana", run_id="sprint-7", infer=False)
    found = memory.get_all(filters={"user_id": "ana"})
    (EXPORTS / "mem0-2.2.1.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def memory_service():
    from mcp_memory_service.models.memory import Memory
    from mcp_memory_service.sync.exporter import MemoryExporter

    memories = [
        Memory(
            content="Invoices are rounded per line, never per total.",
            content_hash="a1",
            tags=["billing", "rounding"],
            memory_type="decision",
            metadata={"author": "ana"},
            created_at=1767225600.25,
            updated_at=1767225600.25,
        ),
        Memory(
            content="The staging database is reset every Monday at four.",
            content_hash="b2",
            tags=["staging"],
            memory_type="observation",
            created_at=1767312000.0,
            updated_at=1767312000.0,
        ),
    ]

    class Store:
        db_path = "memories.db"

        async def get_stores(self):
            return ["default"]

        async def get_all_memories(self, store):
            return memories

    exporter = MemoryExporter(Store())
    exporter.machine_name = "workstation"
    asyncio.run(exporter.export_to_json(EXPORTS / "mcp-memory-service-12.4.0.json"))


for make in (basic_memory, mem0, memory_service):
    make()
