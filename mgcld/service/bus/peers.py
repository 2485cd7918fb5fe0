"""The connections of a socket, seen from below: who is at the other end, and cutting one off.

ZeroMQ tells the file descriptor of each connection. It is used for an instant, through a duplicate, and only if it
still is the connection between the same two ends: ZeroMQ may have closed it, and the number be another's by now.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BYTES_RECEIVED = 128
"""Where it stands in `struct tcp_info`."""
SUBSCRIPTION_COST = 64
"""A subscription costs us its length and so much."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a connection."""

    here: object
    name: str
    """The other one, for people: address and port, or process and user."""


@dataclass(slots=True, eq=False)
class Connection:
    """One peer."""

    descriptor: int
    peer: str
    """Who it is, for people."""
    ends: Ends | None = None
    """Both ends, to know it again; None if it was gone before anybody could look."""
    user: str | None = None
    """The public key that it proved to have; None before its first frame, and without encryption."""
    sure_from: float = 0.0
    """Before (monotonic seconds), frames of this descriptor may be an earlier connection's, that were read late."""
    proved: bool = False
    """It has sent a frame, so its handshake was right."""
    cut: bool = False
    """It is being ended: what still comes from it is ignored."""
    prefixes: set[bytes] = field(default_factory=set)
    """What it is subscribed to."""
    cost: int = 0
    """Bytes of its subscriptions, each with `SUBSCRIPTION_COST` more."""

    received: int = 0
    """Bytes that came from it, at the last look."""
    lately: float = 0.0
    """Bytes that came lately; what is longer ago counts less."""
    why: str | None = None
    """Why it was cut off, if nobody has told yet."""

    def measure(self, fades: float) -> None:
        """Look how much has come; `fades` is how much of what came earlier still counts."""
        with _duplicate(self.descriptor) as ours:
            if ours is None or ours.family == socket.AF_UNIX or self.ends is None or _ends(ours) != self.ends:
                return
            received = _received(ours)
        self.lately = fades * self.lately + received - self.received
        self.received = received

    def subscribe(self, prefix: bytes) -> int:
        """Remember one subscription more, and tell what it costs: nothing if it is there already."""
        if prefix in self.prefixes:
            return 0
        self.prefixes.add(prefix)
        self.cost += len(prefix) + SUBSCRIPTION_COST
        return len(prefix) + SUBSCRIPTION_COST

    def unsubscribe(self, prefix: bytes) -> None:
        """Forget one."""
        if prefix in self.prefixes:
            self.prefixes.remove(prefix)
            self.cost -= len(prefix) + SUBSCRIPTION_COST

    def sever(self) -> None:
        """Cut it off; ZeroMQ sees that as the peer's leaving, and frees all that was its."""
        self.cut = True
        with _duplicate(self.descriptor) as ours:
            if ours is not None and self.ends is not None and _ends(ours) == self.ends:
                try:
                    ours.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # it has left by itself


def accepted(descriptor: int) -> Connection:
    """A connection that ZeroMQ has just taken."""
    with _duplicate(descriptor) as ours:
        ends = None if ours is None else _ends(ours)
        return Connection(descriptor, "somebody who left at once" if ends is None else ends.name, ends)


@contextmanager
def _duplicate(descriptor: int) -> Iterator[socket.socket | None]:
    try:
        ours = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        yield None
        return
    with ours:
        yield ours


def _received(ours: socket.socket) -> int:
    """Bytes that came over TCP so far: a field of Linux's `struct tcp_info`."""
    information = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_RECEIVED + 8)
    return int(struct.unpack_from("Q", information, BYTES_RECEIVED)[0]) if len(information) > BYTES_RECEIVED else 0


def _ends(ours: socket.socket) -> Ends | None:
    """None if it has ended already."""
    try:
        here, there = ours.getsockname(), ours.getpeername()
        if ours.family == socket.AF_UNIX:
            process, user, _ = struct.unpack("3i", ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return Ends(here, f"process {process} of user {user}")
    except OSError:
        return None
    host, port = there[:2]
    return Ends(here, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
