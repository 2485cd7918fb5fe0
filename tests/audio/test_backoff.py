import itertools

import pytest
from clocks import HandClock
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcld.audio.backoff import LEAST_SECONDS, MOST_IN_SHORT, SHORT_SECONDS, Backoff
from mgcld.audio.watch import OPENING_SECONDS
from mgcld.errors import Reason


def waits(backoff: Backoff, clock: HandClock, count: int, reason: Reason = "refused", took: float = 0.0) -> list[float]:
    """What it says to each of so many failures, one after the other."""
    found = []
    for _ in range(count):
        clock.on(took)
        found.append(backoff.next(reason, took))
        clock.on(found[-1])
    return found


def test_waits_double_but_stay_short_until_the_outage_is_long() -> None:
    clock = HandClock()
    found = waits(Backoff(spread=0, clock=clock), clock, 15)
    assert found == [1, 2, 4, 8, 8, 8, 8, 8, 8, 8, 8, 60, 60, 60, 60]
    began = list(itertools.accumulate(found))
    assert all(wait <= MOST_IN_SHORT for wait, end in zip(found, began, strict=True) if end - wait < SHORT_SECONDS)


@settings(max_examples=2000, deadline=None)
@given(st.floats(0, 60), st.floats(0, OPENING_SECONDS), st.booleans())
def test_an_outage_of_less_than_a_minute_costs_at_most_ten_seconds_more(fault: float, took: float, cut: bool) -> None:
    """However long each opening takes before it fails: the first that begins behind the fault begins soon.

    An outage begins with a connection that is cut, or with the first opening that fails.
    """
    clock = HandClock()
    backoff = Backoff(clock=clock)
    over = clock.now + fault
    if cut:
        clock.on(backoff.next("ended", 3600.0))
    while clock.now < over:  # an opening begins, and fails
        clock.on(took)
        clock.on(backoff.next("timeout", took))
    assert clock.now - over <= 10


def test_the_time_of_a_failed_opening_counts_as_waiting() -> None:
    clock = HandClock()
    assert waits(Backoff(spread=0, clock=clock), clock, 3, took=3) == [LEAST_SECONDS, LEAST_SECONDS, 1]


def test_waits_spread_by_a_fifth_and_never_pass_the_most() -> None:
    found = [Backoff(clock=HandClock()).next("ended", 0.0) for _ in range(200)]
    assert 0.8 <= min(found) < 0.9 < 1.1 < max(found) <= 1.2
    clock = HandClock()
    assert max(waits(Backoff(clock=clock), clock, 100)) <= 60


def test_a_source_that_has_proved_itself_begins_anew() -> None:
    clock = HandClock()
    backoff = Backoff(spread=0, clock=clock)
    waits(backoff, clock, 20)
    backoff.reset()
    assert backoff.short
    assert waits(backoff, clock, 2) == [1, 2]


def test_faults_twenty_minutes_apart_do_not_add_up() -> None:
    clock = HandClock()
    backoff = Backoff(spread=0, clock=clock)
    for _ in range(10):
        assert waits(backoff, clock, 2) == [1, 2]
        clock.on(31)
        backoff.reset()  # half a minute of sound
        clock.on(1200)


@pytest.mark.parametrize(("reason", "first"), [("auth", 60), ("not_found", 15), ("no_audio", 30), ("codec", 30)])
def test_a_camera_that_is_back_after_hours_and_still_starting_is_not_taken_for_one_that_never_works(
    reason: Reason, first: float
) -> None:
    clock = HandClock()
    backoff = Backoff(spread=0, clock=clock)
    waits(backoff, clock, 100, "unreachable")
    assert waits(backoff, clock, 2, reason) == [first, 2 * first]


@pytest.mark.parametrize(
    ("reason", "first", "most"),
    [("auth", 60, 600), ("not_found", 15, 120), ("no_audio", 30, 300), ("codec", 30, 300), ("absent", 2, 2)],
)
def test_what_a_person_must_mend_is_tried_less_often_and_a_missing_device_often(
    reason: Reason, first: float, most: float
) -> None:
    clock = HandClock()
    found = waits(Backoff(spread=0, clock=clock), clock, 20, reason)
    assert (found[0], found[-1]) == (first, most)
