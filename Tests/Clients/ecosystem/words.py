"""A deterministic embedding of texts without a model: words hashed into vectors, dense and sparse."""

import math
import re
import zlib

SIZE = 64


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def dense(text):
    vector = [0.0] * SIZE
    for word in words(text):
        vector[zlib.crc32(word.encode()) % SIZE] += 1
    length = math.sqrt(sum(x * x for x in vector)) or 1
    return [x / length for x in vector]


def sparse(text):
    """Indices ascending, and how often each word occurs in the text."""
    counts = {}
    for word in words(text):
        index = zlib.crc32(word.encode()) & 0xFFFFFF
        counts[index] = counts.get(index, 0) + 1
    return sorted(counts), [float(counts[index]) for index in sorted(counts)]


TEXTS = [
    "amber lies on the beach",
    "basil grows in the garden",
    "cedar wood smells of rain",
    "a garden of cedar and amber",
]
