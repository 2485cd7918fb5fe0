"""A sink that waits for a class that there is not says so, and says it once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from happenings import Daemon
from mgcld_plugins.sinks._classes import WantedClasses
from mgcld_plugins.sinks.clips import ClipsSink
from mgcld_plugins.sinks.webhook import WebhookSink

from mgcld.interfaces import Sink


def made(kind: str, folder: Path, classes: list[str] | None) -> Sink:
    if kind == "clips":
        return ClipsSink(folder / "clips", classes=classes)
    return WebhookSink("http://127.0.0.1:9/h1dden", outbox=folder / "outbox.sqlite", classes=classes)


@pytest.fixture(params=["webhook", "clips"])
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "the adapter does not have" in record.getMessage()]


def test_a_class_that_the_adapter_lacks_is_told_with_what_was_meant(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink, daemon = made(kind, tmp_path, ["dgo", "cat"]), Daemon()
    for _ in range(3):
        sink.take(daemon.meta("dog", "cat"))
    sink.take(daemon.event())
    sink.close()
    (said,) = warnings(caplog)
    name, deed = {
        "webhook": ("webhook http://127.0.0.1:9", "sent"),
        "clips": (f"clips in {tmp_path / 'clips'}", "recorded"),
    }[kind]
    lacking = "the adapter does not have 'dgo' (did you mean 'dog'?)"
    assert said == f"{name}: classes: {lacking}: never {deed} until it does"


def test_after_an_adapter_swap_it_is_looked_at_again(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink, daemon = made(kind, tmp_path, ["dog", "bell"]), Daemon()
    sink.take(daemon.meta("dog", "bell", "cat"))
    assert not warnings(caplog)
    for _ in range(2):
        sink.take(daemon.meta("dog", "cat"))
    assert len(warnings(caplog)) == 1
    sink.take(daemon.meta("dog", "bell"))
    sink.close()
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("classes", [None, ["dog"], []])
def test_nothing_is_said_where_all_is_known(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, classes: list[str] | None
) -> None:
    sink = made(kind, tmp_path, classes)
    sink.take(Daemon().meta("dog"))
    sink.close()
    assert not warnings(caplog)


@pytest.mark.parametrize("name", ["x\ny", "\u202edog", "d" * 4096])
def test_whatever_a_class_is_called_the_log_stays_one_short_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    wanted, daemon = WantedClasses("sink", "sent", [name]), Daemon()
    wanted.follow(daemon.meta("dog", f"{name}s"))
    (said,) = warnings(caplog)
    assert said.isprintable()
    assert len(said) < 400
