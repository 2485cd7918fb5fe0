"""The bus, heard from other processes over real sockets."""

import json
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from children import Child
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcld.data import Message, SourceStatus
from mgcld.errors import PublishError
from mgcld.service import wire
from mgcld.service.bus import address, publisher
from mgcld.service.bus.publisher import Publisher

LOOPBACK = "tcp://127.0.0.1:*"
EXAMPLE = Path(__file__).parents[2] / "examples" / "subscribe.py"
SUBSCRIBER = """
import sys, zmq
sub = zmq.Context().socket(zmq.SUB)
for prefix in sys.argv[2:]:
    sub.subscribe(prefix)
sub.connect(sys.argv[1])
while True:
    topic, header, body = sub.recv_multipart()
    print(topic.decode(), header.decode(), sep="\\t")
"""
SLEEPER = """
import sys, time, zmq
sub = zmq.Context().socket(zmq.SUB)
sub.subscribe("mgcl/")
sub.connect(sys.argv[1])
print(sub.recv_multipart()[0].decode())
time.sleep(600)
"""
FLOOD = """
import sys, zmq
sub = zmq.Context().socket(zmq.XSUB)
sub.connect(sys.argv[1])
sub.send(b"\\x01mgcl/v1/meta/")
print("flooding")
while True:
    sub.send(b"\\x01mgcl/v1/")
    sub.send(b"\\x00mgcl/v1/")
    sub.send(b"no subscription at all" * 40)
"""


@pytest.fixture
def stamper() -> wire.Stamper:
    return wire.Stamper("attic")


@pytest.fixture
def bus() -> Iterator[Publisher]:
    with Publisher(LOOPBACK) as started:
        yield started


def prob(source: str = "mic1") -> Message:
    body = {"p": [0.75], "unknown": 0.25, "top": [["siren", 0.75], ["unknown", 0.25]]}
    return Message("prob", wire.topic("prob", source), {"source": source}, body)


def health(source: str = "mic1") -> Message:
    return wire.source_health(SourceStatus(source, "live", since_ns=1))


def meta() -> Message:
    return wire.meta(wire.Meta(["siren"], [0.5], "mini", None, "0a1b", 5.0, 5.0))


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def heard(line: str) -> tuple[str, int]:
    topic, header = line.split("\t")
    return topic, json.loads(header)["seq"]


def await_subscriber(bus: Publisher, stamper: wire.Stamper, child: Child) -> str:
    """Publish until the child hears, since nobody knows when its subscription arrives; what it heard first."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        bus.publish(stamper.stamp(prob()))
        try:
            return child.line(timeout=0.1)
        except AssertionError:
            assert child.process.poll() is None, child.errors
    raise AssertionError("the subscriber heard nothing")


def test_a_subscriber_in_another_process_hears_every_prob_in_order(bus: Publisher, stamper: wire.Stamper) -> None:
    with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/prob/") as child:
        first = heard(await_subscriber(bus, stamper, child))[1]
        for _ in range(100):
            bus.publish(stamper.stamp(prob()))
        assert [heard(child.line())[1] for _ in range(100)] == [*range(first + 1, first + 101)]


def test_the_ten_lines_for_plain_pyzmq_work(bus: Publisher, stamper: wire.Stamper) -> None:
    with Child(EXAMPLE, bus.endpoint) as child:
        assert await_subscriber(bus, stamper, child) == "mic1: siren 0.75"


def test_who_joins_late_gets_meta_and_health_at_once_and_no_old_prob(bus: Publisher, stamper: wire.Stamper) -> None:
    for message in (meta(), health("mic1"), health("mic1"), health("mic2"), prob()):
        bus.publish(stamper.stamp(message))
    expected = [("mgcl/v1/health/mic1/", 1), ("mgcl/v1/health/mic2/", 0), ("mgcl/v1/meta/", 0)]
    with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/") as first:
        assert [heard(first.line()) for _ in range(3)] == expected
        with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/") as second:  # whose subscription is nothing new to the socket
            assert [heard(second.line()) for _ in range(3)] == expected


def test_a_replay_holds_only_what_was_subscribed(bus: Publisher, stamper: wire.Stamper) -> None:
    for message in (meta(), health("mic1"), health("mic10")):
        bus.publish(stamper.stamp(message))
    with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/health/mic1/", "mgcl/v1/prob/mic1/") as child:
        assert heard(child.line()) == ("mgcl/v1/health/mic1/", 0)
        for source in ("mic10", "mic1"):
            bus.publish(stamper.stamp(prob(source)))
        assert heard(child.line()) == ("mgcl/v1/prob/mic1/", 0)


def test_many_subscriptions_of_one_subscriber_are_all_answered(bus: Publisher, stamper: wire.Stamper) -> None:
    for number in range(200):
        bus.publish(stamper.stamp(health(f"mic{number}")))
    with Child(SUBSCRIBER, bus.endpoint, *(f"mgcl/v1/health/mic{number}/" for number in range(200))) as child:
        assert len({heard(child.line())[0] for _ in range(200)}) == 200


def test_killing_a_subscriber_changes_nothing(bus: Publisher, stamper: wire.Stamper) -> None:
    with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/prob/") as child, Child(SUBSCRIBER, bus.endpoint, "mgcl/") as victim:
        await_subscriber(bus, stamper, victim)
        last = heard(await_subscriber(bus, stamper, child))[1]
        victim.process.send_signal(signal.SIGKILL)
        victim.process.wait(10)
        for _ in range(200):
            bus.publish(stamper.stamp(prob()))
        final = stamper.stamp(prob())
        bus.publish(final)
        while last < final.header["seq"]:
            seq = heard(child.line())[1]
            assert seq == last + 1
            last = seq
    assert bus.failed is None
    assert bus.dropped == 0


def test_who_never_reads_delays_nobody_and_costs_bounded_memory(bus: Publisher, stamper: wire.Stamper) -> None:
    big = prob()
    big = Message(big.kind, big.topic, big.header, {**big.body, "p": [0.123456] * 1000})
    with Child(SLEEPER, bus.endpoint) as sleeper, Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/prob/") as child:
        await_subscriber(bus, stamper, sleeper)
        await_subscriber(bus, stamper, child)
        before = psutil.Process().memory_info().rss
        for _ in range(40):  # 80 MB, of which a thousand messages wait at most
            for _ in range(200):
                bus.publish(stamper.stamp(big))
            until(lambda: not bus._queue)
        last = stamper.stamp(prob())
        bus.publish(last)
        while heard(child.line())[1] < last.header["seq"]:
            pass
        assert psutil.Process().memory_info().rss - before < 40_000_000
    assert bus.dropped == 0


def test_a_flood_of_subscriptions_takes_neither_the_processor_nor_memory(stamper: wire.Stamper) -> None:
    with (
        Publisher(LOOPBACK) as bus,
        Child(FLOOD, bus.endpoint) as flood,
        Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/") as child,
    ):
        bus.publish(stamper.stamp(meta()))
        assert flood.line() == "flooding"
        await_subscriber(bus, stamper, child)
        process = psutil.Process()
        memory, busy, began = process.memory_info().rss, sum(process.cpu_times()[:2]), time.monotonic()
        child.waiting()
        while (elapsed := time.monotonic() - began) < 3:
            for _ in range(20):
                bus.publish(stamper.stamp(prob("mic2")))  # each time that it sends, the socket looks for more to read
            time.sleep(0.05)
        assert sum(process.cpu_times()[:2]) - busy < 0.5 * elapsed
        assert process.memory_info().rss - memory < 20_000_000
        replays = [topic for topic, _ in map(heard, child.waiting())].count("mgcl/v1/meta/")
        assert 0 < replays < 1.5 * elapsed / publisher.HEAR_SECONDS
        last = stamper.stamp(prob())
        bus.publish(last)
        until(lambda: ("mgcl/v1/prob/mic1/", last.header["seq"]) in map(heard, child.waiting()))


def test_a_taken_port_is_a_named_error(bus: Publisher) -> None:
    with pytest.raises(PublishError, match="in use") as refusal:
        Publisher(bus.endpoint).start()
    assert "ss -ltnp" in refusal.value.help


@pytest.mark.parametrize(
    "endpoint", ["tcp://*:0", "tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://192.0.2.1:5765", "tcp://attic:5765"]
)
def test_an_address_that_other_machines_reach_is_refused(endpoint: str) -> None:
    with pytest.raises(PublishError, match="other machines") as refusal:
        Publisher(endpoint).start()
    assert "insecure" in refusal.value.help


def test_whoever_insists_may_be_reachable() -> None:
    with Publisher("tcp://0.0.0.0:*", insecure=True) as bus:
        port = int(bus.endpoint.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "5765",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:x",
        "tcp://127.0.0.1:99999",
        "udp://127.0.0.1:1",
        "ipc://",
        "ipc://*",
    ],
)
def test_an_address_that_is_none_is_a_named_error(endpoint: str) -> None:
    with pytest.raises(PublishError, match="no such kind"):
        Publisher(endpoint).start()


@settings(deadline=None)
@given(
    st.text() | st.from_regex(address.TCP, fullmatch=True) | st.from_regex("tcp://[0-9.:a-z]{1,9}:0", fullmatch=True)
)
def test_whatever_is_written_is_local_or_a_named_error(endpoint: str) -> None:
    try:
        allowed = address.bindable(endpoint, insecure=False)
    except PublishError:
        return
    assert allowed.startswith(("ipc://", "tcp://127.", "tcp://[::1]", "tcp://[0"))


@pytest.mark.parametrize("endpoint", ["tcp://localhost:0", "tcp://127.8.8.8:*", "ipc://@mgcld-test-abstract"])
def test_this_machine_alone_is_allowed(endpoint: str) -> None:
    with Publisher(endpoint) as bus:
        assert "*" not in bus.endpoint
        assert ":0" not in bus.endpoint


def test_an_ipc_socket_is_for_the_owner_and_the_group_and_leaves_no_file(tmp_path: Path, stamper: wire.Stamper) -> None:
    path = tmp_path / "bus"
    with Publisher(f"ipc://{path}") as bus:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/prob/") as child:
            await_subscriber(bus, stamper, child)
    assert not path.exists()


def test_the_ipc_socket_of_a_dead_process_is_replaced(tmp_path: Path, stamper: wire.Stamper) -> None:
    path = tmp_path / "bus"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    with Publisher(f"ipc://{path}") as bus, Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/prob/") as child:
        await_subscriber(bus, stamper, child)


def test_a_living_ipc_socket_is_not_taken_over(tmp_path: Path, stamper: wire.Stamper) -> None:
    with Publisher(f"ipc://{tmp_path}/bus") as bus:
        with pytest.raises(PublishError, match="a process listens"):
            Publisher(bus.endpoint).start()
        with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/prob/") as child:
            await_subscriber(bus, stamper, child)


def test_no_file_of_the_user_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("years of work")
    with pytest.raises(PublishError, match="no socket"):
        Publisher(f"ipc://{path}").start()
    assert path.read_text() == "years of work"


@pytest.mark.parametrize("path", ["missing/bus", "x" * 200])
def test_an_ipc_path_that_cannot_be_is_a_named_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(PublishError, match="cannot publish") as refusal:
        Publisher(f"ipc://{tmp_path}/{path}").start()
    assert refusal.value.help


def test_an_address_that_is_taken_beside_leaves_no_file_of_the_other(tmp_path: Path) -> None:
    with Publisher(f"ipc://{tmp_path}/taken"):
        with pytest.raises(PublishError, match="taken"):
            Publisher(f"ipc://{tmp_path}/free", beside=f"ipc://{tmp_path}/taken").start()
        assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_closing_sends_what_is_queued(stamper: wire.Stamper) -> None:
    bus = Publisher(LOOPBACK)
    bus.start()
    with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/prob/") as child:
        last = heard(await_subscriber(bus, stamper, child))[1]
        for _ in range(500):
            bus.publish(stamper.stamp(prob()))
        bus.close()
        assert [heard(child.line())[1] for _ in range(500)] == [*range(last + 1, last + 501)]


def test_closing_is_harmless_twice_and_before_the_start_and_frees_the_address(stamper: wire.Stamper) -> None:
    Publisher(LOOPBACK).close()
    with Publisher(LOOPBACK) as bus:
        bus.close()
        bus.publish(stamper.stamp(prob()))
    with Publisher(bus.endpoint) as successor:
        assert successor.endpoint == bus.endpoint


def test_the_oldest_messages_are_dropped_and_counted_while_nobody_sends(stamper: wire.Stamper) -> None:
    bus = Publisher(LOOPBACK)  # not started: the queue has a bound of its own
    for number in range(publisher.QUEUE_MESSAGES + 10):
        bus.publish(stamper.stamp(health(f"mic{number}")))
    assert bus.dropped == 10
    with bus, Child(SUBSCRIBER, bus.endpoint, *(f"mgcl/v1/health/mic{number}/" for number in range(9, 12))) as child:
        assert {heard(child.line())[0] for _ in range(2)} == {"mgcl/v1/health/mic10/", "mgcl/v1/health/mic11/"}


def test_messages_come_from_any_thread(bus: Publisher, stamper: wire.Stamper) -> None:
    def publish(source: str) -> None:
        for _ in range(50):
            bus.publish(stamper.stamp(prob(source)))

    threads = [threading.Thread(target=publish, args=(f"mic{number}",)) for number in range(2, 6)]
    with Child(SUBSCRIBER, bus.endpoint, "mgcl/v1/prob/") as child:
        await_subscriber(bus, stamper, child)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seqs: dict[str, list[int]] = {}
        while sum(map(len, seqs.values())) < 200:
            topic, seq = heard(child.line())
            if topic != wire.topic("prob", "mic1"):  # which was to find out when the child hears
                seqs.setdefault(topic, []).append(seq)
    assert [*seqs.values()] == [[*range(50)]] * 4


def test_a_fault_in_the_thread_is_kept_and_logged(
    bus: Publisher, stamper: wire.Stamper, caplog: pytest.LogCaptureFixture
) -> None:
    bus._waker.socket.close()  # nothing from outside can make it fail
    bus.publish(stamper.stamp(prob()))
    until(lambda: bus.failed is not None)
    assert "nothing is published" in caplog.text
    for _ in range(publisher.QUEUE_MESSAGES + 1):
        bus.publish(stamper.stamp(prob()))
    assert bus.dropped > 0


def test_a_quiet_bus_uses_no_processor_time(bus: Publisher) -> None:
    process = psutil.Process()
    before = sum(process.cpu_times()[:2])
    time.sleep(1.5)
    assert sum(process.cpu_times()[:2]) - before < 0.3
