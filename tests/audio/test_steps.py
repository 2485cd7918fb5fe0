"""Steps of the wall clock are found, slewing and a busy machine are none, and stamps tell where they were."""

import pytest
from crystals import SECOND, World

from mgcld.audio.steps import Steps

HOUR = 3600


def looked(world: World, *moments: float) -> Steps:
    steps = Steps(world.wall, world.monotonic)
    for moment in moments:
        world.seconds = moment
        steps.look()
    return steps


def test_each_step_is_found_once() -> None:
    assert looked(World(steps=[(10, HOUR), (20, -0.2)]), 0, 9, 11, 12, 19, 21, 22, 23).found == 2


@pytest.mark.parametrize("slew", [5e-4, -5e-4])
def test_slewing_is_no_step_however_seldom_one_looks(slew: float) -> None:
    assert looked(World(slew=slew), 0, 1, 60, 360).found == 0


def test_an_hour_without_a_look_hides_no_step_of_a_second() -> None:
    assert looked(World(steps=[(10, 1.0)]), 0, HOUR).found == 1


def test_a_machine_that_is_busy_between_two_clocks_has_not_stepped() -> None:
    world, reads = World(), 0

    def interrupted() -> int:
        nonlocal reads
        reads += 1
        if reads % 5 == 0:
            world.seconds += 0.5
        return world.monotonic()

    steps = Steps(world.wall, interrupted)
    for _ in range(100):
        steps.look()
    assert steps.found == 0


def test_blocks_are_read_before_between_and_after_two_steps() -> None:
    steps = looked(World(steps=[(10, HOUR), (20, HOUR / 2)]), 0, 11, 21)
    late = [0.01, HOUR + 0.01, -0.01, HOUR / 2, 0.02]  # each than the line that is moved along
    assert [steps.taken(round(by * SECOND)) / SECOND for by in late] == [0, HOUR, 0, HOUR / 2, 0]
    assert (steps.found, steps.untaken) == (2, 0)


def test_a_block_behind_two_steps_takes_both() -> None:
    steps = looked(World(steps=[(10, HOUR), (20, HOUR / 2)]), 0, 11, 21)
    assert steps.taken(round(1.5 * HOUR * SECOND)) == 1.5 * HOUR * SECOND
    assert steps.untaken == 0


def test_a_step_that_no_stamp_takes_is_forgotten() -> None:
    steps = looked(World(steps=[(10, HOUR)]), 0, 11, 70)
    assert steps.untaken == 1
    steps = looked(World(steps=[(10, HOUR)]), 0, 11, 72)
    assert (steps.found, steps.untaken) == (1, 0)
    assert steps.taken(HOUR * SECOND) == 0
