"""The bus: one thread that owns the XPUB socket, behind a bounded queue."""

import contextlib
import logging
import math
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType

import zmq

from mgcld.data import Message
from mgcld.errors import PublishError
from mgcld.service import address, wire

logger = logging.getLogger(__name__)

REPLAYED = frozenset({"meta", "health"})
QUEUE_MESSAGES = 1024
"""So many messages may wait for the thread."""
SUBSCRIBER_MESSAGES = 1000
"""So many may wait for one subscriber; beyond, ZeroMQ drops for that one, which sees it by `seq`."""
SUBSCRIPTION_BYTES = 4096
"""A subscription is a topic: whoever sends more at once is disconnected."""
SUBSCRIPTIONS_WAITING = 10
"""So many subscriptions of one subscriber come in at once; the others wait on its side, where a flood is harmless."""
HEAR_FRAMES = 1000
"""So many subscriptions are read at once."""
HEAR_SECONDS = 0.05
"""Subscriptions are read so far apart, which bounds the replays too."""
IDLE_SECONDS = 1.0
LINGER_MS = 500
HEARTBEAT_MS = 5_000
HEARTBEAT_TIMEOUT_MS = 15_000

Frames = Sequence[bytes]


class Publisher:
    """Publishes messages on one address, and repeats the last `meta` and `health` when a subscriber comes."""

    def __init__(self, endpoint: str, *, insecure: bool = False, beside: str | None = None) -> None:
        """Publish on `endpoint`, and on a second address `beside` it where one is given."""
        self.endpoint = endpoint
        """Where subscribers connect; once started, with the port that was free if it was `*`."""
        self.dropped = 0
        """Messages that left the queue unsent because newer ones came faster than they could go."""
        self.failed: Exception | None = None
        """What ended the thread, if anything did: then nothing is published any more."""
        self._insecure = insecure
        self._beside = beside
        self._lock = threading.Lock()
        self._queue: deque[tuple[bool, Frames]] = deque()
        self._newest: dict[bytes, Frames] = {}
        self._hear_at = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind, and publish from now on.

        Raises:
            PublishError: the address is malformed, taken, or reachable from other machines without `insecure`.
        """
        endpoint = address.bindable(self.endpoint, insecure=self._insecure)
        self._context = zmq.Context()
        self._socket = _xpub(self._context)
        try:
            self.endpoint = _bind(self._socket, endpoint)
            self._bind_beside()
        except PublishError:
            self._context.destroy(linger=0)
            raise
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()
        logger.info("publishing on %s", self.endpoint)

    def publish(self, message: Message) -> None:
        """Send a stamped message, from any thread and without waiting; when too many wait, the oldest is dropped.

        Raises:
            ValueError: a number in it is not finite.
        """
        frames = wire.frames(message)
        with self._lock:
            if len(self._queue) == QUEUE_MESSAGES:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append((message.kind in REPLAYED, frames))
        self._wake_up()

    def close(self, timeout: float = 2.0) -> None:
        """Send what is queued and let go of the address; a thread that hangs is left after `timeout` seconds."""
        if self._thread is None:
            return
        self._stopping.set()
        self._wake_up()
        self._thread.join(timeout)
        if self._thread.is_alive():
            logger.error("publisher: did not end in %.1f s", timeout)
            return
        self._context.term()  # waits for what lingers, LINGER_MS at most
        self._wake.close()
        self._woken.close()

    def __enter__(self) -> "Publisher":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _bind_beside(self) -> None:
        if self._beside is None:
            return
        try:
            _bind(self._socket, address.bindable(self._beside, insecure=self._insecure))
        except PublishError:
            _forget(self.endpoint)
            raise

    def _wake_up(self) -> None:
        if self._thread is None:
            return  # not started yet: it will look at the queue first
        with contextlib.suppress(OSError):  # many wake-ups wait already, or it is closed
            self._wake.send(b"\0")

    # Everything below runs in the thread, and nothing else touches the socket.

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as error:
            logger.exception("publisher: nothing is published on %s any more", self.endpoint)
            self.failed = error
        finally:
            self._leave()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._send_queued()
            if time.monotonic() >= self._hear_at:
                self._hear_subscribers()
            self._wait()
        self._send_queued()

    def _leave(self) -> None:
        for endpoint in filter(None, (self.endpoint, self._beside)):
            _forget(endpoint)
        self._socket.close(LINGER_MS)

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._woken, zmq.POLLIN)
        deaf_seconds = self._hear_at - time.monotonic()
        if deaf_seconds <= 0:
            poller.register(self._socket, zmq.POLLIN)
        poller.poll(math.ceil(1000 * (deaf_seconds if deaf_seconds > 0 else IDLE_SECONDS)))
        with contextlib.suppress(BlockingIOError):  # a subscriber, or time, ended the wait
            self._woken.recv(QUEUE_MESSAGES)

    def _send_queued(self) -> None:
        for _ in range(len(self._queue)):
            with self._lock:
                replayed, frames = self._queue.popleft()
            if replayed:
                self._newest[frames[0]] = frames
            self._send(frames)

    def _send(self, frames: Frames) -> None:
        self._socket.send_multipart(frames, zmq.NOBLOCK)  # XPUB never waits: it drops for whoever is slow

    def _hear_subscribers(self) -> None:
        wanted = {topic for prefix in self._subscriptions() for topic in self._newest if topic.startswith(prefix)}
        for topic in sorted(wanted):
            self._send(self._newest[topic])  # to all its subscribers, who know it by its old seq

    def _subscriptions(self) -> set[bytes]:
        frames = set()
        with contextlib.suppress(zmq.Again):
            for _ in range(HEAR_FRAMES):
                frames.add(self._socket.recv(zmq.NOBLOCK))
        if frames:
            self._hear_at = time.monotonic() + HEAR_SECONDS
        return {frame[1:] for frame in frames if frame.startswith(b"\x01")}


def _xpub(context: "zmq.Context[zmq.Socket[bytes]]") -> "zmq.Socket[bytes]":
    xpub = context.socket(zmq.XPUB)
    xpub.linger = LINGER_MS
    xpub.sndhwm = SUBSCRIBER_MESSAGES
    xpub.rcvhwm = SUBSCRIPTIONS_WAITING
    xpub.maxmsgsize = SUBSCRIPTION_BYTES
    xpub.xpub_verbose = True  # tells every subscription, also one that another subscriber has already
    xpub.heartbeat_ivl = HEARTBEAT_MS
    xpub.heartbeat_timeout = HEARTBEAT_TIMEOUT_MS
    xpub.heartbeat_ttl = HEARTBEAT_TIMEOUT_MS
    return xpub


def _bind(xpub: "zmq.Socket[bytes]", endpoint: str) -> str:
    path = address.ipc_path(endpoint)
    if path is not None:
        address.free_ipc_path(path)
    xpub.ipv6 = "[" in endpoint
    try:
        xpub.bind(endpoint)
        if path is not None:
            path.chmod(address.IPC_MODE)
    except (zmq.ZMQError, OSError) as error:
        raise PublishError(
            f"cannot publish on {endpoint}: {zmq.strerror(error.errno or 0)}", help=_help(error)
        ) from error
    return xpub.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


def _forget(endpoint: str) -> None:
    """Remove the file of an ipc endpoint that is ours: ZeroMQ leaves it, and while we listen nobody else has it."""
    path = address.ipc_path(endpoint)
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink()


def _help(error: Exception) -> str:
    if isinstance(error, zmq.ZMQError) and error.errno == zmq.EADDRINUSE:
        return "another program, or another mgcld, has this address: see `ss -ltnp`, or choose another endpoint"
    return "write tcp://127.0.0.1:5765 or ipc://PATH in a folder that exists"
