"""A subscriber that has stopped reading: memory stays flat, and nobody else hears a thing later for it.

MGCLD_STUCK_SECONDS=600 makes it a long run, with its figures printed (`pytest -s`).
"""

import os
import time

import pytest
from children import Child
from hosted_bus import HostedBus, hears, listener

SECONDS = float(os.environ.get("MGCLD_STUCK_SECONDS", "2"))
CLASSES = 300
"""A message of 3 kB."""
RATE = 800
STUCK = """
import sys, time, zmq
sub = zmq.Context().socket(zmq.SUB)
sub.rcvhwm = 1
sub.rcvbuf = 4096
sub.subscribe("mgcl/")
sub.connect(sys.argv[1])
print(len(sub.recv_multipart()))
time.sleep(100_000)
"""


@pytest.mark.timeout(SECONDS + 200)
def test_who_stops_reading_costs_bounded_memory_and_delays_nobody() -> None:
    with HostedBus(rate=RATE, classes=CLASSES) as bus, listener(bus.endpoint) as other:
        alone = _worst_ms(other, 1)
        with Child(STUCK, bus.endpoint) as stuck:
            assert stuck.line() == "3"
            _wait_for_messages(other, 3_000)  # what waits for it is full
            full = bus.memory
            first, count, _ = hears(other)
            beside = _worst_ms(other, SECONDS)
            last, count_after, _ = hears(other)
            grown = bus.memory - full
            assert stuck.process.poll() is None
        published = bus.state()[1]
    print(f"{last - first} messages in {SECONDS:.0f} s; {full / 1e6:.1f} MB, then {grown / 1e6:+.1f} MB")
    print(f"latest {beside:.1f} ms, without it {alone:.1f} ms; longest publish() {published} ms")
    assert count_after - count == last - first  # the other missed nothing
    assert grown < 3_000_000
    assert beside < alone + 2000
    assert published < 2000


def _wait_for_messages(child: Child, number: int) -> None:
    deadline = time.monotonic() + 60
    first = hears(child)[1]
    while hears(child)[1] < first + number:
        assert time.monotonic() < deadline


def _worst_ms(child: Child, seconds: float) -> float:
    """How late its latest message was, among those of so many seconds."""
    child.waiting()
    time.sleep(seconds)
    return max(float(line.split()[2]) for line in [*child.waiting(), child.line()])
