"""At the daemon's end what waits is delivered where the server takes it, and nobody waits for one that does not."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mgcld_plugins.sinks import _webhook_courier
from mgcld_plugins.sinks.webhook import WebhookSink
from servers.hook import hangs, hook, says, trickles_headers
from sink_events import Events

CLOSES_SECONDS = 0.7
NOISE_SECONDS = 1.0
"""A machine that does much else may take so much longer."""


def until(seen: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sink(url: str, folder: Path) -> WebhookSink:
    return WebhookSink(url, outbox=folder / "outbox.sqlite", timeout_seconds=60.0)


def closing_seconds(taker: WebhookSink) -> float:
    began = time.monotonic()
    taker.close()
    return time.monotonic() - began


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a machine that does much else: what is delivered ends sooner."""
    monkeypatch.setattr(_webhook_courier, "FLUSH_SECONDS", 30.0)


@pytest.mark.usefixtures("patient")
def test_the_last_events_reach_a_server_that_is_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    event = Events()
    with hook() as server:
        taker = sink(server.url, tmp_path)
        for message in (event("A"), event("A", "end"), event("B", "end")):
            taker.take(message)
        taker.close()
        assert server.acknowledged == ["A-start-0", "A-end-1", "B-end-2"]
    assert (taker.facts["delivered"], taker.facts["waiting"]) == (3, 0)
    assert "for the next start" not in caplog.text


@pytest.mark.usefixtures("patient")
def test_a_server_that_is_back_gets_what_waited_for_its_next_try(tmp_path: Path) -> None:
    with hook(says(503, Retry_After="600")) as server:
        taker = sink(server.url, tmp_path)
        taker.take(Events()("A"))
        until(lambda: taker.facts["failed"] == 1)
        taker.close()
        assert server.acknowledged == ["A-start-0"]


@pytest.mark.usefixtures("patient")
def test_one_failure_while_we_close_is_the_last(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    event = Events()
    with hook() as server:
        server.usual = says(503)
        taker = sink(server.url, tmp_path)
        for id in "ABC":
            taker.take(event(id))
        until(lambda: taker.facts["failed"] == 1)
        taker.close()
        assert 1 < len(server.received) <= 3  # a third where the second try was due just then
    assert "3 messages wait for the next start" in caplog.text


@pytest.mark.usefixtures("patient")
def test_a_failure_that_is_being_told_when_we_close_came_before(tmp_path: Path) -> None:
    told = threading.Event()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING and not told.is_set():
                told.set()
                time.sleep(0.5)  # meanwhile we are closed

    logger, slow = logging.getLogger(_webhook_courier.__name__), Slow()
    logger.addHandler(slow)
    try:
        with hook(says(503, Retry_After="600")) as server:
            taker = sink(server.url, tmp_path)
            taker.take(Events()("A"))
            assert told.wait(30)
            taker.close()
            assert server.acknowledged == ["A-start-0"]
    finally:
        logger.removeHandler(slow)


@pytest.fixture
def mute() -> Iterator[str]:
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def test_a_server_that_says_nothing_costs_no_more_than_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mute: str
) -> None:
    caplog.set_level(logging.INFO)
    taker = sink(mute, tmp_path)
    taker.take(Events()("A"))
    assert closing_seconds(taker) < CLOSES_SECONDS + NOISE_SECONDS
    assert "1 message waits for the next start" in caplog.text


@pytest.mark.parametrize("behaviour", [hangs, trickles_headers])
def test_a_server_that_hangs_with_the_last_one_costs_no_more_either(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, behaviour: Callable[..., object]
) -> None:
    caplog.set_level(logging.INFO)
    event = Events()
    with hook() as server:
        taker = sink(server.url, tmp_path)
        taker.take(event("A"))
        until(lambda: taker.facts["delivered"] == 1)
        server.usual = behaviour  # type: ignore[assignment]
        taker.take(event("A", "end"))
        assert closing_seconds(taker) < CLOSES_SECONDS + NOISE_SECONDS
    assert "1 message waits for the next start" in caplog.text
