"""No window spans a break, of whatever kind; and each break says what it cost, where that can be known."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from crystals import SECOND, Ear, World, jitter
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import START_NS, block, cut, frequency_of, noise, tone

from mgcld.audio.gaps import GOOD_NS, lost_between
from mgcld.audio.pipeline import Pipeline
from mgcld.data import AudioBlock, Clock, Window

RATE = 16_000


def pipeline(world: World | None = None, seconds: float = 0.1, hop: float = 0.1) -> Pipeline:
    keeper = (world or World()).timekeeper()
    return Pipeline("mic", sample_rate=RATE, window_seconds=seconds, hop_seconds=hop, timekeeper=keeper)


def windows(pipe: Pipeline, blocks: Iterable[AudioBlock]) -> list[Window]:
    return [window for each in blocks for window in pipe.push(each)] + pipe.flush(partial=False)


def later(what: AudioBlock, seconds: float, **changes: object) -> AudioBlock:
    return replace(what, captured_ns=what.captured_ns + round(seconds * SECOND), **changes)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=50)
@given(
    native=st.sampled_from([8000, 16_000, 44_100]),
    heard=st.integers(2000, 40_000),
    silent=st.floats(0, 30),
    off=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    clock=st.sampled_from(["adc", "rtcp"]),
)
def test_what_an_opening_cost_is_known_to_within_the_clocks(
    native: int, heard: int, silent: float, off: tuple[float, float], clock: Clock
) -> None:
    known = 20_000_000
    stated = {"clock": clock, "clock_uncertainty_ns": known}
    first = replace(block(noise(heard), native, start_ns=START_NS + round(off[0] * known)), **stated)  # type: ignore[arg-type]
    second = block(noise(20_000), native, epoch=1, start_ns=START_NS + round(off[1] * known))
    second = later(replace(second, **stated), heard / native + silent)  # type: ignore[arg-type]
    pipe = pipeline()
    made = [window for window in windows(pipe, [first, second]) if window.epoch == 1]
    lost = made[0].gap_samples
    assert lost is not None
    assert lost >= 0
    assert abs(lost - silent * RATE) <= 2 * known / SECOND * RATE + 2
    assert [window.gap_samples for window in made[1:]] == [0] * (len(made) - 1)
    assert (pipe.gaps, pipe.lost_samples) == (1, lost)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"clock": "arrival"}, {}),
        ({}, {"clock": "arrival"}),
        ({"clock_uncertainty_ns": GOOD_NS + 1}, {}),
        ({}, {"clock_uncertainty_ns": GOOD_NS + 1}),
        ({"clock": "file"}, {"clock": "file"}),
    ],
)
def test_without_a_good_clock_on_both_sides_nobody_knows_what_an_opening_cost(
    before: dict[str, object], after: dict[str, object]
) -> None:
    first = later(block(noise(8000), RATE), 0, **before)
    second = later(block(noise(8000), RATE, epoch=1), 2, **after)
    pipe = pipeline()
    assert [window.gap_samples for window in windows(pipe, [first, second])] == [0] * 5 + [None] + [0] * 4
    assert (pipe.gaps, pipe.lost_samples) == (1, 0)


def test_an_epoch_that_begins_before_the_last_one_ended_has_a_wrong_clock() -> None:
    first = block(noise(8000), RATE)
    assert lost_between(first, 8000, later(first, 0.499_999, epoch=1)) == 0
    assert lost_between(first, 8000, later(first, 0.4, epoch=1)) is None


def test_a_step_while_it_was_closed_leaves_the_cost_unknown() -> None:
    world = World(steps=[(11.0, 3600.0)])
    pipe = pipeline(world, seconds=5, hop=5)
    made = windows(pipe, Ear(world, rate=RATE).blocks(10))
    made += windows(pipe, Ear(world, rate=RATE, began=13, epoch=1).blocks(10))
    assert [(window.epoch, window.gap_samples, window.flags >= {"clock_step"}) for window in made] == [
        (0, 0, False),
        (0, 0, False),
        (1, None, True),
        (1, 0, False),
    ]


@pytest.mark.parametrize("by", [3600.0, -3600.0])
@pytest.mark.parametrize("native", [8000, RATE])
def test_no_window_spans_a_step_of_the_clock_and_none_of_the_sound_is_called_lost(native: int, by: float) -> None:
    world = World(steps=[(12.1, by)])
    ear = Ear(world, rate=native, error=jitter(2, -0.01, 0.01))
    pipe = pipeline(world, seconds=5, hop=2.5)
    made = windows(pipe, ear.blocks(30))
    stepped = 12.25  # the first block that is stamped after it
    starts = [0, 2.5, 5, 12.25, 14.75, 17.25, 19.75, 22.25, 24.75]
    assert [window.first_sample / RATE for window in made] == starts
    assert [window.gap_samples for window in made] == [0] * len(starts)
    assert [window.start_seconds for window in made if "clock_step" in window.flags] == [stepped]
    for window in made:
        when = window.first_sample / RATE
        assert abs(window.start_ns - world.utc(when)) <= window.clock_uncertainty_ns
    assert (pipe.gaps, pipe.lost_samples) == (1, 0)


@pytest.mark.parametrize("clock", ["adc", "arrival"])
@pytest.mark.parametrize("rates", [(8000, 48_000), (RATE, 8000), (8000, RATE), (48_000, RATE)])
@pytest.mark.parametrize("index", ["from zero", "counted on", "as if at the new rate"])
def test_no_window_spans_a_change_of_the_rate(rates: tuple[int, int], clock: Clock, index: str) -> None:
    """Whatever index the source goes on with: a 1 kHz tone stays one."""
    slow, fast = (replace(block(tone(1000, 2, rate), rate), clock=clock) for rate in rates)
    after = {"from zero": 0, "counted on": 2 * rates[0], "as if at the new rate": 2 * rates[1]}[index]
    fast = later(fast, 2, first_sample=after)
    pipe = pipeline(seconds=0.5, hop=0.5)
    made = windows(pipe, [*cut(slow, range(0, 32_000, 1000)), *cut(fast, range(0, 96_000, 1000))])
    assert [window.epoch for window in made] == [0, 0, 0, 0, 1, 1, 1, 1]
    for window in made:
        assert frequency_of(window.samples, RATE) == pytest.approx(1000, abs=2.1)
        inner = window.samples[400:-400]  # the filter rings where a stretch begins and ends
        assert np.sqrt(np.mean(inner**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert [window.gap_samples for window in made] == [0] * 4 + [0 if clock == "adc" else None] + [0] * 3
    assert pipe.gaps == 1


def test_a_reopening_at_another_rate_loses_what_the_clock_says() -> None:
    first, second = block(tone(1000, 2, 8000), 8000), later(block(tone(1000, 2, 48_000), 48_000, epoch=1), 5)
    made = windows(pipeline(seconds=1, hop=1), [first, second])
    assert [(window.epoch, window.gap_samples) for window in made] == [(0, 0), (0, 0), (1, 3 * RATE), (1, 0)]
    assert all(frequency_of(window.samples, RATE) == pytest.approx(1000, abs=2) for window in made)


def test_every_break_is_counted_and_every_loss_that_is_known() -> None:
    pipe = pipeline()
    blocks = [
        block(noise(4000), RATE),
        block(noise(4000), RATE, first=5000),  # 1000 lost
        block(noise(4000), RATE, first=8000),  # falls back: nobody knows
        later(block(noise(4000), RATE, epoch=1), 2.0),
        later(block(noise(4000), 8000, epoch=1, first=4000), 1.75),  # the rate changes where it should go on
    ]
    made = windows(pipe, blocks)
    assert pipe.gaps == 4
    told = [window.gap_samples for window in made if window.gap_samples != 0]
    assert told[:2] == [1000, None]
    assert pipe.lost_samples == 1000 + sum(lost for lost in told[2:] if lost)


def test_time_that_passes_without_sound_is_no_break() -> None:
    pipe = pipeline()
    whole = block(noise(8000), RATE)
    ticks = [later(whole, 99, samples=whole.samples[:0], epoch=7)] * 3
    first, second = cut(whole, [4000])
    made = windows(pipe, [*ticks, first, *ticks, second, *ticks])
    assert [window.first_sample for window in made] == [0, 1600, 3200, 4800, 6400]
    assert pipe.gaps == 0
