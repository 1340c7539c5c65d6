"""mem0ai's vector store: create, insert, filter, keyword search, update, delete."""

import os
import sys
import tempfile
import types

# It writes its settings below the home directory when it is imported.
os.environ["MEM0_DIR"] = tempfile.mkdtemp()
os.environ["MEM0_TELEMETRY"] = "False"

from mem0.vector_stores.qdrant import Qdrant  # noqa: E402
from words import SIZE, TEXTS, dense, sparse  # noqa: E402


class Encoder:
    """In the place of a model that would be fetched from a network."""

    def embed(self, texts):
        for text in texts:
            indices, values = sparse(text)
            as_array = lambda numbers: types.SimpleNamespace(tolist=lambda: numbers)  # noqa: E731
            yield types.SimpleNamespace(indices=as_array(indices), values=as_array(values))


store = Qdrant("mem0", SIZE, url=sys.argv[1])
store._bm25_encoder = Encoder()
ids = [f"00000000-0000-0000-0000-{n:012}" for n in range(len(TEXTS))]
payloads = [
    {"data": text, "user_id": "ann" if n < 3 else "bob", "n": n, "created_at": f"2024-01-0{n + 1}T00:00:00Z"}
    for n, text in enumerate(TEXTS)
]
store.insert([dense(text) for text in TEXTS], payloads, ids)
assert store.col_info().points_count == len(TEXTS)
assert any(one.name == "mem0" for one in store.list_cols().collections)
ask = "basil in a garden"
assert store.search(ask, dense(ask), top_k=1)[0].payload["n"] == 1
assert store.search(ask, dense(ask), top_k=4, filters={"user_id": "bob"})[0].payload["n"] == 3
kept = store.search(ask, dense(ask), top_k=4, filters={"n": {"gte": 1, "lt": 3}})
assert {one.payload["n"] for one in kept} == {1, 2}
since = store.search(ask, dense(ask), top_k=4, filters={"created_at": {"gte": "2024-01-03T00:00:00Z"}})
assert {one.payload["n"] for one in since} == {2, 3}
assert store.keyword_search("cedar wood", top_k=2)[0].payload["n"] == 2
batches = store.search_batch(
    [ask, "amber beach"], [dense(ask), dense("amber beach")], top_k=1, filters={"user_id": "ann"}
)
assert [batch[0].payload["n"] for batch in batches] == [1, 0]
store.update(ids[0], vector=dense("delta of a river"), payload={"data": "delta of a river", "user_id": "ann", "n": 7})
assert store.search("river", dense("river delta"), top_k=1)[0].payload["n"] == 7
assert store.get(ids[0]).payload["data"] == "delta of a river"
[listed, *_] = store.list(filters={"user_id": "ann"}, top_k=10)
assert {one.payload["n"] for one in listed} == {1, 2, 7}
store.delete(ids[0])
assert store.get(ids[0]) is None
store.reset()
assert store.col_info().points_count == 0
store.delete_col()
