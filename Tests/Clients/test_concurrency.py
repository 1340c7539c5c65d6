"""Some rounds of the concurrency test, each race by itself, and controls that the check must report.

Longer: `python Tests/Clients/concurrency.py --minutes 10`.
"""

import json
import random

import pytest

import concurrency
import races
import writers
from conftest import binary
from wires import Difference, processes


@pytest.fixture
def seed(request):
    chosen = request.config.getoption("--seed")
    chosen = random.SystemRandom().randrange(1 << 32) if chosen is None else int(chosen)
    print(f"seed {chosen}")
    return chosen


@pytest.mark.parametrize("count", [1, 2])
def test_every_answer_equals_the_model_at_one_moment_while_all_write(request, tmp_path, seed, count):
    counts = concurrency.run(binary(request.config), tmp_path, seed, rounds=4, count=count, calls=40)
    print(counts)
    assert counts["writes"] and counts["schema changes"] and counts["alias changes"] and counts["answers"]


@pytest.mark.parametrize("name", races.SCENARIOS)
def test_a_race_that_was_lost_once_is_not_lost_again(request, tmp_path, seed, name):
    print(races.SCENARIOS[name](binary(request.config), tmp_path, seed))


def without_one(points, earlier):
    points.pop()


def older(points, earlier):
    """A point as it was before somebody's last change of it."""
    for point in points:
        for version in earlier.get(point["id"], []):
            if version["payload"] != point["payload"]:
                point["payload"] = version["payload"]
                return
    raise AssertionError("nothing was written twice")


def with_another_vector(points, earlier):
    points[0]["vector"]["d"], points[1]["vector"]["d"] = points[1]["vector"]["d"], points[0]["vector"]["d"]


@pytest.mark.parametrize("change", [without_one, older, with_another_vector])
def test_an_answer_that_was_changed_is_reported(request, tmp_path, seed, change):
    """The control: what everybody is told at the end, with one mistake in it."""
    with processes(binary(request.config), tmp_path, 1) as served:
        crowd = concurrency.Crowd([served[0].url], seed, writers=2, readers=0, calls=40, schema_calls=0)
        assert not crowd.work() and not crowd.differences()
        earlier = {}
        for name in crowd.writers:
            for state in crowd.timelines[name].states:
                for id, point in state.items():
                    earlier.setdefault(id, []).append(point)
        ended, began, process, status, content, asked = crowd.answers[-1]
        answer = json.loads(content)
        change(answer["result"]["points"], earlier)
        crowd.answers[-1] = ended, began, process, status, json.dumps(answer).encode(), asked
        [told] = crowd.differences()
        assert "fits no moment" in told


def test_a_refused_write_is_reported(request, tmp_path, seed, monkeypatch):
    """The control: a call with a name that is not there is no write that goes well."""
    monkeypatch.setattr(writers.PointWriter, "upsert", lambda self: self.write("PUT", "", {"points": [
        {"id": 1_000_000, "vector": {"nobody": [1.0]}}]}, {}))
    with pytest.raises(Difference, match="answered 400.*nobody"):
        concurrency.run(binary(request.config), tmp_path, seed, rounds=1, count=1, calls=5)
