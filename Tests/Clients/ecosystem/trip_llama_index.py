"""llama-index-vector-stores-qdrant: create, add, filter, hybrid, delete."""

import sys

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient
from words import TEXTS, dense, sparse


def encode(texts):
    pairs = [sparse(text) for text in texts]
    return [indices for indices, _ in pairs], [values for _, values in pairs]


def node(n, text):
    made = TextNode(text=text, id_=f"00000000-0000-0000-0000-{n:012}", metadata={"n": n}, embedding=dense(text))
    made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"source-{n}")
    return made


client = QdrantClient(url=sys.argv[1])
for hybrid in (False, True):
    name = f"llama-{hybrid}"
    store = QdrantVectorStore(
        name,
        client=client,
        enable_hybrid=hybrid,
        sparse_doc_fn=encode if hybrid else None,
        sparse_query_fn=encode if hybrid else None,
    )
    store.add([node(n, text) for n, text in enumerate(TEXTS)])

    def ask(text, mode=VectorStoreQueryMode.DEFAULT, store=store, **rest):
        query = VectorStoreQuery(
            query_embedding=dense(text), query_str=text, similarity_top_k=2, sparse_top_k=2, mode=mode, **rest
        )
        return [one.metadata["n"] for one in store.query(query).nodes]

    assert ask("basil in a garden")[0] == 1
    if hybrid:
        assert ask("basil in a garden", VectorStoreQueryMode.HYBRID)[0] == 1
        assert ask("cedar wood", VectorStoreQueryMode.SPARSE)[0] == 2
    above = MetadataFilters(filters=[MetadataFilter(key="n", value=1, operator=FilterOperator.GT)])
    assert ask("basil", filters=above) and min(ask("basil", filters=above)) > 1
    among = MetadataFilters(filters=[MetadataFilter(key="n", value=[0, 3], operator=FilterOperator.IN)])
    assert set(ask("amber", filters=among)) == {0, 3}
    assert [one.metadata["n"] for one in store.get_nodes(filters=among)] == [0, 3]
    store.delete("source-3")
    store.delete_nodes(node_ids=["00000000-0000-0000-0000-000000000000"])
    assert client.count(name).count == len(TEXTS) - 2
    store.clear()
    assert not client.collection_exists(name)
