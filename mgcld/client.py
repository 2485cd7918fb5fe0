"""Hear a running mgcld from Python.

    from mgcld.client import subscribe

    for message in subscribe():
        name, p = message.top[0]
        print(message.source, message.start, name, p)

It needs pyzmq and the standard library, and is small enough to write again in any language: connect a SUB socket,
subscribe to topics, read three frames (topic, JSON header, JSON body). Never set CONFLATE: it breaks such messages.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

import zmq

from mgcld.errors import ConfigError, MessageError, ReceiveTimeout

logger = logging.getLogger(__name__)

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5765"
KINDS = ("prob", "event", "health", "meta")
PREFIX = "mgcl/v1"

WAITING_MESSAGES = 1000
RECONNECT_MS, RECONNECT_MAX_MS = 100, 10_000
HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 5_000, 15_000


@dataclass(frozen=True, slots=True)
class Received:
    """One message."""

    kind: str
    """`prob`, `event`, `health` or `meta`."""
    topic: str
    header: Mapping[str, Any]
    body: Mapping[str, Any]
    lost: int = 0
    """Messages of this topic that were missed just before this one."""
    restarted: bool = False
    """True for the first message after the daemon was started anew."""

    @property
    def source(self) -> str | None:
        """The source that it is about; `node` is the daemon itself. None for `meta`."""
        return unquote(self.topic.split("/")[3]) or None

    @property
    def top(self) -> list[tuple[str, float]]:
        """(class, probability) of a `prob`, most probable first, `unknown` among them; otherwise empty."""
        return [(name, p) for name, p in self.body.get("top", [])]

    @property
    def unknown(self) -> float | None:
        """Probability that the window holds none of the classes; None where the message is no `prob`."""
        return self.body.get("unknown")

    @property
    def start(self) -> datetime | None:
        """When the window of a `prob` began (UTC)."""
        return _time(self.header.get("t_start_ns"))

    @property
    def end(self) -> datetime | None:
        """When the window of a `prob` ended (UTC)."""
        return _time(self.header.get("t_end_ns"))


def subscribe(
    endpoint: str = DEFAULT_ENDPOINT,
    kinds: Sequence[str] = ("prob",),
    sources: Sequence[str] | None = None,
    timeout_seconds: float | None = None,
) -> "Subscription":
    """Messages as they come, for ever; also over restarts of the daemon, which may start later than we do.

    Args:
        endpoint: Where the daemon publishes.
        kinds: Which of `prob`, `event`, `health` and `meta`. The last `health` and `meta` come at once.
        sources: Only about these; None is all. `node` is the daemon's own health. `meta` is about all.
        timeout_seconds: How long to wait for each message; None is for ever.

    Raises:
        ConfigError: the address or a kind makes no sense.
        ReceiveTimeout: (when iterated) nothing came for `timeout_seconds`; one may go on iterating.
    """
    return Subscription(
        endpoint, _prefixes(_several(kinds), None if sources is None else _several(sources)), timeout_seconds
    )


class Subscription(Iterator[Received]):
    """An iterator over messages that owns a socket: close it, leave its `with` block, or forget it. For one thread."""

    def __init__(self, endpoint: str, prefixes: Sequence[str], timeout_seconds: float | None) -> None:
        self.malformed = 0
        """Messages that were skipped because they were none."""
        self._timeout_seconds = timeout_seconds
        self._boot_id: str | None = None
        self._seen: dict[str, int] = {}
        self._socket = _sub()
        try:
            self._socket.ipv6 = "[" in endpoint  # otherwise `localhost` could be looked for on ::1 only
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(
                f"cannot listen to {endpoint!r}: {zmq.strerror(error.errno or 0)}",
                help="write tcp://HOST:PORT or ipc://PATH",
            ) from error
        for prefix in prefixes:
            self._socket.subscribe(prefix)

    def __next__(self) -> Received:
        """The next message.

        Raises:
            ReceiveTimeout: there was none in time.
        """
        deadline = None if self._timeout_seconds is None else time.monotonic() + self._timeout_seconds
        while not self._socket.closed:
            self._wait(deadline)
            try:
                message = self._placed(*_parsed(self._socket.recv_multipart()))
            except MessageError as error:
                self.malformed += 1
                logger.warning("skipped a message: %s", error)
                continue
            if message is not None:
                return message
        raise StopIteration

    def close(self) -> None:
        """Let go of the socket; iterating ends."""
        self._socket.close(linger=0)

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        """A loop that was left by `break` has nobody to close it."""
        if hasattr(self, "_socket"):
            self.close()

    def _wait(self, deadline: float | None) -> None:
        timeout_ms = None if deadline is None else max(0, round(1000 * (deadline - time.monotonic())))
        if not self._socket.poll(timeout_ms):
            raise ReceiveTimeout(
                f"nothing was heard for {self._timeout_seconds} s", help="is mgcld running, and its endpoint this one?"
            )

    def _placed(self, topic: str, header: Mapping[str, Any], body: Mapping[str, Any]) -> Received | None:
        """The message with what was missed before it; None when it was heard before, replayed for somebody else."""
        boot_id, seq = header["boot_id"], header["seq"]
        restarted = self._boot_id not in (None, boot_id)
        if restarted:
            self._seen = dict.fromkeys(self._seen, -1)  # every topic begins at 0 again
        self._boot_id = boot_id
        last = self._seen.get(topic, seq - 1)
        if seq <= last:
            return None
        self._seen[topic] = seq
        return Received(topic.split("/")[2], topic, header, body, seq - last - 1, restarted)


def _sub() -> "zmq.Socket[bytes]":
    sub: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    sub.linger = 0
    sub.rcvhwm = WAITING_MESSAGES
    sub.reconnect_ivl = RECONNECT_MS
    sub.reconnect_ivl_max = RECONNECT_MAX_MS
    sub.heartbeat_ivl = HEARTBEAT_MS
    sub.heartbeat_timeout = HEARTBEAT_TIMEOUT_MS
    return sub


def _several(names: Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _prefixes(kinds: Sequence[str], sources: Sequence[str] | None) -> list[str]:
    unknown = sorted({*kinds} - {*KINDS})
    if unknown:
        raise ConfigError(f"no kind of message is called {unknown[0]!r}", help=f"kinds: {', '.join(KINDS)}")
    return [prefix for kind in kinds for prefix in _prefixes_of(kind, None if kind == "meta" else sources)]


def _prefixes_of(kind: str, sources: Sequence[str] | None) -> list[str]:
    if sources is None:
        return [f"{PREFIX}/{kind}/"]
    return [f"{PREFIX}/{kind}/{quote(source, safe='')}/" for source in sources]


def _parsed(frames: Sequence[bytes]) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    try:
        topic, header, body = frames[0].decode(), *map(json.loads, frames[1:])
        kind = topic.split("/")[2]
        if not (header["schema"] == f"mgcl.{kind}/1" and isinstance(header["boot_id"], str) and isinstance(body, dict)):
            raise ValueError(f"{topic[:80]} is not of version 1")
        if not isinstance(header["seq"], int):
            raise ValueError(f"{topic[:80]} has no seq")
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise MessageError(f"{len(frames)} frames are no message: {error!r}") from error
    return topic, header, body


def _time(nanoseconds: int | None) -> datetime | None:
    return None if nanoseconds is None else datetime.fromtimestamp(nanoseconds / 1e9, UTC)
