from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import START_NS, assert_same, block, cut, noise

from mgcld.audio.windows import SHORTEST_TAIL, Windower, exact
from mgcld.data import AudioBlock, Window
from mgcld.errors import ConfigError

RATE = 1000
PLACES = st.lists(st.integers(0, 10_000), max_size=30)
SIZES = st.integers(1, 50)


def windows(blocks: list[AudioBlock], size: int, hop: int, *, flush: bool = True) -> list[Window]:
    windower = Windower("mic", RATE, size / RATE, hop / RATE)
    made = [window for each in blocks for window in windower.push(each)]
    return made + windower.flush() if flush else made


def starts(made: list[Window]) -> list[tuple[int, int]]:
    return [(window.epoch, window.first_sample) for window in made]


@settings(deadline=None)
@given(length=st.integers(0, 300), places=PLACES, size=SIZES, hop=SIZES)
def test_any_cutting_gives_the_same_windows(length: int, places: list[int], size: int, hop: int) -> None:
    whole = block(noise(length), RATE, first=17)
    assert_same(windows([whole], size, hop), windows(cut(whole, places), size, hop))


@settings(deadline=None)
@given(length=st.integers(0, 300), size=SIZES, hop=SIZES)
def test_windows_are_the_slices_that_the_hop_says(length: int, size: int, hop: int) -> None:
    sound = noise(length)
    made = windows([block(sound, RATE)], size, hop, flush=False)
    wanted = [sound[start : start + size] for start in range(0, length - size + 1, hop)]
    assert [window.samples.tobytes() for window in made] == [samples.tobytes() for samples in wanted]
    assert [window.first_sample for window in made] == [hop * index for index in range(len(wanted))]
    assert all(window.gap_samples == 0 and window.valid_samples == size for window in made)


@settings(deadline=None)
@given(places=PLACES, size=SIZES, hop=SIZES, dropped=st.sets(st.integers(0, 30)))
def test_no_window_spans_a_dropped_block(places: list[int], size: int, hop: int, dropped: set[int]) -> None:
    blocks = cut(block(noise(300), RATE), places)
    kept = [each for index, each in enumerate(blocks) if index not in dropped]
    heard = np.zeros(300, bool)
    for each in kept:
        heard[each.first_sample : each.first_sample + len(each.samples)] = True
    sound = noise(300)
    made = windows(kept, size, hop)
    for window in made:
        span = slice(window.first_sample, window.first_sample + window.valid_samples)
        assert heard[span].all()
        assert np.array_equal(window.samples[: window.valid_samples], sound[span])
        assert window.start_ns == START_NS + window.first_sample * 1_000_000
    # All that was lost behind the first sample and before the last window is told by one of them.
    if made:
        before = slice(kept[0].first_sample, made[-1].first_sample)
        assert sum(window.gap_samples or 0 for window in made) == np.count_nonzero(~heard[before])


def test_a_gap_starts_a_new_window() -> None:
    blocks = [block(noise(25), RATE), block(noise(30), RATE, first=40)]
    made = windows(blocks, 10, 10, flush=False)
    assert starts(made) == [(0, 0), (0, 10), (0, 40), (0, 50), (0, 60)]
    assert [window.gap_samples for window in made] == [0, 0, 15, 0, 0]
    assert [window.start_ns - START_NS for window in made] == [0, 10_000_000, 40_000_000, 50_000_000, 60_000_000]


def test_gaps_without_a_window_between_them_add_up() -> None:
    blocks = [block(noise(25), RATE), block(noise(3), RATE, first=40), block(noise(10), RATE, first=50)]
    assert [window.gap_samples for window in windows(blocks, 10, 10, flush=False)] == [0, 0, 15 + 7]


def test_by_the_time_of_arrival_nobody_knows_what_is_lost_between_epochs() -> None:
    blocks = [block(noise(15), RATE), block(noise(10), RATE, epoch=1), block(noise(10), RATE, first=10, epoch=1)]
    made = windows([replace(each, clock="arrival") for each in blocks], 10, 10, flush=False)
    assert starts(made) == [(0, 0), (1, 0), (1, 10)]
    assert [window.gap_samples for window in made] == [0, None, 0]


def test_an_index_that_falls_back_is_a_gap_of_unknown_size() -> None:
    made = windows([block(noise(15), RATE), block(noise(10), RATE, first=12)], 10, 10, flush=False)
    assert starts(made) == [(0, 0), (0, 12)]
    assert [window.gap_samples for window in made] == [0, None]


def test_times_count_from_the_first_block_after_a_gap() -> None:
    late = block(noise(20), RATE, first=10)
    later = block(noise(20), RATE, first=30, start_ns=START_NS + 555)  # less than a sample: rounding
    made = windows([late, later], 10, 10)
    assert [window.start_ns - START_NS for window in made] == [10_000_000, 20_000_000, 30_000_000, 40_000_000]
    assert {(window.clock, window.clock_uncertainty_ns) for window in made} == {("adc", 1000)}


@settings(deadline=None)
@given(places=PLACES, size=SIZES, hop=SIZES, moved=st.lists(st.integers(-400_000, 400_000), min_size=31, max_size=31))
def test_a_window_has_the_time_of_the_block_that_brought_its_first_sample(
    places: list[int], size: int, hop: int, moved: list[int]
) -> None:
    blocks = [
        replace(each, captured_ns=each.captured_ns + by, drift=by * 1e-9, clock_uncertainty_ns=abs(by))
        for each, by in zip(cut(block(noise(300), RATE), places), moved, strict=False)
    ]
    blocks = [each for each in blocks if len(each.samples)]
    for window in windows(blocks, size, hop):
        brought = [each for each in blocks if each.first_sample <= window.first_sample][-1]
        assert window.start_ns == pytest.approx(brought.heard_ns(window.first_sample), abs=1000)
        assert window.clock_uncertainty_ns == brought.clock_uncertainty_ns


def test_a_step_of_the_clock_starts_a_new_window_that_says_so() -> None:
    first, second = cut(block(noise(50), RATE), [25])
    made = windows([first, replace(second, clock_steps=1, captured_ns=START_NS)], 10, 5, flush=False)
    assert starts(made) == [(0, 0), (0, 5), (0, 10), (0, 15), (0, 25), (0, 30), (0, 35), (0, 40)]
    assert [window.gap_samples for window in made] == [0] * 8
    assert [window.start_ns - START_NS for window in made[4:]] == [0, 5_000_000, 10_000_000, 15_000_000]
    assert [window.first_sample for window in made if "clock_step" in window.flags] == [25]


def test_windows_tell_of_the_clock_once_also_when_a_step_was_followed_by_a_gap() -> None:
    blocks = [
        block(noise(10), RATE),
        replace(block(noise(5), RATE, first=10), clock_steps=1),
        replace(block(noise(25), RATE, first=20), clock_steps=1),
    ]
    made = windows(blocks, 10, 10, flush=False)
    assert [(window.gap_samples, "clock_step" in window.flags) for window in made] == [
        (0, False),
        (5, True),
        (0, False),
    ]


def test_the_tail_of_a_sound_is_one_partial_window() -> None:
    sound = noise(25)
    *_, tail = windows([block(sound, RATE)], 10, 10)
    assert (tail.first_sample, tail.valid_samples, len(tail.samples)) == (20, 5, 10)
    assert np.array_equal(tail.samples, np.concatenate([sound[20:], np.zeros(5, np.float32)]))
    assert "partial" in tail.flags


def test_a_short_sound_is_one_partial_window() -> None:
    (only,) = windows([block(noise(3), RATE)], 10, 2)
    assert (only.first_sample, only.valid_samples, only.gap_samples) == (0, 3, 0)


@pytest.mark.parametrize(("length", "hop"), [(20, 10), (20, 5), (0, 10), (14, 25), (25, 25)])
def test_there_is_no_tail_when_every_sample_was_in_a_window_or_skipped(length: int, hop: int) -> None:
    assert not [window for window in windows([block(noise(length), RATE)], 10, hop) if "partial" in window.flags]


@settings(deadline=None)
@given(length=st.integers(1, 200), size=SIZES, hop=SIZES)
def test_with_the_tail_every_sample_is_heard_unless_the_hop_skips_it(length: int, size: int, hop: int) -> None:
    made = windows([block(noise(length), RATE)], size, hop)
    heard = {
        index for window in made for index in range(window.first_sample, window.first_sample + window.valid_samples)
    }
    unheard = {index for index in range(length) if hop <= size or index % hop < size} - heard
    assert unheard == set(range(length - len(unheard), length))
    assert len(unheard) < SHORTEST_TAIL * size
    assert all(a.first_sample + a.valid_samples < b.first_sample + b.valid_samples for a, b in pairwise(made))


def test_level_and_flags_tell_of_what_was_heard_alone() -> None:
    loud = np.array([1, -1] * 10, np.float32)
    (only,) = windows([block(loud, RATE)], 100, 100)
    assert only.level_dbfs == pytest.approx(0.0)
    assert only.peak_dbfs == pytest.approx(0.0)
    assert only.flags == {"clipped", "partial"}


def test_a_window_owns_its_samples() -> None:
    first, second = windows([block(np.ones(15, np.float32), RATE), block(np.zeros(5, np.float32), RATE, 15)], 10, 10)
    assert first.samples.tolist() == [1] * 10
    assert second.samples.tolist() == [1] * 5 + [0] * 5


@pytest.mark.parametrize(
    ("seconds", "rate", "samples"), [(5.0, 16_000, 80_000), (0.7, 48_000, 33_600), (0.1, 16_000, 1600)]
)
def test_a_duration_is_a_whole_number_of_samples(seconds: float, rate: int, samples: int) -> None:
    assert exact(seconds, rate) == samples


@pytest.mark.parametrize(("seconds", "rate"), [(0.33333, 16_000), (0.0, 16_000), (-1.0, 16_000), (1e-9, 16_000)])
def test_a_duration_between_two_samples_is_refused(seconds: float, rate: int) -> None:
    with pytest.raises(ConfigError, match="no whole number of samples") as caught:
        exact(seconds, rate)
    assert caught.value.help


def test_a_few_samples_behind_the_last_window_make_no_window_of_their_own() -> None:
    assert [window.valid_samples for window in windows([block(noise(205), RATE)], 100, 100)] == [100, 100]
    assert [window.valid_samples for window in windows([block(noise(210), RATE)], 100, 100)] == [100, 100, 10]
    assert [window.valid_samples for window in windows([block(noise(5), RATE)], 100, 100)] == [5]
