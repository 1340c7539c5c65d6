"""A collection that is deleted and made again while callers read it and write to it: each of them is answered by what
there was, or told that there is no such collection. Nobody is told of connections, files or memory.
"""

import itertools
import random
import threading
import time

import pytest
from conftest import binary
from served import serving

SIZE = 4
SECONDS = 8
DELETIONS = 25
BODY = {"vectors": {"size": SIZE, "distance": "Dot"}, "sparse_vectors": {"words": {}}}


def points(pick, count=20):
    return [
        {
            "id": pick.randrange(200),
            "vector": {"": [pick.random() for _ in range(SIZE)], "words": {"indices": [pick.randrange(9)], "values": [1.0]}},
            "payload": {"n": pick.randrange(50), "text": "zebra " * pick.randrange(30)},
        }
        for _ in range(count)
    ]  # fmt: skip


def requests(pick):
    """What is asked of the collection: method, the path behind its name, body."""
    vector = [pick.random() for _ in range(SIZE)]
    filter = {"must": [{"key": "n", "range": {"gte": pick.randrange(50)}}]}
    return [
        ("POST", "/points/query", {"query": vector, "limit": 5}),
        ("POST", "/points/query", {"query": vector, "limit": 5, "with_payload": True, "with_vector": True, "filter": filter}),
        ("POST", "/points/query", {"query": {"indices": [1], "values": [1.0]}, "using": "words", "limit": 5}),
        ("POST", "/points/query/batch", {"searches": [{"query": vector, "limit": 3, "with_payload": True}] * 3}),
        ("POST", "/points/scroll", {"limit": 50, "filter": filter, "with_vector": True}),
        ("POST", "/points/scroll", {"limit": 50, "with_vector": True}),
        ("POST", "/points/count", {"filter": filter}),
        ("POST", "/points", {"ids": [1, 2, 3], "with_vector": True}),
        ("PUT", "/points?wait=true", {"points": points(pick)}),
        ("POST", "/points/payload?wait=true", {"payload": {"n": 1}, "filter": filter}),
        ("POST", "/points/delete?wait=true", {"filter": filter}),
        ("PUT", "/index?wait=true", {"field_name": "n", "field_schema": "integer"}),
        ("PUT", "/points?wait=false", {"points": points(pick, 2)}),
        ("GET", "", None),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["c", "alias"])
def test_a_call_to_a_collection_that_is_deleted_meanwhile_is_answered_or_not_found(request, tmp_path, name):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    answers, wrong, over = {200: 0, 404: 0}, [], threading.Event()
    with serving(binary(request.config), tmp_path / "data") as served:
        def make():
            served.result("PUT", "/collections/c", BODY)
            if name != "c":
                actions = [{"create_alias": {"collection_name": "c", "alias_name": name}}]
                served.result("POST", "/collections/aliases", {"actions": actions})
            served.result("PUT", "/collections/c/points?wait=true", {"points": points(random.Random(seed), 100)})

        def ask(number):
            pick = random.Random(seed + number)
            while not over.is_set():
                method, path, body = pick.choice(requests(pick))
                status, answer = served.call(method, f"/collections/{name}{path}", body)
                if status not in answers:
                    wrong.append((status, answer, method, path))
                    over.set()
                    return
                answers[status] += 1

        make()
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        try:
            end = time.monotonic() + SECONDS
            for turn in itertools.count():
                if over.is_set() or turn >= DELETIONS and time.monotonic() > end:
                    break
                assert served.result("DELETE", "/collections/c") is True
                make()
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert not wrong, wrong
        print(answers)
        assert answers[200] > 0 and answers[404] > 0
        # The collection is whole: what is written now is there, and in nobody's way.
        count = served.result("POST", "/collections/c/points/count", {})["count"]
        served.result("PUT", "/collections/c/points?wait=true", {"points": [{**points(random.Random(1), 1)[0], "id": 9999}]})
        assert served.result("POST", "/collections/c/points/count", {})["count"] == count + 1
