from fractions import Fraction

import av
import numpy as np
import pytest
from mgcld_plugins.sources._reader import Heard, Report
from mgcld_plugins.sources._sender import SenderClock

SECOND = 10**9
NOW = 1_700_000_000 * SECOND
FRAME = 160


def heard(index: int, *, ahead_seconds: float | None = None, delay_seconds: float = 0.0) -> Heard:
    """Frame `index` of 8 kHz, which arrives so late, with a report of a clock that is so far ahead."""
    frame = av.AudioFrame.from_ndarray(np.zeros((1, FRAME), np.int16), "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 8000, index * FRAME, Fraction(1, 8000)
    spoken = NOW + index * SECOND // 50
    arrived = spoken + round((0.02 + delay_seconds) * SECOND)
    report = None
    if ahead_seconds is not None:
        report = Report(Fraction(index, 50), spoken + round(ahead_seconds * SECOND), arrived)
    return Heard(frame, "pcm_s16be", arrived, report, damaged=False)


def test_between_reports_time_follows_the_stamps_and_not_the_network() -> None:
    clock = SenderClock("camera")
    clock.stamp(heard(0, ahead_seconds=0), 0.02)
    stamps = [clock.stamp(heard(index, delay_seconds=index % 7), 0.02) for index in range(1, 100)]
    assert [stamp[0] for stamp in stamps] == [NOW + index * SECOND // 50 for index in range(1, 100)]
    assert {stamp[1:] for stamp in stamps} == {("rtcp", 50_000_000)}


@pytest.mark.parametrize(
    ("ahead", "delay", "uncertainty"),
    [(0, 0, 0.05), (0, 0.9, 0.05), (-0.5, 0, 0.05), (0, 5, 4.07), (-5, 0, 4.07), (3, 0, 3.03), (9.9, 0, 9.93)],
)
def test_what_cannot_be_is_added_to_the_uncertainty(ahead: float, delay: float, uncertainty: float) -> None:
    _, name, told = SenderClock("camera").stamp(heard(0, ahead_seconds=ahead, delay_seconds=delay), 0.02)
    assert (name, told) == ("rtcp", pytest.approx(uncertainty * SECOND))


def test_a_camera_that_boots_in_1970_is_believed_once_it_has_learnt_the_time(caplog: pytest.LogCaptureFixture) -> None:
    clock, told = SenderClock("camera"), []
    for index, ahead in enumerate((-1_700_000_000, -1_700_000_000, -0.1, -0.1)):
        _, name, _ = clock.stamp(heard(index, ahead_seconds=ahead), 0.02)
        told.append((name, clock.offset_seconds))
    assert told == [("arrival", -1_700_000_000.02)] * 2 + [("rtcp", -0.12)] * 2
    assert len(caplog.messages) == 1


def test_stamps_of_an_axis_that_has_begun_anew_wait_for_the_next_report() -> None:
    clock = SenderClock("camera")
    names = [clock.stamp(heard(0, ahead_seconds=0), 0.02)[1]]
    clock.forget()
    names += [clock.stamp(heard(1), 0.02)[1], clock.stamp(heard(2, ahead_seconds=0), 0.02)[1]]
    assert names == ["rtcp", "arrival", "rtcp"]
