import logging

import pytest
from clocks import HandClock

from mgcld.audio.limit import Limit, LimitedLog


def test_so_much_passes_in_any_so_many_seconds() -> None:
    clock = HandClock()
    limit = Limit(3, 60, clock)
    passed = []
    for second in range(200):
        if limit.allows():
            passed.append(second)
        clock.on(1)
    assert passed == [0, 1, 2, 60, 61, 62, 120, 121, 122, 180, 181, 182]


def test_what_was_held_back_is_said_once_there_is_room(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = HandClock()
    log = LimitedLog(logging.getLogger("door"), "door", Limit(2, 60, clock))
    for number in range(10):
        log.say(logging.INFO, f"line {number}")
    clock.on(61)
    log.say(logging.WARNING, "one more")
    clock.on(100)
    log.say(logging.WARNING, "and one")
    log.say(logging.INFO, "seen")
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "door: line 0",
        "door: line 1",
        "door: 8 more lines like the last ones were left out",
        "door: one more",
        "door: and one",
        "door: seen",
    ]


def test_of_what_goes_on_for_ever_it_is_said_how_much_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    log = LimitedLog(logging.getLogger("door"), "door", Limit(2, 60, clock))
    for _ in range(180):
        log.say(logging.WARNING, "open")
        clock.on(1)
    counted = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert counted == ["door: 58 more lines like the last ones were left out"] * 2


def test_lines_that_nobody_reads_take_no_room(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = LimitedLog(logging.getLogger("door"), "door", Limit(2, 60, HandClock()))
    for _ in range(100):
        log.say(logging.DEBUG, "a hinge")
    log.say(logging.WARNING, "open")
    assert [record.getMessage() for record in caplog.records] == ["door: open"]
