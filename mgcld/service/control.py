"""The control socket: one thread that owns the ROUTER, tells how the daemon is doing and hands orders to its loop."""

import contextlib
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

import zmq

from mgcld.audio.limit import Limit, LimitedLog
from mgcld.errors import MgcldError, PublishError
from mgcld.service import address, runtime
from mgcld.service.answers import TOLD
from mgcld.service.orders import ORDER_SECONDS, Controlled, Orders, Result, fault
from mgcld.service.requests import BadRequest, Request, done, id_of, parse, refused

logger = logging.getLogger(__name__)

MESSAGE_BYTES = 1 << 20
"""Whoever sends more at once is disconnected."""
PEER_MESSAGES = 32
"""So many requests, and so many replies, wait for one peer; then it has to wait, and replies are dropped."""
FRAMES = 4
"""Of a longer message the rest is thrown away: nobody can answer it anyway."""
TURN_REQUESTS = 100
"""At most so many are answered before other duties are looked at."""
REST = 4.0
"""So much longer than its work on requests the thread rests: a flood takes a fifth of one core, no more."""
MOST_REST_SECONDS = 0.5
IDLE_SECONDS = 1.0
LINGER_MS = 500
HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 5_000, 15_000
COMPLAINTS, COMPLAINTS_SECONDS = 5, 60.0
OWNER_ONLY = 0o600

Protect = Callable[["zmq.Socket[bytes]"], None]
"""Makes a socket demand encryption and known keys, before it is bound."""


class Control:
    """Answers on one address; `Controlled` says what is asked of the daemon, `requests` how."""

    def __init__(
        self, endpoint: str, daemon: Controlled, *, protect: Protect | None = None, order_seconds: float = ORDER_SECONDS
    ) -> None:
        """Answer on `endpoint`: ipc://path, or tcp://address:port, which needs `protect`.

        order_seconds: an order that is not carried out for so long is answered by `Timeout`.
        """
        self.endpoint = endpoint
        """Where it is reached; once started, with the port that was free if it was `*`."""
        self.failed: Exception | None = None
        """What ended the thread, if anything did: then nobody is answered any more."""
        self._daemon = daemon
        self._protect = protect
        self._orders = Orders(daemon, self._wake_up, order_seconds)
        self._complaints = LimitedLog(logger, "control", Limit(COMPLAINTS, COMPLAINTS_SECONDS))
        self._hear_at = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind, and answer from now on.

        Raises:
            PublishError: the address is malformed or taken, or others could give orders there.
        """
        endpoint = _bindable(self.endpoint, self._protect)
        self._context = zmq.Context()
        self._socket = _router(self._context)
        try:
            if self._protect is not None and endpoint.startswith("tcp:"):
                self._protect(self._socket)
            self.endpoint = _bind(self._socket, endpoint)
        except PublishError:
            self._context.destroy(linger=0)
            raise
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()
        logger.info("control: listening on %s", self.endpoint)

    def close(self, timeout: float = 2.0) -> None:
        """Tell who waits that it ends, and let go of the address; a thread that hangs is left after `timeout` s."""
        if self._thread is None:
            return
        self._stopping.set()
        self._wake_up()
        self._thread.join(timeout)
        if self._thread.is_alive():
            logger.error("control: did not end in %.1f s", timeout)
            return
        self._thread = None
        self._context.term()  # waits for what lingers, LINGER_MS at most

    def __enter__(self) -> "Control":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _wake_up(self) -> None:
        with contextlib.suppress(OSError):  # it is awake already, or has ended
            self._wake.send(b"\0")

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._orders.answer()
                if time.monotonic() >= self._hear_at:
                    self._hear()
                self._wait()
            self._orders.close()
        except Exception as error:
            logger.exception("control: nobody is answered on %s any more", self.endpoint)
            self.failed = error
        finally:
            _forget(self.endpoint)
            self._socket.close(LINGER_MS)
            self._wake.close()
            self._woken.close()

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._woken, zmq.POLLIN)
        rest_seconds = self._hear_at - time.monotonic()
        if rest_seconds <= 0:
            poller.register(self._socket, zmq.POLLIN)
        seconds = min(rest_seconds if rest_seconds > 0 else IDLE_SECONDS, self._orders.wait_seconds())
        poller.poll(math.ceil(1000 * seconds))
        with contextlib.suppress(BlockingIOError):  # a request, or time, ended the wait
            self._woken.recv(4096)

    def _hear(self) -> None:
        """Answer what has come, and rest in proportion to the work."""
        began = time.thread_time()
        with contextlib.suppress(zmq.Again):
            for _ in range(TURN_REQUESTS):
                peer, *frames = _received(self._socket)
                delimiter = frames[:1] if len(frames) > 1 and not frames[0] else []
                self._answer([peer, *delimiter], frames[len(delimiter) :])
        self._hear_at = time.monotonic() + min(MOST_REST_SECONDS, REST * (time.thread_time() - began))

    def _answer(self, to: list[bytes], frames: list[bytes]) -> None:
        try:
            if len(frames) != 1:
                raise BadRequest("several frames are no request", help='write one like {"do": "status", "id": 1}')
            request = parse(frames[0])
        except MgcldError as error:
            self._complaints.say(logging.WARNING, f"refused a request: {error}")
            self._send(to, refused(id_of(frames[0]), error))
            return
        reply = partial(self._reply, to, request)
        try:
            if request.do in TOLD:
                reply(TOLD[request.do](self._daemon.snapshot()))
            else:
                self._orders.give(request, reply)
        except MgcldError as error:
            reply(error)
        except Exception as error:
            reply(fault(request.do, error))

    def _reply(self, to: list[bytes], request: Request, outcome: "Result | MgcldError") -> None:
        self._send(to, _said(request, outcome))

    def _send(self, to: list[bytes], reply: bytes) -> None:
        with contextlib.suppress(zmq.Again):  # never: a ROUTER drops for whoever is gone, or does not read
            self._socket.send_multipart([*to, reply], zmq.NOBLOCK)


def started_control(
    daemon: Controlled, *, publish_endpoint: str, endpoint: str | None = None, protect: Protect | None = None
) -> Control | None:
    """Control of this daemon at `endpoint`, or in the default place; None where that cannot be had, with a warning.

    publish_endpoint: where it publishes, with its port; several daemons on a machine differ by it.

    Raises:
        PublishError: the `endpoint` that was asked for cannot be bound.
    """
    try:
        control = Control(endpoint or runtime.default_endpoint(publish_endpoint), daemon, protect=protect)
        control.start()
    except PublishError as error:
        if endpoint is not None:
            raise
        logger.warning("control: off, `mgcld ctl` cannot reach this one: %s; give it a control.endpoint", error)
        return None
    return control


def _said(request: Request, outcome: "Result | MgcldError") -> bytes:
    if isinstance(outcome, MgcldError):
        return refused(request.id, outcome)
    try:
        return done(request.id, outcome)
    except (ValueError, TypeError, RecursionError) as error:  # what a part says of itself is no JSON
        return refused(request.id, fault(request.do, error))


def _received(router: "zmq.Socket[bytes]") -> list[bytes]:
    """The frames of one message, the peer's name first. Raises zmq.Again."""
    frames: list[Any] = [router.recv(zmq.NOBLOCK)]
    while router.rcvmore:
        frame = router.recv(zmq.NOBLOCK)
        if len(frames) < FRAMES:
            frames.append(frame)
    return frames


def _bindable(endpoint: str, protect: Protect | None) -> str:
    if endpoint.startswith("ipc://@"):
        raise PublishError(
            f"will not listen for orders on {endpoint}: every user of this machine could give some",
            help="write control.endpoint: ipc://PATH, or leave it out",
        )
    if endpoint.startswith("tcp:") and protect is None:
        raise PublishError(
            f"will not listen for orders on {endpoint}: nobody would be asked for a key",
            help="write control.endpoint: ipc://PATH, or give publish.curve too",
        )
    return runtime.checked(address.bindable(endpoint, insecure=True))


def _router(context: "zmq.Context[zmq.Socket[bytes]]") -> "zmq.Socket[bytes]":
    router = context.socket(zmq.ROUTER)
    router.linger = LINGER_MS
    router.sndhwm = PEER_MESSAGES
    router.rcvhwm = PEER_MESSAGES
    router.maxmsgsize = MESSAGE_BYTES
    router.router_mandatory = False
    router.heartbeat_ivl = HEARTBEAT_MS
    router.heartbeat_timeout = HEARTBEAT_TIMEOUT_MS
    router.heartbeat_ttl = HEARTBEAT_TIMEOUT_MS
    return router


def _bind(router: "zmq.Socket[bytes]", endpoint: str) -> str:
    path = address.ipc_path(endpoint)
    router.ipv6 = "[" in endpoint
    before = os.umask(0o077)  # nobody else may connect before the file's mode is set
    try:
        if path is not None:
            address.free_ipc_path(path)
        router.bind(endpoint)
        if path is not None:
            path.chmod(OWNER_ONLY)
    except (zmq.ZMQError, OSError) as error:
        raise PublishError(
            f"cannot listen for orders on {endpoint}: {zmq.strerror(error.errno or 0)}",
            help="choose another control.endpoint, like ipc://PATH in a folder that exists",
        ) from error
    finally:
        os.umask(before)
    return router.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


def _forget(endpoint: str) -> None:
    """Remove the file of an ipc endpoint that is ours: ZeroMQ leaves it."""
    path = address.ipc_path(endpoint)
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink()
