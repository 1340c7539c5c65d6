#!/usr/bin/env python3
"""Writes WordNet's 117 659 glosses as texts to store: a real corpus that Debian carries (package wordnet-base).

    scripts/wordnet_texts.py OUT.jsonl                       # one memory item a line, for `cortex store --from`
    scripts/wordnet_texts.py --format markdown OUT-FOLDER    # one small file a synset, for a folder import

A text reads `lemma, lemma: gloss`; no two are alike. Order is that of WordNet's files: noun, verb, adj, adv, each by
offset. Nothing but the standard library is needed.
"""

import argparse
import json
import pathlib
import sys
from typing import Iterator, NamedTuple

PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
# The lexicographer files by number: lexnames(5WN).
LEXICOGRAPHER_FILES = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object "
    "noun.person noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape "
    "noun.state noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition "
    "verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession "
    "verb.social verb.stative verb.weather adj.ppl"
).split()


class Synset(NamedTuple):
    part_of_speech: str
    offset: str
    topic: str
    lemmas: list[str]
    gloss: str

    @property
    def text(self) -> str:
        return f"{', '.join(self.lemmas)}: {self.gloss}"


def parse_line(part_of_speech: str, line: str) -> Synset:
    """One line of a data file, laid out as wndb(5WN) says: offset, file number, type, count in hex, words, … | gloss."""
    head, _, gloss = line.partition(" | ")
    fields = head.split(" ")
    count = int(fields[3], 16)
    # An adjective may carry its position as a marker: `galore(ip)`.
    lemmas = [fields[4 + 2 * i].split("(")[0].replace("_", " ") for i in range(count)]
    return Synset(part_of_speech, fields[0], LEXICOGRAPHER_FILES[int(fields[1])], lemmas, gloss.strip())


def synsets(folder: pathlib.Path) -> Iterator[Synset]:
    for part_of_speech in PARTS_OF_SPEECH:
        with open(folder / f"data.{part_of_speech}", encoding="utf-8") as lines:
            for line in lines:
                # The licence is at the beginning; its lines begin with two blanks.
                if not line.startswith("  "):
                    yield parse_line(part_of_speech, line)


def write_jsonl(items: Iterator[Synset], path: pathlib.Path) -> int:
    count = 0
    with open(path, "w", encoding="utf-8") as out:
        for item in items:
            row = {
                "kind": "observation",
                "content": item.text,
                "tags": ["wordnet", item.topic],
                "metadata": {"synset": f"{item.part_of_speech}.{item.offset}"},
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def write_markdown(items: Iterator[Synset], folder: pathlib.Path) -> int:
    """FOLDER/noun.animal/01313093.md: a heading with the lemmas, then the gloss."""
    count = 0
    for item in items:
        topic = folder / item.topic
        topic.mkdir(parents=True, exist_ok=True)
        text = f"# {', '.join(item.lemmas)}\n\n{item.gloss}\n"
        (topic / f"{item.offset}.md").write_text(text, encoding="utf-8")
        count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--wordnet", type=pathlib.Path, default=pathlib.Path("/usr/share/wordnet"), metavar="FOLDER")
    parser.add_argument("--format", choices=("jsonl", "markdown"), default="jsonl")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N only")
    arguments = parser.parse_args()
    if not (arguments.wordnet / "data.noun").is_file():
        print(f"no data.noun in {arguments.wordnet}; on Debian: apt-get install wordnet-base", file=sys.stderr)
        return 1
    items = synsets(arguments.wordnet)
    if arguments.limit is not None:
        items = (item for _, item in zip(range(arguments.limit), items))
    write = write_jsonl if arguments.format == "jsonl" else write_markdown
    print(f"{write(items, arguments.out)} texts in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
