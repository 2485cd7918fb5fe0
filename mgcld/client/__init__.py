"""Hear a running mgcld from Python.

    from mgcld.client import subscribe

    for message in subscribe():
        name, p = message.top[0]
        print(message.source, message.start, name, p)

or, in a program that uses asyncio:

    async for message in subscribe_async():
        ...

It needs pyzmq and the standard library, and is small enough to write again in any language: connect a SUB socket,
subscribe to topics, read three frames (topic, JSON header, JSON body; `mgcld schema` says what they hold). Never set
CONFLATE: it breaks such messages.

The last `meta` and `health`, and of every event that is open the last message, are repeated when somebody subscribes.
Such a repetition bears its old `seq`: whoever is new hears it, and here nobody hears it twice. The first that one hears
of an event may therefore be an `update`.
"""

from collections.abc import Sequence
from pathlib import Path

import zmq
import zmq.asyncio

from mgcld.client.connecting import DEFAULT_ENDPOINT, KINDS, connect
from mgcld.client.reading import Reader
from mgcld.client.received import Received
from mgcld.client.subscription import AsyncSubscription, Subscription

__all__ = ["DEFAULT_ENDPOINT", "KINDS", "AsyncSubscription", "Received", "Subscription", "subscribe", "subscribe_async"]


def subscribe(
    endpoint: str = DEFAULT_ENDPOINT,
    kinds: Sequence[str] = ("prob",),
    sources: Sequence[str] | None = None,
    timeout_seconds: float | None = None,
    *,
    classes: Sequence[str] | None = None,
    server_key: str | Path | None = None,
    key_file: str | Path | None = None,
) -> Subscription:
    """Messages as they come, for ever; also over restarts of the daemon, which may start later than we do.

    Args:
        endpoint: Where the daemon publishes.
        kinds: Which of `prob`, `event`, `health` and `meta`. The last `health` and `meta`, and events that are open,
            come at once.
        sources: Only about these; None is all. `node` is the daemon's own health. `meta` is about all.
        timeout_seconds: How long to wait for each message; None is for ever.
        classes: Only events of these; None is all. Other kinds are about all.
        server_key: Where the daemon encrypts, its public key: the 40 characters, or the path of its `.key` file.
        key_file: Where it also asks who we are, our `.key_secret` file; nobody else may have access to it.

    Raises:
        ConfigError: the address, a kind or a key makes no sense.
        ReceiveTimeout: (when iterated) nothing came for `timeout_seconds`; one may go on iterating.
    """
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    connect(socket, endpoint, kinds, sources, server_key=server_key, key_file=key_file)
    return Subscription(socket, Reader(classes), timeout_seconds)


def subscribe_async(
    endpoint: str = DEFAULT_ENDPOINT,
    kinds: Sequence[str] = ("prob",),
    sources: Sequence[str] | None = None,
    timeout_seconds: float | None = None,
    *,
    classes: Sequence[str] | None = None,
    server_key: str | Path | None = None,
    key_file: str | Path | None = None,
) -> AsyncSubscription:
    """As `subscribe`, for `async for`. Cancelled while it waits, it is closed: `timeout_seconds` leaves it open."""
    socket = zmq.asyncio.Context.instance().socket(zmq.SUB)
    connect(socket, endpoint, kinds, sources, server_key=server_key, key_file=key_file)
    return AsyncSubscription(socket, Reader(classes), timeout_seconds)
