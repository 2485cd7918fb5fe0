"""What subscribers ask for, and how much of it: libzmq keeps every subscription letter by letter, 50 bytes for each.

Bounds: `SUBSCRIPTION_BYTES` for one, `SUBSCRIBER_BYTES` for those of one connection, `ALL_BYTES` for those of all (50
MB in libzmq). Whoever goes beyond the first two is cut off, and beyond the third whoever has most.
"""

import time

import zmq

from mgcld.service.bus.guard import Guard
from mgcld.service.bus.peers import Connection

SUBSCRIPTION_BYTES = 1024
"""No topic is as long."""
SUBSCRIBER_BYTES = 200_000
"""About 2000 topics."""
ALL_BYTES = 1_000_000


class Subscriptions:
    """Reads what a subscriber sends, and keeps account in its connection."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._cost = 0  # of all, at most: what has ended since it was counted is still in it

    def hear(self, frame: zmq.Frame) -> bytes | None:
        """The prefix that a subscriber asks for with this frame; None where it asks for nothing, or for too much."""
        connection = self._guard.sender(frame)
        if connection is None:
            return None
        kind, prefix = frame.bytes[:1], frame.bytes[1:]
        if kind == b"\x00":
            connection.unsubscribe(prefix)
            return None
        if why := _objection(kind, prefix):
            if time.monotonic() > connection.sure_from:
                self._guard.cut(connection, why)
            return None
        self._cost += connection.subscribe(prefix)
        self._keep_bounds(connection)
        return None if connection.cut else prefix

    def _keep_bounds(self, connection: Connection) -> None:
        if connection.cost > SUBSCRIBER_BYTES:
            self._guard.cut(connection, f"{len(connection.prefixes)} subscriptions are too many")
        if self._cost > ALL_BYTES:
            alive = [each for each in self._guard.connections.values() if not each.cut]
            self._cost = sum(each.cost for each in alive)
            if self._cost > ALL_BYTES:
                greediest = max(alive, key=lambda each: each.cost)
                self._guard.cut(greediest, "all subscriptions together are too many, and it has most")


def _objection(kind: bytes, prefix: bytes) -> str | None:
    if kind != b"\x01":
        return "it sent what is no subscription"
    if len(prefix) > SUBSCRIPTION_BYTES:
        return f"a subscription of {len(prefix)} bytes: no topic is as long"
    return None
