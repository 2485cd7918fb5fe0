import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from mgcld_plugins.sources._timeline import Timeline

RATE = 8000
FRAME = 160


@given(origin=st.integers(0, 2**32), sizes=st.lists(st.tuples(st.integers(1, 2000), st.booleans()), min_size=1))
def test_frames_that_are_lost_leave_a_hole_of_their_size(origin: int, sizes: list[tuple[int, bool]]) -> None:
    timeline, index, began = Timeline(RATE), 0, None
    frames = [FRAME] * sum(count % 7 + 1 for count, _ in sizes)
    lost = [flag for count, flag in sizes for _ in range(count % 7 + 1)]
    for size, is_lost in zip(frames, lost, strict=True):
        if not is_lost:
            began = index if began is None else began
            assert timeline.place(origin + index, size) == index - began
        index += size
    assert timeline.epoch == 0


def test_without_stamps_frames_follow_each_other() -> None:
    timeline = Timeline(RATE)
    assert [timeline.place(None, FRAME) for _ in range(3)] == [0, 160, 320]


def test_without_stamps_a_loss_of_unknown_size_is_a_new_epoch() -> None:
    timeline = Timeline(RATE)
    placed = [(timeline.place(None, FRAME, broken=index in (0, 2)), timeline.epoch) for index in range(4)]
    assert placed == [(0, 0), (160, 0), (0, 1), (160, 1)]


def test_the_first_stamp_may_come_twice() -> None:
    timeline = Timeline(RATE)
    stamps = [0, *range(0, 10 * FRAME, FRAME), *range(12 * FRAME, 14 * FRAME, FRAME)]
    assert [timeline.place(stamp, FRAME) // FRAME for stamp in stamps] == [*range(11), 13, 14]


def test_small_wobbles_are_no_gaps() -> None:
    timeline, wobble = Timeline(RATE), random.Random(1)
    placed = [timeline.place(index * FRAME + wobble.randint(-35, 35), FRAME) for index in range(1000)]
    assert placed == [index * FRAME for index in range(1000)]


def test_an_unsteady_clock_costs_no_more_than_one_gap() -> None:
    timeline, wobble = Timeline(RATE), random.Random(1)
    placed = [timeline.place(index * FRAME + wobble.randint(0, 300), FRAME) for index in range(5000)]
    jumps = [b - a - FRAME for a, b in pairwise(placed) if b - a != FRAME]
    assert len(jumps) <= 1
    assert all(0 < jump <= 300 for jump in jumps)
    assert timeline.epoch == 0


def test_an_unsteady_clock_still_tells_of_a_long_gap() -> None:
    timeline = Timeline(RATE)
    for index in range(100):
        timeline.place(index * FRAME + (index % 3) * 100, FRAME)
    before = timeline.place(100 * FRAME, FRAME)
    after = timeline.place(101 * FRAME + 4000, FRAME)
    assert abs(after - before - FRAME - 4000) <= 300


def test_a_sender_that_starts_anew_is_a_new_epoch() -> None:
    for leap in (-100_000, 100 * RATE):
        timeline = Timeline(RATE)
        assert [timeline.place(200_000 + index * FRAME, FRAME) for index in range(3)] == [0, 160, 320]
        placed = [timeline.place(200_000 + leap + index * FRAME, FRAME) for index in range(3, 6)]
        assert (timeline.epoch, placed) == (1, [0, 160, 320])


def test_a_recording_goes_on_where_its_clock_starts_anew() -> None:
    timeline = Timeline(RATE, restarts=False)
    stamps = [*range(0, 10**6, FRAME), *range(0, 3 * FRAME, FRAME)]
    placed = [timeline.place(stamp, FRAME) for stamp in stamps]
    assert placed == [index * FRAME for index in range(len(stamps))]
    assert timeline.epoch == 0
