"""The Python way to listen: what was lost, what was started anew, and when to give up."""

import gc
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zmq
from bus_messages import PUBLISHING, event, meta, node, prob
from children import Child

from mgcld import client, config
from mgcld.client import Received, Subscription, subscribe, subscribe_async
from mgcld.errors import ConfigError, ReceiveTimeout
from mgcld.service import wire
from mgcld.service.bus.publisher import Publisher

TESTS = str(Path(__file__).parent)


@pytest.fixture
def stamper() -> wire.Stamper:
    return wire.Stamper("attic")


@pytest.fixture
def bus() -> Iterator[Publisher]:
    with Publisher("tcp://127.0.0.1:*") as started:
        yield started


def joined(bus: Publisher, stamper: wire.Stamper, **options: Any) -> Subscription:
    """A subscription that has arrived: nobody knows when, before something is heard."""
    options["kinds"] = (*options.get("kinds", ("prob",)), "meta")
    subscription = subscribe(bus.endpoint, **{"timeout_seconds": 20, **options})
    bus.publish(stamper.stamp(meta()))
    assert next(subscription).kind == "meta"
    return subscription


def test_a_message_has_its_facts_at_hand(bus: Publisher, stamper: wire.Stamper) -> None:
    with joined(bus, stamper) as messages:
        bus.publish(stamper.stamp(prob("küche/1")))
        message = next(messages)
    assert message.source == "küche/1" == message.header["source"]
    assert message.top[0] == ("siren", 0.75)
    assert message.unknown == 0.25
    assert message.start == datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC)
    assert message.end is not None
    assert (message.end - message.start).total_seconds() == 5
    assert (message.lost, message.restarted) == (0, False)


def test_what_is_no_prob_has_no_such_facts(bus: Publisher, stamper: wire.Stamper) -> None:
    bus.publish(stamper.stamp(node()))
    with subscribe(bus.endpoint, ["health"], timeout_seconds=20) as messages:
        message = next(messages)
    assert message.source == "node"
    assert (message.top, message.unknown, message.start, message.end) == ([], None, None, None)
    assert (message.id, message.name, message.phase, message.heard) == (None, None, None, None)
    assert Received("meta", "mgcl/v1/meta/", {}, {}).source is None


def test_an_event_has_its_facts_at_hand(bus: Publisher, stamper: wire.Stamper) -> None:
    with joined(bus, stamper, kinds=["event"]) as messages:
        for phase in ("start", "end"):
            bus.publish(stamper.stamp(event("dog/bark", phase)))
        start, end = next(messages), next(messages)
    assert start.topic == "mgcl/v1/event/mic1/dog%2Fbark/"
    assert (start.source, start.name, start.phase, start.id) == ("mic1", "dog/bark", "start", end.id)
    assert start.start == datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC) == end.start
    assert start.end is None
    assert end.phase == "end"
    assert end.end == end.heard == start.heard == datetime(2023, 11, 14, 22, 13, 25, 500_000, UTC)
    assert (start.lost, end.lost, end.header["seq"]) == (0, 0, 1)


def test_events_of_other_classes_are_not_heard_and_are_no_loss(bus: Publisher, stamper: wire.Stamper) -> None:
    with joined(bus, stamper, kinds=["event", "prob"], classes="siren") as messages:
        for message in (event("rain"), event("siren"), prob(), event("siren", "end"), event("rain", "end")):
            bus.publish(stamper.stamp(message))
        heard = [next(messages) for _ in range(3)]
    assert [(m.kind, m.name, m.phase, m.lost) for m in heard] == [
        ("event", "siren", "start", 0),
        ("prob", None, None, 0),
        ("event", "siren", "end", 0),
    ]


def test_a_message_says_how_old_it_is(bus: Publisher, stamper: wire.Stamper) -> None:
    late = prob()
    with joined(bus, stamper) as messages:
        bus.publish(stamper.stamp(late))
        assert 0 <= next(messages).age_seconds < 20
        minute_ago = {**late.header, "t_pub_ns": time.time_ns() - 60 * 10**9}
        bus.publish(stamper.stamp(replace(late, header=minute_ago)))
        assert 60 <= next(messages).age_seconds < 80


def test_only_what_was_asked_for_is_heard(bus: Publisher, stamper: wire.Stamper) -> None:
    with joined(bus, stamper, kinds=["prob"], sources=["mic1"]) as messages:
        for message in (prob("mic10"), node(), prob("mic1")):
            bus.publish(stamper.stamp(message))
        heard = next(messages)
    assert (heard.source, heard.lost) == ("mic1", 0)


def test_one_name_alone_needs_no_list(bus: Publisher, stamper: wire.Stamper) -> None:
    bus.publish(stamper.stamp(node()))
    with subscribe(bus.endpoint, "health", "node", 20) as messages:
        assert next(messages).source == "node"


def test_loss_is_reported_when_seq_jumps(bus: Publisher, stamper: wire.Stamper) -> None:
    with joined(bus, stamper) as messages:
        stamped = [stamper.stamp(prob(source)) for source in ("mic1", "mic1", "mic1", "mic2", "mic1")]
        for index in (0, 3, 4):
            bus.publish(stamped[index])
        assert [(m.source, m.lost) for m in (next(messages), next(messages), next(messages))] == [
            ("mic1", 0),
            ("mic2", 0),
            ("mic1", 2),
        ]


def test_joining_in_the_middle_is_no_loss(bus: Publisher, stamper: wire.Stamper) -> None:
    for _ in range(5):
        stamper.stamp(prob())  # went out before we came
    with joined(bus, stamper) as messages:
        bus.publish(stamper.stamp(prob()))
        message = next(messages)
    assert (message.header["seq"], message.lost) == (5, 0)


def test_a_replay_for_somebody_else_is_neither_loss_nor_news(bus: Publisher, stamper: wire.Stamper) -> None:
    with joined(bus, stamper) as messages:
        with subscribe(bus.endpoint, ["meta"], timeout_seconds=20) as other:
            next(other)
        bus.publish(stamper.stamp(prob()))
        assert next(messages).kind == "prob"
        bus.publish(stamper.stamp(meta()))
        message = next(messages)
    assert (message.kind, message.header["seq"], message.lost) == ("meta", 1, 0)


def test_a_restart_is_recognised_by_boot_id_and_is_no_loss(stamper: wire.Stamper) -> None:
    with Publisher("tcp://127.0.0.1:*") as bus:
        messages = joined(bus, stamper)
        for _ in range(3):
            bus.publish(stamper.stamp(prob()))
            assert not next(messages).restarted
    again = wire.Stamper("attic")
    with Publisher(bus.endpoint) as bus, messages:
        bus.publish(again.stamp(meta()))
        again.stamp(prob())  # went out before we were back
        first = next(messages)
        assert (first.kind, first.restarted, first.lost) == ("meta", True, 0)
        bus.publish(again.stamp(prob()))
        second = next(messages)
        assert (second.header["seq"], second.restarted, second.lost) == (1, False, 1)


def test_a_daemon_that_is_killed_and_started_again_is_heard_again() -> None:
    """A real process on the same port, while the subscription stays: what came between is told."""
    with Child(PUBLISHING, "tcp://127.0.0.1:*", TESTS) as first:
        endpoint, boot_id = first.line().split()
        messages = subscribe(endpoint, timeout_seconds=60)
        assert next(messages).header["boot_id"] == boot_id
        first.process.kill()
        first.wait()
    with messages, Child(PUBLISHING, endpoint, TESTS) as second:
        other_id = second.line().split()[1]
        heard = next(message for message in messages if message.restarted)
        after = next(messages)
    assert heard.header["boot_id"] == other_id != boot_id
    assert heard.lost == heard.header["seq"]  # all of the new start that we were too late for
    assert (after.header["seq"], after.lost, after.restarted) == (heard.header["seq"] + 1, 0, False)


def test_waiting_for_nothing_ends_with_a_clear_error_and_may_go_on(bus: Publisher, stamper: wire.Stamper) -> None:
    with joined(bus, stamper, timeout_seconds=1) as messages:
        began = time.monotonic()
        with pytest.raises(ReceiveTimeout, match="nothing was heard for 1 s") as given_up:
            next(messages)
        assert 0.9 < time.monotonic() - began < 8
        assert isinstance(given_up.value, TimeoutError)
        assert given_up.value.help
        bus.publish(stamper.stamp(prob()))
        assert next(messages).source == "mic1"


def test_a_daemon_may_start_later_than_its_listeners(bus: Publisher, stamper: wire.Stamper) -> None:
    endpoint = bus.endpoint
    bus.close()
    with subscribe(endpoint, ["meta"], timeout_seconds=20) as messages, Publisher(endpoint) as late:
        late.publish(stamper.stamp(meta()))
        assert next(messages).kind == "meta"


def test_malformed_messages_are_skipped_named_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    good = wire.frames(wire.Stamper("attic").stamp(prob()))
    header = json.loads(good[1])
    bad = [
        good[:1],
        [*good, b"{}"],
        [good[0], good[1], b"["],
        [good[0], good[1], b"[" * 100_000],
        [good[0], b"[]", good[2]],
        [good[0], good[1], b"7"],
        [good[0], json.dumps(header | {"seq": "1"}).encode(), good[2]],
        [good[0], json.dumps(header | {"boot_id": []}).encode(), good[2]],
        [good[0], json.dumps(header | {"schema": "mgcl.prob/2"}).encode(), good[2]],
        [b"mgcl/v1/prob/\xff/", good[1], good[2]],
    ]
    with zmq.Context() as context, context.socket(zmq.XPUB) as bus:
        port = bus.bind_to_random_port("tcp://127.0.0.1")
        with subscribe(f"tcp://127.0.0.1:{port}", timeout_seconds=20) as messages:
            assert bus.poll(20_000)
            for frames in [*bad, good]:
                bus.send_multipart(frames)
            assert next(messages).source == "mic1"
            assert messages.malformed == len(bad)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == len(bad)


def test_leaving_the_loop_closes_the_socket(bus: Publisher, stamper: wire.Stamper) -> None:
    messages = joined(bus, stamper)
    socket = messages._socket
    bus.publish(stamper.stamp(prob()))
    for message in messages:
        assert message.source == "mic1"
        break
    del messages
    gc.collect()
    assert socket.closed


def test_a_closed_subscription_has_ended(bus: Publisher) -> None:
    with subscribe(bus.endpoint) as messages:
        pass
    assert list(messages) == []


@pytest.mark.parametrize("endpoint", ["", "5765", "http://127.0.0.1:5765", "tcp://127.0.0.1"])
def test_an_address_that_is_none_is_a_named_error(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="cannot listen") as refusal:
        subscribe(endpoint)
    assert refusal.value.help


@pytest.mark.parametrize("way", [subscribe, subscribe_async])
def test_it_goes_on_trying_holds_a_bounded_queue_and_never_conflates(way: Callable[[str], Any]) -> None:
    messages = way("tcp://127.0.0.1:1")
    socket = messages._socket
    assert (socket.reconnect_ivl, socket.reconnect_ivl_max, socket.rcvhwm) == (100, 10_000, 1000)
    assert (socket.linger, socket.tcp_keepalive, socket.conflate) == (0, 1, 0)
    messages.close()


SLOW = """
import itertools, sys, time
from mgcld.client import subscribe
messages = subscribe(sys.argv[1])
print(next(messages).topic)
time.sleep(8)
print(sum(1 for _ in itertools.islice(messages, 900)))
"""


def test_a_slow_listener_outlives_the_daemon_and_has_what_waited(stamper: wire.Stamper, tmp_path: Path) -> None:
    """Where libzmq has a heartbeat it would abort the listener."""
    with Publisher(f"ipc://{tmp_path}/bus.ipc") as bus, Child(SLOW, bus.endpoint) as listener:
        begun = False
        while not (begun := begun or bool(listener.waiting())):
            bus.publish(stamper.stamp(prob()))
            time.sleep(0.01)
        for _ in range(300):
            for _ in range(20):
                bus.publish(stamper.stamp(prob()))
            time.sleep(0.005)
        bus.close()
        assert listener.line() == "900"
        assert listener.wait() == 0


def test_a_kind_that_is_none_is_a_named_error() -> None:
    with pytest.raises(ConfigError, match="'probs'"):
        subscribe(kinds=["probs"])


def test_the_client_knows_the_default_address() -> None:
    assert client.DEFAULT_ENDPOINT == config.DEFAULT_ENDPOINT


def test_the_client_loads_nothing_heavy() -> None:
    code = "import sys, mgcld.client; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "pydantic", "transformers"} & {*loaded}
