"""A disk that runs full in every phase of a store's life: what is refused by name, what goes on, and what resumes."""

import collections
import json
import subprocess

import disks
from disks import fill
from session import Broken, Model, Session, Write, check


class FullDisk:
    """One store on a disk that runs full in every phase of its life, and what must hold in each."""

    OPTIONS = ("--seal-rows", "1000000", "--payload-bytes", "1500")

    def __init__(self, bench, cortex, disk, draw, counts):
        self.bench, self.cortex, self.disk, self.counts = bench, cortex, disk, counts
        self.store = disk / "store"
        self.model = Model(draw, ids=100_000)
        self.session = Session(bench, self.store, *self.OPTIONS)

    def read(self, session=None):
        """Every answer is right, whatever the disk says."""
        check(self.model, session or self.session, [], "with a full disk", self.counts)

    def write(self, must_succeed=True):
        """One write; its answer."""
        (write,) = self.model.writes(1)
        write.send(self.session)
        answer = Session.read(write.answer)
        if answer["ok"]:
            self.model.apply(write)
        elif must_succeed or answer["code"] != "diskFull":
            raise Broken(f"a write was refused: {answer['code']}: {answer['message']}")
        return answer

    def delete(self, ids):
        """A little at a time: one transaction for all would need room for all in the log."""
        for start in range(0, len(ids), 25):
            write = Write("delete", ids[start:start + 25])
            write.send(self.session)
            answer = Session.read(write.answer)
            if not answer["ok"]:
                raise Broken(f"deleting was refused: {answer['code']}: {answer['message']}")
            self.model.apply(write)
            self.counts["deletes on a full disk"] += 1

    def insert(self):
        """Inserts are refused before the wall; deletes make room, without a restart."""
        while self.write(must_succeed=False)["ok"]:
            self.counts["writes before the disk was full"] += 1
        if disks.free_bytes(self.disk) < 1 << 20:
            raise Broken("the refusal has to come before the wall")
        self.read()
        self.counts["inserts refused"] += 1
        ids = sorted(self.model.versions)
        while not self.write(must_succeed=False)["ok"]:
            if not ids:
                raise Broken("everything is deleted, and writing does not resume")
            self.delete(ids[:200])
            ids = ids[200:]
        self.read()

    def seal(self, phase):
        """A graph that finds no room is refused, and its rows are found as before."""
        filler = fill(self.disk)
        answer = self.session.ask("seal")
        if answer["ok"] or answer["code"] != "diskFull":
            raise Broken(f"{phase} on a full disk: {answer}")
        self.read()
        self.counts[f"{phase}s refused"] += 1
        filler.unlink()
        # And the disk that runs full in the midst of it.
        step = {"seal": "building", "merge": "merging"}[phase]
        count = self.session.events.count(step)
        under_way = self.session.send("seal")
        if not self.session.wait_for(step, count=count):
            raise Broken(f"no {phase} was begun: {Session.read(under_way)}")
        filler = fill(self.disk)
        answer = Session.read(under_way)
        if not answer["ok"] and answer["code"] != "diskFull":
            raise Broken(f"{phase} while the disk ran full: {answer}")
        self.counts[f"{phase}s that met the wall"] += not answer["ok"]
        self.read()
        filler.unlink()
        self.write()
        if not self.session.ask("seal")["ok"]:
            raise Broken(f"{phase} does not resume")
        self.read()

    def back_up(self):
        """A backup that finds no room fails by name and leaves no half of one."""
        command = [self.cortex, "backup", "create", "--data", str(self.store)]
        for leave in (0, 2 << 20):
            filler = fill(self.disk, leave=leave)
            made = subprocess.run(command, capture_output=True, text=True)
            if made.returncode != 1 or "diskFull" not in made.stderr:
                raise Broken(f"a backup on a full disk: {made.returncode} {made.stderr}")
            listed = subprocess.run(
                [self.cortex, "backup", "list", "--json", "--data", str(self.store)], capture_output=True, check=True)
            if json.loads(listed.stdout)["backups"]:
                raise Broken("half a backup is listed")
            self.read()
            self.counts["backups refused"] += 1
            filler.unlink()
        # Beside a store that had filled the disk there is no room for a copy: somebody gives it more.
        subprocess.run(["mount", "-o", "remount,size=64m", str(self.disk)], check=True)
        subprocess.run(command, check=True, capture_output=True)

    def open(self):
        """A store opens and reads without a byte left, after a kill and after a clean end; later it is written."""
        filler = fill(self.disk)
        for end in (Session.kill, Session.finish):
            end(self.session)
            self.session = Session(self.bench, self.store, *self.OPTIONS)
            self.read()
            answer = self.write(must_succeed=False)
            if answer["ok"]:
                raise Broken("a write on a full disk was acknowledged")
            self.counts["openings"] += 1
        filler.unlink()
        self.write()
        self.read()


def full_disks(bench, cortex, place, draw, count):
    """So many disks, each full in every phase: insert, delete, seal, merge, backup, open."""
    counts = collections.Counter()
    for _ in range(count):
        with disks.small_disk(place) as mount:
            disk = FullDisk(bench, cortex, mount, draw, counts)
            disk.insert()
            disk.delete(sorted(disk.model.versions)[800:])
            for phase in ("seal", "merge"):
                for _ in range(20):
                    disk.write()
                disk.seal(phase)
            disk.delete(sorted(disk.model.versions)[400:])
            disk.back_up()
            disk.open()
            if disk.session.finish() != 0:
                raise Broken(f"the process ended badly: {disk.session.complaints[-3:]}")
            counts["disks"] += 1
    return counts
