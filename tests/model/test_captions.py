"""Who gets a caption when there is no time for all, and what stands in for the others."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcld.audio.windows import made_window
from mgcld.data import Window
from mgcld.model.captions import Deadline, Memory, Said, overlap

SIZE = 80


def window(source: str = "a", first: int = 0, epoch: int = 0, valid: int = SIZE) -> Window:
    made = made_window(source, np.zeros(SIZE, np.float32), 16)
    return replace(made, first_sample=first, epoch=epoch, valid_samples=valid)


def warmed(seconds: float, each: float, batch: Sequence[Window] = (window(),)) -> Deadline:
    """As the engine warms it up, where every caption takes `each` seconds."""
    deadline = Deadline(seconds)
    run(deadline, [batch] * 2, each)
    deadline.skipped = 0
    return deadline


def run(deadline: Deadline, batches: Sequence[Sequence[Window]], each: float) -> list[list[int]]:
    """Batch after batch, where every caption takes `each` seconds: who had one."""
    chosen = []
    for windows in batches:
        chosen.append(deadline.chosen(windows))
        deadline.took(len(chosen[-1]), each * len(chosen[-1]))
    return chosen


def test_captions_that_are_fast_enough_are_written_for_every_window() -> None:
    deadline = warmed(0.25, 0.01)
    assert run(deadline, [[window()] * 25] * 9, 0.01) == [[*range(25)]] * 9
    assert deadline.skipped == 0


@pytest.mark.parametrize(("each", "n"), [(0.25, 1), (0.5, 2), (0.75, 3), (2.0, 8), (2.1, 9)])
def test_a_slow_captioner_writes_for_every_nth_window(each: float, n: int) -> None:
    deadline = warmed(0.25, each)
    chosen = run(deadline, [[window()]] * (20 * n), each)
    had = [i for i, one in enumerate(chosen) if one]
    assert set(np.diff(had)) == {n}
    assert len(had) in (19, 20)
    assert deadline.skipped == 20 * n - len(had)


def test_a_batch_gets_as_many_captions_as_there_is_time_for() -> None:
    deadline = warmed(0.25, 0.06)
    chosen = run(deadline, [[window(name) for name in "abcdefgh"]] * 20, 0.06)
    assert {len(one) for one in chosen} <= {3, 4, 5}
    assert sum(map(len, chosen)) == pytest.approx(20 * 0.25 / 0.06, abs=5)


def test_sources_take_turns() -> None:
    batch = [window(name) for name in "abcde"]
    deadline = warmed(0.25, 0.25, batch)
    chosen = run(deadline, [batch] * 50, 0.25)
    assert Counter(i for one in chosen for i in one).most_common() == [(i, 10) for i in (2, 3, 4, 0, 1)]


@settings(deadline=None)
@given(
    st.floats(0.001, 5), st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=9), min_size=20, max_size=60)
)
def test_captions_never_take_longer_than_they_may_on_average(each: float, batches: list[list[str]]) -> None:
    deadline = warmed(0.25, each)
    chosen = run(deadline, [[window(name) for name in batch] for batch in batches], each)
    count = sum(map(len, chosen))
    assert each * count <= 0.25 * len(batches) + max(each, 0.25) + 1e-6
    assert deadline.skipped + count == sum(map(len, batches))
    assert all(one == sorted(set(one)) for one in chosen)


def test_captions_that_take_no_time_at_all_are_always_written() -> None:
    deadline = warmed(0.25, 5.0)
    run(deadline, [[window()]] * 80, 5.0)
    assert run(deadline, [[window()]] * 60, 0.0)[-1] == [0]


def test_before_anything_was_measured_one_window_is_tried() -> None:
    assert Deadline(0.25).chosen([window(), window("b"), window("c")]) == [0]


def test_what_libraries_set_up_at_the_first_caption_costs_none() -> None:
    deadline = Deadline(0.25)
    assert run(deadline, [[window()]], 60.0) == [[0]]
    assert run(deadline, [[window()]] * 9, 0.01) == [[0]] * 9
    assert deadline.skipped == 0


def test_one_hiccup_of_the_machine_costs_no_caption() -> None:
    deadline = warmed(0.25, 0.01)
    run(deadline, [[window()]] * 3, 0.01)
    run(deadline, [[window()]], 10.0)
    assert run(deadline, [[window()]] * 5, 0.01) == [[0]] * 5


def test_the_first_skip_is_logged_with_what_can_be_done(caplog: pytest.LogCaptureFixture) -> None:
    deadline = Deadline(0.25)
    with caplog.at_level(logging.WARNING):
        run(deadline, [[window()]] * 20, 2.0)
    assert [record.message.split(": ")[:2] for record in caplog.records] == [
        ["captions", "one takes 2 s, a batch's may take 0.25 s (caption_seconds)"]
    ]


def test_in_a_hurry_nobody_gets_a_caption_and_each_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    deadline = warmed(0.25, 0.01)
    deadline.hurry(True)
    assert run(deadline, [[window()] * 3] * 5, 0.01) == [[]] * 5
    assert deadline.skipped == 15
    assert not caplog.records  # who is in a hurry says so
    deadline.hurry(False)
    assert run(deadline, [[window()] * 3] * 5, 0.01) == [[0, 1, 2]] * 5


def test_what_a_caption_costs_is_told_but_no_more_than_it_may_cost() -> None:
    assert warmed(0.25, 0.01).cost == pytest.approx(0.01)
    assert warmed(0.25, 2.0).cost == 0.25


# What stands in


def said(sentence: str) -> Said:
    return Said(sentence, torch.ones(3))


def sentences(memory: Memory, windows: Sequence[Window], new: dict[int, Said]) -> list[tuple[str | None, bool]]:
    return [(one.sentence, one.fresh) for one in memory.completed(windows, new)]


def test_a_caption_is_kept_while_its_sound_is_in_the_window() -> None:
    memory = Memory()
    assert sentences(memory, [window(first=0)], {0: said("rain")}) == [("rain", True)]
    assert sentences(memory, [window(first=20)], {}) == [("rain", False)]
    assert sentences(memory, [window(first=79)], {}) == [("rain", False)]
    assert sentences(memory, [window(first=80)], {}) == [(None, False)]


def test_within_a_batch_time_goes_on_and_sources_are_told_apart() -> None:
    windows = [window(first=0), window("b", first=0), window(first=20), window("b", first=20), window(first=40)]
    told = sentences(Memory(), windows, {0: said("rain"), 4: said("wind")})
    assert told == [("rain", True), (None, False), ("rain", False), (None, False), ("wind", True)]


def test_a_window_without_anything_to_say_of_it_is_told_from_one_without_time() -> None:
    assert sentences(Memory(), [window()], {0: Said(None, None)}) == [(None, True)]


@pytest.mark.parametrize(
    ("after", "shared"),
    [
        (window(first=60), False),  # behind what was heard
        (window(first=59), True),
        (window(first=10, epoch=1), False),
        (window(first=-1), False),  # a source that began again
    ],
)
def test_windows_overlap_where_they_share_what_was_heard(after: Window, shared: bool) -> None:
    assert overlap(window(valid=60), after) == shared
