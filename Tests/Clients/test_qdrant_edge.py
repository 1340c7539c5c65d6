"""The served store against qdrant-edge-py, Qdrant's own engine in this process: random nested queries, formulas,
selections of payload and edits of it, each asked of both in their own words. (Single conditions, facets and orders:
test_qdrant_core.py.) Its Python binding takes True for 1, so that nothing is asked of booleans here.
"""

import math
import random

import pytest
import qdrant_edge as edge
from conftest import binary
from served import serving

POINTS = 200
QUERIES = 300
TOLERANCE = 2e-5
CITIES = ["Berlin", "London", "Moscow", "Paris", "Lima"]
WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "gusto", "hazel"]
SIZES = {"cosine": 8, "dot": 6, "euclid": 5, "manhattan": 5}
FIELDS = {
    "n": ("integer", edge.PayloadSchemaType.Integer),
    "price": ("float", edge.PayloadSchemaType.Float),
    "city": ("keyword", edge.PayloadSchemaType.Keyword),
    "tags": ("keyword", edge.PayloadSchemaType.Keyword),
    "date": ("datetime", edge.PayloadSchemaType.Datetime),
    "mixed": ("keyword", edge.PayloadSchemaType.Keyword),
    "parts[].size": ("integer", edge.PayloadSchemaType.Integer),
}


class Dice:
    """Every random choice from one seed; what is asked comes as JSON and as Qdrant's object."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def dense(self, name):
        return [self.random.uniform(-1, 1) for _ in range(SIZES[name])]

    def sparse(self):
        indices = sorted(self.random.sample(range(30), self.random.randint(1, 9)))
        return {"indices": indices, "values": [self.random.uniform(0.1, 2) for _ in indices]}

    def payload(self):
        pick = self.random
        made = {
            "n": pick.randint(0, 30),
            "price": round(pick.uniform(0, 100), 3),
            "city": pick.choice(CITIES),
            "tags": pick.sample(WORDS, pick.randint(0, 3)),
            "place": {"lon": round(pick.uniform(-179, 179), 3), "lat": round(pick.uniform(-80, 80), 3)},
            "date": f"20{pick.randint(10, 24)}-0{pick.randint(1, 9)}-1{pick.randint(0, 9)}T00:00:00Z",
            "mixed": pick.choice([1, "1", True, None, 1.5, [], [1, "x"], {"deep": 1}]),
            "parts": [{"kind": pick.choice("abc"), "size": pick.randint(0, 5)} for _ in range(pick.randint(0, 3))],
            "nested": {"inner": {"value": pick.randint(0, 9), "list": [[1, 2], [pick.randint(3, 4)]]}},
        }
        return {key: value for key, value in made.items() if self.chance(0.85)}

    # Filters

    def condition(self, depth=0):
        pick = self.random
        field = edge.FieldCondition
        city, words, n = pick.choice(CITIES), pick.sample(WORDS, pick.randint(1, 3)), pick.randint(0, 30)
        size, day = pick.randint(0, 5), f"20{pick.randint(10, 24)}-01-01T00:00:00Z"
        ids = pick.sample(range(POINTS), 60)
        kind = pick.choice("abc")
        key = pick.choice(["mixed", "tags", "none", "nested.inner.list", "parts"])
        inner = {
            "must": [{"key": "kind", "match": {"value": kind}}, {"key": "size", "range": {"gte": size}}],
        }
        inner_edge = edge.Filter(
            must=[
                field("kind", match=edge.MatchValue(value=kind)),
                field("size", range=edge.RangeFloat(gte=size)),
            ]
        )
        lon, lat, radius = pick.uniform(-170, 170), pick.uniform(-70, 70), pick.uniform(1e5, 9e6)
        kinds = [
            lambda: ({"key": "city", "match": {"value": city}}, field("city", match=edge.MatchValue(value=city))),
            lambda: ({"key": "n", "match": {"value": n}}, field("n", match=edge.MatchValue(value=n))),
            lambda: ({"key": "tags", "match": {"any": words}}, field("tags", match=edge.MatchAny(words))),
            lambda: ({"key": "tags", "match": {"except": words}}, field("tags", match=edge.MatchExcept(words))),
            lambda: ({"key": "mixed", "match": {"value": "1"}}, field("mixed", match=edge.MatchValue(value="1"))),
            lambda: (
                {"key": "n", "range": {"gte": n, "lt": n + 9}},
                field("n", range=edge.RangeFloat(gte=n, lt=n + 9)),
            ),
            lambda: (
                {"key": "parts[].size", "range": {"gt": size}},
                field("parts[].size", range=edge.RangeFloat(gt=size)),
            ),
            lambda: ({"key": "date", "range": {"gte": day}}, field("date", range=edge.RangeDateTime(gte=day))),
            lambda: (
                {"key": "tags", "values_count": {"gte": size}},
                field("tags", values_count=edge.ValuesCount(gte=size)),
            ),
            lambda: (
                {"key": "place", "geo_radius": {"center": {"lon": lon, "lat": lat}, "radius": radius}},
                field("place", geo_radius=edge.GeoRadius(edge.GeoPoint(lon, lat), radius)),
            ),
            lambda: ({"is_empty": {"key": key}}, edge.IsEmptyCondition(key)),
            lambda: ({"is_null": {"key": key}}, edge.IsNullCondition(key)),
            lambda: ({"has_id": ids}, edge.HasIdCondition(set(ids))),
            lambda: ({"has_vector": "sparse"}, edge.HasVectorCondition("sparse")),
            lambda: ({"nested": {"key": "parts", "filter": inner}}, edge.NestedCondition("parts", inner_edge)),
        ]
        if depth < 2:
            kinds += [lambda: self.filter(depth + 1)] * 3
        return pick.choice(kinds)()

    def filter(self, depth=0):
        rest, theirs = {}, {}
        for clause, share in (("must", 0.5), ("should", 0.4), ("must_not", 0.3)):
            if self.chance(share):
                some = [self.condition(depth) for _ in range(self.random.randint(1, 2))]
                rest[clause], theirs[clause] = [a for a, _ in some], [b for _, b in some]
        if self.chance(0.2):
            some = [self.condition(depth) for _ in range(3)]
            count = self.random.randint(1, 2)
            rest["min_should"] = {"conditions": [a for a, _ in some], "min_count": count}
            theirs["min_should"] = edge.MinShould([b for _, b in some], count)
        return rest, edge.Filter(**theirs)

    # Formulas

    def expression(self, sources, depth=0):
        pick, make = self.random, edge.Expression
        number = round(pick.uniform(-3, 3), 2)
        score = f"$score[{pick.randrange(sources)}]"
        leaves = [
            lambda: (number, make.Constant(number)),
            lambda: (score, make.Variable(score)),
            lambda: ("n", make.Variable("n")),
            lambda: ("price", make.Variable("price")),
            lambda: (lambda c: (c[0], make.Condition(c[1])))(self.condition(depth=2)),
        ]
        if depth > 2 or self.chance(0.25):
            return pick.choice(leaves)()
        one, two = self.expression(sources, depth + 1), self.expression(sources, depth + 1)
        tame = ({"sum": [1.5, {"abs": one[0]}]}, make.Sum([make.Constant(1.5), make.Abs(one[1])]))
        place, scale = {"lon": 10.0, "lat": 50.0}, round(pick.uniform(1, 30), 2)
        middle = round(pick.uniform(0.1, 0.9), 2)
        decay, kind = pick.choice(
            [
                ("lin_decay", edge.DecayKind.Lin),
                ("exp_decay", edge.DecayKind.Exp),
                ("gauss_decay", edge.DecayKind.Gauss),
            ]
        )
        return pick.choice(
            [
                lambda: ({"sum": [one[0], two[0]]}, make.Sum([one[1], two[1]])),
                lambda: ({"mult": [one[0], two[0]]}, make.Mult([one[1], two[1]])),
                lambda: ({"max": [one[0], two[0]]}, make.Max([one[1], two[1]])),
                lambda: ({"min": [one[0], two[0]]}, make.Min([one[1], two[1]])),
                lambda: ({"neg": one[0]}, make.Neg(one[1])),
                lambda: ({"ln": tame[0]}, make.Ln(tame[1])),
                lambda: ({"log10": tame[0]}, make.Log10(tame[1])),
                lambda: ({"sqrt": tame[0]}, make.Sqrt(tame[1])),
                lambda: ({"acosh": tame[0]}, make.Acosh(tame[1])),
                lambda: (
                    {"div": {"left": one[0], "right": two[0], "by_zero_default": 7.0}},
                    make.Div(one[1], two[1], 7.0),
                ),
                lambda: ({"pow": {"base": tame[0], "exponent": 0.5}}, make.Pow(tame[1], make.Constant(0.5))),
                lambda: (
                    {"div": {"left": {"geo_distance": {"origin": place, "to": "place"}}, "right": 1e6}},
                    make.Div(make.GeoDistance(edge.GeoPoint(10.0, 50.0), "place"), make.Constant(1e6), None),
                ),
                lambda: (
                    {decay: {"x": one[0], "target": two[0], "scale": scale, "midpoint": middle}},
                    make.Decay(kind, one[1], two[1], middle, scale),
                ),
            ]
        )()

    # Queries

    def searched(self, limit):
        """A source: one vector's nearest points."""
        name = self.random.choice([*SIZES, "sparse"])
        if name == "sparse":
            vector = self.sparse()
            theirs = edge.SparseVector(vector["indices"], vector["values"])
        else:
            vector = theirs = self.dense(name)
        rest, made = {"query": vector, "using": name, "limit": limit}, {"limit": limit}
        made["query"] = edge.Query.Nearest(theirs, using=name)
        if self.chance(0.4):
            rest["filter"], made["filter"] = self.filter()
        return rest, made

    def fused(self, limit, depth=0):
        """A fusion or a formula over searches or, once, over fusions without equal scores.

        Which of two points of one score comes first is nobody's promise, and what stands above would rank them: dbsf gives
        the only points of two sources the same score, rrf with weights of its own never.
        """
        pick = self.random
        count = pick.randint(1, 3)
        make = self.fused if depth == 0 and self.chance(0.3) else lambda limit, _: self.searched(limit)
        sources = [make(pick.randint(10, 60), depth + 1) for _ in range(count)]
        rest = {"prefetch": [a for a, _ in sources], "limit": limit}
        made = {"prefetches": [edge.Prefetch(**b) for _, b in sources], "limit": limit}
        kind = "rrf" if depth else pick.choice(["rrf", "dbsf", "formula"])
        if kind == "rrf":
            k, weights = pick.randint(1, 60), [pick.uniform(0.1, 3) for _ in sources]
            if depth == 0 and self.chance(0.5):
                weights = None
            rest["query"] = {"rrf": {"k": k} | ({"weights": weights} if weights else {})}
            made["query"] = edge.Fusion.Rrf(k, weights)
        elif kind == "dbsf":
            rest["query"], made["query"] = {"fusion": "dbsf"}, edge.Fusion.Dbsf()
        else:
            defaults = {"n": 3, "price": 10.0, "place": {"lon": 1.0, "lat": 2.0}, "$score[1]": 0.25, "$score[2]": 0.5}
            ours, theirs = self.expression(count)
            rest["query"] = {"formula": ours, "defaults": defaults}
            made["query"] = edge.Formula(theirs, defaults)
        if self.chance(0.3):
            rest["filter"], made["filter"] = self.filter()
        return rest, made

    def diversified(self, limit):
        name = self.random.choice(list(SIZES))
        # Not one half: whatever lies beyond the chosen point in every direction has the same worth then by manhattan.
        diversity = self.random.choice([0.1, 0.27, 0.43, 0.58, 0.71, 0.9])
        vector, candidates = self.dense(name), 25
        rest = {"query": {"nearest": vector, "mmr": {"diversity": diversity, "candidates_limit": candidates}}}
        made = {"query": edge.Mmr(vector, 1 - diversity, candidates, name), "limit": limit}
        return rest | {"using": name, "limit": limit}, made

    def exemplary(self, limit):
        """By examples given as vectors: best score, sum of scores, discovery, context."""
        name = self.random.choice(list(SIZES))
        some = [self.dense(name) for _ in range(4)]
        recommend, pair = edge.RecommendQuery(some[:2], some[2:]), edge.ContextPair(some[1], some[2])
        ours, theirs = self.random.choice(
            [
                (
                    {"recommend": {"positive": some[:2], "negative": some[2:], "strategy": "best_score"}},
                    edge.Query.RecommendBestScore(recommend, using=name),
                ),
                (
                    {"recommend": {"positive": some[:2], "negative": some[2:], "strategy": "sum_scores"}},
                    edge.Query.RecommendSumScores(recommend, using=name),
                ),
                (
                    {"discover": {"target": some[0], "context": [{"positive": some[1], "negative": some[2]}]}},
                    edge.Query.Discover(edge.DiscoverQuery(some[0], [pair]), using=name),
                ),
                (
                    {"context": [{"positive": some[1], "negative": some[2]}]},
                    edge.Query.Context(edge.ContextQuery([pair]), using=name),
                ),
            ]
        )
        return {"query": ours, "using": name, "limit": limit}, {"query": theirs, "limit": limit}


@pytest.fixture(scope="module")
def pair(request, tmp_path_factory):
    """Both stores with the same points."""
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print(f"seed {seed}")
    dice = Dice(seed)
    distances = {
        "cosine": edge.Distance.Cosine,
        "dot": edge.Distance.Dot,
        "euclid": edge.Distance.Euclid,
        "manhattan": edge.Distance.Manhattan,
    }
    shard = edge.EdgeShard.create(
        str(tmp_path_factory.mktemp("edge")),
        edge.EdgeConfig(
            vectors={name: edge.EdgeVectorParams(size=SIZES[name], distance=distances[name]) for name in SIZES},
            sparse_vectors={"sparse": edge.EdgeSparseVectorParams()},
        ),
    )
    with serving(binary(request.config), tmp_path_factory.mktemp("qdrant")) as served:
        vectors = {name: {"size": size, "distance": name.capitalize()} for name, size in SIZES.items()}
        served.result("PUT", "/collections/c", {"vectors": vectors, "sparse_vectors": {"sparse": {}}})
        for field, (name, kind) in FIELDS.items():
            served.result("PUT", "/collections/c/index?wait=true", {"field_name": field, "field_schema": name})
            shard.update(edge.UpdateOperation.create_field_index(field, kind))
        points = []
        for id in range(POINTS):
            vector = {name: dice.dense(name) for name in SIZES if dice.chance(0.9)}
            if dice.chance(0.8):
                vector["sparse"] = dice.sparse()
            points.append({"id": id, "vector": vector, "payload": dice.payload()})
        served.result("PUT", "/collections/c/points?wait=true", {"points": points})
        shard.update(edge.UpdateOperation.upsert_points([theirs(point) for point in points]))
        yield dice, served, shard


def theirs(point):
    vector = dict(point["vector"])
    if "sparse" in vector:
        vector["sparse"] = edge.SparseVector(vector["sparse"]["indices"], vector["sparse"]["values"])
    return edge.Point(point["id"], vector, point["payload"])


def close(a, b):
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def assert_same(mine, other, what):
    """The same scores in the same order; points of one score may change places, across a page's end too."""
    assert len(mine) == len(other), (what, mine, other)
    assert all(close(a["score"], b.score) for a, b in zip(mine, other)), (what, mine, other)
    scores = {point.id: point.score for point in other}
    for point in mine:
        wanted = scores.get(point["id"], other[-1].score)
        assert close(point["score"], wanted), (what, point, mine, other)


def compare(pair, asked):
    _, served, shard = pair
    rest, made = asked
    try:
        wanted = shard.query(edge.QueryRequest(**made))
    except Exception as refusal:
        status, answer = served.call("POST", "/collections/c/points/query", rest)
        assert status == 400, (rest, refusal, answer)
        return
    assert_same(served.result("POST", "/collections/c/points/query", rest)["points"], wanted, rest)


def test_fusions_and_formulas_over_nested_prefetches_give_what_qdrants_engine_gives(pair):
    for _ in range(QUERIES):
        compare(pair, pair[0].fused(pair[0].random.randint(1, 25)))


def test_a_score_that_no_float_holds_is_refused(pair):
    make = edge.Expression
    huge = make.Mult([make.Constant(1e30), make.Constant(1e30)])
    query = {"nearest": pair[0].dense("dot")}
    with pytest.raises(Exception):
        nearest = edge.Query.Nearest(query["nearest"], using="dot")
        pair[2].query(
            edge.QueryRequest(
                query=edge.Formula(huge, {}), prefetches=[edge.Prefetch(query=nearest, limit=3)], limit=3
            )
        )
    rest = {"prefetch": {"query": query, "using": "dot"}, "query": {"formula": {"mult": [1e30, 1e30]}}}
    status, answer = pair[1].call("POST", "/collections/c/points/query", rest)
    assert status == 400 and "produced a non-finite number" in answer["status"]["error"], answer


def test_diversified_and_exemplary_queries_give_what_qdrants_engine_gives(pair):
    dice = pair[0]
    for _ in range(QUERIES // 3):
        rest, made = dice.diversified(10)
        mine = pair[1].result("POST", "/collections/c/points/query", rest)["points"]
        other = pair[2].query(edge.QueryRequest(**made))
        assert [p["id"] for p in mine] == [p.id for p in other], (rest, mine, other)
        compare(pair, dice.exemplary(10))


def with_empty_lists(dice):
    """Queries with a list that is empty, in JSON and as the engine takes them; what follows is their name."""
    vector, sparse = dice.dense("dot"), edge.SparseVector([], [])
    near, pairs = edge.Query.Nearest(vector, using="dot"), edge.ContextQuery([])
    rest = {"query": vector, "using": "dot"}
    for name in [*SIZES, "sparse"]:
        yield (
            {"query": {"context": []}, "using": name},
            {"query": edge.Query.Context(pairs, using=name)},
            f"context of {name}",
        )
    for name in SIZES:
        example = dice.dense(name)
        naive = edge.NaiveFeedbackStrategy(1.0, 1.0, 1.0)
        yield (
            {"query": {"discover": {"target": example, "context": []}}, "using": name},
            {"query": edge.Query.Discover(edge.DiscoverQuery(example, []), using=name)},
            f"discover of {name}",
        )
        yield (
            {
                "query": {
                    "relevance_feedback": {
                        "target": example,
                        "feedback": [],
                        "strategy": {"naive": {"a": 1, "b": 1, "c": 1}},
                    }
                },
                "using": name,
            },
            {"query": edge.Query.FeedbackNaive(edge.FeedbackNaiveQuery(example, [], naive), using=name)},
            f"feedback of {name}",
        )
        for strategy, make in (
            ("best_score", edge.Query.RecommendBestScore),
            ("sum_scores", edge.Query.RecommendSumScores),
        ):
            for positive, negative in (([example], []), ([], [example])):
                yield (
                    {
                        "query": {"recommend": {"positive": positive, "negative": negative, "strategy": strategy}},
                        "using": name,
                    },
                    {"query": make(edge.RecommendQuery(positive, negative), using=name)},
                    f"{strategy} of {name}, {len(positive)} positive",
                )
    yield {"query": [], "using": "dot"}, {"query": edge.Query.Nearest([], using="dot")}, "no components"
    yield (
        {"query": {"indices": [], "values": []}, "using": "sparse"},
        {"query": edge.Query.Nearest(sparse, using="sparse")},
        "no terms",
    )
    # Prefetches
    yield rest | {"prefetch": []}, {"query": near, "prefetches": []}, "nearest without prefetches"
    yield {"prefetch": []}, {"prefetches": []}, "neither query nor prefetches"
    for query, made in (
        ({"fusion": "rrf"}, edge.Fusion.Rrf(2, None)),
        ({"rrf": {"weights": []}}, edge.Fusion.Rrf(2, [])),
        ({"fusion": "dbsf"}, edge.Fusion.Dbsf()),
        ({"formula": 2.0}, edge.Formula(edge.Expression.Constant(2.0), {})),
    ):
        yield {"query": query, "prefetch": []}, {"query": made, "prefetches": []}, f"{query} without prefetches"
    yield (
        {"query": {"rrf": {"weights": []}}, "prefetch": [rest | {"limit": 9}]},
        {"query": edge.Fusion.Rrf(2, []), "prefetches": [edge.Prefetch(limit=9, query=near)]},
        "weights of no prefetch",
    )
    yield (
        {"query": {"fusion": "dbsf"}, "prefetch": [rest | {"limit": 9, "prefetch": []}]},
        {"query": edge.Fusion.Dbsf(), "prefetches": [edge.Prefetch(limit=9, query=near, prefetches=[])]},
        "a prefetch without prefetches",
    )
    yield (
        {"query": {"fusion": "dbsf"}, "prefetch": [{"query": {"context": []}, "using": "dot", "limit": POINTS}]},
        {
            "query": edge.Fusion.Dbsf(),
            "prefetches": [edge.Prefetch(limit=POINTS, query=edge.Query.Context(pairs, using="dot"))],
        },
        "a prefetch by an empty context",
    )
    # Filters
    inner = {"must": [{"key": "kind", "match": {"value": "a"}}]}
    inner_edge = edge.Filter(must=[edge.FieldCondition("kind", match=edge.MatchValue(value="a"))])
    field, city = edge.FieldCondition, {"key": "city", "match": {"value": "Lima"}}
    city_edge = field("city", match=edge.MatchValue(value="Lima"))
    filters = [({word: []}, edge.Filter(**{word: []})) for word in ("must", "should", "must_not")]
    filters += [
        ({}, edge.Filter()),
        ({"must": [], "should": [], "must_not": []}, edge.Filter(must=[], should=[], must_not=[])),
        ({"should": [], "must": [city]}, edge.Filter(should=[], must=[city_edge])),
        ({"must": [], "must_not": [city]}, edge.Filter(must=[], must_not=[city_edge])),
    ]
    for count in (0, 1):
        filters.append(
            (
                {"min_should": {"conditions": [], "min_count": count}},
                edge.Filter(min_should=edge.MinShould([], count)),
            )
        )
    filters.append(
        (
            {"min_should": {"conditions": [city], "min_count": 0}},
            edge.Filter(min_should=edge.MinShould([city_edge], 0)),
        )
    )
    conditions = [
        ({"must": []}, edge.Filter(must=[])),
        ({"should": [], "must_not": []}, edge.Filter(should=[], must_not=[])),
        (
            {"min_should": {"conditions": [], "min_count": 1}},
            edge.Filter(min_should=edge.MinShould([], 1)),
        ),
        ({"has_id": []}, edge.HasIdCondition(set())),
        ({"nested": {"key": "parts", "filter": {"must": []}}}, edge.NestedCondition("parts", edge.Filter(must=[]))),
        ({"nested": {"key": "n", "filter": {}}}, edge.NestedCondition("n", edge.Filter())),
        ({"nested": {"key": "parts", "filter": inner}}, edge.NestedCondition("parts", inner_edge)),
    ]
    for key in ("city", "tags", "none"):
        conditions.append(({"key": key, "match": {"any": []}}, field(key, match=edge.MatchAny([]))))
        conditions.append(({"key": key, "match": {"except": []}}, field(key, match=edge.MatchExcept([]))))
    for word in ("must", "should", "must_not"):
        filters += [({word: [a]}, edge.Filter(**{word: [b]})) for a, b in conditions]
    for ours, theirs in filters:
        yield rest | {"filter": ours}, {"query": near, "filter": theirs}, f"filter {ours}"


def test_empty_lists_mean_what_they_mean_to_qdrants_engine(pair):
    for rest, made, name in with_empty_lists(pair[0]):
        for limit in (3, POINTS):
            print(name)
            compare(pair, (rest | {"limit": limit}, made | {"limit": limit}))


def test_examples_that_qdrant_refuses_before_its_engine_are_refused(pair):
    """Its server wants an example in `recommend`, and in the older search a target or a context."""
    path = "/collections/c/points"
    for strategy in ("average_vector", "best_score", "sum_scores"):
        query = {"recommend": {"positive": [], "negative": [], "strategy": strategy}}
        status, answer = pair[1].call("POST", f"{path}/query", {"query": query, "using": "dot"})
        assert status == 422 and "At least one positive or negative" in answer["status"]["error"], answer
    for body in ({"context": []}, {}):
        status, answer = pair[1].call("POST", f"{path}/discover", body | {"using": "dot", "limit": 3})
        assert status == 400 and "target and/or context_pairs must be specified" in answer["status"]["error"], answer


SELECTIONS = [
    ["n"], ["nested"], ["nested.inner"], ["nested.inner.list[]"], ["nested.inner.list"], ["parts"], ["parts[]"],
    ["parts[].kind"], ["parts[0].kind"], ["parts.kind"], ["place.lon", "n"], ["mixed.deep"], ["mixed[]"], ["tags[0]"],
    ["tags[]"], ["none"], ["none.below"], [], ["nested.inner.list[][]"], ["parts[].kind", "parts[].size"],
]  # fmt: skip


@pytest.mark.parametrize("paths", SELECTIONS, ids=",".join)
def test_a_selection_of_the_payload_is_what_qdrants_engine_selects(pair, paths):
    _, served, shard = pair
    for word, made in (("include", edge.PayloadSelector.Include), ("exclude", edge.PayloadSelector.Exclude)):
        body = {"limit": 60, "with_payload": {word: paths}}
        mine = served.result("POST", "/collections/c/points/scroll", body)["points"]
        other, _ = shard.scroll(edge.ScrollRequest(limit=60, with_payload=made(paths)))
        assert [p["payload"] for p in mine] == [p.payload or {} for p in other], (word, paths)


def test_edits_of_payloads_leave_what_qdrants_engine_leaves(pair):
    dice, served, shard = pair
    pick, change = dice.random, edge.UpdateOperation
    keys = [
        "nested", "nested.inner", "nested.inner.value", "parts", "parts[]", "parts[].kind", "parts[0]", "parts[0].size",
        "tags", "tags[]", "none", "none.below", "none[].below", "none[0]", "mixed.deep", "mixed", "n", "n.below",
        "nested.inner.list[][]", "nested.inner.list[0]", '"n"', "city[]", "place.lon",
    ]  # fmt: skip
    for _ in range(QUERIES // 2):
        some, key = pick.sample(range(POINTS), 12), pick.choice(keys)
        extra = {"added": pick.randint(0, 9), "kind": None} if dice.chance(0.7) else dice.payload()
        # A null set on an empty payload stays or not as the payload was cleared or emptied, which only the engine knows.
        some = [record.id for record in shard.retrieve(some, True, False) if record.payload]
        method, path, body, made = pick.choice(
            [
                ("POST", "", {"payload": extra, "key": key}, lambda: change.set_payload(some, extra, key)),
                ("POST", "", {"payload": extra}, lambda: change.set_payload(some, extra)),
                ("PUT", "", {"payload": extra}, lambda: change.overwrite_payload(some, extra)),
                ("POST", "/delete", {"keys": [key]}, lambda: change.delete_payload(some, [key])),
                ("POST", "/clear", {}, lambda: change.clear_payload(some)),
                (None, None, None, None),
            ]
        )
        if method is None:
            # The points are written again, or soon nothing would be left to edit.
            some = pick.sample(range(POINTS), 12)
            points = [{"id": id, "vector": {"dot": dice.dense("dot")}, "payload": dice.payload()} for id in some]
            served.result("PUT", "/collections/c/points?wait=true", {"points": points})
            shard.update(change.upsert_points([theirs(point) for point in points]))
            continue
        served.result(method, f"/collections/c/points/payload{path}?wait=true", body | {"points": some})
        shard.update(made())
        mine = served.result("POST", "/collections/c/points", {"ids": sorted(some), "with_payload": True})
        other = {record.id: record.payload or {} for record in shard.retrieve(some, True, False)}
        for point in mine:
            assert point["payload"] == other[point["id"]], (method, path, body, point, other[point["id"]])
