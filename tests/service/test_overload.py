"""A machine that is too slow, simulated: each policy settles, says so, and takes back what it gave up."""

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import groupby
from threading import Event

import numpy as np
import pytest

from mgcld.audio.inbox import Inbox
from mgcld.audio.windows import made_window
from mgcld.data import SourceStatus, Window
from mgcld.model.captions import Deadline
from mgcld.service.overload import Overload, Policy, Valve
from mgcld.service.pace import Pace
from mgcld.service.verdict import Verdict

LOOK_SECONDS = 5.0
NEVER = Event()
PATTERN = made_window("", np.zeros(50, np.float32), 10)


class HandClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Machine:
    """Sources that bring a window every hop, and a loop that takes so long for each, on a clock of its own."""

    policy: Policy
    sources: int = 8
    hop: float = 5.0
    longest_hop: float = 30.0
    each: float = 0.1
    """Seconds for a window."""
    batch: float = 0.02
    """Seconds for a batch besides."""
    caption: float = 0.0
    """Seconds for a caption."""
    caption_seconds: float = 0.25
    patient: bool = False
    backlog: float = 0.0
    verdicts: list[tuple[float, Verdict]] = field(default_factory=list)
    heard: list[Window] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = HandClock()
        self.inbox, self.pace = Inbox(32), Pace(self.clock)
        self.deadline = Deadline(self.caption_seconds)
        self.overload = Overload(
            self.policy,
            inbox=self.inbox,
            pace=self.pace,
            captions=self.deadline,
            hop_seconds=self.hop,
            longest_hop_seconds=self.longest_hop,
            clock=self.clock,
        )
        self.due = {f"mic{i}": self.clock.now + self.hop * i / self.sources for i in range(self.sources)}
        self.put: Counter[str] = Counter()
        self.look_at = self.clock.now

    def run(self, seconds: float) -> "Machine":
        until = self.clock.now + seconds
        while self.clock.now < until:
            self._arrive()
            windows = self.inbox.take(16, 0)
            self.clock.now += self._work(windows) if windows else 0.1
            if self.clock.now >= self.look_at:
                self.look_at = self.clock.now + LOOK_SECONDS
                status = SourceStatus(source="mic0", state="live", since_ns=0, backlog_seconds=self.backlog)
                self.verdicts.append((self.clock.now, self.overload.look([status])))
        return self

    @property
    def dropped(self) -> int:
        return self.inbox.traffic.overflowed

    @property
    def verdict(self) -> Verdict:
        return self.verdicts[-1][1]

    def factors(self) -> list[int]:
        """What the hop was multiplied with, one after the other."""
        return [factor for factor, _ in groupby(verdict.hop_factor for _, verdict in self.verdicts)]

    def _arrive(self) -> None:
        for name in self.due:
            while self.due[name] <= self.clock.now:
                window = replace(PATTERN, source=name, first_sample=self.put[name])
                if not self.patient or len(self.inbox) < 16:
                    self.inbox.put(window, wait=self.patient, stop=NEVER)
                    self.put[name] += 1
                self.due[name] += self.hop

    def _work(self, windows: list[Window]) -> float:
        chosen = self.deadline.chosen(windows) if self.caption else []
        self.deadline.took(len(chosen), self.caption * len(chosen))
        seconds = self.batch + self.each * len(windows) + self.caption * len(chosen)
        self.clock.now += seconds
        self.pace.worked(windows, seconds)
        self.clock.now -= seconds
        self.heard += windows
        return seconds


def test_a_machine_that_keeps_up_gives_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    for policy in ("drop_oldest", "longer_hop", "skip_captions"):
        machine = Machine(policy, each=0.4, caption=0.01).run(900)
        assert {(v.keeping_up, v.overload, v.hop_factor, v.captions) for _, v in machine.verdicts} == {
            (True, None, 1, True)
        }
        assert machine.verdict.load == pytest.approx(8 / 5 * 0.43, rel=0.1)
        assert machine.dropped == machine.deadline.skipped == 0
    assert not caplog.records


def test_the_oldest_are_dropped_and_it_is_said_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine("drop_oldest", each=1.0).run(600)
    assert machine.dropped > 100
    assert not machine.verdict.keeping_up
    assert machine.verdict.load == pytest.approx(1.6, rel=0.1)
    assert machine.verdict.overload is not None
    assert machine.verdict.overload.startswith("the live sources ask for 1.6 s of inference each second: ")
    assert "windows were dropped in the last minute; take fewer sources" in machine.verdict.overload
    assert 1 <= len(caplog.records) <= 5  # it goes on for ever: said now and then
    assert caplog.records[0].getMessage().startswith("inference: cannot keep up: ")


@pytest.mark.parametrize("each", [0.7, 1.0, 1.6, 2.4])
def test_a_longer_hop_settles_where_the_load_fits_and_stays_there(each: float) -> None:
    machine = Machine("longer_hop", each=each).run(1800)
    calm = machine.clock.now - 1200
    settled = {verdict.hop_factor for at, verdict in machine.verdicts if at >= calm}
    assert len(settled) == 1, machine.factors()
    (reached,) = settled
    load = machine.verdict.load
    assert load == pytest.approx(8 / 5 * each, rel=0.15)
    assert load / reached < 0.95
    assert load / (reached - 1) > 0.7  # no longer than it must be
    dropped = machine.dropped
    assert machine.run(600).dropped == dropped
    assert f"1 of {reached} windows of a source is heard" in str(machine.verdict.overload)
    assert not machine.verdict.keeping_up


def test_windows_that_were_passed_over_are_told_by_the_next_one() -> None:
    machine = Machine("longer_hop", each=1.0).run(900)
    for name, put in machine.put.items():
        mine = [window for window in machine.heard if window.source == name]
        expected = 0
        for window in mine:
            assert window.first_sample == expected + window.dropped_windows
            expected = window.first_sample + 1
        assert 0 <= put - len(mine) - machine.inbox.dropped(name) <= len(machine.inbox)


def test_the_hop_becomes_no_longer_than_it_may_and_then_the_oldest_go() -> None:
    machine = Machine("longer_hop", each=5.0, longest_hop=14.9).run(900)
    assert max(machine.factors()) == 2
    assert machine.dropped > 10
    assert "windows were dropped" in str(machine.verdict.overload)


def test_the_hop_is_as_before_once_there_is_room_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    machine = Machine("longer_hop", each=1.6).run(900)
    high = machine.verdict.hop_factor
    machine.each = 0.2
    machine.run(900)
    assert machine.factors()[-high:] == [*range(high, 0, -1)]  # step by step, and never up again
    assert machine.verdict == replace(Verdict(), load=machine.verdict.load)
    assert caplog.messages[-1] == "inference: keeps up again"


@pytest.mark.parametrize("each", [0.44, 0.5, 0.56, 0.6])
def test_a_load_at_the_brink_does_not_make_the_hop_swing(each: float) -> None:
    machine = Machine("longer_hop", each=each).run(3600)
    assert len(machine.factors()) <= 3, machine.factors()


def test_a_crowd_from_the_start_is_met_at_once() -> None:
    machine = Machine("longer_hop", sources=40, hop=0.5, longest_hop=10, each=0.05).run(12)
    assert machine.verdict.load is None
    assert 4 <= machine.verdict.hop_factor <= 8
    machine.run(600)
    assert len(machine.factors()) <= 4, machine.factors()


def test_looking_often_gives_up_no_more() -> None:
    machine = Machine("longer_hop", each=0.0)
    for number in range(200):
        window = replace(PATTERN, source="mic0", first_sample=number)
        machine.inbox.put(window, wait=False, stop=NEVER)
        machine.overload.look([])
        machine.clock.now += 0.01
    assert machine.dropped > 100
    assert machine.overload.verdict.hop_factor <= 2


def test_another_configuration_begins_with_everything() -> None:
    machine = Machine("longer_hop", each=1.0).run(300)
    assert machine.verdict.hop_factor > 1
    machine.overload.release()
    passed = machine.inbox.traffic.passed
    for number in range(20):
        machine.inbox.put(replace(PATTERN, source="mic0", first_sample=number), wait=False, stop=NEVER)
    assert machine.inbox.traffic.passed == passed


def test_sources_that_wait_themselves_lose_no_window_to_a_longer_hop() -> None:
    machine = Machine("longer_hop", each=2.0, patient=True).run(900)
    assert machine.inbox.traffic.passed == machine.dropped == 0
    assert machine.verdict.hop_factor == 1
    assert machine.verdict.load in (None, 0.0)
    assert {window.dropped_windows for window in machine.heard} == {0}


def test_captions_are_left_out_first_and_come_back_only_where_there_is_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    machine = Machine("skip_captions", each=0.3, caption=0.6, caption_seconds=5.0).run(1800)
    assert not machine.verdict.captions
    turns = [captions for captions, _ in groupby(verdict.captions for _, verdict in machine.verdicts)]
    assert turns == [True, False]  # no swinging: that there is time now is only because none is written
    assert "captions are left out" in str(machine.verdict.overload)
    dropped, skipped = machine.dropped, machine.deadline.skipped
    assert machine.run(300).dropped == dropped
    assert machine.deadline.skipped > skipped
    machine.caption, machine.hop = 0.6, 25.0
    machine.run(600)
    assert machine.verdict.captions
    assert machine.verdict.keeping_up
    assert caplog.messages[-1] == "inference: keeps up again"


def test_where_captions_are_not_enough_the_oldest_go_too() -> None:
    machine = Machine("skip_captions", each=1.0, caption=0.1).run(900)
    assert not machine.verdict.captions
    assert "windows were dropped in the last minute, captions are left out" in str(machine.verdict.overload)


def test_little_room_for_five_minutes_is_told_although_it_keeps_up(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine("drop_oldest", each=0.54, batch=0.0).run(240)
    assert machine.verdict.overload is None
    machine.run(360)
    assert machine.verdict.keeping_up
    assert "there is little room left" in str(machine.verdict.overload)
    assert [record.getMessage().partition(": the")[0] for record in caplog.records] == [
        "inference: is close to its limit"
    ]


def test_a_spool_that_does_not_empty_is_told_and_one_that_does_is_not() -> None:
    machine = Machine("drop_oldest", backlog=50.0).run(100)
    assert machine.verdict.keeping_up
    machine.backlog = 900.0
    machine.run(30)
    assert "900 s of sound wait in a spool" in str(machine.verdict.overload)
    for _ in range(20):
        machine.backlog -= 20
        machine.run(5)
    assert machine.verdict.keeping_up


def test_a_valve_opens_at_once_and_closes_step_by_step() -> None:
    valve = Valve(4)
    assert valve.turn(0, lambda steps: 3.0 / (steps + 1), pressed=False)
    assert valve.steps == 3
    assert not valve.turn(100, lambda steps: 3.0 / (steps + 1), pressed=False)
    assert valve.turn(100, lambda _: 0.1, pressed=False)
    assert not valve.turn(159, lambda _: 0.1, pressed=False)
    assert valve.turn(160, lambda _: 0.1, pressed=False)
    assert valve.steps == 1
    for _ in range(9):
        valve.turn(161, lambda _: 0.1, pressed=True)
    assert valve.steps == 4
