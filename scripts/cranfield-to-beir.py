#!/usr/bin/env python3
"""Turns the Cranfield collection (SMART format) into BEIR's layout, which `Bench retrieval --beir` reads.

    scripts/cranfield-to-beir.py FOLDER OUT

FOLDER holds cran.all.1400, cran.qry and cranqrel. OUT gets

    corpus.jsonl      {"_id": "1", "title": .T, "text": .W, "metadata": {"author": .A}}, in the collection's order
    queries.jsonl     {"_id": "1", "text": .W}
    qrels/test.tsv    query-id, corpus-id, score
    qrels/binary.tsv  the same with 1 for every relevant document

What is done to the data, and why:
- Questions are numbered by their ORDER in cran.qry, from 1, since that is how cranqrel numbers them; the .I of a
  question is another number and is not used.
- Grades are turned round, so that a higher one is better, as nDCG wants it: 1 (a complete answer) becomes 4, 2
  becomes 3, 3 becomes 2, 4 (of minimum interest) becomes 1, and -1 (not relevant) becomes 0. Another grade is an error.
- Two judgements of one pair: the better one counts; the number of such pairs is reported.
- .W is kept whole, though it begins with the title again. Documents without text stay, so that counts agree; how
  many there are is reported.
- Lines are joined by blanks and runs of blanks are one. Nothing else is changed: no case, no punctuation.

Cranfield carries no licence: evaluate with it, do not ship it.
"""

import json
import pathlib
import sys

FIELDS = ("T", "A", "B", "W")
SCORES = {1: 4, 2: 3, 3: 2, 4: 1, -1: 0}


class FormatError(Exception):
    """A line that SMART format does not have, with its place."""


def read_smart(path: pathlib.Path) -> list[dict[str, str]]:
    """The records of a SMART file in order; each has `I` and the fields it carries, as one line of text each."""
    records: list[dict[str, list[str]]] = []
    field = ""
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), 1):
        if line.startswith(".I "):
            records.append({"I": [line[3:].strip()]})
            field = "I"
        elif len(line.rstrip()) == 2 and line[0] == "." and line[1] in FIELDS:
            if not records:
                raise FormatError(f"{path}:{number}: {line.strip()} before the first .I")
            field = line[1]
            # A document may say .W twice; both are its text.
            records[-1].setdefault(field, [])
        elif line.strip():
            if field in ("", "I"):
                raise FormatError(f"{path}:{number}: text that belongs to no field")
            records[-1][field].append(line)
    return [{name: " ".join(" ".join(lines).split()) for name, lines in record.items()} for record in records]


def read_judgements(path: pathlib.Path, questions: int, documents: set[str]) -> tuple[dict[tuple[int, str], int], int]:
    """(question, document) → score, in the file's order, and how many pairs were judged twice."""
    scores: dict[tuple[int, str], int] = {}
    repeated = 0
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        try:
            question, document, grade = int(fields[0]), fields[1], int(fields[2])
            score = SCORES[grade]
        except (ValueError, IndexError, KeyError) as error:
            raise FormatError(f"{path}:{number}: not `question document grade`: {line!r}") from error
        if not 1 <= question <= questions or document not in documents:
            raise FormatError(f"{path}:{number}: no question {question} or no document {document}")
        pair = (question, document)
        repeated += pair in scores
        scores[pair] = max(score, scores.get(pair, 0))
    return scores, repeated


def write_jsonl(path: pathlib.Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def convert(source: pathlib.Path, out: pathlib.Path) -> str:
    documents = read_smart(source / "cran.all.1400")
    questions = read_smart(source / "cran.qry")
    scores, repeated = read_judgements(source / "cranqrel", len(questions), {item["I"] for item in documents})

    (out / "qrels").mkdir(parents=True, exist_ok=True)
    write_jsonl(out / "corpus.jsonl", [
        {"_id": item["I"], "title": item.get("T", ""), "text": item.get("W", ""),
         "metadata": {"author": item.get("A", "")}}
        for item in documents
    ])
    write_jsonl(out / "queries.jsonl", [
        {"_id": str(order), "text": item.get("W", "")} for order, item in enumerate(questions, 1)
    ])
    for name, gain in (("test", lambda score: score), ("binary", lambda score: int(score > 0))):
        with open(out / "qrels" / f"{name}.tsv", "w", encoding="ascii") as judgements:
            judgements.write("query-id\tcorpus-id\tscore\n")
            for (question, document), score in scores.items():
                judgements.write(f"{question}\t{document}\t{gain(score)}\n")

    empty = [item["I"] for item in documents if not item.get("W")]
    relevant = sum(score > 0 for score in scores.values())
    return (f"{len(documents)} documents ({len(empty)} without text: {', '.join(empty) or 'none'}), "
            f"{len(questions)} questions, {len(scores)} judgements ({relevant} relevant; {repeated} judged twice)")


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 64
    try:
        print(convert(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
    except (FormatError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
