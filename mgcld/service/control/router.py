"""The ROUTER below the control socket: its bounds, its address, who may connect."""

import os
from collections.abc import Sequence
from typing import Protocol

import zmq

from mgcld.errors import PublishError
from mgcld.service.bus import address
from mgcld.service.control import runtime

MESSAGE_BYTES = 1 << 20
"""Whoever sends more at once is disconnected."""
PEER_MESSAGES = 64
"""So many requests, and so many replies, wait for one peer; then it has to wait, and replies are dropped. ZeroMQ
notices only half as often what was read: whoever has more than 32 requests unanswered may lose replies."""
FRAMES = 4
"""Of a longer message the rest is thrown away: nobody can answer it anyway."""
LINGER_MS = 500
KEEPALIVE_SECONDS, KEEPALIVE_TRIES = 5, 2
"""A peer that is gone without a word is given up after 15 s. TCP asks, and not ZeroMQ's own heartbeat: that one aborts
the process where a peer leaves with more requests waiting than `PEER_MESSAGES` (an assertion of libzmq 4.3.5)."""
OWNER_ONLY = 0o600

Context = zmq.Context["zmq.Socket[bytes]"]
Socket = zmq.Socket[bytes]


class Guarding(Protocol):
    """Who may connect to the sockets of a context, and how many at once (`mgcld.service.bus.guard.Guard`)."""

    @property
    def sockets(self) -> Sequence[Socket]:
        """To be polled for reading, in the thread of the protected sockets; then `turn`."""
        ...

    def protect(self, protected: Socket, *, encrypted: bool) -> None:
        """Set up a socket that is not bound yet. Raises ValueError where there are no keys to encrypt with."""
        ...

    def sender(self, frame: zmq.Frame) -> object | None:
        """Whose frame it is; None when that connection has ended, or its key may not connect any more."""
        ...

    def turn(self) -> None:
        """Do what there is to do, without waiting."""
        ...

    def close(self) -> None:
        """Let go of everything, before the protected sockets are closed."""
        ...


def received(router: Socket) -> list[zmq.Frame]:
    """The frames of one message, the peer's name first. Raises zmq.Again."""
    frames = [router.recv(zmq.NOBLOCK, copy=False)]
    while frames[-1].more:
        frame = router.recv(zmq.NOBLOCK, copy=False)
        if len(frames) == FRAMES:
            frames.pop()
        frames.append(frame)
    return frames


def bindable(endpoint: str) -> str:
    """The address to give to `bound`, once it is well formed; over tcp the socket must ask for keys.

    Raises:
        PublishError: malformed, or a kind that no file's mode protects.
    """
    if endpoint.startswith("ipc://@"):
        raise PublishError(
            f"will not listen for orders on {endpoint}: every user of this machine could give some",
            help="write control.endpoint: ipc://PATH, or leave it out",
        )
    return runtime.checked(address.bindable(endpoint, insecure=True))


def made(context: Context) -> Socket:
    """A ROUTER for which nobody who does not read, or has gone, costs anything."""
    router = context.socket(zmq.ROUTER)
    router.linger = LINGER_MS
    router.sndhwm = PEER_MESSAGES
    router.rcvhwm = PEER_MESSAGES
    router.maxmsgsize = MESSAGE_BYTES
    router.router_mandatory = False
    router.tcp_keepalive = 1
    router.tcp_keepalive_idle = router.tcp_keepalive_intvl = KEEPALIVE_SECONDS
    router.tcp_keepalive_cnt = KEEPALIVE_TRIES
    return router


def bound(router: Socket, endpoint: str) -> str:
    """Bind it, an ipc path for its owner only; the endpoint, with the port that was free.

    Raises:
        PublishError: it cannot be had.
    """
    before = os.umask(0o077)  # nobody else may connect before the file's mode is set
    try:
        return address.bind(router, endpoint, OWNER_ONLY)
    except (zmq.ZMQError, OSError) as error:
        raise PublishError(
            f"cannot listen for orders on {endpoint}: {zmq.strerror(error.errno or 0)}",
            help="choose another control.endpoint, like ipc://PATH in a folder that exists",
        ) from error
    finally:
        os.umask(before)
