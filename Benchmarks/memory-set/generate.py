#!/usr/bin/env python3
"""Writes the memory set: conversations of two friends over months, and questions about what was said.

    python3 Benchmarks/memory-set/generate.py OUT [--seed 1]

OUT gets the layout of BEIR (corpus.jsonl with author, session, created_at and project in each row's metadata,
queries.jsonl with the kind of each question, qrels/tune.tsv and qrels/test.tsv). 25 conversations of 200 turns, 20
questions each; the questions of odd conversations are for tuning, those of even ones for the verdict. The same seed
writes the same bytes. The kinds of question:

    what, when       as people ask, with the person's name
    paraphrase       in other words than those of the answer
    update           about what was changed later: the change is an answer, and what was said first still is one
    contradiction    about what the other remembers otherwise
    deletion         about what was said, deleted, and said again with other details: the deleted turn must not be found
    scope            without any name, asked in the project of the conversation

What makes it hard, on purpose: all conversations draw from the same topics, so that a question is told apart by who,
what exactly and when; answers are often in a turn that shares few words with the question, since its subject was
named a turn earlier; small talk repeats the subject's words; plans change, and the later word counts.
"""

import datetime
import random

from layout import BEIRFolder, options
from topics import FILLERS, NAMES, SLOTS, TOPICS
from turns_of_life import CHANGES, DISPUTES, PARAPHRASES

CONVERSATIONS = 25
TURNS = 200
QUESTIONS = 20
SESSIONS = 16


class Conversation:
    """One pair of people; `number` makes its ids."""

    def __init__(self, number, names, draw):
        self.number, self.names, self.draw = number, names, draw
        self.turns, self.questions = [], []
        self.start = datetime.datetime(2022, 1, 3) + datetime.timedelta(days=draw.randrange(500))

    def fill(self):
        topics = self.draw.sample(TOPICS, len(TOPICS))
        changes, disputes = self.draw.sample(CHANGES, 2), self.draw.sample(DISPUTES, 1)
        taken_back = topics.pop()
        moment = self.start
        for session in range(SESSIONS):
            moment += datetime.timedelta(days=self.draw.randint(4, 24), minutes=self.draw.randint(0, 300))
            wanted = TURNS * (session + 1) // SESSIONS
            at = moment
            if session in (3, 9):
                at = self.play_again(changes.pop(), "update", session, at)
            if session == 6:
                at = self.play_again(disputes.pop(), "contradiction", session, at)
            if session in (2, 7):
                at = self.play(taken_back, session, at, deletes=session == 2)
            while len(self.turns) < wanted:
                if topics and self.draw.random() < 0.62:
                    at = self.play(topics.pop(), session, at)
                else:
                    at = self.chat(session, at)

    def say(self, speaker, text, session, at, deletes=False):
        number = len(self.turns)
        self.turns.append({
            "_id": f"c{self.number}-{number}",
            "text": text,
            "metadata": {
                "author": self.names[speaker],
                "session": f"c{self.number}-s{session}",
                "created_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "project": f"pair-{self.number}",
            } | ({"deleted": True} if deletes else {}),
        })
        return number

    def slots(self, first):
        values = {name: self.draw.choice(options) for name, options in SLOTS.items()}
        values["A"], values["B"] = self.names[first], self.names[1 - first]
        return values

    def play(self, topic, session, at, deletes=None):
        """A topic's turns in order, with a stray remark between them now and then. `deletes` is true where they are
        deleted later, and false where they say again what was deleted."""
        first = self.draw.randrange(2)
        values = self.slots(first)
        places = []
        for line in topic["turns"]:
            who, text = line.split(": ", 1)
            if places and self.draw.random() < 0.08:
                at = self.chat(session, at)
            at += datetime.timedelta(minutes=self.draw.randint(1, 4))
            speaker = first if who == "A" else 1 - first
            places.append(self.say(speaker, text.format(**values), session, at, deletes=bool(deletes)))
        for question in [] if deletes else topic["questions"]:
            form = self.draw.choice(question["ask"])
            reworded = PARAPHRASES.get(form)
            if reworded and deletes is None and self.draw.random() < 0.5:
                kind, form = "paraphrase", reworded
            elif deletes is False:
                kind = "deletion"
            elif "{A}" in form and self.draw.random() < 0.15:
                kind, form = "scope", form.replace("{A}'s", "the").replace("{A}", "this person")
            else:
                kind = "when" if form.startswith("When") else "what"
            self.ask(kind, form.format(**values), [places[i] for i in question["in"]])
        return at

    def ask(self, kind, text, places):
        self.questions.append((kind, text, [f"c{self.number}-{place}" for place in places]))

    def play_again(self, turns, kind, session, at):
        """What is said, small talk, and later what changes it or disputes it; the question wants both turns."""
        first = self.draw.randrange(2)
        values = self.slots(first) | {f"new_{name}": self.draw.choice(SLOTS[name]) for name in SLOTS}
        places = []
        for line in turns["turns"]:
            who, text = line.split(": ", 1)
            at += datetime.timedelta(minutes=self.draw.randint(1, 4))
            places.append(self.say(first if who == "A" else 1 - first, text.format(**values), session, at))
            if len(places) == turns["pause"]:
                at = self.chat(session, at)
        self.ask(kind, self.draw.choice(turns["ask"]).format(**values), [places[i] for i in turns["in"]])
        return at

    def chat(self, session, at):
        for speaker, text in zip(self.draw.sample([0, 1], 2), self.draw.choice(FILLERS)):
            at += datetime.timedelta(minutes=self.draw.randint(1, 4))
            values = self.slots(speaker)
            self.say(speaker, text.format(**values), session, at)
        return at


def main():
    arguments = options(__doc__)
    draw = random.Random(arguments.seed)
    names = draw.sample(NAMES, 2 * CONVERSATIONS)
    folder = BEIRFolder("q")
    for number in range(CONVERSATIONS):
        conversation = Conversation(number, names[2 * number : 2 * number + 2], draw)
        conversation.fill()
        folder.corpus += conversation.turns[:TURNS]
        kept = {turn["_id"] for turn in conversation.turns[:TURNS]}
        whole = [(kind, text, ids) for kind, text, ids in conversation.questions if kept.issuperset(ids)]
        # Of the rarer kinds nearly all are asked.
        rare = [question for question in whole if question[0] not in ("what", "when")][:12]
        common = [question for question in whole if question[0] in ("what", "when")]
        for kind, text, ids in rare + draw.sample(common, QUESTIONS - len(rare)):
            metadata = {"kind": kind} | ({"project": f"pair-{number}"} if kind == "scope" else {})
            folder.ask(text, metadata, ids, number)
    folder.write(arguments.out)


if __name__ == "__main__":
    main()
