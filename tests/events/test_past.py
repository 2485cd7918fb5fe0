"""How far back windows are kept."""

import pytest
from hearing import prediction, window

from mgcld.events import Rule
from mgcld.events.past import Judged, Past


@pytest.mark.parametrize(("reach", "hop", "kept"), [(1, 5, 1), (1, 50, 1), (5, 50, 5), (5, 10, 21), (3, 80, 3)])
def test_windows_are_kept_as_far_back_as_evidence_may_reach_and_no_further(reach: int, hop: int, kept: int) -> None:
    past = Past()
    for number in range(200):
        past.add(Judged.of(window(number * hop), prediction(0.9)), reach)
    assert len([*past.since(0)]) == kept


def test_the_first_hit_that_counts_is_told_and_too_few_are_none() -> None:
    past = Past()
    for number, p in enumerate([0.9, 0.1, 0.9, 0.9]):
        past.add(Judged.of(window(50 * number), prediction(p)), 4)
    newest = [*past.since(0)][-1]
    first = past.evidence(0, Rule(min_windows=3, of_windows=4), 0)
    assert first is not None and first.start == 0
    late = past.evidence(0, Rule(min_windows=2, of_windows=4), newest.start_ns - 5_000_000_000)
    assert late is not None and late.start == 100
    assert past.evidence(0, Rule(min_windows=3, of_windows=3), 0) is None


def test_of_a_silent_window_no_probability_is_kept() -> None:
    assert Judged.of(window(0, flags=["silent"]), prediction(0.9, 0.2)).p == (0.0, 0.0)
