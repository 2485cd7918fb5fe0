"""Orders to the daemon that take their time: some wait at once, each for so long, and each is answered once."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mgcld.audio.limit import Limit, LimitedLog
from mgcld.errors import MgcldError
from mgcld.service.control.requests import BadRequest, Busy, InternalError, Request, Stopping, Timeout, shown
from mgcld.service.snapshot import Snapshot

logger = logging.getLogger(__name__)

MOST_ORDERS = 16
"""So many wait for the daemon at once, those that nobody waits for any more among them."""
ORDER_SECONDS = 60.0
LINES, LINES_SECONDS = 20, 60.0
TRACEBACKS = Limit(3, 60.0)

Result = Mapping[str, Any]
Reply = Callable[["Result | MgcldError"], None]
"""Passes on what came of an order."""


class Controlled(Protocol):
    """What the daemon lets others see and do. Every method returns at once, in any thread."""

    def snapshot(self) -> Snapshot:
        """How it is doing, also while its loop is stuck."""
        ...

    def reload(self) -> "Future[Result]":
        """Read the configuration again: `changed` and `restart_needed`, two lists of what differs.

        The future, as those below, may end in a `MgcldError`: then nothing has changed.
        """
        ...

    def swap(self, path: Path | None) -> "Future[Result]":
        """Let another adapter judge from here on, None the configured one: `adapter`, its short hash, and `classes`."""
        ...

    def pause(self, source: str) -> "Future[Result]":
        """Close a source until it is resumed."""
        ...

    def resume(self, source: str) -> "Future[Result]":
        """Open a paused source again."""
        ...


@dataclass(slots=True)
class _Waiting:
    future: "Future[Result]"
    do: str
    until: float
    reply: Reply | None


class Orders:
    """Hands orders to the daemon, and what came of them to those who gave them. For one thread."""

    def __init__(self, daemon: Controlled, wake: Callable[[], object], seconds: float = ORDER_SECONDS) -> None:
        """Wake is called, in any thread, when it is time for `answer`."""
        self._daemon = daemon
        self._wake = wake
        self._seconds = seconds
        self._log = LimitedLog(logger, "control", Limit(LINES, LINES_SECONDS))
        self._waiting: list[_Waiting] = []

    def give(self, request: Request, reply: Reply) -> None:
        """Hand over an order; `answer` will call `reply`.

        Raises:
            MgcldError: it is none, too many wait, or the daemon refuses it at once.
        """
        if len(self._waiting) >= MOST_ORDERS:
            raise Busy(f"{MOST_ORDERS} orders wait already", help="see `mgcld ctl status`: is it stuck?")
        named = [value for value in request.keys.values() if value is not None]
        self._log.say(logging.INFO, " ".join([request.do, *map(shown, named), "asked for"]))
        future = self._handed(request)
        self._waiting.append(_Waiting(future, request.do, time.monotonic() + self._seconds, reply))
        future.add_done_callback(lambda _: self._wake())

    def answer(self) -> None:
        """Tell what is done, and that time is up; what is late keeps its place until it is done."""
        now = time.monotonic()
        for waiting in self._waiting:
            if waiting.reply is not None and (waiting.future.done() or now >= waiting.until):
                waiting.reply(_outcome(waiting, self._seconds))
                waiting.reply = None
        self._waiting = [waiting for waiting in self._waiting if not waiting.future.done() or waiting.reply is not None]

    def wait_seconds(self) -> float:
        """How long until the next one is late."""
        ends = [waiting.until for waiting in self._waiting if waiting.reply is not None]
        return max(0.0, min(ends, default=float("inf")) - time.monotonic())

    def close(self) -> None:
        """Nobody is answered any more, and who waits is told so."""
        self.answer()
        for waiting in self._waiting:
            if waiting.reply is not None:
                waiting.reply(Stopping(f"mgcld stopped before {waiting.do} was done", help="ask again once it runs"))
        self._waiting = []

    def _handed(self, request: Request) -> "Future[Result]":
        if request.do == "reload":
            return self._daemon.reload()
        if request.do == "swap":
            return self._daemon.swap(_path(request.keys["adapter"]))
        if request.do == "pause":
            return self._daemon.pause(request.keys["source"])
        return self._daemon.resume(request.keys["source"])


def _path(adapter: str | None) -> Path | None:
    """Raises BadRequest."""
    if adapter is None:
        return None
    try:
        named = b"\0" not in adapter.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        named = False
    if not (named and Path(adapter).is_absolute()):
        raise BadRequest("swap: adapter must be an absolute path", help="mgcld has a working directory of its own")
    return Path(adapter)


def _outcome(waiting: _Waiting, seconds: float) -> Result | MgcldError:
    future = waiting.future
    if not future.done():
        return Timeout(
            f"{waiting.do} was not done in {seconds:.0f} s, and may still be",
            help="see `mgcld ctl status`, and the log, for what became of it",
        )
    if future.cancelled():
        return Stopping(f"{waiting.do} was called off", help="is mgcld on its way out?")
    error = future.exception()
    if error is None:
        return future.result()
    return error if isinstance(error, MgcldError) else fault(waiting.do, error)


def fault(do: str, error: BaseException) -> InternalError:
    """A bug keeps its traceback in the log, and the asker learns of what kind it was."""
    if TRACEBACKS.allows():
        logger.error("control: %s: a fault of mgcld", do, exc_info=error)
    return InternalError(f"{do}: a fault of mgcld itself, {type(error).__name__}", help="its log has the details")
