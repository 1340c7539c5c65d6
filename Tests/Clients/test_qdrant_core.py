"""Qdrant's own core (the released `qdrant-edge-py`) against the served store, where its in-memory mode has no answer:
text indexes with their tokenizers, stop words and phrases, filters over indexes of every kind, payload changes by path.
"""

import random

import pytest
import qdrant_edge as edge
from conftest import binary
from served import serving

POINTS = 120
QUESTIONS = 150
WORDS = "Amber basil the Über running runs cedar-wood 42 and naïve ember embers e".split()
CITIES = ["Berlin", "London", "Lima"]


def payload(pick, i):
    made = {
        "n": pick.choice([pick.randint(0, 20), [pick.randint(0, 5), 7], None]),
        "price": pick.choice([pick.uniform(0, 9), pick.randint(0, 9), [1.5, 8]]),
        "city": pick.choice([*CITIES, ["Lima", "Berlin"], [], None]),
        "flag": pick.choice([True, False, [True, False]]),
        "text": pick.choice([" ".join(pick.choices(WORDS, k=4)), [pick.choice(WORDS), "amber basil"], 7]),
        "place": {"lon": pick.uniform(-180, 180), "lat": pick.uniform(-80, 80)},
        "date": pick.choice(
            ["2024-01-02T03:04:05Z", "2024-01-02", "2023-12-31T23:30:00-02:00", "2024-01-02 03:04:05.5"]
        ),
        "deep": {"list": [{"a": pick.randint(0, 3), "b": pick.choice("xy")} for _ in range(pick.randint(0, 3))]},
        "uuid": f"00000000-0000-0000-0000-{i % 7:012}",
    }
    return {key: value for key, value in made.items() if pick.random() < 0.85}


# A condition in the core's words and in the wire's.
def condition(pick):
    field, key = edge.FieldCondition, pick.choice(
        ["n", "price", "city", "flag", "text", "deep.list[].a", "uuid", "nothing"]
    )
    low, high = pick.randint(0, 9), pick.randint(3, 20)
    value = pick.choice([1, 7, "Berlin", "Lima", "3"])
    uuid = "00000000-0000-0000-0000-000000000003"
    some = pick.choice([["Berlin", "Lima"], [1, 2, 7], [], ["amber basil"]])
    words = " ".join(pick.choices(WORDS, k=pick.randint(1, 2)))
    bounds = {"gte": low, "lt": high}
    moment = {"gte": "2024-01-01T00:00:00Z", "lt": pick.choice(["2024-01-02T03:04:05Z", "2024-01-03"])}
    box = [pick.uniform(-180, 0), pick.uniform(0, 80), pick.uniform(0, 180), pick.uniform(-80, 0)]
    centre, radius = (pick.uniform(-180, 180), pick.uniform(-80, 80)), pick.uniform(1e5, 9e6)
    ring = [(-100.0, -50.0), (100.0, -50.0), (100.0, 60.0), (-100.0, 60.0), (-100.0, -50.0)]
    hole = [(-20.0, -20.0), (20.0, -20.0), (20.0, 20.0), (-20.0, -20.0)]
    shown = lambda points: {"points": [{"lon": lon, "lat": lat} for lon, lat in points]}  # noqa: E731
    # (lon, lat) on the wire, GeoPoint(lon, lat) in the core.
    kinds = [
        lambda: (field(key, match=edge.MatchValue(value)), {"key": key, "match": {"value": value}}),
        lambda: (field("uuid", match=edge.MatchValue(uuid)), {"key": "uuid", "match": {"value": uuid}}),
        lambda: (field(key, match=edge.MatchAny(some)), {"key": key, "match": {"any": some}}),
        lambda: (field(key, match=edge.MatchExcept(some)), {"key": key, "match": {"except": some}}),
        lambda: (field("text", match=edge.MatchTextAny(words)), {"key": "text", "match": {"text_any": words}}),
        lambda: (field("city", match=edge.MatchPrefix("L")), {"key": "city", "match": {"prefix": "L"}}),
        lambda: (field(key, range=edge.RangeFloat(**bounds)), {"key": key, "range": bounds}),
        lambda: (field("date", range=edge.RangeDateTime(**moment)), {"key": "date", "range": moment}),
        lambda: (field(key, values_count=edge.ValuesCount(gte=low)), {"key": key, "values_count": {"gte": low}}),
        lambda: (edge.IsEmptyCondition(key), {"is_empty": {"key": key}}),
        lambda: (edge.IsNullCondition(key), {"is_null": {"key": key}}),
        lambda: (edge.HasIdCondition({1, 2, low}), {"has_id": [1, 2, low]}),
        lambda: (
            edge.NestedCondition(
                "deep.list",
                edge.Filter(must=[field("a", range=edge.RangeFloat(gte=1)), field("b", match=edge.MatchValue("x"))]),
            ),
            {
                "nested": {
                    "key": "deep.list",
                    "filter": {"must": [{"key": "a", "range": {"gte": 1}}, {"key": "b", "match": {"value": "x"}}]},
                }
            },
        ),
        lambda: (
            field(
                "place",
                geo_bounding_box=edge.GeoBoundingBox(edge.GeoPoint(box[0], box[1]), edge.GeoPoint(box[2], box[3])),
            ),
            {
                "key": "place",
                "geo_bounding_box": {
                    "top_left": {"lon": box[0], "lat": box[1]},
                    "bottom_right": {"lon": box[2], "lat": box[3]},
                },
            },
        ),
        lambda: (
            field("place", geo_radius=edge.GeoRadius(edge.GeoPoint(*centre), radius)),
            {"key": "place", "geo_radius": {"center": {"lon": centre[0], "lat": centre[1]}, "radius": radius}},
        ),
        lambda: (
            field(
                "place",
                geo_polygon=edge.GeoPolygon([edge.GeoPoint(*p) for p in ring], [[edge.GeoPoint(*p) for p in hole]]),
            ),
            {"key": "place", "geo_polygon": {"exterior": shown(ring), "interiors": [shown(hole)]}},
        ),
    ]
    return pick.choice(kinds)()


def filters(pick):
    parts = {
        name: [condition(pick) for _ in range(pick.choice([0, 1, 1, 2]))] for name in ("must", "should", "must_not")
    }
    core = {name: [one for one, _ in pairs] for name, pairs in parts.items() if pairs}
    wire = {name: [one for _, one in pairs] for name, pairs in parts.items() if pairs}
    if pick.random() < 0.2:
        pairs = [condition(pick) for _ in range(3)]
        core["min_should"] = edge.MinShould([one for one, _ in pairs], 2)
        wire["min_should"] = {"conditions": [one for _, one in pairs], "min_count": 2}
    return edge.Filter(**core), wire


TOKENIZERS = {
    "word": edge.TokenizerType.Word,
    "whitespace": edge.TokenizerType.Whitespace,
    "prefix": edge.TokenizerType.Prefix,
    "multilingual": edge.TokenizerType.Multilingual,
}


def text_index(pick):
    """A text index in both words."""
    tokenizer = pick.choice(sorted(TOKENIZERS))
    wire = {"type": "text", "tokenizer": tokenizer}
    core = {"tokenizer": TOKENIZERS[tokenizer]}
    for name, choices in {
        "lowercase": [True, False],
        "ascii_folding": [True, False],
        "phrase_matching": [True, False],
        "min_token_len": [1, 2, 3],
        "max_token_len": [3, 6, 20],
    }.items():
        if pick.random() < 0.6:
            wire[name] = core[name] = pick.choice(choices)
    if pick.random() < 0.4:
        wire["stopwords"], core["stopwords"] = "english", edge.Language.English
    elif pick.random() < 0.4:
        wire["stopwords"] = {"custom": ["basil", "amber"]}
        core["stopwords"] = edge.StopwordsSet(custom={"basil", "amber"})
    if pick.random() < 0.4:
        wire["stemmer"] = {"type": "snowball", "language": "english"}
        core["stemmer"] = edge.SnowballParams(edge.SnowballLanguage.English)
    return edge.TextIndexParams(**core), wire


KINDS = {
    "n": "Integer",
    "price": "Float",
    "city": "Keyword",
    "flag": "Bool",
    "place": "Geo",
    "date": "Datetime",
    "uuid": "Uuid",
}


class Both:
    """The same collection in the core and on the wire."""

    def __init__(self, served, folder, name, pick):
        self.served, self.path = served, f"/collections/{name}"
        config = edge.EdgeConfig(vectors=edge.EdgeVectorParams(size=2, distance=edge.Distance.Dot))
        folder.mkdir()
        self.core = edge.EdgeShard.create(str(folder), config)
        served.result("PUT", self.path, {"vectors": {"size": 2, "distance": "Dot"}})
        payloads = {i: payload(pick, i) for i in range(POINTS)}
        self.core.update(
            edge.UpdateOperation.upsert_points([edge.Point(i, [i, 1.0], one) for i, one in payloads.items()])
        )
        points = [{"id": i, "vector": [i, 1], "payload": one} for i, one in payloads.items()]
        served.result("PUT", f"{self.path}/points?wait=true", {"points": points})

    def index(self, field, core, wire):
        self.core.update(edge.UpdateOperation.create_field_index(field, core))
        self.served.result("PUT", f"{self.path}/index?wait=true", {"field_name": field, "field_schema": wire})

    def same_ids(self, core, wire, told):
        theirs = [one.id for one in self.core.scroll(edge.ScrollRequest(limit=POINTS, filter=core))[0]]
        ours = self.served.result("POST", f"{self.path}/points/scroll", {"limit": POINTS, "filter": wire})["points"]
        assert [one["id"] for one in ours] == theirs, (told, wire)


@pytest.fixture
def served(request, tmp_path):
    with serving(binary(request.config), tmp_path / "data") as served:
        yield served


@pytest.fixture
def pick(request):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 32))
    print("seed", seed)
    return random.Random(seed)


def test_filters_find_what_the_core_finds_with_indexes_and_without(served, tmp_path, pick):
    both = Both(served, tmp_path / "core", "c", pick)
    for _ in range(QUESTIONS):
        both.same_ids(*filters(pick), "no index")
    for field, kind in KINDS.items():
        both.index(field, getattr(edge.PayloadSchemaType, kind), kind.lower())
    for _ in range(QUESTIONS):
        both.same_ids(*filters(pick), "indexes")


def test_text_indexes_cut_words_as_the_core_does(served, tmp_path, pick):
    both = Both(served, tmp_path / "core", "c", pick)
    for _ in range(15):
        core, wire = text_index(pick)
        both.index("text", core, wire)
        for _ in range(12):
            words = " ".join(
                pick.choices([*WORDS, "amber", "run", "uber", "am", "cedar", "EMBER"], k=pick.randint(1, 2))
            )
            kind = pick.choice(
                [("text", edge.MatchText), ("text_any", edge.MatchTextAny), ("phrase", edge.MatchPhrase)]
            )
            # In phrases of words that begin alike the core's prefix tokenizer takes one for the other.
            if kind[0] == "phrase" and (wire["tokenizer"] == "prefix" or not wire.get("phrase_matching")):
                continue
            asked = edge.Filter(must=[edge.FieldCondition("text", match=kind[1](words))])
            both.same_ids(asked, {"must": [{"key": "text", "match": {kind[0]: words}}]}, wire)
        both.core.update(edge.UpdateOperation.delete_field_index("text"))
        served.result("DELETE", f"{both.path}/index/text?wait=true")


def test_facets_and_order_are_the_cores(served, tmp_path, pick):
    both = Both(served, tmp_path / "core", "c", pick)
    for field, kind in KINDS.items():
        both.index(field, getattr(edge.PayloadSchemaType, kind), kind.lower())
    for _ in range(60):
        core, wire = filters(pick)
        key, limit = pick.choice(["n", "city", "flag", "uuid"]), pick.randint(1, 9)
        theirs = both.core.facet(edge.FacetRequest(key, limit=limit, exact=True, filter=core)).hits
        ours = served.result("POST", f"{both.path}/facet", {"key": key, "limit": limit, "exact": True, "filter": wire})
        assert [(one["value"], one["count"]) for one in ours["hits"]] == [(one.value, one.count) for one in theirs]
        key = pick.choice(["n", "price", "date"])
        start = pick.choice([None, 3, 5.5]) if key != "date" else pick.choice([None, "2024-01-01T00:00:00Z"])
        for direction in ("asc", "desc"):
            order = edge.OrderBy(
                key, direction=edge.Direction.Asc if direction == "asc" else edge.Direction.Desc, start_from=start
            )
            theirs, _ = both.core.scroll(edge.ScrollRequest(limit=limit, filter=core, order_by=order))
            body = {
                "limit": limit,
                "filter": wire,
                "order_by": {"key": key, "direction": direction, "start_from": start},
            }
            ours = served.result("POST", f"{both.path}/points/scroll", body)["points"]
            # On its way through Python the core's last digit may change.
            assert [one["order_value"] for one in ours] == pytest.approx([one.order_value for one in theirs]), body
