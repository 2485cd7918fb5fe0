"""Whatever comes in by the socket: another subscriber hears on, memory stays flat, the log tells, and not too often."""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import zmq
from children import Child
from hosted_bus import HostedBus, hears, listener

from mgcld.service.bus import guard, publisher, subscriptions

MEGABYTES = 1_000_000
GREETING = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB"
"""What a SUB socket of ZMTP 3 says."""


@pytest.fixture(scope="module")
def bus() -> Iterator[HostedBus]:
    with HostedBus() as started:
        yield started


@pytest.fixture
def other(bus: HostedBus) -> Iterator[Child]:
    """Somebody who listens all the while, and has missed nothing in the end."""
    with listener(bus.endpoint) as child:
        first, count, _ = hears(child)
        memory = bus.memory
        yield child
        last, count_after, _ = hears(child)
        assert last > first
        assert count_after - count == last - first
        assert bus.memory - memory < 30 * MEGABYTES


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def call(bus: HostedBus, *said: bytes) -> socket.socket:
    """Connect without ZeroMQ, and say this."""
    caller = socket.create_connection(("127.0.0.1", bus.port), timeout=10)
    with contextlib.suppress(ConnectionError):
        for each in said:
            caller.sendall(each)
    return caller


def greeted(bus: HostedBus) -> socket.socket:
    """A connection whose handshake is done: who speaks before the other side is ready is refused."""
    caller = call(bus, GREETING, READY)
    heard = b""
    while b"READY" not in heard:
        chunk = caller.recv(1000)
        assert chunk, bus.log
        heard += chunk
    return caller


def is_cut(caller: socket.socket, *, ours: bool = False) -> bool:
    """Whether the other side ends it, in good time; with `ours` we say first that no more comes."""
    caller.settimeout(15)
    with contextlib.suppress(ConnectionError):
        if ours:
            with contextlib.suppress(OSError):  # it has been ended already
                caller.shutdown(socket.SHUT_WR)
        while caller.recv(65536):
            pass
    return True


def lines(bus: HostedBus) -> list[str]:
    return [line for line in bus.log.splitlines() if "refused" in line or "cut off" in line]


@pytest.mark.usefixtures("other")
def test_garbage_is_refused_counted_and_told_a_few_times(bus: HostedBus) -> None:
    before = bus.state()[0]
    for number in range(150):
        with call(bus, os.urandom(1 + 40 * number)) as caller:
            assert is_cut(caller, ours=True)
    until(lambda: bus.state()[0] == before + 150)
    assert 1 <= len(lines(bus)) <= guard.LINES


@pytest.mark.usefixtures("other")
def test_frames_that_claim_any_size_end_their_connection(bus: HostedBus) -> None:
    for flags, size in ((2, 2**63 - 1), (2, 2**40), (2, publisher.FRAME_BYTES + 1), (6, 2**62), (3, 2**31), (0xFF, 1)):
        with greeted(bus) as caller:
            caller.sendall(struct.pack(">BQ", flags, size) + bytes(5000))
            assert is_cut(caller)


@pytest.mark.usefixtures("other")
def test_random_frames_after_a_right_handshake_hurt_nobody(bus: HostedBus) -> None:
    for _ in range(50):
        with greeted(bus) as caller:
            caller.sendall(os.urandom(3000))
            assert is_cut(caller, ours=True)


def test_who_begins_a_handshake_and_stays_is_put_out_and_so_many_are_held_at_most() -> None:
    with HostedBus() as bus, listener(bus.endpoint) as child, ExitStack() as stack:
        assert hears(child)
        before, memory = bus.descriptors, bus.memory
        callers = [
            stack.enter_context(call(bus, GREETING[: number % 64])) for number in range(guard.MOST_CONNECTIONS + 100)
        ]
        until(lambda: bus.state()[0] >= 100)
        assert bus.descriptors <= before + guard.MOST_CONNECTIONS
        assert f"there are {guard.MOST_CONNECTIONS} connections already" in bus.log
        assert hears(child)
        assert all(is_cut(caller) for caller in callers)  # after guard.HANDSHAKE_MS
        until(lambda: bus.descriptors <= before)
        assert bus.state()[0] >= len(callers)
        assert len(lines(bus)) == guard.LINES
        assert bus.memory - memory < 30 * MEGABYTES
        with listener(bus.endpoint) as late:
            assert hears(late)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"no subscription", "it sent what is no subscription"),
        (b"", "it sent what is no subscription"),
        (b"\x01" + bytes(subscriptions.SUBSCRIPTION_BYTES + 1), "no topic is as long"),
    ],
)
def test_what_is_no_subscription_ends_its_connection_and_is_told(sent: bytes, told: str) -> None:
    with HostedBus() as bus, listener(bus.endpoint) as child:
        assert hears(child)
        with _xsub(bus) as peer:
            peer.send(sent)
            until(lambda: told in bus.log)
        assert "cut off 127.0.0.1:" in bus.log
        assert hears(child)


def test_thousands_of_subscriptions_of_one_peer_are_not_kept() -> None:
    with HostedBus() as bus, listener(bus.endpoint) as child:
        assert hears(child)
        before = bus.memory
        with _xsub(bus) as peer:
            _subscribe(peer, 50_000, 40)
            until(lambda: "subscriptions are too many" in bus.log)
            time.sleep(1)
            assert bus.memory - before < 30 * MEGABYTES
        assert hears(child)


def test_endless_long_subscriptions_are_not_kept() -> None:
    """Kept, each of 4 KB would cost 200 KB: 100,000 of them 20 GB."""
    with HostedBus() as bus, listener(bus.endpoint) as child:
        assert hears(child)
        before, end = bus.memory, time.monotonic() + 1.5
        with _xsub(bus) as peer:
            while time.monotonic() < end:
                _subscribe(peer, 100, 4000)
                assert bus.memory - before < 40 * MEGABYTES
        assert hears(child)


def test_all_subscriptions_together_are_bounded_and_the_modest_stay() -> None:
    each = subscriptions.SUBSCRIBER_BYTES - 20_000
    with HostedBus() as bus, listener(bus.endpoint) as child, ExitStack() as stack:
        first = hears(child)
        before = bus.memory
        for _ in range(25):
            _subscribe(stack.enter_context(_xsub(bus)), each // 600, 600 - 64)
        until(lambda: "all subscriptions together are too many" in bus.log or "kB at once" in bus.log)
        time.sleep(1)
        assert bus.memory - before < 200 * MEGABYTES
        last = hears(child)
        assert last[1] - first[1] == last[0] - first[0]


def test_a_flood_of_different_subscriptions_is_cut_off_before_it_has_been_taken_in() -> None:
    """Taken in, each of these 10 MB would cost 500."""
    flood = b"".join(struct.pack(">BQ", 2, 1001) + b"\x01" + os.urandom(500).hex().encode() for _ in range(10_000))
    with HostedBus() as bus, listener(bus.endpoint) as child:
        first = hears(child)
        before, most = bus.memory, 0
        for _ in range(3):
            with greeted(bus) as caller, contextlib.suppress(ConnectionError, TimeoutError):
                caller.settimeout(1)  # whoever is cut off with a full window waits for the kernel's word
                caller.sendall(flood)
            most = max(most, bus.memory - before)
        until(lambda: "cut off" in bus.log)
        last = hears(child)
        assert last[1] - first[1] == last[0] - first[0]
        assert max(most, bus.memory - before) < 300 * MEGABYTES


@pytest.mark.parametrize("number", [40, 400])
@pytest.mark.usefixtures("other")
def test_who_subscribes_a_lot_pings_and_is_gone_does_no_harm(bus: HostedBus, number: int) -> None:
    """Answered while its input waits, a ping of somebody who is gone would abort the process."""
    ping = b"\x04\x07\x04PING\0\0"
    said = b"".join(b"\0\x06\x01" + b"%05d" % each + ping for each in range(number))
    for _ in range(10):
        with greeted(bus) as caller:
            caller.sendall(said)
    assert bus.state()


@pytest.mark.usefixtures("other")
def test_who_comes_and_goes_all_the_time_leaves_nothing_behind(bus: HostedBus) -> None:
    before = bus.descriptors
    for _ in range(500):
        call(bus, GREETING, READY, b"\0\x06\x01mgcl/").close()
    until(lambda: bus.descriptors <= before)


@contextlib.contextmanager
def _xsub(bus: HostedBus) -> Iterator["zmq.Socket[bytes]"]:
    """A subscriber that sends what it likes."""
    with zmq.Context() as context, context.socket(zmq.XSUB) as peer:
        peer.linger = 0
        peer.sndtimeo = 200
        peer.connect(bus.endpoint)
        yield peer


def _subscribe(peer: "zmq.Socket[bytes]", number: int, length: int) -> None:
    """To topics that nobody has twice; those that do not go out in time are left."""
    with contextlib.suppress(zmq.Again):
        for _ in range(number):
            peer.send(b"\x01" + os.urandom(length // 2).hex().encode())
