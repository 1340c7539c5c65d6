"""What the answers to questions must be: each kind of question computes it from one cut of the model.

A writer's state is {id: point}; a point is a dictionary of `payload`, `vector` (the dense vector "d"), `words` (the
sparse vector) and `extra`: None, or the vector of a name that comes and goes and the times of the call that brought it.
The state of the schema is a dictionary of `indexes` (a frozenset) and `extra`: None, or the number of this vector
name's life. All components are small integers over eight, so that every score is exact in float32.
"""

import collections
import heapq
import uuid

from cuts import common_moments, cuts

SCHEMA = "schema"


# MARK: Ids

def id_of(writer, key):
    """Every third id is a uuid."""
    return str(uuid.UUID(int=(writer << 64) + key)) if key % 3 == 0 else writer * 1_000_000 + key


def owner(id):
    return uuid.UUID(id).int >> 64 if isinstance(id, str) else id // 1_000_000


def order(id):
    """Numbers come before uuids."""
    return (1, uuid.UUID(id).int) if isinstance(id, str) else (0, id)


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


class Question:
    """A request; subclasses say what its answer must be."""

    def __init__(self, method, path, body=None, deciding=None):
        self.method, self.path, self.body = method, path, body
        #: Names of the timelines, other than the writers', that decide whether there is an answer, or which.
        self.deciding = list(deciding or ())

    def refusal(self, name, state):
        """The status that the state of a followed timeline gives; 200 by default."""
        return 200

    def check(self, timelines, asked, answered, status, result):
        """None where some cut gives this answer, else what is wrong."""
        mine = {n: t for n, t in timelines.items() if isinstance(n, int) or n in self.deciding}
        if status != 200:
            refusing = {n: t for n, t in mine.items() if n in self.deciding}
            fits = lambda n, state: self.refusal(n, state) == status  # noqa: E731
            if refusing and common_moments(refusing, fits, asked, answered)[0]:
                return None
            return f"answered {status}: {str(result)[:300]}"
        seen = self.seen(result)
        if isinstance(seen, str):
            return seen
        for follows in (True, False):
            first = self.first_cut(mine, seen, asked, answered, follows)
            if first is not None:
                break
        else:
            return "fits no moment between its request and its answer"
        if not follows:
            return "fits a moment between its request and its answer, but one before what an earlier answer showed"
        for name, number in first.items():
            timelines[name].show(number, answered)
        return None


class Listing(Question):
    """An answer with all points that a filter lets through, each with all that is stored with it."""

    def __init__(self, *request, passes=lambda id, point: True, deciding=None, parts=("payload", "d", "words")):
        super().__init__(*request, deciding=deciding)
        self.passes, self.parts = passes, parts

    def refusal(self, name, state):
        return 404 if name != SCHEMA and not state else 200

    def points(self, result):
        return result["points"]

    def seen(self, result):
        """The points of each owner, by id; a sentence where the answer is wrong by itself."""
        found = collections.defaultdict(dict)
        points = self.points(result)
        for point in points:
            if point["id"] in found[owner(point["id"])]:
                return f"has {point['id']} twice"
            found[owner(point["id"])][point["id"]] = self.shown(point)
        return found

    def shown(self, point):
        vectors = point.get("vector") or {}
        words = vectors.get("words")
        return [
            point.get("payload") if "payload" in self.parts else None, vectors.get("d") if "d" in self.parts else None,
            (words["indices"], words["values"]) if words and "words" in self.parts else None]

    def expected(self, state):
        return {
            id: [
                point["payload"] if "payload" in self.parts else None, point["vector"] if "d" in self.parts else None,
                point["words"] if "words" in self.parts else None]
            for id, point in state.items() if self.passes(id, point)}

    def fits(self, seen, name, state):
        if name in self.deciding:
            return self.refusal(name, state) == 200
        return self.expected(state) == seen.get(name, {})

    def first_cut(self, timelines, seen, asked, answered, follows):
        if any(name not in timelines for name in seen):
            return None
        fits = lambda name, state: self.fits(seen, name, state)  # noqa: E731
        moments, first = common_moments(timelines, fits, asked, answered, follows)
        return first if moments else None


class Retrieval(Listing):
    def points(self, result):
        return result


class Grouped(Listing):
    """Groups large enough that nothing is left out."""

    def points(self, result):
        return [hit for group in result["groups"] for hit in group["hits"]]

    def seen(self, result):
        for group in result["groups"]:
            for hit in group["hits"]:
                if hit["payload"].get("group") != group["id"]:
                    return f"has {hit['id']} of {hit['payload'].get('group')} in the group {group['id']}"
        ids = [group["id"] for group in result["groups"]]
        return f"has a group twice: {ids}" if len(set(ids)) != len(ids) else super().seen(result)


class Batch(Listing):
    """Two queries in one call: both from one moment."""

    def __init__(self, *request, parts):
        super().__init__(*request)
        self.both = parts

    def seen(self, result):
        found = collections.defaultdict(list)
        for number, (part, answer) in enumerate(zip(self.both, result, strict=True)):
            seen = part.seen(answer)
            if isinstance(seen, str):
                return seen
            for name, points in seen.items():
                found.setdefault(name, [{} for _ in self.both])[number] = points
        return found

    def fits(self, seen, name, state):
        nothing = [{} for _ in self.both]
        return [part.expected(state) for part in self.both] == seen.get(name, nothing)


class Extra(Listing):
    """A search by the vector name that comes and goes: who was written while the name lived must be found, and who was
    written in its present life only."""

    def refusal(self, name, state):
        return 400 if state["extra"] is None else 200

    def shown(self, point):
        return point["vector"]["extra"], point["payload"]

    def first_cut(self, timelines, seen, asked, answered, follows):
        schema, found = timelines[SCHEMA], None
        for number in schema.possible(asked, answered, follows):
            state = schema.states[number]
            if state["extra"] is None:
                continue
            one = {name: other for name, other in timelines.items() if name != SCHEMA}
            at = schema.moments(number, asked, answered)
            fits = lambda name, points: self.fits_life(seen, name, points, state["extra"], schema)  # noqa: E731, B023
            moments, first = common_moments(one, fits, *at, follows)
            if moments:
                # A later question may begin within the same life, so the least of all lives counts.
                found = {name: min(n, (found or first)[name]) for name, n in first.items()}
        return found

    def fits_life(self, seen, name, state, life, schema):
        mine, must, may = seen.get(name, {}), set(), {}
        for id, point in state.items():
            lives = lives_of(point, schema)
            if life in lives:
                may[id] = (point["extra"]["vector"], point["payload"])
                if len(lives) == 1:
                    must.add(id)
        return must <= mine.keys() and all(may.get(id) == shown for id, shown in mine.items())


def lives_of(point, schema):
    """The lives of the vector name during which the point's vector of this name may have been written."""
    extra = point["extra"]
    if extra is None:
        return set()
    if "lives" not in extra:
        possible = schema.possible(extra["began"], extra["ended"], follows=False)
        extra["lives"] = {schema.states[number]["extra"] for number in possible} - {None}
    return extra["lives"]


class Joint(Question):
    """An answer that depends on the points of all owners together."""

    def first_cut(self, timelines, seen, asked, answered, follows):
        parts, least = {}, None
        for cut in cuts(timelines, asked, answered, follows):
            if any(self.refusal(n, timelines[n].states[cut[n]]) != 200 for n in self.deciding):
                continue
            for name, number in cut.items():
                if (name, number) not in parts:
                    parts[name, number] = self.part(name, timelines[name].states[number])
            if self.whole([parts[pair] for pair in cut.items()]) == seen:
                least = cut if least is None else {n: min(number, least[n]) for n, number in cut.items()}
        return least

    def seen(self, result):
        return result


class Count(Joint):
    def __init__(self, *request, passes, member="count"):
        super().__init__(*request)
        self.passes, self.member = passes, member

    def seen(self, result):
        return result[self.member]

    def part(self, name, state):
        return sum(self.passes(id, point) for id, point in state.items())

    def whole(self, parts):
        return sum(parts)


class Facet(Joint):
    def __init__(self, *request, key, passes, deciding=None):
        super().__init__(*request, deciding=deciding)
        self.key, self.passes = key, passes

    def refusal(self, name, state):
        return 200 if self.key in state["indexes"] else 400

    def seen(self, result):
        hits = result["hits"]
        counts = [hit["count"] for hit in hits]
        return "is not sorted by count" if counts != sorted(counts, reverse=True) else (
            {hit["value"]: hit["count"] for hit in hits})

    def part(self, name, state):
        if name in self.deciding:
            return collections.Counter()
        return collections.Counter(
            value for id, point in state.items() if self.passes(id, point)
            for value in set(listed(point["payload"].get(self.key))))

    def whole(self, parts):
        return dict(sum(parts, collections.Counter()))


class Page(Joint):
    """The first points by id from one id on, and where the next page begins."""

    def __init__(self, *request, passes, limit, start):
        super().__init__(*request)
        self.passes, self.limit, self.start = passes, limit, start

    def seen(self, result):
        return [(p["id"], p["payload"]) for p in result["points"]], result["next_page_offset"]

    def part(self, name, state):
        found = [
            (order(id), id, point["payload"]) for id, point in state.items()
            if self.passes(id, point) and (self.start is None or order(id) >= order(self.start))]
        return heapq.nsmallest(self.limit + 1, found, key=lambda row: row[0])

    def whole(self, parts):
        rows = list(heapq.merge(*parts, key=lambda row: row[0]))[:self.limit + 1]
        following = rows[self.limit][1] if len(rows) > self.limit else None
        return [(id, payload) for _, id, payload in rows[:self.limit]], following


class Ordered(Joint):
    """The first points by an indexed number."""

    def __init__(self, *request, passes, limit, descending):
        super().__init__(*request)
        self.passes, self.limit, self.sign = passes, limit, -1 if descending else 1

    def seen(self, result):
        # Which of several points with the last number come is not said.
        last = result["points"][-1]["payload"]["rank"] if result["points"] else None
        return (
            [p["payload"]["rank"] for p in result["points"]],
            {p["id"]: p["payload"] for p in result["points"] if p["payload"]["rank"] != last})

    def part(self, name, state):
        found = [
            (self.sign * point["payload"]["rank"], id, point["payload"]) for id, point in state.items()
            if "rank" in point["payload"] and self.passes(id, point)]
        return sorted(found, key=lambda row: row[0])

    def whole(self, parts):
        rows = list(heapq.merge(*parts, key=lambda row: row[0]))[:self.limit]
        return [self.sign * n for n, _, _ in rows], {id: p for n, id, p in rows if n != rows[-1][0]}


class Nearest(Joint):
    """The few points nearest to a vector: their scores, and those points of which nothing is as near as the last."""

    def __init__(self, *request, passes, vector, limit):
        super().__init__(*request)
        self.passes, self.vector, self.limit = passes, vector, limit

    def seen(self, result):
        scores = [hit["score"] for hit in result["points"]]
        last = scores[-1] if scores else None
        return scores, {hit["id"]: hit["payload"] for hit in result["points"] if hit["score"] != last}

    def part(self, name, state):
        found = [
            (-sum(a * b for a, b in zip(self.vector, point["vector"])), id, point["payload"])
            for id, point in state.items() if self.passes(id, point)]
        return sorted(found, key=lambda row: row[0])[:self.limit]

    def whole(self, parts):
        rows = list(heapq.merge(*parts, key=lambda row: row[0]))[:self.limit]
        # 0.0 and -0.0 are equal, as JSON and Python have it.
        return [-score for score, _, _ in rows], {id: p for score, id, p in rows if score != rows[-1][0]}


class Names(Joint):
    """The list of aliases, each of which its own timeline decides."""

    def check(self, timelines, asked, answered, status, result):
        aliases = {name: t for name, t in timelines.items() if isinstance(name, str) and name != SCHEMA}
        self.deciding = list(aliases)
        return super().check(aliases, asked, answered, status, result)

    def seen(self, result):
        return sorted(row["alias_name"] for row in result["aliases"])

    def part(self, name, state):
        return [name] if state else []

    def whole(self, parts):
        return sorted(sum(parts, []))
