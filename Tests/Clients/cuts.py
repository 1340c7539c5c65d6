"""Whether an answer equals a model at one moment, when several writers changed the model while it was computed.

Every writer owns its keys and makes one call at a time, so what it wrote is a row of states in one order: a *timeline*.
The change from one state to the next took place at some unknown moment between the call's beginning and its end. State
number j was therefore possible from the beginning of the call that made it to the end of the call that ended it.

A *cut* is one moment and one state of every timeline that was possible at this moment. An answer is right when one cut
within [asked, answered] gives exactly this answer. Two ways to look for it:

  * An answer that lists all points of a filter falls apart by their owners. For each owner the moments are found at
    which its part is right; an answer is right when the sets of moments of all owners have one in common.
  * A sum, a page or the nearest few depend on all owners at once. The possible cuts are tried one by one. It is enough
    to look at the moment of the question and at the beginnings of states after it, since every set of states that were
    possible together were possible together at one of these.

Answers are also ordered among themselves: what one answer showed, each later question must see. Both ends of this
order are real time on one clock (`time.monotonic`), which all threads and processes of a machine share.
"""

import bisect
import itertools
import math


class Timeline:
    """The states of what one writer owns, with the times between which each was possible."""

    def __init__(self, state):
        self.restart(state)

    def restart(self, state=None):
        """Forgets all states but the last one, which from now on was always there."""
        self.states = [self.states[-1] if state is None else state]
        #: When the call that made state j began; when the call that ended it was answered.
        self.begun, self.ended = [-math.inf], [math.inf]
        #: From which time on which state (or a later one) must be seen, because an answer had shown it.
        self.shown_at, self.shown = [], []

    @property
    def last(self):
        return self.states[-1]

    def record(self, states, began, ended):
        """One call that went through `states`, the last of which is left; each can be seen while the call runs."""
        for state in states:
            self.ended[-1] = ended
            self.states.append(state)
            self.begun.append(began)
            self.ended.append(math.inf)

    def possible(self, asked, answered, follows=True):
        """Numbers of the states that were possible at some moment of [asked, answered]."""
        first = bisect.bisect_left(self.ended, asked)
        if follows:
            first = max(first, self.bound(asked))
        return range(first, bisect.bisect_right(self.begun, answered))

    def bound(self, asked):
        """The least state that a question of this time may see, since an earlier answer showed it."""
        at = bisect.bisect_left(self.shown_at, asked)
        return self.shown[at - 1] if at else 0

    def show(self, state, answered):
        """Notes that an answer showed state `state` or a later one. To be called in the order of the answers."""
        self.shown_at.append(answered)
        self.shown.append(max(state, self.shown[-1] if self.shown else 0))

    def moments(self, state, asked, answered):
        return max(self.begun[state], asked), min(self.ended[state], answered)


def intersection(some, others):
    """Moments that lie in both of two lists of [from, to]."""
    found = []
    for one, other in itertools.product(some, others):
        both = max(one[0], other[0]), min(one[1], other[1])
        if both[0] <= both[1]:
            found.append(both)
    return found


def union(intervals):
    found = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def common_moments(timelines, fits, asked, answered, follows=True):
    """Moments at which every timeline has a state that `fits(name, state)`; empty when the answer fits none.

    Returns the moments and the first state of each timeline that fits at one of them.
    """
    moments, fitting = [(asked, answered)], {}
    for name, timeline in timelines.items():
        fitting[name] = [
            (number, timeline.moments(number, asked, answered))
            for number in timeline.possible(asked, answered, follows) if fits(name, timeline.states[number])]
        moments = intersection(moments, union(found for _, found in fitting[name]))
        if not moments:
            return [], {}
    first = {
        name: min(number for number, found in some if intersection([found], moments))
        for name, some in fitting.items()}
    return moments, first


def cuts(timelines, asked, answered, follows=True):
    """Every different choice of one state a timeline that were possible together, as {name: number}."""
    names = list(timelines)
    possible = {name: timelines[name].possible(asked, answered, follows) for name in names}
    times = {asked} | {
        timelines[name].begun[number] for name in names for number in possible[name]
        if asked < timelines[name].begun[number] <= answered}
    seen = set()
    for time in sorted(times):
        choices = [
            [n for n in possible[name] if timelines[name].begun[n] <= time <= timelines[name].ended[n]]
            for name in names]
        for cut in itertools.product(*choices):
            if cut not in seen:
                seen.add(cut)
                yield dict(zip(names, cut))
