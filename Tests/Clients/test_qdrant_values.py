"""What counts as a value (a null, a date, a UUID, an integer beyond 2^53), asked of the served store and of
qdrant-edge-py, Qdrant's own engine in this process, with and without an index.
"""

import itertools
import random

import pytest
import qdrant_edge as edge
from conftest import binary
from served import serving

KINDS = edge.PayloadSchemaType
CHANGE = edge.UpdateOperation


@pytest.fixture(scope="module")
def served(request, tmp_path_factory):
    with serving(binary(request.config), tmp_path_factory.mktemp("data")) as served:
        yield served


class Pair:
    """One collection in both, with the same points, numbered from 0."""

    def __init__(self, served, folder, values, key="x", index=None, vectors=None):
        self.served, self.key = served, key
        self.path = "/collections/" + folder.name.replace("[", "-").replace("]", "-")
        folder.mkdir(exist_ok=True)
        (folder / "core").mkdir()
        multi = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim) if vectors else None
        params = edge.EdgeVectorParams(size=3, distance=edge.Distance.Dot, multivector_config=multi)
        self.core = edge.EdgeShard.create(str(folder / "core"), edge.EdgeConfig(vectors=params))
        shown = {"size": 3, "distance": "Dot"} | ({"multivector_config": {"comparator": "max_sim"}} if vectors else {})
        served.result("DELETE", self.path)
        served.result("PUT", self.path, {"vectors": shown})
        if index:
            self.core.update(CHANGE.create_field_index(key, getattr(KINDS, index.capitalize())))
            body = {"field_name": key, "field_schema": index}
            served.result("PUT", f"{self.path}/index?wait=true", body)
        vectors = vectors or [[1.0, 0.0, 0.0]] * len(values)
        payloads = [{"k": 1} if value is KeyError else {"k": 1, key: value} for value in values]
        self.core.update(
            CHANGE.upsert_points([edge.Point(i, v, p) for i, (v, p) in enumerate(zip(vectors, payloads))])
        )
        points = [{"id": i, "vector": v, "payload": p} for i, (v, p) in enumerate(zip(vectors, payloads))]
        served.result("PUT", f"{self.path}/points?wait=true", {"points": points})

    def ask(self, route, body):
        return self.served.call("POST", f"{self.path}/points/{route}", body)

    def found(self, wire):
        status, answer = self.ask("scroll", {"limit": 2000, "filter": wire, "with_payload": False})
        assert status == 200, (wire, answer)
        return [point["id"] for point in answer["result"]["points"]]

    def core_found(self, core):
        return [point.id for point in self.core.scroll(edge.ScrollRequest(limit=2000, filter=core))[0]]


# Formulas

VALUES = [
    None, 5, 5.0, [], [None], [None, 3], [3, None], [1, 2], "x", {"a": 1}, True, [[]], [[3]], [4], 2.5,
    [2.5, "x"], KeyError,
    "2024-01-02", [None, "2024-01-02T00:00:00Z"], {"lon": 1.0, "lat": 3.0}, [{"lon": 1.0, "lat": 3.0}, None],
]  # fmt: skip
PLACE = {"lon": 1.0, "lat": 2.0}


@pytest.mark.parametrize("index", [None, "float", "integer", "datetime", "geo", "keyword", "bool"])
def test_a_formula_takes_the_default_where_the_core_does(served, tmp_path, index):
    both = Pair(served, tmp_path, VALUES, index=index)
    make, nearest = edge.Expression, edge.Query.Nearest([1.0, 0.0, 0.0])
    for (ours, theirs), default in itertools.product(
        [
            ("x", make.Variable("x")),
            ({"datetime_key": "x"}, make.DatetimeKey("x")),
            ({"geo_distance": {"origin": PLACE, "to": "x"}}, make.GeoDistance(edge.GeoPoint(1.0, 2.0), "x")),
        ],
        [None, 7.0, [9.0], [1.0, 2.0], "2020-05-06 07:08:09 UTC", {"lon": 5.0, "lat": 6.0}],
    ):
        defaults = {} if default is None else {"x": default}
        for i in range(len(VALUES)):
            if "geo_distance" in ours and [1, 2] in (VALUES[i], default):
                continue  # Two numbers are a place to the core, which its wire does not promise.
            only = edge.Filter(must=[edge.HasIdCondition({i})])
            source = edge.Prefetch(query=nearest, limit=1, filter=only)
            try:
                query = edge.QueryRequest(query=edge.Formula(theirs, defaults), prefetches=[source], limit=1)
                wanted = [point.score for point in both.core.query(query)]
            except Exception:
                wanted = None
            prefetch = {"query": [1, 0, 0], "limit": 1, "filter": {"must": [{"has_id": [i]}]}}
            body = {"prefetch": prefetch, "query": {"formula": ours, "defaults": defaults}, "limit": 1}
            status, answer = both.ask("query", body)
            told = (index, ours, defaults, VALUES[i], wanted, answer)
            assert (status == 400) == (wanted is None), told
            if wanted is not None:
                assert [point["score"] for point in answer["result"]["points"]] == pytest.approx(wanted, rel=1e-5), told


# Multivectors


@pytest.fixture
def rows(request, served, tmp_path):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    pick = random.Random(seed)

    def rows():
        return [[pick.uniform(-1, 1) for _ in range(3)] for _ in range(pick.randint(1, 4))]

    vectors = [rows() for _ in range(60)]
    return rows, vectors, Pair(served, tmp_path, [None] * 60, vectors=vectors), pick


def test_negative_multivectors_are_their_rows_with_the_sign_turned(rows):
    made, vectors, both, pick = rows
    for _ in range(30):
        ids, extra = pick.sample(range(60), 3), made()
        # Qdrant's binding has no average; its engine searches with all rows, those of the negatives multiplied by −1.
        whole = vectors[ids[0]] + extra + [[-x for x in row] for id in ids[1:] for row in vectors[id]]
        wanted = both.core.query(edge.QueryRequest(query=edge.Query.Nearest(whole), limit=30))
        recommend = {"positive": [ids[0], extra], "negative": ids[1:], "strategy": "average_vector"}
        status, answer = both.ask("query", {"query": {"recommend": recommend}, "limit": 20})
        assert status == 200, answer
        wanted = [point for point in wanted if point.id not in ids][:20]
        found = answer["result"]["points"]
        assert [point["id"] for point in found] == [point.id for point in wanted]
        assert [point["score"] for point in found] == pytest.approx([point.score for point in wanted], rel=1e-4)


def test_multivectors_are_diversified_as_the_core_does(rows):
    made, _, both, pick = rows
    for _ in range(30):
        query, diversity = made(), pick.choice([0.27, 0.43, 0.58, 0.71, 0.9])
        wanted = both.core.query(edge.QueryRequest(query=edge.Mmr(query, 1 - diversity, 25), limit=10))
        body = {"query": {"nearest": query, "mmr": {"diversity": diversity, "candidates_limit": 25}}, "limit": 10}
        status, answer = both.ask("query", body)
        assert status == 200 and [p["id"] for p in answer["result"]["points"]] == [p.id for p in wanted], answer


# UUIDs

ONE, TWO = "12345678-90ab-cdef-1234-567890abcdef", "87654321-90ab-cdef-1234-567890abcdef"
SPELLINGS = [
    ONE, ONE.upper(), ONE.replace("-", ""), ONE.replace("-", "").upper(), "{" + ONE + "}", "urn:uuid:" + ONE,
    "URN:Uuid:" + ONE, "urn:uuid:" + ONE.replace("-", ""), "{" + ONE.replace("-", "") + "}", " " + ONE, ONE + " ",
    "12345678-90abcdef-1234-567890abcdef", "nope", TWO, [TWO, ONE.upper()], ["nope", ONE], None, [], 5, ONE[:-1],
    "", 6, [5, 6], [5, "nope"], 2.5, 6.0, True, [True, 6],
]  # fmt: skip


@pytest.mark.parametrize("index", [None, "uuid", "keyword"])
def test_values_are_found_and_counted_as_in_the_core(served, tmp_path, index):
    both = Pair(served, tmp_path, SPELLINGS, index=index)
    if index in ("uuid", "keyword"):
        theirs = both.core.facet(edge.FacetRequest("x", limit=30, exact=True)).hits
        status, answer = both.served.call("POST", f"{both.path}/facet", {"key": "x", "limit": 30, "exact": True})
        shown = [(hit["value"], hit["count"]) for hit in answer["result"]["hits"]]
        assert status == 200 and shown == [(hit.value, hit.count) for hit in theirs]
    texts = [text for text in SPELLINGS if isinstance(text, str)]
    asked = [(edge.MatchValue(text), {"value": text}) for text in texts]
    for some in ([text] for text in texts), [[ONE, "nope"], [ONE.upper(), TWO], [], [5], [7, 8]]:
        for values in some:
            asked += [(edge.MatchAny(values), {"any": values}), (edge.MatchExcept(values), {"except": values})]
    field = edge.FieldCondition
    one, other = field("k", match=edge.MatchValue(1)), field("k", match=edge.MatchValue(2))
    wire_one, wire_other = ({"key": "k", "match": {"value": value}} for value in (1, 2))
    for match, wire in asked:
        core, wire = field("x", match=match), {"key": "x", "match": wire}
        for clauses, ours in [
            ({"must": [core]}, {"must": [wire]}),
            ({"must": [core, one]}, {"must": [wire, wire_one]}),
            ({"must_not": [core]}, {"must_not": [wire]}),
            ({"must_not": [core], "must": [one]}, {"must_not": [wire], "must": [wire_one]}),
            ({"should": [core, other]}, {"should": [wire, wire_other]}),
        ]:
            assert both.found(ours) == both.core_found(edge.Filter(**clauses)), (index, ours)


@pytest.mark.parametrize("index", [None, "integer", "float", "keyword"])
def test_another_integer_is_found_as_in_the_core(served, tmp_path, index):
    values = [5, 6, 2.5, "5", None, [], [5, 6], [2.5, "x"], True, [5, "a"], [True, 5]]
    both = Pair(served, tmp_path, values, index=index)
    for values in ([5], [6, 7], [5, 6], [8]):
        core, wire = edge.FieldCondition("x", match=edge.MatchExcept(values)), {"key": "x", "match": {"except": values}}
        for clause in ("must", "must_not", "should"):
            assert both.found({clause: [wire]}) == both.core_found(edge.Filter(**{clause: [core]})), (clause, values)


# Dates


def spellings(pick):
    """Dates written in many ways, right and wrong."""
    known = ["2001-01-28 10:02:24 +0000", "2001-01-28 10:02:24 UTC", " 2001-01-28T10:02:24Z", "2001-01-28", "", " "]
    space = ["", "", "", " ", "\t", "  ", "\u2003"]
    dates = ["2001-01-28", "2001-1-8", "201-01-28", "12001-01-28", "+12001-01-28", "-0044-03-15", "2001-02-29",
             "2000-02-29", "2001/01/28", "0000-01-01", "2001- 01-28", "2001 -01-28", "9999-12-31"]  # fmt: skip
    seps = ["T", "T", " ", " ", "t", "", "\t", "  ", "T ", "_", " T"]
    times = ["10:02:24", "10:02:24", "10:02", "10", "1:2:3", "23:59:60", "10:02:61", "24:00:00", "10:60", "10 :02:24",
             "10: 02: 24", "10:02 :24", "10:02"]  # fmt: skip
    fractions = ["", "", "", ".5", ".", ",5", ".1234567", ".1234567891234", " .5", ". 5"]
    zones = ["", "", "Z", "z", "UTC", "utc", "GMT", "+0000", "+00:00", "+02:30", "-0230", "+00", "+2:00", "+24:00",
             "+23:59", "+00:60", "+02 30", "+02 : 30", "+0 230", "\u221202:00", "+", "+02:3",
             "Z Z", "UTC0", "[UTC]"]  # fmt: skip
    made = {
        pick.choice(space) + pick.choice(dates) + rest
        for _ in range(60)
        for rest in ("", pick.choice(space), pick.choice(seps) + pick.choice(times))
    }
    for _ in range(1500):
        # Mostly right but for one part, or nothing would be read.
        parts = ["", "2001-01-28", pick.choice("T "), "10:02:24", "", "", pick.choice(["Z", "+02:30", ""]), ""]
        for at in pick.sample(range(8), pick.choice([1, 1, 2, 3])):
            parts[at] = pick.choice([space, dates, seps, times, fractions, space, zones, space][at])
        made.add("".join(parts))
    return known + sorted(made - set(known))


@pytest.mark.parametrize("index", [None, "datetime"])
def test_a_date_is_read_as_the_core_reads_it(request, served, tmp_path, index):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    texts = spellings(random.Random(seed))[:1500]
    both = Pair(served, tmp_path, texts, index=index)
    field, read = edge.FieldCondition, 0
    for text in texts:
        # As a bound: refused by both, or the same points lie at it and from it on.
        try:
            exactly = edge.Filter(must=[field("x", range=edge.RangeDateTime(gte=text, lte=text))])
            onwards = edge.Filter(must=[field("x", range=edge.RangeDateTime(gt=text))])
        except Exception:
            status, answer = both.ask("count", {"filter": {"must": [{"key": "x", "range": {"gte": text}}]}})
            assert status == 400, (text, answer)
            continue
        read += 1
        if read % 7 == 0 or read < 20:
            wire = {"must": [{"key": "x", "range": {"gte": text, "lte": text}}]}
            assert both.found(wire) == both.core_found(exactly), text
            assert both.found({"must": [{"key": "x", "range": {"gt": text}}]}) == both.core_found(onwards), text
        else:
            assert both.ask("count", {"filter": {"must": [{"key": "x", "range": {"gte": text}}]}})[0] == 200, text
    assert read > 300
    if index:
        order = edge.OrderBy("x", direction=edge.Direction.Asc)
        theirs, _ = both.core.scroll(edge.ScrollRequest(limit=2000, order_by=order))
        status, answer = both.ask("scroll", {"limit": 2000, "order_by": "x"})
        ours = [(point["order_value"], point["id"]) for point in answer["result"]["points"]]
        # Points of one value come in the order in which the core has stored them.
        assert status == 200 and ours == sorted((point.order_value, point.id) for point in theirs)


# Orders and integers


REALS = [
    5, 5.0, 2.5, [2.5, 5], [5.0, 7], 6.0, -0.0, 1e300, float(2**53), float(2**63), -float(2**63), 2**63 - 1, "5", [5.0],
    None, [], 1e3, True, -2.5, 2**53 + 1, [3.0, 3], [2.5], 2**53 + 2.0,
]  # fmt: skip
RANGES = [
    {"gte": 2, "lte": 3}, {"gte": 5, "lte": 5}, {"gt": 5}, {"lt": 5}, {"gte": 2.5, "lte": 2.5}, {"gte": 2.4, "lt": 5.5},
    {"gte": -0.5, "lte": 0.5}, {"gte": 9.2e18}, {"lte": -9.2e18}, {"gt": 4.5, "lt": 5.5}, {"gt": 5.5, "lte": 6.5},
]  # fmt: skip


@pytest.mark.parametrize("index", [None, "integer", "float", "keyword"])
def test_numbers_with_a_fraction_are_found_as_in_the_core(served, tmp_path, index):
    """An integer index holds 5.0 as 5 and knows nothing of 2.5; without one, 5.0 is no 5, and 2.5 is in its ranges."""
    both = Pair(served, tmp_path, REALS, index=index)
    field, asked = edge.FieldCondition, []
    for value in (5, 6, 0, 7, 2, 3, 1000, 2**53, 2**63 - 1, -(2**63)):
        asked.append((field("x", match=edge.MatchValue(value)), {"match": {"value": value}}))
    for values in ([5, 6], [5, 1000], [2**53, 7]):
        asked.append((field("x", match=edge.MatchAny(values)), {"match": {"any": values}}))
        asked.append((field("x", match=edge.MatchExcept(values)), {"match": {"except": values}}))
    asked += [(field("x", range=edge.RangeFloat(**bounds)), {"range": bounds}) for bounds in RANGES]
    asked.append((field("x", values_count=edge.ValuesCount(gte=1)), {"values_count": {"gte": 1}}))
    one, other = (field("k", match=edge.MatchValue(value)) for value in (1, 2))
    wire_one, wire_other = ({"key": "k", "match": {"value": value}} for value in (1, 2))
    for core, wire in asked:
        wire = {"key": "x", **wire}
        # Alone, and beside a condition that no index answers.
        for clauses, ours in [
            ({"must": [core]}, {"must": [wire]}),
            ({"must": [core, one]}, {"must": [wire, wire_one]}),
            ({"must_not": [core]}, {"must_not": [wire]}),
            ({"must_not": [core], "must": [one]}, {"must_not": [wire], "must": [wire_one]}),
            ({"should": [core, other]}, {"should": [wire, wire_other]}),
        ]:
            assert both.found(ours) == both.core_found(edge.Filter(**clauses)), (index, ours)
    if index in ("integer", "float"):
        order = edge.OrderBy("x", direction=edge.Direction.Asc)
        theirs, _ = both.core.scroll(edge.ScrollRequest(limit=2000, order_by=order))
        points = both.ask("scroll", {"limit": 2000, "order_by": "x"})[1]["result"]["points"]
        assert sorted((p["order_value"], p["id"]) for p in points) == sorted((p.order_value, p.id) for p in theirs)
    if index in ("integer", "keyword"):
        for limit in (1, 2, 3, 30):
            theirs = both.core.facet(edge.FacetRequest("x", limit=limit, exact=True)).hits
            answer = both.served.call("POST", f"{both.path}/facet", {"key": "x", "limit": limit, "exact": True})[1]
            assert [(hit["value"], hit["count"]) for hit in answer["result"]["hits"]] == [(h.value, h.count) for h in theirs]


@pytest.mark.parametrize("index", ["integer", "keyword"])
def test_the_most_frequent_of_many_values_are_those_of_the_core(request, served, tmp_path, index):
    """Thousands of values, most of them as frequent as others, in several segments and after deletes."""
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 30))
    print("seed", seed)
    pick = random.Random(seed)

    def value():
        number = int(pick.triangular(-700, 700, 0))
        return number if index == "integer" else f"v{number}"

    values = [pick.choice([value(), [value(), value()], [value()] * 2]) for _ in range(3000)]
    both = Pair(served, tmp_path, values, index=index)
    gone = pick.sample(range(len(values)), 200)
    both.core.update(CHANGE.delete_points(gone))
    both.served.result("POST", f"{both.path}/points/delete?wait=true", {"points": gone})
    for limit in (1, 2, 10, 64, 65, 500, 5000):
        for low in (None, 1500):
            ids = set(range(low or 0, len(values)))
            only = None if low is None else edge.Filter(must=[edge.HasIdCondition(ids)])
            theirs = both.core.facet(edge.FacetRequest("x", limit=limit, exact=True, filter=only)).hits
            body = {"key": "x", "limit": limit, "exact": True}
            if low is not None:
                body["filter"] = {"must": [{"has_id": sorted(ids)}]}
            answer = both.served.call("POST", f"{both.path}/facet", body)[1]
            # The core shows values that no point has any more, too, after all others.
            wanted = [(hit.value, hit.count) for hit in theirs if hit.count]
            assert [(hit["value"], hit["count"]) for hit in answer["result"]["hits"]] == wanted


@pytest.mark.parametrize("index", ["integer", "float"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_a_point_is_in_an_order_once_for_each_different_value(served, tmp_path, index, direction):
    both = Pair(served, tmp_path, [[2, 2], [1, 3], 2, [3, 1, 1], None, [], 4], index=index)
    order = edge.OrderBy("x", direction=getattr(edge.Direction, direction.capitalize()))
    for limit in range(1, 10):
        theirs, _ = both.core.scroll(edge.ScrollRequest(limit=limit, order_by=order))
        body = {"limit": limit, "order_by": {"key": "x", "direction": direction}}
        points = both.ask("scroll", body)[1]["result"]["points"]
        # Which of the points of one value are cut off is nobody's promise.
        assert [p["order_value"] for p in points] == [p.order_value for p in theirs]
    assert {(p["id"], p["order_value"]) for p in points} == {(p.id, p.order_value) for p in theirs}
    assert [p["id"] for p in points].count(0) == 1


@pytest.mark.parametrize("index", [None, "integer"])
def test_neighbours_of_an_integer_beyond_the_doubles_are_told_apart(served, tmp_path, index):
    # Not of the core: Python hands it every bound as a double.
    large = 1768907725507217522
    values = [large - 1, large, large + 1, -large, [large + 1, large], 2**63 - 1, 2**63 - 2, -(2**63), 2**53, 2**53 + 1]
    both = Pair(served, tmp_path, values, index=index)
    for bound in values:
        for bound in bound if isinstance(bound, list) else [bound]:
            lists = [value if isinstance(value, list) else [value] for value in values]
            for bounds, passes in [
                ({"gte": bound, "lte": bound}, lambda value: value == bound),
                ({"gt": bound}, lambda value: value > bound),
                ({"lt": bound}, lambda value: value < bound),
            ]:
                wanted = [i for i, list in enumerate(lists) if any(passes(value) for value in list)]
                condition = {"key": "x", "range": bounds}
                assert both.found({"must": [condition]}) == wanted, bounds
                assert both.found({"must": [condition, {"key": "k", "match": {"value": 1}}]}) == wanted, bounds
