from collections.abc import Iterator

import pytest
from clocks import HandClock

from mgcld.audio.watch import OPENING_SECONDS, PATIENT_OPENING_SECONDS, Watch, watch
from mgcld.errors import SourceError


def until_it_complains(watcher: Watch, clock: HandClock, sound: Iterator[float], step: float = 0.25) -> SourceError:
    """Turn the clock; `sound` says how much comes at each step."""
    for _ in range(1000):
        try:
            watcher.check()
        except SourceError as error:
            return error
        clock.on(step)
        if seconds := next(sound, 0.0):
            watcher.heard(seconds)
    raise AssertionError("it never complains")


def test_an_opening_without_sound_is_given_up_sooner_in_a_short_outage() -> None:
    for short, limit in ((True, OPENING_SECONDS), (False, PATIENT_OPENING_SECONDS)):
        clock = HandClock()
        error = until_it_complains(watch(short, 10, clock), clock, iter(()))
        assert (error.reason, clock.now - 1000) == ("timeout", pytest.approx(limit, abs=0.25))
        assert error.help


def test_a_stream_that_falls_silent_is_a_stall_after_ten_seconds() -> None:
    clock = HandClock()
    error = until_it_complains(watch(True, 10, clock), clock, iter([0.25] * 100))
    assert (error.reason, str(error)) == ("timeout", "no sound for 10 s")
    assert clock.now - 1000 == pytest.approx(100 * 0.25 + 10)


@pytest.mark.parametrize("share", [0.05, 0.45])
def test_a_trickle_is_found_in_twenty_seconds(share: float) -> None:
    clock = HandClock()
    error = until_it_complains(watch(True, 10, clock), clock, iter([0.25 * share] * 1000))
    assert error.reason == "slow"
    assert clock.now - 1000 == pytest.approx(20.25, abs=0.5)


def test_a_stream_that_turns_into_a_trickle_is_found_in_twenty_more() -> None:
    clock = HandClock()
    error = until_it_complains(watch(True, 10, clock), clock, iter([0.25] * 400 + [0.01] * 500))
    assert error.reason == "slow"
    assert 5 < clock.now - 1000 - 100 <= 20


def test_a_stream_that_comes_in_bursts_is_no_trickle() -> None:
    clock = HandClock()
    watcher = watch(True, 10, clock)
    for step in range(2000):
        watcher.check()
        clock.on(0.25)
        if step % 32 == 0:
            watcher.heard(8.0)


def test_a_source_that_may_pause_long_is_given_its_time() -> None:
    clock = HandClock()
    error = until_it_complains(watch(True, 40, clock), clock, iter([10.0] + [0.0] * 119 + [40.0]))
    assert str(error) == "no sound for 40 s"
    assert clock.now - 1000 == pytest.approx(30.25 + 40)


def test_a_stream_that_stops_is_silent_not_slow() -> None:
    """Although less than half of what should have come came lately, which alone would be a trickle."""
    for share in (1.0, 0.9, 0.8):
        clock = HandClock()
        error = until_it_complains(watch(True, 10, clock), clock, iter([0.25 * share] * 200))
        assert (error.reason, str(error)) == ("timeout", "no sound for 10 s")
