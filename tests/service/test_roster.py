"""Sources that come, pause and go while others are heard."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mgcld.audio.capture import Capture
from mgcld.audio.inbox import Inbox
from mgcld.audio.spool import Spool
from mgcld.data import AudioBlock, SourceStatus, Window
from mgcld.errors import ConfigError
from mgcld.service.roster import Roster

RATE = 1000


class Hum:
    """A live source that hums, ten times as fast as real."""

    live = True
    opened = 0

    def blocks(self) -> Iterator[AudioBlock]:
        Hum.opened += 1
        first = 0
        while True:
            time.sleep(0.01)
            yield AudioBlock(np.full(100, 0.5, np.float32), RATE, first, time.time_ns())
            first += 100


class Stuck(Hum):
    """Ends only when it may."""

    may = threading.Event()

    def blocks(self) -> Iterator[AudioBlock]:
        for block in super().blocks():
            yield block
            self.may.wait(60)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(10_000)


@pytest.fixture
def told() -> list[SourceStatus]:
    return []


@pytest.fixture
def build(inbox: Inbox) -> Callable[..., Capture]:
    def build(name: str, last_epoch: int, source: type[Hum] = Hum) -> Capture:
        return Capture(
            name,
            source(),
            sample_rate=RATE,
            window_seconds=0.5,
            hop_seconds=0.5,
            inbox=inbox,
            last_epoch=last_epoch,
        )

    return build


@pytest.fixture
def roster(build: Callable[..., Capture], told: list[SourceStatus]) -> Iterator[Roster]:
    roster = Roster(["one", "two"], build, told.append)
    roster.start()
    yield roster
    roster.stop()
    roster.join(20)


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def states(roster: Roster) -> dict[str, str]:
    roster.turn()
    return {status.source: status.state for status in roster.statuses()}


def windows(inbox: Inbox, source: str, count: int) -> list[Window]:
    """The next windows of that source."""
    found: list[Window] = []
    deadline = time.monotonic() + 20
    while len(found) < count:
        assert time.monotonic() < deadline
        found += [window for window in inbox.take(1000, 1.0) if window.source == source]
    return found


def test_a_paused_source_is_closed_and_a_resumed_one_is_a_new_epoch(
    roster: Roster, inbox: Inbox, told: list[SourceStatus]
) -> None:
    before = windows(inbox, "one", 2)
    assert roster.absence("one") is None
    assert roster.pause("one").state == "paused"
    assert [(status.source, status.state) for status in told] == [("one", "paused")]
    assert roster.absence("one") == "paused"
    until(lambda: roster.turn() or not roster._leaving)
    inbox.take(10_000, 0.0)
    opened = Hum.opened
    time.sleep(0.3)
    assert Hum.opened == opened
    assert {window.source for window in inbox.take(10_000, 0.0)} == {"two"}
    roster.resume("one")
    until(lambda: states(roster)["one"] == "live")
    after = windows(inbox, "one", 1)[0]
    assert after.epoch > before[-1].epoch
    assert after.first_sample == 0


def test_pausing_twice_and_resuming_what_is_not_paused_change_nothing(roster: Roster) -> None:
    until(lambda: states(roster)["two"] == "live")
    assert roster.resume("two").state == "live"
    first, again = roster.pause("two"), roster.pause("two")
    assert first.since_ns == again.since_ns


def test_nobody_can_pause_a_source_that_is_not_there(roster: Roster) -> None:
    with pytest.raises(ConfigError, match="no source is called 'three'") as told:
        roster.pause("three")
    assert "one, two" in told.value.help


def test_an_exchange_leaves_what_is_kept_alone_to_the_sample(
    roster: Roster, inbox: Inbox, build: Callable[..., Capture]
) -> None:
    first = windows(inbox, "one", 2)
    roster.exchange(["one", "three"], build, kept={"one"})
    assert roster.absence("two") == "removed"
    removed: set[str] = set()
    until(lambda: removed.update(roster.turn()) or removed)
    assert removed == {"two"}
    assert not roster.turn()
    until(lambda: states(roster) == {"one": "live", "three": "live"})
    heard = [*first, *windows(inbox, "one", 6)]
    assert [window.first_sample for window in heard] == [500 * index for index in range(len(heard))]
    assert {window.epoch for window in heard} == {0}


def test_a_source_that_comes_back_counts_its_epochs_on(
    roster: Roster, inbox: Inbox, build: Callable[..., Capture]
) -> None:
    windows(inbox, "two", 1)
    roster.exchange(["one"], build, kept={"one"})
    until(lambda: roster.turn() or not roster._leaving)
    inbox.take(10_000, 0.0)
    roster.exchange(["one", "two"], build, kept={"one"})
    roster.turn()
    assert windows(inbox, "two", 1)[0].epoch == 1


def test_another_one_of_the_same_name_waits_until_the_first_has_let_go(
    build: Callable[..., Capture], monkeypatch: pytest.MonkeyPatch
) -> None:
    Stuck.may.clear()
    roster = Roster(["one"], partial(build, source=Stuck), lambda _: None)
    roster.start()
    until(lambda: states(roster)["one"] == "live")
    roster.exchange(["one"], build, kept=set())
    assert states(roster) == {"one": "connecting"}
    time.sleep(0.2)
    assert states(roster) == {"one": "connecting"}
    Stuck.may.set()
    until(lambda: states(roster)["one"] == "live")
    roster.stop()
    roster.join(20)


def test_one_that_hangs_is_left_behind_after_a_while(
    build: Callable[..., Capture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mgcld.service.roster.LEAVING_SECONDS", 0.2)
    Stuck.may.clear()
    roster = Roster(["one"], partial(build, source=Stuck), lambda _: None)
    roster.start()
    until(lambda: states(roster)["one"] == "live")
    roster.exchange(["one"], build, kept=set())
    until(lambda: states(roster)["one"] == "live")
    Stuck.may.set()
    roster.stop()
    roster.join(20)


def test_one_that_cannot_be_made_has_failed_and_the_others_are_heard(
    roster: Roster, build: Callable[..., Capture], told: list[SourceStatus]
) -> None:
    def choosy(name: str, last_epoch: int) -> Capture:
        if name == "three":
            raise ConfigError("its spool cannot be written", help="choose another folder")
        return build(name, last_epoch)

    roster.exchange(["one", "three"], choosy, kept={"one"})
    until(lambda: states(roster) == {"one": "live", "three": "failed"})
    assert "its spool cannot be written; choose another folder" in str(told[-1].hint)
    assert roster.absence("three") == "source_lost"


def test_one_that_breaks_when_it_is_made_has_failed_and_the_loop_goes_on(
    roster: Roster, build: Callable[..., Capture], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(name: str, last_epoch: int) -> Capture:
        raise OSError("no such device")

    roster.pause("one")
    roster.exchange(["one", "two"], broken, kept={"one", "two"})
    until(lambda: roster.turn() or not roster._leaving)
    roster.resume("one")
    until(lambda: states(roster)["one"] == "failed")
    assert "no such device" in caplog.text
    assert states(roster)["two"] != "failed"


def test_a_spooled_source_that_comes_back_goes_on_behind_the_windows_that_went_out(tmp_path: Path) -> None:
    """It did not: what waited in the inbox when it was paused went out, and then once more from the spool."""
    inbox = Inbox(20)

    def build(name: str, last_epoch: int) -> Capture:
        parts = {"sample_rate": RATE, "window_seconds": 0.5, "hop_seconds": 0.5, "inbox": inbox}
        spool = Spool(tmp_path / name, max_bytes=10_000_000)
        return Capture(name, Hum(), **parts, spool=spool, last_epoch=last_epoch)  # type: ignore[arg-type]

    heard: list[Window] = []
    batch: list[Window] = []

    def turn() -> None:
        inbox.done(batch)
        batch[:] = inbox.take(4, 0.05)
        heard.extend(batch)
        roster.turn()

    roster = Roster(["one"], build, lambda _: None)
    roster.start()
    until(lambda: len(inbox) > 10)
    turn()
    roster.pause("one")
    turn()
    roster.resume("one")
    assert roster.absence("one") == "source_lost"
    until(lambda: turn() or any(window.epoch == 1 for window in heard))
    roster.stop()
    roster.join(20)
    places = [(window.epoch, window.first_sample) for window in heard if window.epoch == 0]
    assert places == [(0, 500 * number) for number in range(len(places))]
    assert len(places) > 10
