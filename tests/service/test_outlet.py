"""Messages leave once, stamped, to everybody; a bad sink hurts only itself."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import zmq

from mgcld.data import Message
from mgcld.interfaces import Sink
from mgcld.service import sink_thread, wire
from mgcld.service.bus.publisher import Publisher
from mgcld.service.outlet import Outlet


class Keeper:
    """Keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.threads: set[str] = set()
        self.closed = False

    def take(self, message: Message) -> None:
        self.threads.add(threading.current_thread().name)
        self.taken.append(message)

    def close(self) -> None:
        self.closed = True


class Blocked(Keeper):
    """Takes nothing before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def take(self, message: Message) -> None:
        assert self.may.wait(30)
        super().take(message)


class Broken(Keeper):
    """Fails at every second message, and when it is closed."""

    def take(self, message: Message) -> None:
        super().take(message)
        if len(self.taken) % 2:
            raise ConnectionError("the broker is away")

    def close(self) -> None:
        raise ConnectionError("still away")


@pytest.fixture
def bus() -> Iterator[Publisher]:
    with Publisher("tcp://127.0.0.1:*") as started:
        yield started


def meta(number: int = 0) -> Message:
    return Message("meta", wire.topic("meta"), {}, {"number": number})


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def test_sinks_and_subscribers_get_the_same_stamped_message(bus: Publisher) -> None:
    keepers = Keeper(), Keeper()
    leaving = Outlet(wire.Stamper("attic"), bus, {"one": keepers[0], "two": keepers[1]})
    leaving.send(meta(7))
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.subscribe("mgcl/v1/meta/")
        sub.connect(bus.endpoint)
        assert sub.poll(20_000)
        frames = sub.recv_multipart()
    leaving.close()
    assert keepers[0].taken == keepers[1].taken == [wire.parse(frames)]
    assert json.loads(frames[2]) == {"number": 7}
    assert all(keeper.closed for keeper in keepers)
    assert keepers[0].threads == {"sink one"}


def test_seq_rises_in_every_queue_whoever_sends(bus: Publisher) -> None:
    keeper = Keeper()
    leaving = Outlet(wire.Stamper("attic"), bus, {"keeper": keeper})
    threads = [threading.Thread(target=lambda: [leaving.send(meta()) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leaving.close()
    assert [message.header["seq"] for message in keeper.taken] == [*range(200)]


def test_a_sink_that_hangs_delays_nobody_and_its_drops_are_counted(
    bus: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    blocked, keeper = Blocked(), Keeper()
    leaving = Outlet(wire.Stamper("attic"), bus, {"slow": blocked, "quick": keeper})
    count = sink_thread.QUEUE_MESSAGES + 50
    for number in range(count):
        leaving.send(meta(number))
        until(lambda: len(keeper.taken) == number + 1)  # noqa: B023
    slow, quick = leaving.sinks
    assert slow.dropped in (49, 50)  # one may be in its hands
    assert quick.dropped == 0
    assert caplog.text.count("sink slow: too slow") == 1
    blocked.may.set()
    leaving.close()
    assert blocked.taken[-1].body["number"] == count - 1
    assert len(blocked.taken) == count - slow.dropped


def test_a_sink_that_fails_is_named_counted_and_goes_on(bus: Publisher, caplog: pytest.LogCaptureFixture) -> None:
    broken, keeper = Broken(), Keeper()
    leaving = Outlet(wire.Stamper("attic"), bus, {"mqtt": broken, "keeper": keeper})
    for number in range(10):
        leaving.send(meta(number))
    leaving.close()
    assert len(broken.taken) == len(keeper.taken) == 10
    assert leaving.sinks[0].failures == 5
    assert caplog.text.count("sink mqtt: failed (1 times so far)") == 1
    assert "the broker is away" in caplog.text
    assert "sink mqtt: failed to close" in caplog.text


def test_closing_waits_no_longer_than_it_may(bus: Publisher, caplog: pytest.LogCaptureFixture) -> None:
    blocked = [Blocked() for _ in range(3)]
    leaving = Outlet(wire.Stamper("attic"), bus, {f"slow{number}": sink for number, sink in enumerate(blocked)})
    leaving.send(meta())
    began = time.monotonic()
    leaving.close(timeout=0.3)
    assert time.monotonic() - began < 5
    assert "sink slow2: did not finish" in caplog.text
    for sink in blocked:
        sink.may.set()
    until(lambda: all(sink.closed for sink in blocked))


def test_an_idle_outlet_stops_at_once(bus: Publisher, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper()
    assert isinstance(keeper, Sink)
    Outlet(wire.Stamper("attic"), bus, {"keeper": keeper}).close()
    assert keeper.closed
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_sink_that_was_removed_finishes_before_the_end_and_its_drops_still_count(
    bus: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_thread, "QUEUE_MESSAGES", 3)
    blocked = Blocked()
    leaving = Outlet(wire.Stamper("attic"), bus, {"slow": blocked})
    for number in range(10):
        leaving.send(meta(number))
    dropped = leaving.dropped
    assert dropped >= 6
    leaving.remove("slow")
    assert leaving.dropped == dropped
    threading.Timer(0.3, blocked.may.set).start()
    leaving.close(20)
    assert [message.body["number"] for message in blocked.taken][-3:] == [7, 8, 9]
    assert blocked.closed
