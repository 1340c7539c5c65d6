"""qdrant-client against the served store and against its own in-memory mode: the same questions, the same answers."""

import math
import os
import random
import uuid

import pytest
from conftest import binary
from qdrant_client import QdrantClient, models
from served import serving

TOLERANCE = 1e-5
QUERIES = int(os.environ.get("CORTEX_CONGRUENCE_QUERIES", 2000))
POINTS = 300
CITIES = ["Berlin", "London", "Moscow", "Paris", "Lima"]
WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "gusto", "hazel"]


def vectors_config():
    return {
        "cosine": models.VectorParams(size=8, distance=models.Distance.COSINE),
        "dot": models.VectorParams(size=6, distance=models.Distance.DOT),
        "euclid": models.VectorParams(size=5, distance=models.Distance.EUCLID),
        "manhattan": models.VectorParams(size=5, distance=models.Distance.MANHATTAN),
        "multi": models.VectorParams(
            size=4,
            distance=models.Distance.COSINE,
            multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
        ),
    }


SIZES = {"cosine": 8, "dot": 6, "euclid": 5, "manhattan": 5}


class Dice:
    """Every random choice of a run, from one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def dense(self, name):
        return [self.random.uniform(-1, 1) for _ in range(SIZES[name])]

    def multi(self):
        return [[self.random.uniform(-1, 1) for _ in range(4)] for _ in range(self.random.randint(1, 4))]

    def sparse(self):
        indices = sorted(self.random.sample(range(40), self.random.randint(1, 12)))
        return models.SparseVector(indices=indices, values=[self.random.uniform(0.1, 2) for _ in indices])

    def vectors(self):
        made = {name: self.dense(name) for name in SIZES if self.random.random() < 0.9}
        if self.random.random() < 0.8:
            made["multi"] = self.multi()
        if self.random.random() < 0.8:
            made["sparse"] = self.sparse()
        if self.random.random() < 0.8:
            made["idf"] = self.sparse()
        return made

    def payload(self):
        pick = self.random
        made = {
            "n": pick.randint(0, 30),
            "price": round(pick.uniform(0, 100), 3),
            "city": pick.choice(CITIES),
            "flag": pick.random() < 0.5,
            "tags": pick.sample(WORDS, pick.randint(0, 3)),
            "text": " ".join(pick.sample(WORDS, 4)),
            "place": {"lon": pick.uniform(-179, 179), "lat": pick.uniform(-80, 80)},
            "date": f"20{pick.randint(10, 24)}-0{pick.randint(1, 9)}-1{pick.randint(0, 9)}T0{pick.randint(0, 9)}:00:00Z",
            "mixed": pick.choice([1, "1", True, None, 1.5, [], [1, "x"], {"deep": 1}]),
            "parts": [{"kind": pick.choice("abc"), "size": pick.randint(0, 5)} for _ in range(pick.randint(0, 3))],
            "nested": {"inner": {"value": pick.randint(0, 9)}},
        }
        return {key: value for key, value in made.items() if pick.random() < 0.85}

    def ids(self, count):
        return [i + 1 if i % 3 else str(uuid.UUID(int=self.random.getrandbits(128))) for i in range(count)]

    def condition(self, ids, depth=0):
        pick = self.random
        field = models.FieldCondition
        kinds = [
            lambda: field(key="city", match=models.MatchValue(value=pick.choice(CITIES))),
            lambda: field(key="n", match=models.MatchValue(value=pick.randint(0, 30))),
            lambda: field(key="flag", match=models.MatchValue(value=pick.random() < 0.5)),
            lambda: field(key="tags", match=models.MatchAny(any=pick.sample(WORDS, pick.randint(0, 3)))),
            lambda: field(key="city", match=models.MatchExcept(**{"except": pick.sample(CITIES, 2)})),
            lambda: field(key="text", match=models.MatchText(text=pick.choice(WORDS))),
            lambda: field(key="mixed", match=models.MatchValue(value=pick.choice([1, "1", True]))),
            lambda: field(key="n", range=models.Range(gte=pick.randint(0, 15), lt=pick.randint(10, 31))),
            lambda: field(key="price", range=models.Range(gt=pick.uniform(0, 100))),
            lambda: field(key="nested.inner.value", range=models.Range(lte=pick.randint(0, 9))),
            lambda: field(key="parts[].size", range=models.Range(gte=pick.randint(0, 5))),
            lambda: field(key="parts[0].kind", match=models.MatchValue(value=pick.choice("abc"))),
            lambda: field(key="date", range=models.DatetimeRange(gte=f"20{pick.randint(10, 24)}-01-01T00:00:00Z")),
            lambda: field(key="tags", values_count=models.ValuesCount(gte=pick.randint(0, 3))),
            lambda: field(
                key="place",
                geo_radius=models.GeoRadius(
                    center=models.GeoPoint(lon=pick.uniform(-170, 170), lat=pick.uniform(-70, 70)),
                    radius=pick.uniform(1e5, 9e6),
                ),
            ),
            lambda: field(
                key="place",
                geo_bounding_box=models.GeoBoundingBox(
                    top_left=models.GeoPoint(lon=pick.uniform(-170, 170), lat=60),
                    bottom_right=models.GeoPoint(lon=pick.uniform(-170, 170), lat=-60),
                ),
            ),
            lambda: field(
                key="place",
                geo_polygon=models.GeoPolygon(
                    exterior=models.GeoLineString(
                        points=[
                            models.GeoPoint(lon=lon, lat=lat)
                            for lon, lat in [(-100, -50), (100, -60), (90, 55), (-90, 65), (-100, -50)]
                        ]
                    )
                ),
            ),
            lambda: models.IsEmptyCondition(is_empty=models.PayloadField(key=pick.choice(["mixed", "tags", "none"]))),
            lambda: models.IsNullCondition(is_null=models.PayloadField(key="mixed")),
            lambda: models.HasIdCondition(has_id=pick.sample(ids, min(len(ids), 40))),
            lambda: models.HasVectorCondition(has_vector=pick.choice(["cosine", "multi", "sparse"])),
            lambda: models.NestedCondition(
                nested=models.Nested(
                    key="parts",
                    filter=models.Filter(
                        must=[
                            field(key="kind", match=models.MatchValue(value=pick.choice("abc"))),
                            field(key="size", range=models.Range(gte=pick.randint(0, 4))),
                        ]
                    ),
                )
            ),
        ]
        if depth < 2:
            kinds += [lambda: self.filter(ids, depth + 1)] * 3
        return pick.choice(kinds)()

    def filter(self, ids, depth=0):
        pick = self.random

        def some(most):
            return [self.condition(ids, depth) for _ in range(pick.randint(1, most))]

        made = models.Filter()
        if pick.random() < 0.6:
            made.must = some(2)
        if pick.random() < 0.4:
            made.should = some(3)
        if pick.random() < 0.3:
            made.must_not = some(2)
        if pick.random() < 0.2:
            conditions = some(3)
            made.min_should = models.MinShould(conditions=conditions, min_count=pick.randint(1, len(conditions)))
        return made


@pytest.fixture(scope="module")
def pair(request, tmp_path_factory):
    """The in-memory client and the client of the served store, over the same points."""
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print(f"seed {seed}")
    dice = Dice(seed)
    with serving(binary(request.config), tmp_path_factory.mktemp("qdrant")) as served:
        ours, theirs = QdrantClient(url=served.url, timeout=30), QdrantClient(":memory:")
        for client in (ours, theirs):
            client.create_collection(
                "all",
                vectors_config=vectors_config(),
                sparse_vectors_config={
                    "sparse": models.SparseVectorParams(),
                    "idf": models.SparseVectorParams(modifier=models.Modifier.IDF),
                },
            )
        ids = dice.ids(POINTS)
        points = [models.PointStruct(id=i, vector=dice.vectors(), payload=dice.payload()) for i in ids]
        for client in (ours, theirs):
            client.upsert("all", points, wait=True)
        yield dice, ours, theirs, ids


def close(a, b):
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def assert_same_hits(ours, theirs, what):
    """The same points with the same scores; points of one score may change places, across a page's ends too."""
    assert len(ours) == len(theirs), what
    for mine, other in zip(ours, theirs):
        assert close(mine.score, other.score), (what, mine, other)
    ends = [theirs[0].score, theirs[-1].score] if theirs else []
    scores = {point.id: point.score for point in theirs}
    for point in ours:
        if point.id in scores:
            assert close(point.score, scores[point.id]), (what, point)
        else:
            assert any(close(point.score, end) for end in ends), (what, point)


def random_vector(dice, name):
    if name == "multi":
        return dice.multi()
    if name in ("sparse", "idf"):
        return dice.sparse()
    return dice.dense(name)


def random_query(dice, ids, having):
    """A query of any kind that both sides define in the same way, with its arguments."""
    pick = dice.random
    name = pick.choice([*SIZES, "multi", "sparse", "idf"])
    some = [i for i in ids if name in having[i]]
    arguments = {"using": name, "limit": pick.randint(1, 15)}
    if pick.random() < 0.6:
        arguments["query_filter"] = dice.filter(ids)
    if pick.random() < 0.2:
        arguments["offset"] = pick.randint(0, 5)
    dense = name in SIZES

    def pairs():
        # Two different points: against itself a point is nearer or farther by rounding alone.
        chosen = (pick.sample(some, 2) for _ in range(pick.randint(1, 3)))
        return [models.ContextPair(positive=positive, negative=negative) for positive, negative in chosen]

    def recommend():
        strategy = pick.choice(list(models.RecommendStrategy))
        return models.RecommendQuery(
            recommend=models.RecommendInput(
                positive=pick.sample(some, 2), negative=pick.sample(some, pick.randint(0, 2)), strategy=strategy
            )
        )

    kinds = [lambda: random_vector(dice, name)] * 3 + [lambda: pick.choice(some)]
    if dense:
        kinds += [
            recommend,
            lambda: models.DiscoverQuery(
                discover=models.DiscoverInput(target=random_vector(dice, name), context=pairs())
            ),
            lambda: models.ContextQuery(context=pairs()),
            lambda: models.NearestQuery(
                nearest=random_vector(dice, name), mmr=models.Mmr(diversity=0.4, candidates_limit=20)
            ),
        ]
    arguments["query"] = pick.choice(kinds)()
    return arguments


@pytest.fixture(scope="module")
def having(pair):
    _, _, theirs, ids = pair
    records = theirs.retrieve("all", ids, with_vectors=True, with_payload=False)
    return {record.id: set(record.vector or {}) for record in records}


def test_two_thousand_random_queries_find_the_same_points_with_the_same_scores(pair, having):
    dice, ours, theirs, ids = pair
    for number in range(QUERIES):
        arguments = random_query(dice, ids, having)
        what = (number, arguments)
        expected = theirs.query_points("all", **arguments).points
        assert_same_hits(ours.query_points("all", **arguments).points, expected, what)


def test_random_filters_select_the_same_points(pair):
    dice, ours, theirs, ids = pair
    for number in range(400):
        chosen = dice.filter(ids)
        mine, _ = ours.scroll("all", scroll_filter=chosen, limit=POINTS, with_payload=False)
        other, _ = theirs.scroll("all", scroll_filter=chosen, limit=POINTS, with_payload=False)
        assert {p.id for p in mine} == {p.id for p in other}, (number, chosen)
        assert ours.count("all", count_filter=chosen).count == len(other)


def test_fusions_of_prefetches_agree(pair):
    dice, ours, theirs, ids = pair
    for _ in range(100):
        prefetch = [
            models.Prefetch(query=random_vector(dice, name), using=name, limit=dice.random.randint(5, 20))
            for name in dice.random.sample([*SIZES, "sparse"], 2)
        ]
        for query in (
            models.FusionQuery(fusion=models.Fusion.RRF),
            models.RrfQuery(rrf=models.Rrf(k=7, weights=[1.0, 2.5])),
            models.FusionQuery(fusion=models.Fusion.DBSF),
        ):
            arguments = {"prefetch": prefetch, "query": query, "limit": 50}
            assert_same_hits(
                ours.query_points("all", **arguments).points,
                theirs.query_points("all", **arguments).points,
                arguments,
            )


def test_formulas_agree(pair):
    dice, ours, theirs, _ = pair
    formula = models.FormulaQuery(
        formula=models.SumExpression(
            sum=[
                "$score",
                models.MultExpression(mult=[0.3, "n"]),
                models.ExpDecayExpression(exp_decay=models.DecayParamsExpression(x="price", target=50.0, scale=20.0)),
                models.FieldCondition(key="city", match=models.MatchValue(value="Lima")),
            ]
        ),
        defaults={"n": 3, "price": 10.0},
    )
    for _ in range(20):
        arguments = {
            "prefetch": models.Prefetch(query=dice.dense("dot"), using="dot", limit=40),
            "query": formula,
            "limit": 20,
        }
        assert_same_hits(
            ours.query_points("all", **arguments).points, theirs.query_points("all", **arguments).points, arguments
        )


def test_groups_agree(pair):
    dice, ours, theirs, _ = pair
    for key in ("city", "n", "tags"):
        # A point with several tags opens several groups at once: there is room for all of them.
        arguments = {"query": dice.dense("dot"), "using": "dot", "group_by": key, "limit": 9, "group_size": 3}
        mine = ours.query_points_groups("all", **arguments).groups
        other = theirs.query_points_groups("all", **arguments).groups
        assert {g.id for g in mine} == {g.id for g in other}
        by_id = {g.id: g.hits for g in other}
        for group in mine:
            assert_same_hits(group.hits, by_id[group.id], group.id)


def test_stored_vectors_and_payloads_come_back_alike(pair):
    _, ours, theirs, ids = pair
    mine = {p.id: p for p in ours.retrieve("all", ids, with_vectors=True)}
    for other in theirs.retrieve("all", ids, with_vectors=True):
        point = mine[other.id]
        assert point.payload == other.payload
        assert set(point.vector or {}) == set(other.vector or {})
        for name, vector in (other.vector or {}).items():
            stored = point.vector[name]
            if name in ("sparse", "idf"):
                assert stored.indices == vector.indices
                assert all(close(a, b) for a, b in zip(stored.values, vector.values))
            else:
                rows = zip(stored, vector) if name == "multi" else [(stored, vector)]
                assert all(close(a, b) for x, y in rows for a, b in zip(x, y))


def test_random_writes_leave_the_same_points(pair, request, tmp_path):
    dice = pair[0]
    pick = dice.random
    with serving(binary(request.config), tmp_path) as served:
        clients = [QdrantClient(url=served.url, timeout=30), QdrantClient(":memory:")]
        for client in clients:
            client.create_collection(
                "w",
                vectors_config=vectors_config(),
                sparse_vectors_config={"sparse": models.SparseVectorParams(), "idf": models.SparseVectorParams()},
            )
        ids = dice.ids(40)
        for _ in range(300):
            some = pick.sample(ids, pick.randint(1, 6))
            known = {p.id: p.payload for p in clients[1].retrieve("w", some)}
            held = [i for i in some if i in known]
            points = [models.PointStruct(id=i, vector=dice.vectors(), payload=dice.payload()) for i in some]
            extra, keys = dice.payload(), pick.sample(["n", "city", "nested.inner", "parts[].kind", "tags"], 2)
            if not all(known.values()):
                # A null that is set on an empty payload stays in Qdrant's engine and in ours, not in the client's memory.
                extra = {key: value for key, value in extra.items() if value is not None}
            vectors = [models.PointVectors(id=i, vector={"dot": dice.dense("dot")}) for i in held]
            chosen = dice.filter(ids)
            step = pick.choice(
                [
                    lambda c: c.upsert("w", points, wait=True),
                    lambda c: c.delete("w", some, wait=True),
                    lambda c: c.delete("w", models.FilterSelector(filter=models.Filter(must=[chosen])), wait=True),
                    lambda c: held and c.set_payload("w", extra, held, wait=True),
                    lambda c: held and c.set_payload("w", extra, held, key="nested.inner", wait=True),
                    lambda c: held and c.overwrite_payload("w", extra, held, wait=True),
                    lambda c: held and c.delete_payload("w", keys, held, wait=True),
                    lambda c: held and c.clear_payload("w", held, wait=True),
                    lambda c: vectors and c.update_vectors("w", vectors, wait=True),
                    lambda c: held and c.delete_vectors("w", ["dot", "sparse"], held, wait=True),
                ]
            )
            for client in clients:
                step(client)
            pages = [client.scroll("w", limit=100, with_vectors=True)[0] for client in clients]
            assert [p.id for p in pages[0]] == [p.id for p in pages[1]]
            assert [p.payload for p in pages[0]] == [p.payload for p in pages[1]]
            assert [set(p.vector or {}) for p in pages[0]] == [set(p.vector or {}) for p in pages[1]]


BAD_CALLS = [
    ("an unknown collection", lambda c: c.query_points("none", query=[1.0] * 8, using="cosine")),
    ("an unknown vector", lambda c: c.query_points("all", query=[1.0] * 8, using="none")),
    ("a wrong dimension", lambda c: c.query_points("all", query=[1.0] * 3, using="cosine")),
    ("an unknown point", lambda c: c.query_points("all", query=99999, using="cosine")),
    ("a fusion of nothing", lambda c: c.query_points("all", query=models.FusionQuery(fusion=models.Fusion.RRF))),
    (
        "an upsert of a wrong dimension",
        lambda c: c.upsert("all", [models.PointStruct(id=1, vector={"dot": [1.0]})], wait=True),
    ),
]


@pytest.mark.parametrize("call", [call for _, call in BAD_CALLS], ids=[name for name, _ in BAD_CALLS])
def test_what_the_client_refuses_in_memory_is_refused_here(pair, call):
    _, ours, theirs, _ = pair
    with pytest.raises(Exception):
        call(theirs)
    with pytest.raises(Exception) as refusal:
        call(ours)
    assert getattr(refusal.value, "status_code", None) in (400, 404), refusal.value
