"""What a store must still know after a crash: a dictionary fed by acknowledgements, and questions to compare them."""

import collections
import dataclasses
import hashlib
import itertools

from lines import fault

KINDS = """entity relation observation section runbook change issue decision todo release_note ddl pr_context incident
release risk assumption""".split()
FILLER = "the deploy failed because certificate rotation skipped replica and ana restarted billing export".split()
# Consonants alone: the stemmer leaves such a word as it is, and the language has no other like it.
LETTERS = "bcdfghjkmnpqrtvwxz"

Fault = collections.namedtuple("Fault", "name word detail")


@dataclasses.dataclass
class Memory:
    """One memory as its client knows it; `id` is known only from an answer."""

    word: str
    item: dict
    id: str | None = None
    #: Versions that its tags may have now: more than one while an update was sent and not answered.
    versions: set = dataclasses.field(default_factory=lambda: {None})


class Ledger:
    """The expected state of one data directory."""

    def __init__(self, random):
        self.random = random
        self.numbers = itertools.count()
        self.alive = {}
        self.deleted = {}
        #: Memories whose deletion was sent and not answered.
        self.leaving = {}

    def invent(self):
        """A memory with a word that no other one has; one in forty is long enough to be cut into chunks."""
        number = next(self.numbers)
        letters = (LETTERS[number // len(LETTERS) ** power % len(LETTERS)] for power in (2, 1, 0))
        word = "zq" + "".join(letters) + "".join(self.random.choices(LETTERS, k=3))
        if self.random.random() < 0.025:
            # As a text about its subject does, it names it again and again.
            content = " ".join(self._sentence(word, 19) for _ in range(20))
        else:
            content = self._sentence(word, self.random.randint(2, 8))
        item = {"kind": self.random.choice(KINDS), "content": content}
        if self.random.random() < 0.3:
            item["data"] = {"title": f"about {word}"}
        if self.random.random() < 0.5:
            item["idempotency_key"] = f"key of {word}"
        return Memory(word, item)

    def _sentence(self, word, length):
        return f"{word} " + " ".join(self.random.choices(FILLER, k=length))

    def some(self, count):
        words = sorted(self.alive)
        return [self.alive[word] for word in self.random.sample(words, min(count, len(words)))]


class Call:
    """A request that changes the store, and what its acknowledgement means."""

    def __init__(self, ledger, name, memories, version=None):
        self.ledger, self.name, self.memories, self.version = ledger, name, memories, version

    @property
    def params(self):
        if self.name == "delete":
            arguments = {"operation": "delete", "document_id": self.memories[0].id, "dry_run": False}
            return {"name": "system_status", "arguments": arguments}
        items = [dict(memory.item) for memory in self.memories]
        if self.name == "update":
            for item in items:
                item.pop("idempotency_key", None)
                item["tags"] = {"version": self.version}
        return {"name": "memory_store", "arguments": {"items": items}}

    def sent(self):
        """From now on both the state before and the state after are right."""
        for memory in self.memories:
            if self.name == "update":
                memory.versions.add(self.version)
            elif self.name == "delete":
                self.ledger.leaving[memory.word] = self.ledger.alive.pop(memory.word)

    def acknowledged(self, reply):
        """From now on only the state after is."""
        result = reply["result"]
        if self.name == "delete":
            assert not result["isError"] or fault(result)["code"] == "E2000", reply
            for memory in self.memories:
                self.ledger.leaving.pop(memory.word, None)
                self.ledger.deleted[memory.word] = memory
            return
        assert not result["isError"], reply
        statuses = {"store": {"stored", "skipped_dedupe"}, "update": {"updated", "skipped_dedupe"}}[self.name]
        for memory, answer in zip(self.memories, result["structuredContent"]["items"], strict=True):
            assert answer["status"] in statuses, answer
            memory.id = answer["id"]
            self.ledger.alive[memory.word] = memory
            if self.name == "update":
                memory.versions = {self.version}


def ask_all(client, calls, window=64):
    """The results of many tool calls, in their order, with a few of them under way at a time."""
    for start in range(0, len(calls), window):
        ids = [
            client.modern("tools/call", {"name": name, "arguments": arguments})
            for name, arguments in calls[start : start + window]
        ]
        replies = [client.read() for _ in ids]
        results = {reply["id"]: reply["result"] for reply in replies}
        yield from (results[id] for id in ids)


def documents(client, ids):
    calls = [("system_status", {"operation": "reassemble_document", "document_id": id}) for id in ids]
    return ask_all(client, calls)


def found(client, questions, strategy, characters=40):
    """The first hundred items for each question."""
    options = {"search_strategy": strategy, "limit": 100, "formatting": {"max_content_length": characters}}
    # What was asked may be a generator's.
    questions = list(questions)
    asked = iter(questions)
    for result in ask_all(client, [("memory_find", {"query": question, **options}) for question in questions]):
        assert not result["isError"], result
        items, question = result["structuredContent"]["items"], next(asked)
        while "next_cursor" in result["structuredContent"] and len(items) < options["limit"]:
            more = {"query": question, **options, "cursor": result["structuredContent"]["next_cursor"]}
            (result,) = ask_all(client, [("memory_find", more)])
            assert not result["isError"], result
            items += result["structuredContent"]["items"]
        yield items


def holders(items, word):
    """The found items that have the word themselves, not by their neighbours."""
    return [item for item in items if item.get("content", "").split(" ", 1)[0] == word]


def opening(memory):
    """The word and the text after it.

    What meaning says to one strange word alone is a matter of ranking and not of loss.
    """
    return memory.item["content"][:80]


def faults(ledger, client, searched=None):
    """How the store behind `client` differs from the ledger; `searched` are the words looked for, all by default."""
    found_faults = []
    alive = [memory for memory in ledger.alive.values() if memory.id]
    for memory, result in zip(alive, documents(client, [memory.id for memory in alive])):
        if result["isError"]:
            found_faults.append(Fault("lost", memory.word, result["content"]))
            continue
        document = result["structuredContent"]["document"]
        whole = hashlib.sha256(memory.item["content"].encode()).hexdigest()
        same = all(document.get(name) == memory.item.get(name) for name in ("kind", "content", "data"))
        if not same or result["structuredContent"]["sha256"] != whole:
            found_faults.append(Fault("torn", memory.word, document))
        if document.get("tags", {}).get("version") not in memory.versions:
            found_faults.append(Fault("stale", memory.word, document.get("tags")))
    deleted = [memory for memory in ledger.deleted.values() if memory.id]
    for memory, result in zip(deleted, documents(client, [memory.id for memory in deleted])):
        if not result["isError"] or fault(result)["code"] != "E2000":
            found_faults.append(Fault("risen", memory.word, result["content"]))
    words = sorted(ledger.alive if searched is None else searched & ledger.alive.keys())
    for strategy in ("fast", "auto"):
        questions = words if strategy == "fast" else [opening(ledger.alive[word]) for word in words]
        for word, items in zip(words, found(client, questions, strategy)):
            same = [item["id"] for item in holders(items, word)]
            if not same:
                length = len(ledger.alive[word].item["content"])
                scores = [item["score"] for item in items[:3] + items[-1:]]
                found_faults.append(Fault("lost", word, f"{length} characters, not found by {strategy}: {scores}"))
            elif len(same) > 1 or same[0] != (ledger.alive[word].id or same[0]):
                found_faults.append(Fault("doubled", word, same))
    gone = sorted(ledger.deleted if searched is None else searched & ledger.deleted.keys())
    for word, items in zip(gone, found(client, gone, "fast")):
        if holders(items, word):
            found_faults.append(Fault("risen", word, "found by fast"))
    return found_faults


def torn_batches(client, calls):
    """Batches that were sent, never answered, and are there in part or with another text."""
    faults = []
    for call in calls:
        if call.name != "store":
            continue
        words = [memory.word for memory in call.memories]
        present = 0
        for memory, items in zip(call.memories, found(client, words, "fast", characters=100_000)):
            same = holders(items, memory.word)
            present += bool(same)
            if any(item["content"] != memory.item["content"] for item in same):
                faults.append(Fault("torn", memory.word, same))
        if present not in (0, len(words)):
            faults.append(Fault("torn", words[0], f"{present} of {len(words)} items of one batch"))
    return faults


def counted(client):
    (result,) = ask_all(client, [("system_status", {"operation": "stats"})])
    return result["structuredContent"]["stats"]["items"]
