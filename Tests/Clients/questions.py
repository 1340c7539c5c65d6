"""What readers ask while writers write, drawn at random."""

from answers import (
    SCHEMA, Batch, Count, Extra, Facet, Grouped, Listing, Names, Nearest, Ordered, Page, Retrieval, listed)

COLLECTION = "c"
COLORS = ("red", "green", "blue")
GROUPS = ("g0", "g1", "g2", "g3", "g4")
TAGS = ("a", "b", "c", "caf\u00e9", "cafe\u0301")
DIMENSION = 8
ALL = 10_000


# MARK: Filters

class Condition:
    """One condition as the wire has it, and as a function of a point."""

    def __init__(self, wire, passes):
        self.wire, self.passes = wire, passes

    def __and__(self, other):
        wire = {"must": [*self.must, *other.must]}
        return Condition(wire, lambda id, point: self.passes(id, point) and other.passes(id, point))

    @property
    def must(self):
        return self.wire["must"] if set(self.wire) == {"must"} else [self.wire]


def match(key, value):
    return Condition(
        {"must": [{"key": key, "match": {"value": value}}]},
        lambda id, point: value in listed(point["payload"].get(key)))


def condition(pick, ids=()):
    kind = pick.randrange(10)
    if kind < 4:
        return match("color", pick.choice(COLORS))
    if kind == 4:
        return match("tags", pick.choice(TAGS))
    if kind == 5:
        low = pick.randrange(100)
        return Condition(
            {"must": [{"key": "rank", "range": {"gte": low, "lt": low + 40}}]},
            lambda id, point: any(low <= n < low + 40 for n in listed(point["payload"].get("rank"))))
    if kind == 6:
        color = pick.choice(COLORS)
        return Condition(
            {"must_not": [{"key": "color", "match": {"value": color}}]},
            lambda id, point: color not in listed(point["payload"].get("color")))
    if kind == 7:
        return Condition(
            {"must": [{"is_empty": {"key": "color"}}]}, lambda id, point: not listed(point["payload"].get("color")))
    if kind == 8 and ids:
        chosen = pick.sample(ids, min(12, len(ids)))
        return Condition({"must": [{"has_id": chosen}]}, lambda id, point: id in chosen)
    return match("color", pick.choice(COLORS)) & match("group", pick.choice(GROUPS))


# MARK: Drawing

def vector(pick):
    return [pick.randint(-16, 16) / 8 for _ in range(DIMENSION)]


def words(pick):
    indices = sorted(pick.sample(range(20), pick.randint(1, 4)))
    return indices, [pick.randint(1, 16) / 8 for _ in indices]


def question(pick, ids, aliases):
    """One question at random."""
    base = f"/collections/{COLLECTION}/points"
    passing = condition(pick, ids)
    wire = passing.wire
    everything = {"with_payload": True, "with_vector": ["d", "words"]}
    kind = pick.randrange(14)
    if kind == 0:
        body = {"filter": wire, "limit": ALL, **everything}
        return Listing("POST", f"{base}/scroll", body, passes=passing.passes)
    if kind in (1, 2):
        body = {"query": vector(pick), "using": "d", "filter": wire, "limit": ALL, **everything}
        return Listing("POST", f"{base}/query", body, passes=passing.passes)
    if kind == 3:
        prefetch = [
            {"query": vector(pick), "using": "d", "limit": ALL},
            {"query": dict(zip(("indices", "values"), words(pick))), "using": "words", "limit": ALL}]
        body = {"prefetch": prefetch, "query": {"fusion": "rrf"}, "filter": wire, "limit": ALL, **everything}
        return Listing("POST", f"{base}/query", body, passes=passing.passes)
    if kind == 4:
        body = {"query": vector(pick), "using": "d", "filter": wire, "limit": 1000, "group_by": "group",
                "group_size": 1000, **everything}
        return Grouped("POST", f"{base}/query/groups", body, passes=passing.passes)
    if kind == 5:
        chosen = pick.sample(ids, min(30, len(ids)))
        return Retrieval("POST", base, {"ids": chosen, **everything}, passes=lambda id, point: id in chosen)
    if kind == 6:
        color = pick.choice(COLORS)
        both = [match("color", color), Condition(
            {"must_not": match("color", color).must}, lambda id, p: color not in listed(p["payload"].get("color")))]
        parts = [Listing("POST", "", None, passes=one.passes) for one in both]
        searches = [{"query": vector(pick), "using": "d", "filter": o.wire, "limit": ALL, **everything} for o in both]
        return Batch("POST", f"{base}/query/batch", {"searches": searches}, parts=parts)
    if kind == 7:
        alias = pick.choice(aliases)
        body = {"filter": wire, "limit": ALL, **everything}
        return Listing(
            "POST", f"/collections/{alias}/points/scroll", body, passes=passing.passes, deciding=[alias])
    if kind == 8:
        body = {"query": vector(pick), "using": "extra", "limit": ALL, "with_payload": True, "with_vector": ["extra"]}
        return Extra("POST", f"{base}/query", body, deciding=[SCHEMA])
    if kind == 9:
        return Count("POST", f"{base}/count", {"filter": wire, "exact": True}, passes=passing.passes)
    if kind == 10:
        key = pick.choice(("color", "tags"))
        body = {"key": key, "filter": wire, "limit": 100, "exact": True}
        return Facet("POST", f"/collections/{COLLECTION}/facet", body,
                     key=key, passes=passing.passes, deciding=[SCHEMA])
    if kind == 11:
        start, limit = pick.choice([None, pick.choice(ids)]), pick.randint(1, 9)
        body = {"filter": wire, "limit": limit, "with_payload": True}
        if start is not None:
            body["offset"] = start
        return Page("POST", f"{base}/scroll", body, passes=passing.passes, limit=limit, start=start)
    if kind == 12:
        limit, descending = pick.randint(1, 20), pick.random() < 0.5
        body = {"filter": wire, "limit": limit, "with_payload": True,
                "order_by": {"key": "rank", "direction": "desc" if descending else "asc"}}
        return Ordered("POST", f"{base}/scroll", body, passes=passing.passes, limit=limit, descending=descending)
    if pick.random() < 0.3:
        return Names("GET", "/aliases")
    wanted, limit = vector(pick), pick.randint(1, 10)
    body = {"query": wanted, "using": "d", "filter": wire, "limit": limit, "with_payload": True,
            "params": {"exact": True}}
    return Nearest("POST", f"{base}/query", body, passes=passing.passes, vector=wanted, limit=limit)


def complete():
    """All points with all that is stored with them, asked when nobody writes."""
    body = {"limit": ALL, "with_payload": True, "with_vector": ["d", "words"]}
    return Listing("POST", f"/collections/{COLLECTION}/points/scroll", body)
