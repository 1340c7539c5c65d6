#!/usr/bin/env python3
"""Writes the chat set: long chats of two friends in short turns, and questions that name person, event and time.

    python3 Benchmarks/memory-set/chats.py OUT [--seed 1]

The same layout as generate.py, by another hand on purpose, so that what suits one generator's habits shows on the
other: 10 conversations over 24 sessions each, the same kinds of event again and again with other details, turns as
people type them (no capitals, typos, trailing dots, small emoji), facts that hang on the turn before, questions whose
answer takes one to three turns. Odd conversations are for tuning, even ones for the verdict. The same seed writes the
same bytes.
"""

import datetime
import random

from events import EVENTS, LISTS, NAMES, REPLIES, SMALL_TALK, WORDS
from layout import BEIRFolder, options

CONVERSATIONS = 10
SESSIONS = 24
QUESTIONS = 50
EVENTS_A_SESSION = (2, 4)


def typed(draw, text):
    """The sentence as a thumb writes it."""
    if draw.random() < 0.3:
        text = text[0].lower() + text[1:]
    if draw.random() < 0.2:
        text = text.replace("'", "")
    if draw.random() < 0.25 and len(text) > 30:
        at = draw.randrange(8, len(text) - 2)
        if text[at].isalpha() and text[at + 1].isalpha():
            text = text[:at] + text[at + 1] + text[at] + text[at + 2:]
    if draw.random() < 0.15 and text.endswith("."):
        text = text[:-1] + draw.choice(["...", " :)", "!!", " \U0001f602", " \U0001f64f"])
    if draw.random() < 0.12:
        text = draw.choice(["haha ", "omg ", "ok so ", "btw ", "Honestly, ", "Aww, "]) + text
    return text


class Chat:
    def __init__(self, number, names, draw):
        self.number, self.names, self.draw = number, names, draw
        self.turns, self.questions, self.told = [], [], {}
        self.day = datetime.datetime(2023, 1, 5, 9) + datetime.timedelta(days=draw.randrange(60))

    def say(self, speaker, text, session, at):
        self.turns.append({
            "_id": f"d{self.number}-{len(self.turns)}", "text": typed(self.draw, text),
            "metadata": {"author": self.names[speaker], "session": f"d{self.number}-s{session}",
                         "created_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}})
        return self.turns[-1]["_id"]

    def fill(self):
        for session in range(SESSIONS):
            self.day += datetime.timedelta(days=self.draw.randint(3, 21))
            at = self.day + datetime.timedelta(minutes=self.draw.randrange(720))
            for speaker, text in zip((0, 1), self.draw.choice(SMALL_TALK["open"])):
                at += datetime.timedelta(minutes=1)
                self.say(speaker, text.format(other=self.names[1 - speaker]), session, at)
            for _ in range(self.draw.randint(*EVENTS_A_SESSION)):
                at = self.play(self.draw.choice(EVENTS), session, at)
                if self.draw.random() < 0.5:
                    for speaker, text in zip(self.draw.sample((0, 1), 2), self.draw.choice(SMALL_TALK["middle"])):
                        at += datetime.timedelta(minutes=1)
                        self.say(speaker, text.format(other=self.names[1 - speaker], **self.words()), session, at)
            for speaker, text in zip((1, 0), self.draw.choice(SMALL_TALK["close"])):
                at += datetime.timedelta(minutes=1)
                self.say(speaker, text.format(other=self.names[1 - speaker]), session, at)
        for name, question in LISTS.items():
            for speaker in (0, 1):
                places = self.told.get((name, speaker), [])
                if 2 <= len(places) <= 3:
                    self.questions.append((question.format(A=self.names[speaker]), places, "several"))

    def words(self):
        return {name: self.draw.choice(options) for name, options in WORDS.items()}

    def play(self, event, session, at):
        first = self.draw.randrange(2)
        values = self.words() | {"A": self.names[first], "B": self.names[1 - first]}
        values["month"], values["year"] = at.strftime("%B"), at.year
        ids = []
        for line in event["turns"]:
            who, _, text = self.draw.choice(line).partition(": ")
            at += datetime.timedelta(minutes=self.draw.randint(1, 3))
            text = self.draw.choice(REPLIES) if text == "*" else text
            ids.append(self.say(first if who == "A" else 1 - first, text.format(**values), session, at))
        asks = self.draw.sample(event["asks"], min(2, len(event["asks"])))
        for kind, places, forms in asks:
            question = self.draw.choice(forms).format(**values)
            self.questions.append((question, [ids[i] for i in places], kind))
        if "list" in event:
            self.told.setdefault((event["list"], first), []).append(ids[event["at"]])
        return at


def main():
    arguments = options(__doc__)
    draw = random.Random(arguments.seed)
    names = draw.sample(NAMES, 2 * CONVERSATIONS)
    folder = BEIRFolder("r")
    for number in range(CONVERSATIONS):
        chat = Chat(number, names[2 * number : 2 * number + 2], draw)
        chat.fill()
        folder.corpus += chat.turns
        asked = {}
        for text, ids, kind in chat.questions:
            # A question that two events answer is not a question about either.
            asked.setdefault(text, []).append((ids, kind))
        single = [(text, *found[0]) for text, found in asked.items() if len(found) == 1]
        for text, ids, kind in draw.sample(single, min(QUESTIONS, len(single))):
            folder.ask(text, {"kind": kind}, ids, number)
    folder.write(arguments.out)


if __name__ == "__main__":
    main()
