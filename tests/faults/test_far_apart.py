"""Faults that have nothing to do with each other, by a clock that leaps over the sound between them."""

import time
from collections.abc import Iterator

from expected import RATE, exact, played
from listening import Listening

from mgcld.audio.inbox import Inbox
from mgcld.data import AudioBlock
from mgcld.errors import SourceError

MINUTE = 60
FAULTS = 4


class LeapingClock:
    """The real one, but ahead of it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Breaking:
    """Plays some minutes in no time, each of which passes on the clock; then it breaks."""

    live = True

    def __init__(self, clock: LeapingClock, minutes: int) -> None:
        self._clock = clock
        self._minutes = minutes

    def blocks(self) -> Iterator[AudioBlock]:
        for second in range(self._minutes * MINUTE):
            yield AudioBlock(played(second * RATE, RATE), RATE, second * RATE, time.time_ns())
            self._clock.ahead += 1
        raise SourceError("it breaks", reason="ended", help="wait")


def waits(minutes: int) -> list[float]:
    """Seconds between each fault and the next opening."""
    clock = LeapingClock()
    listening = Listening("far", Breaking(clock, minutes), Inbox(10), exact, clock=clock)
    listening.capture.start()
    deadline = time.monotonic() + 60
    while len(lost := [status for _, status in list(listening.told) if status.state == "lost"]) < FAULTS:
        assert time.monotonic() < deadline, listening.states
        time.sleep(0.02)
    listening.capture.stop()
    assert listening.capture.join(10)
    assert not any(status.alarm_since_ns for status in lost)
    return [((status.next_retry_ns or 0) - status.since_ns) / 1e9 for status in lost]


def test_faults_twenty_minutes_apart_are_each_the_first() -> None:
    assert max(waits(minutes=20)) < 1.3


def test_faults_one_after_another_are_one_outage() -> None:
    """The same source, when it never plays for long enough to prove itself."""
    assert max(waits(minutes=0)) > 5
