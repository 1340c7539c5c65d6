"""What both generators share: their command line, and the folder in BEIR's layout they write."""

import argparse
import json
import pathlib


def options(doc):
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class BEIRFolder:
    """Turns and questions on their way into corpus.jsonl, queries.jsonl and qrels/{tune,test}.tsv."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.corpus, self.queries, self.splits = [], [], {"tune": [], "test": []}

    def ask(self, text, metadata, ids, conversation):
        """A question that the turns `ids` answer; odd conversations are for tuning."""
        name = f"{self.prefix}{len(self.queries)}"
        self.queries.append({"_id": name, "text": text, "metadata": metadata})
        self.splits["tune" if conversation % 2 else "test"] += [(name, id) for id in ids]

    def write(self, out):
        (out / "qrels").mkdir(parents=True, exist_ok=True)
        for name, rows in (("corpus", self.corpus), ("queries", self.queries)):
            with open(out / f"{name}.jsonl", "w") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        for name, rows in self.splits.items():
            with open(out / "qrels" / f"{name}.tsv", "w") as file:
                file.write("query-id\tcorpus-id\tscore\n")
                file.writelines(f"{question}\t{document}\t1\n" for question, document in rows)
        print(f"{len(self.corpus)} turns, {len(self.queries)} questions")
