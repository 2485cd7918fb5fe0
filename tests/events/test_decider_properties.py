"""What holds for every sequence of windows, probabilities, gaps, and changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any, get_args

import pytest
from hearing import CLASSES, NOON_NS, PLAIN, SIZE, Referee, decider, heard, prediction, seconds, window
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcld.data import NANOSECONDS, EndReason, Event, Window, nanoseconds
from mgcld.events import Decider, Rule, Rules

P = st.sampled_from([0.0, 0.1, 0.39, 0.4, 0.5, 0.59, 0.6, 0.61, 0.9, 1.0]) | st.floats(0, 1)
RULES = st.builds(
    lambda of, **more: Rule(of_windows=max(of, more["min_windows"]), **more),
    enabled=st.sampled_from([True, True, True, False]),
    threshold_on=st.sampled_from([0.6, 0.8]),
    threshold_off=st.sampled_from([0.4, 0.6]),
    min_windows=st.integers(1, 3),
    of=st.integers(1, 5),
    min_seconds=st.sampled_from([0.0, 0.0, 7.0, 12.0]),
    quiet_windows=st.integers(1, 3),
    refractory_seconds=st.sampled_from([0.0, 10.0, 21.0]),
)
WINDOWS = st.tuples(
    st.sampled_from(["yard", "attic"]),
    st.sampled_from([1, 5, 10, 25, 50, 60, 100, 120]),  # from the start of the one before; hops are up to 100
    st.sampled_from(["next"] * 12 + ["lost", "unknown", "epoch", "forth", "back", "silent", "late", "partial"]),
    st.tuples(P, P),
)
CHANGES = st.one_of(
    st.tuples(st.sampled_from(["yard", "attic"]), st.sampled_from(get_args(EndReason))),
    st.tuples(st.sampled_from(["0a1b", "ffff"]), st.permutations([*CLASSES, "dog"]), RULES),
    st.none(),
)
ACTIONS = st.lists(st.one_of(*[WINDOWS] * 9, CHANGES), max_size=80)


@dataclass
class Source:
    """Makes the windows of one source, gaps and leaps of the clock among them."""

    name: str
    start: int = 0
    epoch: int = 0
    now_ns: int = NOON_NS

    def next(self, step: int, kind: str) -> Window:
        self.start += step
        self.now_ns += nanoseconds(step, 10)
        if kind == "epoch":
            self.start, self.epoch = 0, self.epoch + 1
        leap = {"forth": 3600, "back": -3600}.get(kind, 0)
        self.now_ns += leap * NANOSECONDS
        return window(
            self.start,
            source=self.name,
            epoch=self.epoch,
            start_ns=self.now_ns,
            gap={"lost": 3, "unknown": None}.get(kind, 0),
            flags=["clock_step"] if leap else [kind] if kind in ("silent", "late", "partial") else [],  # type: ignore[list-item]
            valid=17 if kind == "partial" else SIZE,
        )


def act(made: Decider, sources: dict[str, Source], action: Any, classes: Sequence[str]) -> list[Event]:
    if action is None:
        return []
    if len(action) == 4:
        name, step, kind, p = action
        return made.judge(sources[name].next(step, kind), prediction(*p, classes=classes))
    if len(action) == 2:
        return made.over(*action)
    adapter, names, rule = action
    return made.use(names, adapter, Rules(dict.fromkeys(names, rule)))


@settings(max_examples=300, deadline=None)
@given(RULES, ACTIONS)
def test_whatever_comes_every_start_has_its_end_and_all_is_in_order(rule: Rule, actions: list[Any]) -> None:
    made = decider(rule, hop=10)
    sources = {name: Source(name) for name in ("yard", "attic")}
    referee = Referee()
    classes: Sequence[str] = CLASSES
    for action in actions:
        if action is not None and len(action) == 3:
            classes = action[1]
        referee.hear(act(made, sources, action, classes))
        assert {event.id for event in made.open} == {event.id for event in referee.open.values()}
    referee.hear(made.close())
    assert referee.open == {}
    assert made.open == ()


@settings(max_examples=200, deadline=None)
@given(RULES, st.lists(st.tuples(st.sampled_from([5, 10, 50, 80]), P), max_size=120))
def test_thresholds_that_are_crossed_again_and_again_do_not_flap(rule: Rule, windows: list[tuple[int, float]]) -> None:
    made, referee, start = decider(rule, hop=10), Referee(), 0
    told: list[Event] = []
    for step, p in windows:
        start += step
        told += made.judge(window(start), prediction(p))
    referee.hear(told)
    starts = [seconds(event.t_on_ns) for event in told if event.phase == "start"]
    ends = [seconds(event.t_heard_ns) for event in told if event.phase == "end"]
    for over, again in zip(ends, starts[1:], strict=False):
        assert again - over >= rule.refractory_seconds
    for one, next_one in pairwise(starts):
        assert next_one - one >= 5 + max(rule.refractory_seconds, 5 * (rule.quiet_windows - 2))
    assert len(starts) <= 1 + start / 10 / (5 + rule.refractory_seconds)


@given(RULES, st.lists(st.floats(0.4, 0.6, exclude_max=True), max_size=60), st.sampled_from([5, 10, 50]))
def test_between_the_thresholds_nothing_happens(rule: Rule, p: list[float], hop: int) -> None:
    banded = replace(rule, enabled=True, threshold_on=0.6, threshold_off=0.4, min_windows=1, min_seconds=0)
    made = decider(banded)
    assert heard(made, p, hop=hop) == []
    begun = heard(made, [0.9, *p], hop=hop, at=len(p) * hop)
    assert [event.phase for event in begun if event.phase != "update"] == ["start"]
    assert len(made.open) == 1


@settings(max_examples=300, deadline=None)
@given(
    st.lists(P, max_size=60),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 3),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([SIZE, 80]),
)
def test_windows_that_do_not_overlap_are_counted_plainly(
    p: list[float], least: int, of: int, quiet: int, held: int, hop: int
) -> None:
    of = max(least, of)
    rule = Rule(
        threshold_on=0.6,
        threshold_off=0.4,
        min_windows=least,
        of_windows=of,
        quiet_windows=quiet,
        refractory_seconds=held * hop / 10,
    )
    told = heard(decider(rule, hop=10), p, hop=hop)
    got = [
        (event.phase, round(seconds(event.t_on_ns) * 10 / hop), round((seconds(event.t_heard_ns) * 10 - SIZE) / hop))
        for event in told
        if event.phase != "update"
    ]
    assert got == plainly(p, least, of, quiet, first_behind(hop, held))
    for event in told:
        on, last = seconds(event.t_on_ns) * 10 / hop, (seconds(event.t_heard_ns) * 10 - SIZE) / hop
        belonging = p[round(on) : round(last) + 1]
        assert event.windows == len(belonging)
        assert event.p_max == max(belonging)
        assert event.p_mean == pytest.approx(sum(belonging) / len(belonging))


def first_behind(hop: int, held: int) -> int:
    """How many windows behind the last heard one the first is that begins late enough after it ended."""
    return -(-(SIZE + held * hop) // hop)


def plainly(p: list[float], least: int, of: int, quiet: int, behind: int) -> list[tuple[str, int, int]]:
    """The same for windows that do not overlap: (phase, first window, last window) by a sliding count."""
    told, first, last, fresh = [], -1, -1, 0
    for i, value in enumerate(p):
        if first >= 0:
            last = i if value >= 0.4 else last
            if i - last >= quiet:
                told.append(("end", first, last))
                first, fresh = -1, last + behind
            continue
        hits = [j for j in range(max(fresh, i - of + 1), i + 1) if p[j] >= 0.6]
        if len(hits) >= least and value >= 0.6:
            first, last = hits[0], i
            told.append(("start", first, last))
    return told


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), max_size=14), st.integers(1, 3), st.integers(1, 3), st.sampled_from([10, 25, 50]))
def test_windows_that_overlap_start_an_event_exactly_when_disjoint_ones_do(
    hits: list[bool], least: int, of: int, hop: int
) -> None:
    of = max(least, of)
    rule = replace(PLAIN, min_windows=least, of_windows=of)
    told = heard(decider(rule), [0.9 if hit else 0.5 for hit in hits], hop=hop)
    starts = [i * hop for i, hit in enumerate(hits) if hit]
    due = [start for start in starts if disjoint([s for s in starts if start - (of - 1) * SIZE <= s <= start], least)]
    assert [round(seconds(event.t_heard_ns) * 10) - SIZE for event in told[:1]] == due[:1]


def disjoint(starts: list[int], count: int) -> bool:
    """Whether there are so many among them of which none overlap, by trying all."""
    return any(all(later - sooner >= SIZE for sooner, later in pairwise(some)) for some in combinations(starts, count))


@settings(max_examples=100, deadline=None)
@given(st.floats(20, 60), st.floats(6, 60), st.integers(1, 2))
def test_one_sound_is_one_event_however_it_is_cut(begins: float, lasts: float, least: int) -> None:
    """The probability is the share of the window that sounds."""
    ends = begins + lasts
    if least > 1:
        ends += 10
    for hop in (50, 10, 5):
        cut = [start / 10 for start in range(0, 2000, hop)]
        p = [max(0.0, min(start + 5, ends) - max(start, begins)) / 5 for start in cut]
        rule = Rule(threshold_on=0.5, threshold_off=0.3, min_windows=least, of_windows=least + 1)
        told = [event for event in heard(decider(rule), p, hop=hop) if event.phase != "update"]
        assert [event.phase for event in told] == ["start", "end"]
        assert abs(seconds(told[1].t_on_ns) - begins) <= 5
        assert abs(seconds(told[1].t_heard_ns) - ends) <= 5
