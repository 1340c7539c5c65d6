#!/usr/bin/env python3
"""Prints line coverage by target from llvm-cov's JSON summary and fails below a floor.

Exit codes: 0 at or above the floor, 1 below it, 2 when the summary holds no line of the sources.
"""

import argparse
import collections
import json
import pathlib
import sys


# `make bench-smoke` is what runs it.
LEFT_OUT = {"Bench", "BenchMain"}


def lines_by_room(summary: dict, sources: pathlib.Path) -> dict[str, list[int]]:
    """[covered, all] lines for each folder under `sources`; other files (packages, tests) are left out."""
    rooms: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for export in summary["data"]:
        for file in export["files"]:
            path = pathlib.Path(file["filename"])
            if not path.is_relative_to(sources) or path.relative_to(sources).parts[0] in LEFT_OUT:
                continue
            lines = file["summary"]["lines"]
            room = rooms[path.relative_to(sources).parts[0]]
            room[0] += lines["covered"]
            room[1] += lines["count"]
    return rooms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("summary", type=pathlib.Path, help="what `llvm-cov export -summary-only` wrote")
    parser.add_argument("--sources", type=pathlib.Path, required=True)
    parser.add_argument("--floor", type=float, required=True, help="per cent of lines")
    arguments = parser.parse_args()

    rooms = lines_by_room(json.loads(arguments.summary.read_text()), arguments.sources)
    covered = sum(room[0] for room in rooms.values())
    count = sum(room[1] for room in rooms.values())
    if count == 0:
        print(f"coverage: no line of {arguments.sources} in {arguments.summary}", file=sys.stderr)
        return 2
    for name, (room_covered, room_count) in sorted(rooms.items()):
        print(f"{name:<18}{room_covered:>7} of {room_count:>6} lines{100 * room_covered / max(room_count, 1):>8.1f} %")
    share = 100 * covered / count
    print(f"{'all':<18}{covered:>7} of {count:>6} lines{share:>8.1f} %  (floor {arguments.floor:g} %)")
    if share < arguments.floor:
        print(f"coverage: {share:.1f} % is below the floor of {arguments.floor:g} %", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
