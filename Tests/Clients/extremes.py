"""Values that break programs, and ways to put them into a request."""

import copy
import json

LIMITS = [1, 2, 10, 64, 100, 255, 1_000, 10_000, 16_384, 65_536, 100_000, 1 << 31, 1 << 32, 1 << 53, 1 << 63, 1 << 64]
NUMBERS = sorted({0, -1, 1} | {sign * (limit + by) for limit in LIMITS for by in (-1, 0, 1) for sign in (1, -1)})
FRACTIONS = [0.5, -0.0, 1.5, 1e308, -1e308, 5e-324, 1e19, 9.3e18, 2.0**53 + 0.5, 1e-7, 3.5e38]
TEXTS = [
    "", "0", "1", "-1", "9223372036854775807", "18446744073709551616", "NaN", "nan", "Infinity", "-inf", "1e999", "0x10",
    "caf\u00e9", "cafe\u0301", "\u00c5", "\u212b", "\ud55c", "\u1112\u1161\u11ab", ".", "\u0301", "a.\u0301b", "a[]", "a[0]",
    "a[9223372036854775807]", "a[99999999999999999999]", '"a', "[", "$score[9223372036854775807]", "\ud83d", "\udc00x",
    "\u0000", "\n", "x" * 300, "x" * 70_000, "2024-02-30", "0000-01-01", "9999-12-31T23:59:60+23:59", "-1000-01-01",
    "2024-01-01T00:00:00.999999999999999999999Z", "..", "%2e%2e", "memory://", "\U0001f600" * 9, "\u202e", "a" + "\u0301" * 400,
]  # fmt: skip
# JSON that `json.dumps` does not write, put in the place of a marker.
RAW = [
    "NaN", "Infinity", "1e999", "-0", "01", "1.", "9" * 400, "0." + "9" * 400, "1e-400", '"\\ud83d"', '"\\ud83d\\ud83d"',
    '"\\udc00"', "[" * 127 + "]" * 127, "[" * 5_000, '{"a":' * 120 + "1" + "}" * 120, '{"a":1,"a":2}',
    '{"caf\\u00e9":1,"cafe\\u0301":2}', "tru", "\x00", '"\\u0000"',
]  # fmt: skip
MARKER = "\u2603 here \u2603"
# Numbers that no 64 bits hold when they are added or multiplied.
PAIRS = [
    ((1 << 63) - 1, 1), ((1 << 63) - 1, (1 << 63) - 1), (1 << 62, 1 << 62), ((1 << 64) - 1, 1), (1 << 32, 1 << 32),
    (3_037_000_500, 3_037_000_500), ((1 << 63) - 11, 10), (100_000, 100_000), (1 << 53, (1 << 53) + 1),
]  # fmt: skip


def extreme(pick):
    kind = pick.randrange(10)
    if kind < 4:
        return pick.choice(NUMBERS)
    if kind < 5:
        return pick.choice(FRACTIONS)
    if kind < 7:
        return pick.choice(TEXTS)
    if kind < 8:
        return pick.choice([None, True, False, [], {}, [[]], [None], {"": None}, [1] * 2_000, {"k%d" % i: i for i in range(300)}])
    if kind < 9:
        return {pick.choice(TEXTS): pick.choice(NUMBERS + TEXTS)}
    return MARKER


def places(value, path=()):
    """The path of every value inside `value`."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:20]) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def put(value, path, new):
    if not path:
        return new
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return value


def reached(value, path):
    for key in path:
        value = value[key]
    return value


def changed(pick, value, members=()):
    """`value` with some of its parts replaced by extremes; `members` are keys to add to its objects."""
    value = copy.deepcopy(value)
    for _ in range(pick.choice([0, 1, 1, 1, 2, 3, 6])):
        known = list(places(value))
        numbers = [path for path in known if path and type(reached(value, path)) in (int, float)]
        way = pick.randrange(6)
        if way == 0 and len(numbers) > 1:
            for path, number in zip(pick.sample(numbers, 2), pick.choice(PAIRS)):
                value = put(value, path, number)
        elif way == 1 and numbers:
            value = put(value, pick.choice(numbers), pick.choice(NUMBERS + FRACTIONS))
        elif way == 2 and members:
            objects = [path for path in known if isinstance(reached(value, path), dict)]
            if objects:
                reached(value, pick.choice(objects))[pick.choice(members)] = extreme(pick)
        elif way == 3:
            objects = [path for path in known if isinstance(reached(value, path), dict) and reached(value, path)]
            if objects:
                parent = reached(value, pick.choice(objects))
                key = pick.choice(list(parent))
                parent[pick.choice(TEXTS)] = parent[key] if pick.random() < 0.5 else parent.pop(key)
        else:
            value = put(value, pick.choice(known), extreme(pick))
    return value


def text(pick, value):
    """`value` as JSON, with broken JSON where a marker stands. ASCII, but for raw control characters."""
    written = json.dumps(value)
    while (marker := json.dumps(MARKER)) in written:
        written = written.replace(marker, pick.choice(RAW), 1)
    return written
