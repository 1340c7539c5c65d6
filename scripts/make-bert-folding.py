#!/usr/bin/env python3
"""Write Sources/Embedding/Model/BertFolding+Table.swift: what BERT's uncased normaliser does to every Unicode scalar.

    make-bert-folding.py TOKENIZER_JSON > Sources/Embedding/Model/BertFolding+Table.swift

The reference is asked about each scalar by itself (PyPI: tokenizers), so the table holds its Unicode version, whatever
version the program that reads it was built with: the same text gives the same tokens on every system.
"""
import sys

from tokenizers import Tokenizer

HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic
WIDTH = 112


def main():
    tokenizer = Tokenizer.from_file(sys.argv[1])
    normalise = tokenizer.normalizer.normalize_str
    split = tokenizer.pre_tokenizer.pre_tokenize_str
    classes = {"dropped": [], "spaces": [], "isolated": []}
    runs = []  # [start, end, step, targets]
    for scalar in range(0x110000):
        if 0xD800 <= scalar < 0xE000:
            continue
        character = chr(scalar)
        result = normalise("a" + character + "b")[1:-1]
        words = [word for word, _ in split("a" + result + "b")]
        if not result:
            classes["dropped"].append(scalar)
            continue
        if words == ["a", "b"]:
            classes["spaces"].append(scalar)
            continue
        result = result.strip(" ")
        if len(words) != 1:
            assert words == ["a", result, "b"] and len(result) == 1, (hex(scalar), words)
            classes["isolated"].append(scalar)
        if result == character or scalar in HANGUL:
            continue
        targets = [ord(c) for c in result]
        last = runs[-1] if runs else None
        if last and len(targets) == len(last[3]) == 1 and targets[0] - scalar == last[3][0] - last[0] \
                and scalar - last[1] == (last[2] or scalar - last[1]) and scalar - last[1] <= 2:
            last[1], last[2] = scalar, scalar - last[1]
        else:
            runs.append([scalar, scalar, 0, targets])
    print("// Made by scripts/make-bert-folding.py; do not edit.\n")
    print("extension BertFolding {")
    for index, (name, scalars) in enumerate(classes.items()):
        emit(name, ranges(scalars))
        print()
    emit("mappings", [mapping(*run) for run in runs])
    print("}")


def ranges(scalars):
    found = []
    for scalar in scalars:
        if found and found[-1][1] == scalar - 1:
            found[-1][1] = scalar
        else:
            found.append([scalar, scalar])
    return [f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in found]


def mapping(start, end, step, targets):
    span = f"{start:x}" if start == end else f"{start:x}-{end:x}" + ("/2" if step == 2 else "")
    return span + ">" + ".".join(f"{t:x}" for t in targets)


def emit(name, entries):
    print(f'    static let {name} = """')
    line = ""
    for entry in entries:
        if len(line) + len(entry) + 1 > WIDTH - 8:
            print(f"        {line} \\")
            line = ""
        line += (" " if line else "") + entry
    print(f'        {line}\n        """')


if __name__ == "__main__":
    main()
