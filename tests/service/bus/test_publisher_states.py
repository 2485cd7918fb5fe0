"""What those hear at once who come late: states, among them the events that are open, and none that is over."""

import time
from collections.abc import Callable, Iterator
from typing import get_args

import pytest
from children import Child

from mgcld.data import Event, Message, MessageKind, Phase, SourceStatus
from mgcld.service import wire
from mgcld.service.bus import lastvalues, publisher
from mgcld.service.bus.lastvalues import LastValues
from mgcld.service.bus.publisher import Publisher

LOOPBACK = "tcp://127.0.0.1:*"
SUBSCRIBER = """
import json, sys, zmq
sub = zmq.Context().socket(zmq.SUB)
for prefix in sys.argv[2:]:
    sub.subscribe(prefix)
sub.connect(sys.argv[1])
while True:
    topic, header, body = map(bytes.decode, sub.recv_multipart())
    print(topic, json.loads(header)["seq"], json.loads(body).get("phase"))
"""


@pytest.fixture
def stamper() -> wire.Stamper:
    return wire.Stamper("attic")


@pytest.fixture
def bus() -> Iterator[Publisher]:
    with Publisher(LOOPBACK) as started:
        yield started


def event(name: str, phase: Phase, source: str = "mic1") -> Message:
    reason = "quiet" if phase == "end" else None
    return wire.event(Event("01J0", source, name, phase, 1, 2, 0.9, 0.8, 3, 0.5, 0.3, "arrival", 0, "0a1b", reason))


def health(source: str) -> Message:
    return wire.source_health(SourceStatus(source, "live", since_ns=1))


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def test_who_joins_late_hears_the_open_events_and_none_that_is_over(bus: Publisher, stamper: wire.Stamper) -> None:
    told: list[tuple[str, Phase]] = [
        ("siren", "start"),
        ("kettle", "start"),
        ("siren", "update"),
        ("kettle", "end"),
        ("dog", "start"),
        ("dog", "end"),
        ("dog", "start"),
    ]
    for name, phase in told:
        bus.publish(stamper.stamp(event(name, phase)))
    with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/event/") as child:
        assert [child.line(), child.line()] == ["mgcl/v1/event/mic1/dog/ 2 start", "mgcl/v1/event/mic1/siren/ 1 update"]
        bus.publish(stamper.stamp(event("siren", "end")))
        assert child.line() == "mgcl/v1/event/mic1/siren/ 2 end"
        with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/event/mic1/siren/", "mgcl/v1/event/mic1/dog/") as later:
            assert later.line() == "mgcl/v1/event/mic1/dog/ 2 start"
            bus.publish(stamper.stamp(event("siren", "start")))
            assert later.line() == "mgcl/v1/event/mic1/siren/ 3 start"


def test_an_end_that_could_not_be_sent_ends_the_event_all_the_same(stamper: wire.Stamper) -> None:
    bus = Publisher(LOOPBACK)  # not started: nobody takes from the queue
    bus.publish(stamper.stamp(event("siren", "start")))
    bus.publish(stamper.stamp(event("siren", "end")))
    bus.publish(stamper.stamp(event("dog", "start")))
    for _ in range(publisher.QUEUE_MESSAGES):
        bus.publish(stamper.stamp(health("mic1")))
    assert bus.dropped == 3
    with bus, Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/event/") as child:
        assert child.line() == "mgcl/v1/event/mic1/dog/ 0 start"


def test_a_source_that_is_forgotten_is_told_to_nobody_until_it_speaks_again(
    bus: Publisher, stamper: wire.Stamper
) -> None:
    for message in (health("mic1"), health("mic10"), event("siren", "start"), event("siren", "start", "mic10")):
        bus.publish(stamper.stamp(message))
    for kind in ("health", "event"):
        bus.forget(f"mgcl/v1/{kind}/mic1/")
    with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/") as child:
        assert child.line() == "mgcl/v1/event/mic10/siren/ 0 start"
        assert child.line() == "mgcl/v1/health/mic10/ 0 None"
        bus.publish(stamper.stamp(health("mic1")))
        assert child.line() == "mgcl/v1/health/mic1/ 1 None"
        with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/health/mic1/") as later:
            assert later.line() == "mgcl/v1/health/mic1/ 1 None"


def test_what_was_published_is_counted_by_kind(bus: Publisher, stamper: wire.Stamper) -> None:
    assert bus.published == dict.fromkeys(get_args(MessageKind), 0)
    for message in (health("mic1"), health("mic1"), event("siren", "start")):
        bus.publish(stamper.stamp(message))
    until(lambda: sum(bus.published.values()) == 3)
    assert bus.published == {"prob": 0, "event": 1, "health": 2, "meta": 0}


def test_both_addresses_hear_the_same_and_a_late_one_alone_hears_what_was(
    tmp_path_factory: pytest.TempPathFactory, stamper: wire.Stamper
) -> None:
    beside = f"ipc://{tmp_path_factory.mktemp('run')}/bus"
    with Publisher(LOOPBACK, beside=beside) as bus, Child(SUBSCRIBER, bus.endpoint, "mgcl/") as one:
        bus.publish(stamper.stamp(health("mic1")))
        assert one.line() == "mgcl/v1/health/mic1/ 0 None"
        with Child(SUBSCRIBER, beside, "mgcl/") as other:
            assert other.line() == "mgcl/v1/health/mic1/ 0 None"
            bus.publish(stamper.stamp(health("mic1")))
            assert [one.line(), other.line()] == ["mgcl/v1/health/mic1/ 1 None"] * 2


def test_so_many_topics_are_repeated_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lastvalues, "CACHED_TOPICS", 3)
    last = LastValues()
    for topic in (b"a/", b"b/", b"c/", b"a/", b"d/"):
        last.put([topic], keep=True)
    assert last.matching([b""]) == [[b"a/"], [b"c/"], [b"d/"]]
