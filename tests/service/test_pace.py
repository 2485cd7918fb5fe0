"""How fast it works, from batches."""

import threading

import numpy as np
import pytest

from mgcld.audio.windows import made_window
from mgcld.data import SourceStatus
from mgcld.service.pace import MEMORY_SECONDS, Pace
from mgcld.service.verdict import Verdict

WINDOW = made_window("a", np.zeros(50, np.float32), 10)


def test_a_minute_of_batches_is_remembered() -> None:
    now = 1000.0
    pace = Pace(lambda: now)
    assert pace.seconds_per_window is None
    assert pace.status(0, [], 0).realtime_factor is None
    for _ in range(12):
        pace.worked([WINDOW] * 4, 2.0)
        now += 10
    assert pace.seconds_per_window == 0.5
    status = pace.status(3, [SourceStatus(source="a", state="live", since_ns=0)], 1, 2)
    assert status.realtime_factor == pytest.approx(0.1)
    assert status.windows_per_s == pytest.approx(4 * 6 / MEMORY_SECONDS)
    assert (status.queue_depth, status.dropped_messages, status.skipped_captions) == (3, 1, 2)
    assert status.sources == {"live": 1}
    now += MEMORY_SECONDS + 1
    assert pace.seconds_per_window is None


def test_the_sizes_of_all_batches_are_counted_and_the_verdict_is_passed_on() -> None:
    pace = Pace()
    for size in (1, 4, 4, 2):
        pace.worked([WINDOW] * size, 0.1)
    verdict = Verdict(keeping_up=False, overload="too much", load=1.5, hop_factor=3)
    status = pace.status(0, [], 0, verdict=verdict)
    assert status.batches == {1: 1, 2: 1, 4: 2}
    assert (status.keeping_up, status.overload, status.load, status.hop_factor) == (False, "too much", 1.5, 3)


def test_it_is_asked_while_the_loop_works() -> None:
    pace, done, asked = Pace(), threading.Event(), []

    def ask() -> None:
        while not done.is_set():
            asked.append(pace.status(0, [], 0).batches)

    asking = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
    for thread in asking:
        thread.start()
    for _ in range(3000):
        pace.worked([WINDOW], 0.001)
    done.set()
    for thread in asking:
        thread.join(20)
    assert asked
    assert pace.status(0, [], 0).batches == {1: 3000}
