"""The bus: one thread that owns the XPUB sockets, behind a bounded queue.

Each address has a socket of its own: with keys, `endpoint` is encrypted, while the ipc socket beside it is plain, since
the file system says already who of this machine may connect to it (mode 0660, in the service's own folder).

Bounds: `QUEUE_MESSAGES` wait for the thread, `SUBSCRIBER_MESSAGES` for one subscriber; how many topics are repeated is
bounded in `mgcld.service.bus.lastvalues`, connections and handshakes in `.guard`, subscriptions in `.subscriptions`.
"""

import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import get_args

import zmq

from mgcld.data import Message, MessageKind
from mgcld.errors import PublishError
from mgcld.service import wire
from mgcld.service.bus import address
from mgcld.service.bus.guard import Context, Guard, Socket
from mgcld.service.bus.intake import Intake
from mgcld.service.bus.keys import CurveKeys
from mgcld.service.bus.lastvalues import LastValues
from mgcld.service.bus.subscriptions import Subscriptions
from mgcld.service.waker import Waker

logger = logging.getLogger(__name__)

QUEUE_MESSAGES = 1024
"""So many messages may wait for the thread."""
SUBSCRIBER_MESSAGES = 1000
"""So many may wait for one subscriber; beyond, ZeroMQ drops for that one, which sees it by `seq`."""
FRAME_BYTES = 2048
"""Whoever sends more at once is disconnected by ZeroMQ, which says nothing of it."""
RECEIVED_BYTES = 32_768
"""So much of one subscriber waits in the kernel, and is read even of one that was cut off."""
HEAR_FRAMES = 1000
"""So many subscriptions are read at once."""
HEAR_SECONDS = 0.05
"""Subscriptions are read so far apart, which bounds the replays too."""
IDLE_SECONDS = 1.0
LINGER_MS = 500
HEARTBEAT_MS = 5_000
HEARTBEAT_TIMEOUT_MS = 15_000

Frames = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message in the queue."""

    kind: MessageKind
    frames: Frames
    keep: bool | None
    """Whether it is to be repeated for those who come later; None if that changes nothing."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """From here in the queue on, nothing of these topics is repeated."""

    prefix: bytes


class Publisher:
    """Publishes messages, and repeats the last `meta`, `health` and open events when a subscriber comes."""

    def __init__(
        self, endpoint: str, *, insecure: bool = False, beside: str | None = None, curve: CurveKeys | None = None
    ) -> None:
        """Publish on `endpoint`, encrypted where there are keys, and plainly on a second address `beside` it."""
        self.endpoint = endpoint
        """Where subscribers connect; once started, with the port that was free if it was `*`."""
        self.dropped = 0
        """Messages that left the queue unsent because newer ones came faster than they could go."""
        self.failed: Exception | None = None
        """What ended the thread, if anything did: then nothing is published any more."""
        self._published = dict.fromkeys(get_args(MessageKind), 0)
        self._insecure = insecure
        self._beside = beside
        self._curve = curve
        self._lock = threading.Lock()
        self._queue: deque[Outgoing | Forgotten] = deque()
        self._last = LastValues()
        self._guard: Guard | None = None
        self._hear_at = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def published(self) -> Mapping[str, int]:
        """Kind -> messages sent so far, whether anybody heard them or not; without repetitions."""
        return dict(self._published)

    @property
    def handshakes_failed(self) -> int:
        """Connections that were refused or cut off, so far."""
        return self._guard.failed if self._guard is not None else 0

    def start(self) -> None:
        """Bind, and publish from now on.

        Raises:
            PublishError: an address is malformed, taken, or reachable from other machines without `insecure` or keys.
        """
        endpoint = address.bindable(self.endpoint, insecure=self._insecure, encrypted=self._curve is not None)
        context = self._context = zmq.Context()
        guard = self._guard = Guard(context, self._curve, "publisher")
        self._subscriptions = Subscriptions(guard)
        self._sockets = [_xpub(context)]
        try:
            guard.protect(self._sockets[0], encrypted=self._curve is not None)
            self.endpoint = _bind(self._sockets[0], endpoint)
            self._bind_beside(guard)
        except PublishError:
            context.destroy(linger=0)
            raise
        self._waker = Waker()
        self._thread = threading.Thread(target=self._run, args=(guard,), name="publisher", daemon=True)
        self._thread.start()
        self._intake = Intake(guard)
        logger.info("publisher: publishing on %s%s", self.endpoint, ", encrypted" if self._curve else "")

    def publish(self, message: Message) -> None:
        """Send a stamped message, from any thread and without waiting; when too many wait, the oldest is dropped.

        Raises:
            ValueError: a number in it is not finite.
        """
        self._put(Outgoing(message.kind, wire.frames(message), _kept(message)))

    def forget(self, topic_prefix: str) -> None:
        """Repeat nothing of these topics for those who come later, unless it is published anew. From any thread."""
        self._put(Forgotten(topic_prefix.encode()))

    def reload_keys(self) -> None:
        """Read the folder of those who may listen again, soon and from any thread; it happens by itself in seconds."""
        if self._guard is not None:
            self._guard.reload()
            self._wake_up()

    def close(self, timeout: float = 2.0) -> None:
        """Send what is queued and let go of the address; a thread that hangs is left after `timeout` seconds."""
        if self._thread is None:
            return
        self._stopping.set()
        self._intake.close()
        self._wake_up()
        self._thread.join(timeout)
        if self._thread.is_alive():
            logger.error("publisher: did not end in %.1f s", timeout)
            return
        self._context.term()  # waits for what lingers, LINGER_MS at most
        self._waker.close()

    def __enter__(self) -> "Publisher":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _bind_beside(self, guard: Guard) -> None:
        if self._beside is None:
            return
        self._sockets.append(_xpub(self._context))
        guard.protect(self._sockets[1], encrypted=False)
        try:
            _bind(self._sockets[1], address.bindable(self._beside, insecure=self._insecure))
        except PublishError:
            address.forget(self.endpoint)
            raise

    def _put(self, item: Outgoing | Forgotten) -> None:
        with self._lock:
            if len(self._queue) == QUEUE_MESSAGES:
                oldest = self._queue.popleft()
                self.dropped += isinstance(oldest, Outgoing)
                self._remember(oldest)  # an event that ended, though nobody was told
            self._queue.append(item)
        self._wake_up()

    def _remember(self, item: Outgoing | Forgotten) -> None:
        if isinstance(item, Forgotten):
            self._last.forget(item.prefix)
        elif item.keep is not None:
            self._last.put(item.frames, keep=item.keep)

    def _wake_up(self) -> None:
        if self._thread is None:
            return  # not started yet: it will look at the queue first
        self._waker.wake()

    # Everything below runs in the thread, and nothing else touches the sockets.

    def _run(self, guard: Guard) -> None:
        try:
            self._serve(guard)
        except Exception as error:
            logger.exception("publisher: nothing is published on %s any more", self.endpoint)
            self.failed = error
        finally:
            self._leave(guard)

    def _serve(self, guard: Guard) -> None:
        while not self._stopping.is_set():
            self._send_queued()
            guard.turn()
            if time.monotonic() >= self._hear_at:
                for xpub in self._sockets:
                    self._hear_subscribers(xpub)
            self._wait(guard)
        self._send_queued()

    def _leave(self, guard: Guard) -> None:
        for endpoint in filter(None, (self.endpoint, self._beside)):
            address.forget(endpoint)
        guard.close()
        for xpub in self._sockets:
            xpub.close(LINGER_MS)

    def _wait(self, guard: Guard) -> None:
        poller = zmq.Poller()
        for known in (self._waker.socket, *guard.sockets):
            poller.register(known, zmq.POLLIN)
        deaf_seconds = self._hear_at - time.monotonic()
        if deaf_seconds <= 0:
            for xpub in self._sockets:
                poller.register(xpub, zmq.POLLIN)
        poller.poll(math.ceil(1000 * (deaf_seconds if deaf_seconds > 0 else IDLE_SECONDS)))
        self._waker.drain()

    def _send_queued(self) -> None:
        for _ in range(len(self._queue)):
            with self._lock:
                item = self._queue.popleft()
                self._remember(item)
            if isinstance(item, Outgoing):
                self._published[item.kind] += 1
                for xpub in self._sockets:
                    _send(xpub, item.frames)

    def _hear_subscribers(self, xpub: Socket) -> None:
        prefixes = self._prefixes(xpub)
        if prefixes:
            with self._lock:
                wanted = self._last.matching(prefixes)
            for frames in wanted:
                _send(xpub, frames)  # to all its subscribers, who know it by its old seq

    def _prefixes(self, xpub: Socket) -> set[bytes]:
        """What subscribers ask for, of which not much is read at once."""
        prefixes = set()
        with contextlib.suppress(zmq.Again):
            for _ in range(HEAR_FRAMES):
                frame = xpub.recv(zmq.NOBLOCK, copy=False)
                self._hear_at = time.monotonic() + HEAR_SECONDS
                prefixes.add(self._subscriptions.hear(frame))
        return {prefix for prefix in prefixes if prefix is not None}


def _kept(message: Message) -> bool | None:
    """Of an event, until it ends; of what describes a state, always; of a window, never."""
    if message.kind == "event":
        return bool(message.body["phase"] != "end")
    return True if message.kind in {"meta", "health"} else None


def _send(xpub: Socket, frames: Frames) -> None:
    xpub.send_multipart(frames, zmq.NOBLOCK)  # XPUB never waits: it drops for whoever is slow


def _xpub(context: Context) -> Socket:
    xpub = context.socket(zmq.XPUB)
    xpub.linger = LINGER_MS
    xpub.sndhwm = SUBSCRIBER_MESSAGES
    xpub.rcvhwm = 0  # a peer that leaves while its input has to wait makes libzmq 4.3.5 abort the process
    xpub.rcvbuf = RECEIVED_BYTES
    xpub.maxmsgsize = FRAME_BYTES
    xpub.xpub_verboser = True  # tells each one's subscriptions and their ends, also those that another has too
    xpub.heartbeat_ivl = HEARTBEAT_MS
    xpub.heartbeat_timeout = HEARTBEAT_TIMEOUT_MS
    xpub.heartbeat_ttl = HEARTBEAT_TIMEOUT_MS
    return xpub


def _bind(xpub: Socket, endpoint: str) -> str:
    try:
        return address.bind(xpub, endpoint, address.IPC_MODE)
    except (zmq.ZMQError, OSError) as error:
        raise PublishError(
            f"cannot publish on {endpoint}: {zmq.strerror(error.errno or 0)}", help=_help(error)
        ) from error


def _help(error: Exception) -> str:
    if isinstance(error, zmq.ZMQError) and error.errno == zmq.EADDRINUSE:
        return "another program, or another mgcld, has this address: see `ss -ltnp`, or choose another endpoint"
    return "write tcp://127.0.0.1:5765 or ipc://PATH in a folder that exists"
