"""The check of answers under concurrent writes: it accepts what some moment gives, and nothing else."""

import itertools
import random

import pytest

from cuts import Timeline, common_moments, cuts


def timeline(*calls):
    """A counter that each call, given by its two times, raises by one."""
    made = Timeline(0)
    for number, (began, ended) in enumerate(calls, 1):
        made.record([number], began, ended)
    return made


def right(timelines, answer, asked, answered, follows=True):
    return bool(common_moments(timelines, lambda name, state: state == answer[name], asked, answered, follows)[0])


@pytest.mark.parametrize(("answer", "expected"), [(0, False), (1, True), (2, True), (3, True), (4, False)])
def test_an_answer_is_no_older_than_its_question_and_no_newer_than_itself(answer, expected):
    # Answered before the question; under way at the question; begun and ended in between; begun after the answer.
    writes = timeline((0, 1), (2, 4), (5, 6), (11, 12))
    assert right({"a": writes}, {"a": answer}, 3, 10) is expected


def test_parts_that_were_right_at_different_moments_are_refused():
    timelines = {"a": timeline((2, 3)), "b": timeline((6, 7))}
    assert right(timelines, {"a": 1, "b": 0}, 0, 10)
    assert right(timelines, {"a": 0, "b": 0}, 0, 10)
    # At no moment was b's call done and a's call, which was acknowledged before it began, not.
    assert not right(timelines, {"a": 0, "b": 1}, 0, 10)


def test_calls_that_ran_at_the_same_time_may_have_come_in_either_order():
    timelines = {"a": timeline((2, 6)), "b": timeline((4, 8))}
    assert all(right(timelines, dict(zip("ab", pair)), 3, 7) for pair in itertools.product((0, 1), (0, 1)))


def test_an_answer_never_shows_less_than_an_earlier_answer():
    writes = timeline((0, 10))
    assert right({"a": writes}, {"a": 1}, 1, 2)
    writes.show(1, 2)
    assert right({"a": writes}, {"a": 0}, 1, 5)
    assert not right({"a": writes}, {"a": 0}, 3, 5)
    assert right({"a": writes}, {"a": 0}, 3, 5, follows=False)


def test_every_step_of_one_call_can_be_seen_while_it_runs_and_the_last_one_after_it():
    steps = Timeline(0)
    steps.record([1, 2, 3], 1, 5)
    assert [right({"a": steps}, {"a": n}, 2, 4) for n in range(4)] == [True] * 4
    assert [right({"a": steps}, {"a": n}, 6, 7) for n in range(4)] == [False, False, False, True]


def test_the_cuts_are_the_pairs_that_some_moment_allows():
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    pick = random.Random(seed)
    for _ in range(200):
        timelines = {}
        for name in "abc":
            # Even times are calls' ends and beginnings, odd ones those of questions: no two fall together.
            times = sorted(pick.sample(range(0, 60, 2), 2 * pick.randint(0, 6)))
            timelines[name] = timeline(*zip(times[::2], times[1::2]))
        asked = pick.randrange(1, 40, 2)
        answered = asked + pick.randrange(0, 20, 2)
        found = {tuple(cut.values()) for cut in cuts(timelines, asked, answered)}
        # The oracle: each moment in turn, in steps finer than the times.
        expected = set()
        for step in range(2 * asked, 2 * answered + 1):
            moment = step / 2
            expected |= set(itertools.product(*(
                [n for n in range(len(one.states)) if one.begun[n] <= moment <= one.ended[n]]
                for one in timelines.values())))
        assert found == expected
        for answer in itertools.product(range(7), repeat=3):
            assert right(timelines, dict(zip("abc", answer)), asked, answered) == (answer in expected)
