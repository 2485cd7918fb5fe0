"""The control socket: one thread that owns the ROUTER, tells how the daemon is doing and hands orders to its loop."""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType

import zmq

from mgcld.audio.limit import Limit, LimitedLog
from mgcld.errors import MgcldError, PublishError
from mgcld.service.bus import address
from mgcld.service.control import router, runtime
from mgcld.service.control.answers import TOLD
from mgcld.service.control.orders import ORDER_SECONDS, Controlled, Orders, Result, fault
from mgcld.service.control.requests import BadRequest, Request, done, id_of, parse, refused
from mgcld.service.waker import Waker

logger = logging.getLogger(__name__)

TURN_SECONDS = 0.02
"""Of work on requests, before other duties are looked at."""
REST = 4.0
"""So much longer than its work on requests the thread rests: a flood takes a fifth of one core, no more."""
MOST_REST_SECONDS = 0.5
IDLE_SECONDS = 1.0
COMPLAINTS, COMPLAINTS_SECONDS = 5, 60.0

Guards = Callable[[router.Context], router.Guarding]
"""Sets up who watches over the sockets of a context, like `lambda context: Guard(context, keys, "control")`."""


class Control:
    """Answers on one address; `Controlled` says what is asked of the daemon, `requests` how."""

    def __init__(
        self, endpoint: str, daemon: Controlled, *, guard: Guards | None = None, order_seconds: float = ORDER_SECONDS
    ) -> None:
        """Answer on `endpoint`: ipc://path, or tcp://address:port, which needs a guard with keys.

        order_seconds: an order that is not carried out for so long is answered by `Timeout`.
        """
        self.endpoint = endpoint
        """Where it is reached; once started, with the port that was free if it was `*`."""
        self.failed: Exception | None = None
        """What ended the thread, if anything did: then nobody is answered any more."""
        self._daemon = daemon
        self._guards = guard
        self._guard: router.Guarding | None = None
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
        endpoint = router.bindable(self.endpoint)
        self._context = zmq.Context()
        self._socket = router.made(self._context)
        try:
            self._protect(encrypted=endpoint.startswith("tcp:"))
            self.endpoint = router.bound(self._socket, endpoint)
        except PublishError:
            self._let_go(0)
            self._context.term()
            raise
        self._waker = Waker()
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

    def _protect(self, *, encrypted: bool) -> None:
        self._guard = None if self._guards is None else self._guards(self._context)
        try:
            if self._guard is not None:
                self._guard.protect(self._socket, encrypted=encrypted)
            elif encrypted:
                raise ValueError("nobody guards it")
        except ValueError as error:
            raise PublishError(
                f"will not listen for orders on {self.endpoint}: nobody would be asked for a key",
                help="write control.endpoint: ipc://PATH, or give publish.curve too",
            ) from error

    def _let_go(self, linger_ms: int) -> None:
        if self._guard is not None:
            self._guard.close()
        self._socket.close(linger_ms)

    def _wake_up(self) -> None:
        self._waker.wake()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._orders.answer()
                if self._guard is not None:
                    self._guard.turn()
                if time.monotonic() >= self._hear_at:
                    self._hear()
                self._wait()
            self._orders.close()
        except Exception as error:
            logger.exception("control: nobody is answered on %s any more", self.endpoint)
            self.failed = error
        finally:
            address.forget(self.endpoint)
            self._let_go(router.LINGER_MS)
            self._waker.close()

    def _wait(self) -> None:
        poller = zmq.Poller()
        for other in (self._waker.socket, *(self._guard.sockets if self._guard is not None else ())):
            poller.register(other, zmq.POLLIN)
        rest_seconds = self._hear_at - time.monotonic()
        if rest_seconds <= 0:
            poller.register(self._socket, zmq.POLLIN)
        seconds = min(rest_seconds if rest_seconds > 0 else IDLE_SECONDS, self._orders.wait_seconds())
        poller.poll(math.ceil(1000 * seconds))
        self._waker.drain()

    def _hear(self) -> None:
        """Answer what has come, and rest in proportion to the work."""
        began = time.thread_time()
        with contextlib.suppress(zmq.Again):
            while time.thread_time() - began < TURN_SECONDS:
                frames = router.received(self._socket)
                if self._guard is None or self._guard.sender(frames[-1]) is not None:
                    self._take(*(frame.bytes for frame in frames))
        self._hear_at = time.monotonic() + min(MOST_REST_SECONDS, REST * (time.thread_time() - began))

    def _take(self, peer: bytes, *frames: bytes) -> None:
        delimiter = frames[:1] if len(frames) > 1 and not frames[0] else ()  # a REQ begins with it
        self._answer([peer, *delimiter], frames[len(delimiter) :])

    def _answer(self, to: list[bytes], frames: Sequence[bytes]) -> None:
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
    daemon: Controlled, *, publish_endpoint: str, endpoint: str | None = None, guard: Guards | None = None
) -> Control | None:
    """Control of this daemon at `endpoint`, or in the default place; None where that cannot be had, with a warning.

    publish_endpoint: where it publishes, with its port; several daemons on a machine differ by it.

    Raises:
        PublishError: the `endpoint` that was asked for cannot be bound.
    """
    try:
        control = Control(endpoint or runtime.default_endpoint(publish_endpoint), daemon, guard=guard)
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
