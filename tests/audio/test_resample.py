from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from crystals import Ear, World, jitter
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import START_NS, block, cut, frequency_of, noise, tone

from mgcld.audio.resample import Resampler, index_at
from mgcld.data import AudioBlock, nanoseconds

RATES = [8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]


def resampled(blocks: list[AudioBlock], target: int) -> list[AudioBlock]:
    resampler = Resampler(target)
    return [made for each in blocks for made in resampler.push(each)] + resampler.flush()


def joined(blocks: list[AudioBlock]) -> np.ndarray:
    """The samples of consecutive blocks; the test fails if they are not consecutive."""
    for before, after in pairwise(blocks):
        assert after.first_sample == before.first_sample + len(before.samples)
    return np.concatenate([each.samples for each in blocks])


@pytest.mark.parametrize("target", [16_000, 32_000, 48_000])
@pytest.mark.parametrize("native", RATES)
def test_a_tone_keeps_its_frequency_its_level_and_its_length(native: int, target: int) -> None:
    sound = joined(resampled(cut(block(tone(1000, 2, native), native), range(0, 2 * native, native // 50)), target))
    assert len(sound) == 2 * target
    middle = sound[target // 2 : -target // 2]
    assert frequency_of(middle, target) == pytest.approx(1000, abs=2)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


def test_what_the_target_cannot_hold_is_filtered_out() -> None:
    sound = joined(resampled([block(tone(10_000, 1, 48_000), 48_000)], 16_000))
    assert np.abs(sound[2000:-2000]).max() < 1e-4


@settings(deadline=None, max_examples=50)
@given(
    native=st.sampled_from(RATES),
    target=st.sampled_from([16_000, 32_000]),
    length=st.integers(10, 5000),
    places=st.lists(st.integers(0, 5000), max_size=20),
)
def test_any_cutting_gives_the_same_samples(native: int, target: int, length: int, places: list[int]) -> None:
    whole = block(noise(length), native, first=1234)
    once = resampled([whole], target)
    often = resampled(cut(whole, places), target)
    assert joined(once).tobytes() == joined(often).tobytes()
    assert (once[0].first_sample, once[0].captured_ns) == (often[0].first_sample, often[0].captured_ns)
    for each in often:
        since = nanoseconds(each.first_sample - often[0].first_sample, target)
        assert (each.captured_ns, each.sample_rate) == (often[0].captured_ns + since, target)


@settings(deadline=None, max_examples=50)
@given(native=st.sampled_from(RATES), before=st.integers(10, 3000), lost=st.integers(1, 3000))
def test_a_gap_stays_a_gap_of_the_same_length(native: int, before: int, lost: int) -> None:
    first = block(noise(before), native)
    second = block(noise(500, seed=1), native, first=before + lost)
    made = resampled([first, second], 16_000)
    (place,) = [
        index for index, (a, b) in enumerate(pairwise(made)) if b.first_sample != a.first_sample + len(a.samples)
    ]
    heard, after = made[: place + 1], made[place + 1 :]
    gap = after[0].first_sample - heard[-1].first_sample - len(heard[-1].samples)
    if native != 16_000:
        assert gap == pytest.approx(max(1, lost * 16_000 / native), abs=1)
        assert joined(heard).tobytes() == joined(resampled([first], 16_000)).tobytes()
        assert joined(after).tobytes() == joined(resampled([second], 16_000)).tobytes()
    assert gap >= 1
    assert after[0].captured_ns == second.captured_ns


@settings(deadline=None, max_examples=20)
@given(
    native=st.sampled_from([8000, 11_025, 48_000]),
    size=st.floats(0.02, 1.5),
    drift=st.floats(-200e-6, 200e-6),
    seed=st.integers(0, 99),
)
def test_what_it_makes_has_the_time_of_what_was_heard(native: int, size: float, drift: float, seed: int) -> None:
    # The times are bent all the while: by drift and jitter, and hard, because the clock turns out to be off by 0.5 s.
    world = World()
    rough = Ear(world, drift, "rtcp", 0.5, size, jitter(seed, 0.4, 0.5), rate=native)
    good = Ear(world, drift, "rtcp", 0.01, size, jitter(seed, -0.01, 0.01), rate=native)
    keeper, few = world.timekeeper(), [*rough.blocks(2 * size)]
    stamped = [*few, *good.blocks(4 + 6 * size, first=few[-1].first_sample + len(few[-1].samples))]
    heard = [keeper.follow(each) for each in stamped]
    made = resampled(heard, 16_000)
    joined(made)
    assert len({each.drift for each in made}) > 1
    for each in made:
        for place in (each.first_sample, each.first_sample + len(each.samples) - 1):
            position = place * native // 16_000
            mark = [every for every in heard if every.first_sample <= position][-1]
            past = (place / 16_000 - mark.first_sample / native) * (1 + mark.drift)
            assert each.heard_ns(place) == pytest.approx(mark.captured_ns + past * 1e9, abs=2000)


@settings(deadline=None, max_examples=30)
@given(
    native=st.sampled_from([rate for rate in RATES if rate != 16_000]),
    begin=st.integers(0, 99),
    place=st.integers(100, 900),
)
def test_a_step_of_the_clock_starts_a_new_filter_and_loses_nothing(native: int, begin: int, place: int) -> None:
    first, second = cut(block(noise(1001), native, first=begin), [place])
    second = replace(second, clock_steps=1, captured_ns=second.captured_ns + 3600 * 10**9)
    made = resampled([first, second], 16_000)
    before, after = ([each for each in made if each.clock_steps == steps] for steps in (0, 1))
    joined(made)
    assert joined(before).tobytes() == joined(resampled([first], 16_000)).tobytes()
    assert joined(after).tobytes() == joined(resampled([second], 16_000)).tobytes()
    assert after[0].captured_ns == second.captured_ns


def test_a_new_epoch_starts_a_new_filter() -> None:
    blocks = [block(noise(1000), 8000), block(noise(1000, seed=1), 8000, epoch=1, start_ns=START_NS + 999)]
    made = resampled(blocks, 16_000)
    second = [each for each in made if each.epoch == 1]
    assert joined(second).tobytes() == joined(resampled(blocks[1:], 16_000)).tobytes()
    assert (second[0].first_sample, second[0].captured_ns) == (0, START_NS + 999)
    assert sum(len(each.samples) for each in made) == 4000


def test_a_change_of_the_rate_rebuilds_the_filter() -> None:
    blocks = [block(tone(1000, 1, 8000), 8000), block(tone(1000, 1, 48_000), 48_000, epoch=1)]
    for epoch in (0, 1):
        sound = joined([each for each in resampled(blocks, 16_000) if each.epoch == epoch])
        assert len(sound) == 16_000
        assert frequency_of(sound, 16_000) == pytest.approx(1000, abs=2)


def test_the_right_rate_passes_untouched() -> None:
    whole = block(noise(100), 16_000)
    assert Resampler(16_000).push(whole)[0] is whole


def test_the_right_rate_pushes_out_what_came_before() -> None:
    resampler = Resampler(16_000)
    held_back = resampler.push(block(noise(10), 8000))
    right = block(noise(100), 16_000, epoch=1)
    *tail, last = resampler.push(right)
    assert last is right
    assert sum(len(each.samples) for each in held_back + tail) == 20


@given(sample=st.integers(0, 10**12), native=st.sampled_from(RATES), target=st.sampled_from(RATES))
def test_an_index_is_the_nearest(sample: int, native: int, target: int) -> None:
    assert abs(index_at(sample, native, target) * native - sample * target) * 2 <= native
