"""Orders from other threads: what is quick is done by the loop between two batches, what takes long by a thread."""

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from mgcld.errors import ControlError

Result = TypeVar("Result")

WAITING = 16
"""So many orders may wait."""


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    future: "Future[Any]"
    work: Callable[[], Any]


class Desk:
    """Where orders wait for whoever does them: any thread asks, nothing is done twice, nothing is left unanswered."""

    def __init__(self) -> None:
        self._orders: queue.Queue[_Order] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, work: Callable[[], Result]) -> "Future[Result]":
        """Have it done, soon; what it raises is raised by the future.

        Raises:
            ControlError: too many orders wait already, or the daemon is on its way out.
        """
        future: Future[Result] = Future()
        with self._lock:
            if self._closed:
                raise _leaving()
            try:
                self._orders.put_nowait(_Order(future, work))
            except queue.Full:
                raise ControlError("too many orders wait already", help="ask again in a few seconds") from None
        return future

    def turn(self, timeout: float = 0.0) -> bool:
        """Do the next one; False where none comes within `timeout` seconds. For one thread only."""
        try:
            order = self._orders.get(timeout=timeout) if timeout else self._orders.get_nowait()
        except queue.Empty:
            return False
        fulfil(order.future, order.work)
        return True

    def close(self) -> None:
        """Take no more orders, and refuse those that wait."""
        with self._lock:
            self._closed = True
        with contextlib.suppress(queue.Empty):  # whoever does the orders may take the last one before us
            while True:
                fulfil(self._orders.get_nowait().future, _refuse)

    @property
    def closed(self) -> bool:
        """No more orders are taken."""
        return self._closed


class Errands(Desk):
    """A desk with a thread that does one thing after the other. It is a daemon: what hangs keeps nobody."""

    IDLE_SECONDS = 0.5

    def __init__(self, name: str) -> None:
        super().__init__()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """After `close`: let it finish what it does, for at most so many seconds; whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self.closed:
            self.turn(self.IDLE_SECONDS)


def fulfil(future: "Future[Any]", work: Callable[[], Any]) -> None:
    """Do it, and tell the future how it went; whoever has given up has cancelled it."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except Exception as error:
        future.set_exception(error)


def _leaving() -> ControlError:
    return ControlError("mgcld is about to stop", help="ask the next one")


def _refuse() -> None:
    raise _leaving()
