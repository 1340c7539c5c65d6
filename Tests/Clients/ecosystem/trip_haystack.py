"""qdrant-haystack: create, write, filter, sparse, hybrid, groups, update, delete."""

import sys

from haystack.dataclasses import Document, SparseEmbedding
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.components.retrievers.qdrant import (
    QdrantEmbeddingRetriever,
    QdrantHybridRetriever,
    QdrantSparseEmbeddingRetriever,
)
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore
from words import SIZE, TEXTS, dense, sparse


def sparse_embedding(text):
    indices, values = sparse(text)
    return SparseEmbedding(indices=indices, values=values)


store = QdrantDocumentStore(
    url=sys.argv[1],
    index="haystack",
    embedding_dim=SIZE,
    use_sparse_embeddings=True,
    sparse_idf=True,
    recreate_index=True,
    return_embedding=True,
    wait_result_from_api=True,
    payload_fields_to_index=[{"field_name": "meta.kind", "field_schema": "keyword"}],
)
documents = [
    Document(
        content=text,
        meta={"n": n, "kind": "even" if n % 2 == 0 else "odd", "day": f"2024-01-0{n + 1}T00:00:00"},
        embedding=dense(text),
        sparse_embedding=sparse_embedding(text),
    )
    for n, text in enumerate(TEXTS)
]
assert store.write_documents(documents) == len(TEXTS)
assert store.write_documents(documents, policy=DuplicatePolicy.OVERWRITE) == len(TEXTS)
assert store.count_documents() == len(TEXTS)

tree = {
    "operator": "AND",
    "conditions": [
        {"field": "meta.kind", "operator": "==", "value": "even"},
        {"operator": "OR", "conditions": [{"field": "meta.n", "operator": ">", "value": 1}]},
    ],
}
assert [one.meta["n"] for one in store.filter_documents(tree)] == [2]
late = {"field": "meta.day", "operator": ">=", "value": "2024-01-03T00:00:00"}
assert {one.meta["n"] for one in store.filter_documents(late)} == {2, 3}

question = {"query_embedding": dense("basil in a garden")}
weights = {"query_sparse_embedding": sparse_embedding("basil in a garden")}
[first, *_] = QdrantEmbeddingRetriever(document_store=store, top_k=2, return_embedding=True).run(**question)[
    "documents"
]
assert first.meta["n"] == 1 and first.embedding
[first, *_] = QdrantSparseEmbeddingRetriever(document_store=store, top_k=2).run(**weights)["documents"]
assert first.meta["n"] == 1
hybrid = QdrantHybridRetriever(document_store=store, top_k=2)
assert hybrid.run(**question, **weights)["documents"][0].meta["n"] == 1
grouped = QdrantEmbeddingRetriever(document_store=store, top_k=2, group_by="meta.kind", group_size=1)
assert {one.meta["kind"] for one in grouped.run(**question)["documents"]} == {"even", "odd"}

assert store.update_by_filter({"field": "meta.n", "operator": "==", "value": 3}, {"kind": "last"}) == 1
assert store.count_documents_by_filter({"field": "meta.kind", "operator": "==", "value": "last"}) == 1
assert store.get_metadata_field_min_max("n") == {"min": 0, "max": 3}
assert store.delete_by_filter({"field": "meta.kind", "operator": "==", "value": "last"}) == 1
store.delete_documents([documents[0].id])
assert {one.meta["n"] for one in store.filter_documents()} == {1, 2}
store.delete_all_documents()
assert store.count_documents() == 0
