#!/usr/bin/env python3
"""Turn all-MiniLM-L6-v2 (safetensors and vocab.txt) into the file that CModel embeds.

    convert-model.py MODEL_FOLDER OUTPUT

Only Python's standard library is used. Why these widths: docs/decisions/weights.md.

Layout, little-endian, every section at a multiple of 64 bytes:

    0   8   magic "CTXMODEL"
    8   4   format version, 1
    12  4   number of sections
    16  8   size of the whole file
    24  32  SHA-256 of everything from byte 64 on
    56  8   zero
    64  …   section table: name (24 bytes, zero-padded), offset u64, size u64, CRC-32 u32, zero u32
    …       the sections

Sections: `vocabulary` (UTF-8 lines), `words` (int8, 30522 × 384), `words.scales` (float32, 30522 × 12, one for 32
columns), `positions` (float32, 256 × 384, the token type's row added), `norm` (float32, gain then bias), and for each
of 6 layers the linear parts `N.qkv`, `N.project`, `N.widen`, `N.narrow` with `.weights` (int16 in panels: see
ctransformer.h), `.scales`, `.bias` (float32, a number a column) and `.limit` (one float32), and `N.norm1`, `N.norm2`.
The query's scales and bias carry the 1/sqrt(32) of attention.
"""
import hashlib
import json
import struct
import sys
import zlib
from array import array
from pathlib import Path

VERSION = 1
LAYERS, WIDTH, TOKENS = 6, 384, 256
PANEL = 16
WORD_GROUP = 32
WEIGHT_STEPS = 2047
ALIGNMENT = 64


def read_safetensors(path):
    """Name -> (shape, array of float32); tensors of other types are left out."""
    data = path.read_bytes()
    (header_size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + header_size])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = (8 + header_size + offset for offset in entry["data_offsets"])
        values = array("f")
        values.frombytes(data[begin:end])
        if sys.byteorder == "big":
            values.byteswap()
        tensors[name] = (entry["shape"], values)
    return tensors


def rounded(values, steps):
    """Whole numbers in -steps...steps and the factor that takes them back."""
    largest = max(max(values), -min(values), 1e-30)
    factor = steps / largest
    return [round(value * factor) for value in values], largest / steps


def packed_linear(matrices, biases, column_factors):
    """The sections of one linear layer whose columns are the rows of `matrices` (each outputs x inputs), in order."""
    inputs = matrices[0][0][1]
    outputs = sum(shape[0] for shape, _ in matrices)
    weights, scales, bias = array("h", bytes(2 * inputs * outputs)), array("f"), array("f")
    largest_sum, column = 0, 0
    for (shape, values), (_, offsets), extra in zip(matrices, biases, column_factors):
        for row in range(shape[0]):
            whole, scale = rounded(values[row * inputs:(row + 1) * inputs], WEIGHT_STEPS)
            largest_sum = max(largest_sum, sum(map(abs, whole)))
            scales.append(scale * extra)
            bias.append(offsets[row] * extra)
            start = column // PANEL * PANEL * inputs + column % PANEL * 2
            end = (column // PANEL + 1) * PANEL * inputs
            whole = array("h", whole)
            weights[start:end:2 * PANEL] = whole[0::2]
            weights[start + 1:end:2 * PANEL] = whole[1::2]
            column += 1
    # No sum of weight x activation may leave 32 bits, whatever the activations are; 16-bit activations, whole to 2^15.
    limit = min(16383, (2 ** 31 - 1) // largest_sum)
    return {"weights": weights, "scales": scales, "bias": bias, "limit": array("f", [limit])}


def sections_of(tensors, vocabulary):
    yield "vocabulary", vocabulary
    shape, words = tensors["embeddings.word_embeddings.weight"]
    assert shape == [len(vocabulary.decode().splitlines()), WIDTH], shape
    whole, scales = array("b"), array("f")
    for start in range(0, len(words), WORD_GROUP):
        group, scale = rounded(words[start:start + WORD_GROUP], 127)
        whole.extend(group)
        scales.append(scale)
    yield "words", whole
    yield "words.scales", scales
    kind = tensors["embeddings.token_type_embeddings.weight"][1][:WIDTH]
    positions = tensors["embeddings.position_embeddings.weight"][1][:TOKENS * WIDTH]
    yield "positions", array("f", [value + kind[i % WIDTH] for i, value in enumerate(positions)])

    def norm(name):
        return tensors[name + ".LayerNorm.weight"][1] + tensors[name + ".LayerNorm.bias"][1]

    yield "norm", norm("embeddings")
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        linears = {
            "qkv": ["attention.self.query", "attention.self.key", "attention.self.value"],
            "project": ["attention.output.dense"],
            "widen": ["intermediate.dense"],
            "narrow": ["output.dense"],
        }
        for name, parts in linears.items():
            matrices = [tensors[prefix + part + ".weight"] for part in parts]
            biases = [tensors[prefix + part + ".bias"] for part in parts]
            factors = [32 ** -0.5 if part.endswith("query") else 1.0 for part in parts]
            for part, values in packed_linear(matrices, biases, factors).items():
                yield f"{layer}.{name}.{part}", values
        yield f"{layer}.norm1", norm(prefix + "attention.output")
        yield f"{layer}.norm2", norm(prefix + "output")


def little_endian(values):
    if isinstance(values, bytes):
        return values
    if sys.byteorder == "big":
        values = array(values.typecode, values)
        values.byteswap()
    return values.tobytes()


def padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


def main():
    folder, output = Path(sys.argv[1]), Path(sys.argv[2])
    tensors = read_safetensors(folder / "model.safetensors")
    sections = [(name, little_endian(values))
                for name, values in sections_of(tensors, (folder / "vocab.txt").read_bytes())]
    entry = struct.Struct("<24sQQII")
    table_size = entry.size * len(sections)
    table, bodies, offset = b"", [], 64 + table_size + -table_size % ALIGNMENT
    for name, data in sections:
        table += entry.pack(name.encode(), offset, len(data), zlib.crc32(data), 0)
        bodies.append(padded(data))
        offset += len(bodies[-1])
    rest = padded(table) + b"".join(bodies)
    head = struct.pack("<8sIIQ", b"CTXMODEL", VERSION, len(sections), 64 + len(rest))
    digest = hashlib.sha256(rest).digest()
    partial = output.with_suffix(".partial")
    partial.write_bytes(head + digest + bytes(8) + rest)
    partial.replace(output)
    print(f"wrote {output}: {64 + len(rest)} bytes, {len(sections)} sections, revision {digest.hex()[:12]}")


if __name__ == "__main__":
    main()
