"""Every fault for some seconds: what was acknowledged is there, and what is not what was written is named.

Longer runs with a seed: `python Tests/Clients/faults.py --help`. Power cuts and small disks need root to mount; where
there is none these tests are skipped, and say so.
"""

import os
import pathlib
import random
import shutil

import pytest

import faults
from conftest import binary
from session import Model, Session, Write, bench_of

mounting = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mkfs.ext4"),
    reason="NOT TESTED HERE: cutting power and filling a disk need root, a loop device and mkfs.ext4")
tracing = pytest.mark.skipif(
    not shutil.which("strace"), reason="NOT TESTED HERE: failing system calls need strace")


@pytest.fixture
def cortex_path(request):
    return binary(request.config)


@pytest.fixture
def bench(cortex_path):
    path = bench_of(cortex_path)
    assert pathlib.Path(path).exists(), f"{path} is not built"
    return path


@pytest.fixture
def draw(request):
    chosen = request.config.getoption("--seed")
    chosen = random.SystemRandom().randrange(1 << 32) if chosen is None else int(chosen)
    print(f"seed {chosen}")
    return random.Random(chosen)


def test_nothing_acknowledged_is_lost_by_kills_while_rows_are_sealed_and_merged(bench, tmp_path, draw):
    counts = faults.kills(bench, tmp_path, draw, 40)
    print(dict(counts))
    assert counts["acknowledged"] and counts["interrupted"] and counts["killed while opening"]
    assert counts["graphs built"] and counts["graphs merged"], "no kill came after a sealing"


def test_a_store_that_acknowledges_too_early_is_caught(bench, tmp_path, draw):
    """The control: the same kills, and the model must find a loss."""
    with pytest.raises(faults.Broken, match="lost|stale|undead|half"):
        faults.kills(bench, tmp_path, draw, 60, options=("--seal-rows", "200", "--acknowledge-early"))


@mounting
def test_nothing_acknowledged_is_lost_by_cuts_of_the_power(bench, tmp_path, draw):
    counts = faults.power_cuts(bench, tmp_path, draw, 12)
    print(dict(counts))
    assert counts["acknowledged"] and counts["interrupted"]


@mounting
def test_a_store_that_acknowledges_too_early_is_caught_by_a_power_cut(bench, tmp_path, draw):
    with pytest.raises(faults.Broken, match="lost|stale|undead|half"):
        faults.power_cuts(bench, tmp_path, draw, 30, options=("--seal-rows", "200", "--acknowledge-early"))


def test_a_change_of_the_schema_is_whole_or_not_there_after_a_kill(cortex_path, tmp_path, draw):
    counts = faults.schema_kills(cortex_path, tmp_path, draw, 12)
    print(dict(counts))
    assert counts["kills"] == 12


@mounting
def test_a_change_of_the_schema_is_whole_or_not_there_after_a_cut_of_the_power(cortex_path, tmp_path, draw):
    counts = faults.schema_cuts(cortex_path, tmp_path, draw, 5)
    print(dict(counts))
    assert counts["cuts"] == 5


def test_damage_to_any_file_heals_or_is_named(bench, cortex_path, tmp_path, draw):
    counts = faults.damages(bench, cortex_path, tmp_path, draw, 60)
    print(dict(counts))
    assert counts["named"] + counts["named, repaired"], "no damage was ever found"


def test_writers_and_readers_agree_while_some_of_them_are_killed(bench, tmp_path, draw):
    counts = faults.crowd(bench, tmp_path, draw, 8, kill_every=0.7)
    print(dict(counts))
    assert counts["kills"] > 3 and counts["reads"] > 100
    assert counts["largest bytes"] < 200 << 20


def test_a_restore_to_any_moment_equals_the_model(bench, cortex_path, tmp_path, draw):
    counts = faults.restores(bench, cortex_path, tmp_path, draw, 10)
    print(dict(counts))
    assert counts["changes replayed"]


def test_a_backup_taken_under_load_is_a_prefix_of_the_writes(bench, cortex_path, tmp_path, draw):
    """Several processes write, each several calls at once, while the backup is made. Every acknowledgement names the
    place of its change among all; the changes are whole calls. So the backup must be what the calls up to one place
    leave, and no call that was acknowledged before the backup began may be missing from it."""
    counts = faults.prefix(bench, cortex_path, tmp_path, draw, processes=3, calls_at_once=4)
    print(dict(counts))
    assert counts["calls after the backup began"] > 10 and counts["calls in the backup"]


@pytest.mark.parametrize(
    "found", [{1: 1}, {1: 1, 2: 2, 3: 4}, {2: 2}, {1: 3, 2: 2, 9: 9}, {}],
    ids=["lacks the acknowledged", "has a later call alone", "lacks an earlier call", "has more", "is empty"])
def test_a_copy_that_is_no_prefix_is_caught(found):
    calls = [(1, [1], 1), (3, [1, 2], 2), (4, [1], 3), (5, [3], 4)]
    assert faults.after(calls, 3, 2, {1: 2, 2: 2})["calls in the backup"] == 2
    with pytest.raises(faults.Broken):
        faults.after(calls, 3, 2, found)


@mounting
def test_a_full_disk_refuses_by_name_reads_on_and_resumes_in_every_phase(bench, cortex_path, tmp_path, draw):
    counts = faults.full_disks(bench, cortex_path, tmp_path, draw, 1)
    print(dict(counts))
    for phase in ("inserts", "seals", "merges", "backups"):
        assert counts[f"{phase} refused"], phase
    assert counts["deletes on a full disk"] and counts["openings"]


def test_a_killed_store_answers_again(bench, tmp_path, draw):
    """The same function that measures it for 4 000 and 100 000 points; no time decides here."""
    counts = faults.reopenings(bench, tmp_path, draw, 3, sizes=((2000, float("inf")),), dimension=32)
    assert counts["kills"] == 3


# MARK: Failing system calls

@tracing
@pytest.mark.parametrize(
    "injection",
    ["fdatasync:error=EIO:when=9..10", "fdatasync:error=EIO:when=5+3", "pwrite64:error=EIO:when=40..41",
     "pwrite64:error=ENOSPC:when=60..62", "fdatasync:delay_exit=20000"])
def test_a_failing_or_slow_disk_loses_nothing_acknowledged(bench, tmp_path, draw, injection):
    model = Model(draw, ids=300)
    call = injection.split(":")[0]
    tracer = ("strace", "-f", "-o", str(tmp_path / "trace"), "-e", f"trace={call}", "-e", f"inject={injection}")
    session = Session(bench, tmp_path / "store", "--seal-rows", "100", before=tracer)
    refused = 0
    for _ in range(12):
        writes = model.writes(3)
        faults.begin(session, writes)
        unknown = faults.settle(model, writes)
        refused += len(unknown)
        if unknown:
            # Reopened by the same process: what is unknown is one or the other, and is settled by looking.
            dump = session.ask("dump")
            while not dump["ok"]:
                dump = session.ask("dump")
            assert not model.faults(dump, unknown), injection
    session.finish()
    after = Session(bench, tmp_path / "store")
    found = model.faults(after.ask("dump"))
    after.finish()
    assert not found, f"{injection}: {dict(found)}"
    assert "INJECTED" in (tmp_path / "trace").read_text() or "DELAYED" in (tmp_path / "trace").read_text()
    print(f"{injection}: {refused} writes refused")


def test_a_process_without_memory_loses_nothing_acknowledged(bench, tmp_path, draw):
    model = Model(draw, ids=1000)
    limited = ("prlimit", "--data=250000000")
    session = Session(bench, tmp_path / "store", "--seal-rows", "100", "--payload-bytes", "2000", before=limited)
    writes = model.writes(30)
    faults.begin(session, writes)
    pending = faults.settle(model, writes)
    # More than the limit in one call: the process dies of it, or refuses.
    giant = Write("put", list(range(90_000)), 1 << 30)
    giant.send(session)
    pending += faults.settle(model, [giant])
    session.kill()
    after = Session(bench, tmp_path / "store", "--payload-bytes", "2000")
    found = model.faults(after.ask("dump"), pending)
    after.finish()
    assert pending and not found, dict(found)
