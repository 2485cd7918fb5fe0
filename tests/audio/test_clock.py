"""Times stay true for hours, whatever crystals, networks and administrators do."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from crystals import RATE, SECOND, Ear, World, jitter, stalls
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import START_NS, block, cut, noise

from mgcld.audio.clock import Timekeeper
from mgcld.audio.pipeline import Pipeline
from mgcld.audio.windows import Windower
from mgcld.data import AudioBlock, Window, nanoseconds

HOUR = 3600.0
DRIFTS = st.floats(-200e-6, 200e-6)


def followed(keeper: Timekeeper, blocks: Iterable[AudioBlock]) -> list[AudioBlock]:
    return [keeper.follow(each) for each in blocks]


def windows(keeper: Timekeeper, blocks: Iterable[AudioBlock], hop: float = 2.5) -> list[Window]:
    windower = Windower("mic", RATE, 5.0, hop)
    return [window for each in blocks for window in windower.push(keeper.follow(each))]


def errors(made: list[Window], ear: Ear) -> np.ndarray:
    """How far each window's time is off (seconds)."""
    return np.array([(window.start_ns - ear.world.utc(ear.heard(window.first_sample))) / SECOND for window in made])


def assert_true(made: list[Window], ear: Ear) -> None:
    """Within what is stated, and never backwards."""
    stated = np.array([window.clock_uncertainty_ns / SECOND for window in made])
    assert (np.abs(errors(made, ear)) <= stated).all()
    assert all(after.start_ns > before.start_ns for before, after in pairwise(made))
    assert not any(window.flags & {"clock_step"} for window in made)


@settings(deadline=None, max_examples=4)
@given(drift=DRIFTS, slew=st.sampled_from([0.0, 5e-4, -5e-4]), off=st.floats(0, 0.019), seed=st.integers(0, 999))
def test_a_converters_time_is_true_for_hours(drift: float, slew: float, off: float, seed: int) -> None:
    ear = Ear(World(slew=slew), drift, block=0.5, error=jitter(seed, -off, off))
    made = windows(ear.world.timekeeper(), ear.blocks(2 * HOUR))
    assert len(made) == 2 * HOUR / 2.5 - 1
    assert_true(made, ear)
    settled = made[60:]
    assert np.abs(errors(settled, ear)).max() < 0.03  # with NTP at its fastest
    assert max(window.clock_uncertainty_ns for window in settled) < 0.06 * SECOND


@settings(deadline=None, max_examples=4)
@given(drift=DRIFTS, longest=st.floats(0, 9.5), late=st.floats(0, 0.5), seed=st.integers(0, 999))
def test_the_time_of_arrival_is_true_for_hours(drift: float, longest: float, late: float, seed: int) -> None:
    delay = stalls(seed, 120, longest, jitter(seed, 0.01, 0.01 + late))
    ear = Ear(World(), drift, "arrival", uncertainty=1.0, block=0.5, delay=delay)
    made = windows(ear.world.timekeeper(), ear.blocks(2 * HOUR))
    assert_true(made, ear)
    assert np.abs(errors(made, ear)).max() < 0.6  # though stalls are of up to 9.5 s


def test_the_way_through_the_resampler_costs_no_truth() -> None:
    ear = Ear(World(), 200e-6, error=jitter(4, -0.019, 0.019), rate=441)
    keeper = ear.world.timekeeper()
    pipeline = Pipeline("mic", sample_rate=RATE, window_seconds=5, hop_seconds=2.5, timekeeper=keeper)
    made = [window for each in ear.blocks(HOUR) for window in pipeline.push(each)]
    assert len(made) >= HOUR / 2.5 - 2  # the filter holds back the end
    for window in made:
        true = ear.world.utc(window.first_sample / RATE * (1 + ear.drift))
        assert abs(window.start_ns - true) <= window.clock_uncertainty_ns


def test_a_crystal_that_is_off_by_100_ppm_loses_no_time_in_a_quarter_of_a_day() -> None:
    ear = Ear(World(), drift=100e-6, block=1.0)
    *_, last = windows(ear.world.timekeeper(), ear.blocks(6 * HOUR))
    counted = START_NS + nanoseconds(last.first_sample, RATE)
    assert ear.world.utc(ear.heard(last.first_sample)) - counted > 2 * SECOND  # so far counting alone would be off
    assert errors([last], ear)[0] == pytest.approx(0, abs=0.005)


@settings(deadline=None, max_examples=4)
@given(drift=DRIFTS, seed=st.integers(0, 999))
def test_bursts_do_not_shake_the_times(drift: float, seed: int) -> None:
    calm, rough = (
        Ear(World(), drift, "arrival", 1.0, delay=delay)
        for delay in (lambda _: 0.01, stalls(seed, 60, 9, lambda _: 0.01))
    )
    times = [
        [window.start_ns for window in windows(ear.world.timekeeper(), ear.blocks(HOUR / 3))] for ear in (calm, rough)
    ]
    assert np.abs(np.subtract(*times)).max() < 0.01 * SECOND


@settings(deadline=None, max_examples=4)
@given(drift=DRIFTS, seed=st.integers(0, 999))
def test_times_are_bent_slowly(drift: float, seed: int) -> None:
    ear = Ear(World(slew=5e-4), drift, error=jitter(seed, -0.015, 0.015))
    made = windows(ear.world.timekeeper(), ear.blocks(HOUR / 2))
    steps = np.diff([window.start_ns for window in made]) / (2.5 * SECOND) - 1
    assert np.abs(steps).max() <= 1e-3 + 1e-9


@settings(deadline=None, max_examples=50)
@given(places=st.lists(st.integers(0, 20_000), max_size=30), rate=st.sampled_from([8000, 11_025, 16_000]))
def test_exact_stamps_stay_as_they_are(places: list[int], rate: int) -> None:
    whole = block(noise(20_000), rate, first=17)
    for each in followed(World().timekeeper(), cut(whole, places)):
        if len(each.samples):
            assert abs(each.captured_ns - whole.heard_ns(each.first_sample)) <= 1
            assert (each.drift, each.clock, each.clock_uncertainty_ns, each.clock_steps) == (0.0, "adc", 1000, 0)


def test_times_of_a_file_count_from_the_first_block_whatever_its_stamps_and_the_wall_clock_do() -> None:
    world = World(steps=[(2.0, 3600.0)])
    ear = Ear(world, clock="file", error=jitter(0, -1, 1))
    first, *rest = followed(world.timekeeper(), [*ear.blocks(5), *ear.blocks(5, first=2000)])
    before, after = rest[:19], rest[19:]
    for each in before:
        assert each.captured_ns == first.captured_ns + nanoseconds(each.first_sample, RATE)
    for each in after:  # behind a gap it counts anew
        assert each.captured_ns == after[0].captured_ns + nanoseconds(each.first_sample - 2000, RATE)
    assert {(each.clock_steps, each.drift) for each in rest} == {(0, 0.0)}


@pytest.mark.parametrize("by", [HOUR, -HOUR, 0.5, -0.5])
@pytest.mark.parametrize("clock", ["adc", "arrival"])
def test_a_step_of_the_wall_clock_moves_the_times_at_once(clock: str, by: float) -> None:
    world = World(steps=[(30.1, by)])
    ear = Ear(world, 1e-4, clock, 1.0 if clock == "arrival" else 0.02)  # type: ignore[arg-type]
    made = followed(world.timekeeper(), ear.blocks(60))
    before = 120 if clock == "arrival" else 121  # arrival is stamped where a block ends
    assert [each.clock_steps for each in made] == [0] * before + [1] * (240 - before)
    off = [each.captured_ns - world.utc(ear.heard(each.first_sample)) for each in made]
    assert np.abs(off[:120] + off[121:]).max() < 0.03 * SECOND


def test_what_was_stamped_before_a_step_and_read_after_it_keeps_its_time() -> None:
    world = World(steps=[(30.1, HOUR)])
    ear = Ear(world, error=jitter(1, -0.01, 0.01), delay=lambda now: max(0.01, 35.0 - now) if now > 25 else 0.01)
    made = followed(world.timekeeper(), ear.blocks(60))
    assert [each.clock_steps for each in made] == [0] * 121 + [1] * 119
    off = [each.captured_ns - world.utc(ear.heard(each.first_sample)) for each in made]
    assert np.abs(off).max() < 0.03 * SECOND


def test_a_step_that_is_taken_back_is_two_steps() -> None:
    world = World(steps=[(30.0, HOUR), (40.0, -HOUR)])
    ear = Ear(world, delay=lambda now: max(0.01, 45.0 - now) if 25 < now < 45 else 0.01)
    keeper = world.timekeeper()
    made = []
    for each in ear.blocks(60):
        keeper.look()
        if ear.heard(each.first_sample) < 35:
            world.seconds = min(world.seconds, 35.0)  # read in two portions, so that both steps are seen
        made.append(keeper.follow(each))
    assert [each.clock_steps for each in made] == [0] * 120 + [1] * 40 + [2] * 80


def test_slewing_is_no_step() -> None:
    world = World(slew=5e-4)
    ear = Ear(world, delay=stalls(1, 30, 60, lambda _: 0.01))
    assert {each.clock_steps for each in followed(world.timekeeper(), ear.blocks(HOUR))} == {0}


def test_a_clock_that_is_not_ours_does_not_step_with_ours() -> None:
    ours = World(steps=[(30.0, HOUR)])
    camera = Ear(World(), clock="rtcp")
    keeper = ours.timekeeper()
    made = []
    for each in camera.blocks(300):
        ours.seconds = camera.world.seconds
        made.append(keeper.follow(each))
    assert {each.clock_steps for each in made} == {0}
    assert all(each.captured_ns == camera.world.utc(camera.heard(each.first_sample)) for each in made)


def test_a_camera_that_learns_the_time_late_is_believed_after_a_while() -> None:
    ours, camera = World(), World(steps=[(30.0, 56 * 365 * 86_400.0)])
    ear = Ear(camera, clock="rtcp")
    keeper = ours.timekeeper()
    made = []
    for each in ear.blocks(120):
        ours.seconds = camera.seconds
        made.append(keeper.follow(each))
    off = [abs(each.captured_ns - camera.utc(ear.heard(each.first_sample))) for each in made]
    assert all(error <= each.clock_uncertainty_ns for error, each in zip(off, made, strict=True))
    assert max(off[60 * 4 :]) < 0.03 * SECOND
    assert {each.clock_steps for each in made} == {0, 1}


def test_a_better_clock_is_caught_up_with_and_times_never_run_backwards() -> None:
    world = World()
    arrival = Ear(world, clock="arrival", uncertainty=1.0, delay=lambda _: 0.8)
    report = Ear(world, clock="rtcp", uncertainty=0.02)
    blocks = [*arrival.blocks(5), *report.blocks(115, first=5 * RATE)]
    made = windows(world.timekeeper(), blocks, hop=0.25)
    assert_true(made, report)
    assert np.abs(errors(made[30 * 4 :], report)).max() < 0.03
    assert (made[0].clock, made[-1].clock) == ("arrival", "rtcp")
    assert min(np.diff([window.start_ns for window in made])) >= 0.94 * 0.25 * SECOND


def test_a_better_clock_that_falls_silent_is_relied_upon_for_a_while() -> None:
    world = World()
    report = Ear(world, 2e-4, clock="rtcp", uncertainty=0.001)
    arrival = Ear(world, 2e-4, clock="arrival", uncertainty=1.0, delay=lambda _: 0.8)
    made = windows(world.timekeeper(), [*report.blocks(60), *arrival.blocks(60, first=60 * RATE)])
    assert_true(made, report)
    assert (made[-1].clock, made[-1].clock_uncertainty_ns < 0.1 * SECOND) == ("rtcp", True)


def test_sound_that_pauses_unseen_makes_the_time_uncertain_not_wrong() -> None:
    world = World()
    ear = Ear(world, clock="arrival", uncertainty=1.0, delay=jitter(3, 0.01, 0.3))
    later = replace(ear, began=6.0)  # its index goes on as if nothing had happened
    made = followed(world.timekeeper(), [*ear.blocks(60), *later.blocks(600, first=60 * RATE)])
    true = [world.utc((ear if index < 240 else later).heard(each.first_sample)) for index, each in enumerate(made)]
    assert all(abs(each.captured_ns - when) <= each.clock_uncertainty_ns for each, when in zip(made, true, strict=True))
    assert abs(made[-1].captured_ns - true[-1]) < SECOND
    assert all(after.captured_ns > before.captured_ns for before, after in pairwise(made))


def test_an_index_that_falls_back_does_not_take_the_time_with_it() -> None:
    world = World()
    blocks = [*Ear(world).blocks(10), *replace(Ear(world), began=8.0).blocks(10, first=0)]
    made = followed(world.timekeeper(), blocks)
    assert all(after.captured_ns > before.captured_ns for before, after in pairwise(made))


def test_a_step_between_two_epochs_is_told_of_the_second() -> None:
    world = World(steps=[(20.0, HOUR)])
    keeper = world.timekeeper()
    for epoch, steps in ((0, 0), (1, 1), (2, 1)):
        made = followed(keeper, Ear(world, began=25.0 * epoch, epoch=epoch).blocks(10))
        assert {(each.epoch, each.clock_steps) for each in made} == {(epoch, steps)}


def test_a_step_that_was_told_within_an_epoch_is_not_told_again_of_the_next() -> None:
    world = World(steps=[(5.1, HOUR)])
    keeper = world.timekeeper()
    assert {each.clock_steps for each in followed(keeper, Ear(world).blocks(10))} == {0, 1}
    assert {each.clock_steps for each in followed(keeper, Ear(world, began=12, epoch=1).blocks(10))} == {1}
