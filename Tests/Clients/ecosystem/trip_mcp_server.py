"""mcp-server-qdrant: its connector and its tools, with an embedding that needs no model."""

import asyncio
import sys

from mcp_server_qdrant.embeddings.base import EmbeddingProvider
from mcp_server_qdrant.qdrant import Entry, QdrantConnector
from qdrant_client import models
from words import SIZE, TEXTS, dense


class Provider(EmbeddingProvider):
    async def embed_documents(self, documents):
        return [dense(text) for text in documents]

    async def embed_query(self, query):
        return dense(query)

    def get_vector_name(self):
        return "fast-words"

    def get_vector_size(self):
        return SIZE


async def trip():
    fields = {"metadata.n": models.PayloadSchemaType.INTEGER}
    connector = QdrantConnector(sys.argv[1], None, "mcp", Provider(), field_indexes=fields)
    assert await connector.search("anything") == []
    for n, text in enumerate(TEXTS):
        await connector.store(Entry(content=text, metadata={"n": n}))
    found = await connector.search("basil in a garden", limit=2)
    assert found[0].content == TEXTS[1] and found[0].metadata == {"n": 1}
    condition = models.FieldCondition(key="metadata.n", range=models.Range(gte=2))
    above = await connector.search("basil", query_filter=models.Filter(must=[condition]))
    assert {one.metadata["n"] for one in above} == {2, 3}
    assert "mcp" in await connector.get_collection_names()
    await connector._client.delete_collection("mcp")
    assert await connector.search("basil") == []


asyncio.run(trip())
