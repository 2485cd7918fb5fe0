"""Sinks for sinks, or none of them: whatever fails, messages go on to those that were there."""

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from mgcld.config import Config
from mgcld.data import Message
from mgcld.errors import ConfigError, ControlError
from mgcld.interfaces import Sink
from mgcld.service import wire
from mgcld.service.bus.publisher import Publisher
from mgcld.service.change import sink_change
from mgcld.service.change.sink_change import exchanged_sinks
from mgcld.service.outlet import Outlet

HANGING = threading.Event()


class Named:
    """Notes in a list that all share what it does under which name."""

    def __init__(self, notes: list[str], called: str) -> None:
        self.notes, self.called = notes, called

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"called": self.called}

    def take(self, message: Message) -> None:
        if self.called == "hangs":
            HANGING.wait(60)
        self.notes.append(f"{self.called} took {message.body['number']}")

    def close(self) -> None:
        self.notes.append(f"{self.called} closed")


def config(**sinks: str) -> Config:
    parts = {name: {"type": "named", "called": called} for name, called in sinks.items()}
    return Config.model_validate({"adapter": "a.safetensors", "sources": {"room": "tape.wav"}, "sinks": parts})


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def outlet() -> Iterator[Outlet]:
    HANGING.clear()
    made = Outlet(wire.Stamper("attic"), Publisher("tcp://127.0.0.1:*"), {})
    yield made
    HANGING.set()
    made.close(20)


class Made:
    """Builds sinks; one that is called `broken` cannot be built, nor one that may no more."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.forbidden: set[str] = {"broken"}

    def __call__(self, config: Config, name: str) -> Sink:
        called = config.sinks[name].options["called"]
        if called in self.forbidden:
            raise ConfigError(f"sinks.{name}: {called} cannot be built", help="mend it")
        return Named(self.notes, called)

    def add(self, outlet: Outlet, config: Config) -> None:
        for name in config.sinks:
            outlet.add(name, self(config, name))


def send(outlet: Outlet, number: int) -> None:
    outlet.send(Message("meta", wire.topic("meta"), {}, {"number": number}))


def serving(outlet: Outlet) -> dict[str, str]:
    return {status.name: status.facts["called"] for status in outlet.statuses()}


def test_all_of_them_are_exchanged_and_no_message_is_lost(outlet: Outlet, notes: list[str]) -> None:
    build, old, new = Made(notes), config(one="a", two="b"), config(one="c", three="d")
    build.add(outlet, old)
    send(outlet, 1)
    with exchanged_sinks(outlet, build, old, new, ["one", "three", "two"]):
        assert serving(outlet) == {"one": "c", "two": "b", "three": "d"}
        send(outlet, 2)
    assert serving(outlet) == {"one": "c", "three": "d"}
    outlet.close(20)
    assert [note for note in notes if note[0] in "ac"] == ["a took 1", "a closed", "c took 2", "c closed"]


@pytest.mark.parametrize("fails", ["in the block", "the last one"])
def test_whatever_fails_the_old_ones_come_back(outlet: Outlet, notes: list[str], fails: str) -> None:
    """A block that failed left the new ones, and the next reload another thread of each."""
    build, old = Made(notes), config(one="a")
    new = config(one="c", three="d", **({"two": "broken"} if fails == "the last one" else {}))
    build.add(outlet, old)
    with pytest.raises(ConfigError), exchanged_sinks(outlet, build, old, new, ["one", "three", "two"]):
        raise ConfigError("the loop does not take it", help="ask again")
    outlet.close(20)
    assert serving(outlet) == {"one": "a"}


def test_one_that_does_not_finish_in_time_stays_and_says_so(
    outlet: Outlet, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came in place of the old one later, when everybody had been told that nothing had changed."""
    monkeypatch.setattr(sink_change, "SINK_SECONDS", 0.1)
    build, old, new = Made(notes), config(one="hangs"), config(one="c")
    build.add(outlet, old)
    send(outlet, 1)
    with (
        pytest.raises(ControlError, match=r"sinks\.one: it has not finished"),
        exchanged_sinks(outlet, build, old, new, ["one"]),
    ):
        raise AssertionError("it must not come to this")
    HANGING.set()
    outlet.close(20)
    assert notes == ["hangs took 1", "hangs closed"]


def test_one_that_cannot_be_built_back_is_named(
    outlet: Outlet, notes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    build, old, new = Made(notes), config(one="a"), config(one="broken")
    build.add(outlet, old)
    build.forbidden.add("a")
    with pytest.raises(ConfigError, match="broken cannot be built"), exchanged_sinks(outlet, build, old, new, ["one"]):
        raise AssertionError("it must not come to this")
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == ["sink one: it is closed, and cannot be built as it was before"]


def test_a_sink_that_cannot_say_how_it_is_doing_hides_no_other(outlet: Outlet) -> None:
    class Closed(Named):
        @property
        def facts(self) -> Mapping[str, Any]:
            raise ValueError("operation on a closed file")

    outlet.add("one", Closed([], "a"))
    outlet.add("two", Named([], "b"))
    one, two = outlet.statuses()
    assert "ValueError" in one.facts["reason"]
    assert two.facts == {"called": "b"}
