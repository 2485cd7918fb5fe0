import time
from dataclasses import dataclass

import numpy as np
import pytest
from mgcld_plugins.sources._mic.ear import Ear


@dataclass
class Times:
    """As PortAudio tells them: now, and when the first sample was in the converter (seconds)."""

    currentTime: float
    inputBufferAdcTime: float


@dataclass
class Status:
    """As PortAudio tells it."""

    input_overflow: bool = False


BLOCK = np.zeros((800, 1), np.float32)
FINE = Status()


def heard(ear: Ear, age: float, status: Status = FINE) -> None:
    ear.hear(BLOCK, 0.1, Times(100.0, 100.0 - age), status)


def test_the_converter_s_time_is_taken() -> None:
    ear = Ear(5)
    heard(ear, 0.15)
    chunk = ear.next(0)
    assert chunk is not None
    captured_ns, clock, uncertainty_ns = chunk.captured(8000, 0.2)
    assert chunk.arrived_ns - captured_ns == pytest.approx(150_000_000, abs=1000)
    assert clock == "adc"
    assert 0 < uncertainty_ns < 100_000_000


@pytest.mark.parametrize("age", [0.0, 0.05, -1.0, 1e9])
def test_a_converter_s_time_that_cannot_be_true_gives_way_to_the_time_of_arrival(age: float) -> None:
    ear = Ear(5)
    heard(ear, age)
    chunk = ear.next(0)
    assert chunk is not None
    captured_ns, clock, uncertainty_ns = chunk.captured(8000, 0.2)
    assert chunk.arrived_ns - captured_ns == 100_000_000
    assert clock == "arrival"
    assert uncertainty_ns >= 200_000_000


def test_an_overflow_in_portaudio_begins_a_new_epoch() -> None:
    ear = Ear(5)
    heard(ear, 0.1)
    heard(ear, 0.1)
    heard(ear, 0.1, Status(input_overflow=True))
    heard(ear, 0.1)
    places = [(chunk.epoch, chunk.first_sample) for chunk in iter(lambda: ear.next(0), None)]
    assert places == [(0, 0), (0, 800), (1, 0), (1, 800)]


def test_what_does_not_fit_is_counted_as_lost() -> None:
    ear = Ear(2)
    for _ in range(4):
        heard(ear, 0.1)
    assert [chunk.first_sample for chunk in iter(lambda: ear.next(0), None)] == [0, 800]
    heard(ear, 0.1)
    after = ear.next(0)
    assert after is not None
    assert (after.epoch, after.first_sample) == (0, 3200)


def test_sound_that_was_lost_on_its_way_shows_as_a_slip() -> None:
    ear = Ear(5)
    heard(ear, 2.0)
    heard(ear, 1.9)
    heard(ear, 0.1)
    first, second, third = iter(lambda: ear.next(0), None)
    assert first.slip_seconds == 0
    assert second.slip_seconds == pytest.approx(0, abs=0.05)
    assert third.slip_seconds == pytest.approx(1.7, abs=0.05)


def test_nothing_comes_as_none_in_time() -> None:
    began = time.monotonic()
    assert Ear(1).next(0.05) is None
    assert 0.05 <= time.monotonic() - began < 5
