"""How long a store that was killed under load takes to answer again."""

import collections
import time

from session import Broken, Model, Session, Write, begin, check, interrupt, settle

#: Points, and within how many milliseconds at the 95th percentile a killed store must answer again.
REOPENING = ((4_000, 100), (100_000, 1_000))


def reopenings(bench, place, draw, count, sizes=REOPENING, dimension=384):
    """Kills a process under load and takes the time from the start of a new one to its first answer to a search."""
    counts = collections.Counter()
    slow = []
    for points, bound in sizes:
        store = place / f"store-{points}"
        model = Model(draw, ids=points)
        # As it is in use: sealed by the engine's own measure.
        options = ("--seal-rows", "8192", "--seal-share", "0.05", "--dimension", dimension, "--payload-bytes", "500")
        session = Session(bench, store, *options)
        for start in range(0, points, 1000):
            write = Write("put", list(range(start, min(points, start + 1000))), model.next_version)
            model.next_version += 1
            write.send(session)
            assert not settle(model, [write])
        session.ask("seal", seconds=600)
        times, flat, pending = [], 0, []
        for number in range(count):
            writes = model.writes(40)
            begin(session, writes)
            interrupt(writes, draw, session, number)
            session.kill()
            session.count_events(counts, is_killed=True)
            pending = settle(model, writes)
            unsure = {id for write in pending for id in write.ids}
            sure = draw.choice(sorted(set(model.versions) - unsure))
            began = time.monotonic()
            session = Session(bench, store, *options)
            answer = session.ask("nearest", id=sure, version=model.versions[sure])
            times.append(1000 * (time.monotonic() - began))
            if not answer["ok"] or answer["points"] != [[sure, model.versions[sure], True]]:
                raise Broken(f"the first answer after a kill is wrong: {answer}")
            counts["kills"] += 1
            if number % 8 == 7 or number == count - 1 or pending:
                # All of it takes longer than a hundred openings.
                dump = check(model, session, pending, "after a kill", counts)
                flat = max(flat, dump["count"] - dump["indexed"])
        session.finish()
        times.sort()
        p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
        print(f"{points} points, {dimension} components, up to {flat} of them not in a graph: from the start of the "
              f"process to its first answer {times[len(times) // 2]:.0f} ms at the median, p95 {p95:.0f} ms "
              f"(bound {bound}), at most {times[-1]:.0f} ms", flush=True)
        if p95 > bound:
            slow.append(points)
    if slow:
        raise Broken(f"too slow at {slow} points")
    return counts
