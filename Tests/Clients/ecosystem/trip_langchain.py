"""langchain-qdrant: create, add, filter, hybrid, MMR, delete."""

import sys

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode, SparseEmbeddings, SparseVector
from qdrant_client import models
from words import TEXTS, dense, sparse


class Dense(Embeddings):
    def embed_documents(self, texts):
        return [dense(text) for text in texts]

    def embed_query(self, text):
        return dense(text)


class Sparse(SparseEmbeddings):
    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        indices, values = sparse(text)
        return SparseVector(indices=indices, values=values)


documents = [Document(page_content=text, metadata={"n": n, "even": n % 2 == 0}) for n, text in enumerate(TEXTS)]
for mode in (RetrievalMode.DENSE, RetrievalMode.SPARSE, RetrievalMode.HYBRID):
    store = QdrantVectorStore.from_documents(
        documents,
        Dense(),
        sparse_embedding=Sparse(),
        url=sys.argv[1],
        collection_name=f"langchain-{mode.value}",
        retrieval_mode=mode,
    )
    found = store.similarity_search_with_score("basil in a garden", k=2)
    assert found[0][0].page_content == TEXTS[1] and found[0][1] >= found[1][1], found
    even = models.Filter(must=[models.FieldCondition(key="metadata.even", match=models.MatchValue(value=True))])
    assert [one.metadata["n"] for one in store.similarity_search("cedar", k=1, filter=even)] == [2]
    added = store.add_texts(["delta of a river"], metadatas=[{"n": 9}])
    assert store.similarity_search("river delta", k=1)[0].metadata["n"] == 9
    assert store.get_by_ids(added)[0].page_content == "delta of a river"
    assert store.delete(added) and not store.get_by_ids(added)
    if mode != RetrievalMode.SPARSE:
        assert len(store.max_marginal_relevance_search("cedar garden", k=3, fetch_k=4)) == 3
        again = QdrantVectorStore.from_existing_collection(
            f"langchain-{mode.value}", Dense(), sparse_embedding=Sparse(), url=sys.argv[1], retrieval_mode=mode
        )
        assert again.similarity_search("amber beach", k=1)[0].page_content == TEXTS[0]
    assert store.client.count(store.collection_name).count == len(TEXTS)
    store.client.delete_collection(store.collection_name)
