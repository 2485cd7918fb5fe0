"""One sink behind a bounded queue: newest wins, and what it throws ends nothing."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from mgcld.data import Message, Window
from mgcld.interfaces import Describing, Hearing, Sink
from mgcld.service.change.desk import fulfil
from mgcld.service.snapshot import SinkStatus

logger = logging.getLogger(__name__)

QUEUE_MESSAGES = 256
"""So many messages may wait for one sink."""
QUEUE_WINDOWS = 32
"""So many windows, for one that wants the sound: 10 MB at 16 kHz, 31 MB at 48 kHz."""
COMPLAIN_SECONDS = 60.0
"""A sink's troubles are logged at most this often, with their count."""
IDLE_SECONDS = 1.0

Item = Message | Window | Callable[[], None]


class SinkThread:
    """Runs a sink: takes what waits, in its order."""

    def __init__(self, name: str, sink: Sink) -> None:
        self.name = name
        self.dropped = 0
        """Messages that the sink was too slow for."""
        self.failures = 0
        """Messages that it raised an exception over."""
        self._sink = sink
        self._queue: deque[Item] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._complain_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Hand a message over; when too many wait, the oldest is dropped."""
        self._put(message, Message, QUEUE_MESSAGES)

    def hear(self, window: Window) -> None:
        """Hand a window over to a sink that wants the sound; when too many wait, the oldest is dropped."""
        if isinstance(self._sink, Hearing):
            self._put(window, Window, QUEUE_WINDOWS)

    def exchange(self, build: Callable[[], Sink], before: Callable[[], Sink]) -> "Future[None]":
        """Close the sink when it has taken what waits, and go on with another; with `before` if that fails."""
        future: Future[None] = Future()
        with self._changed:
            self._queue.append(lambda: fulfil(future, lambda: self._exchange(build, before)))
            self._changed.notify()
        return future

    @property
    def status(self) -> SinkStatus:
        """How it is doing."""
        return SinkStatus(self.name, len(self._queue), self.dropped, self.failures, self._facts())

    def stop(self) -> None:
        """End the thread once its queue is empty."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    @property
    def finished(self) -> bool:
        """The sink is closed."""
        return not self._thread.is_alive()

    def join(self, timeout: float) -> None:
        """Wait for the end; a sink that hangs is left behind."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            lost = sum(isinstance(item, Message) for item in [*self._queue])
            logger.warning("sink %s: did not finish, %d messages are lost", self.name, lost)

    def _facts(self) -> Mapping[str, Any]:
        try:  # in another thread than the sink's, which may be closing it
            return self._sink.facts if isinstance(self._sink, Describing) else {}
        except Exception as error:
            return {"reason": f"it cannot say how it is doing: {type(error).__name__}"}

    def _put(self, item: Message | Window, kind: type, most: int) -> None:
        with self._changed:
            full = sum(isinstance(waiting, kind) for waiting in self._queue) >= most
            if full:
                self._queue.remove(next(waiting for waiting in self._queue if isinstance(waiting, kind)))
                self.dropped += 1
            self._queue.append(item)
            self._changed.notify()
        if full and self._may_complain():
            logger.warning("sink %s: too slow, %d messages dropped so far", self.name, self.dropped)

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._do(item)
            except Exception:
                self.failures += 1
                if self._may_complain():
                    logger.exception("sink %s: failed (%d times so far)", self.name, self.failures)
        self._close()

    def _do(self, item: Item) -> None:
        if isinstance(item, Message):
            self._sink.take(item)
        elif isinstance(item, Window):
            if isinstance(self._sink, Hearing):
                self._sink.hear(item)
        else:
            item()

    def _exchange(self, build: Callable[[], Sink], before: Callable[[], Sink]) -> None:
        self._close()
        try:
            self._sink = build()
        except Exception:
            self._go_back(before)
            raise

    def _go_back(self, before: Callable[[], Sink]) -> None:
        try:
            self._sink = before()
        except Exception:
            logger.exception("sink %s: it is closed, and cannot be built as it was before", self.name)

    def _close(self) -> None:
        try:
            self._sink.close()
        except Exception:
            logger.exception("sink %s: failed to close", self.name)

    def _next(self) -> Item | None:
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait(IDLE_SECONDS)
            return self._queue.popleft() if self._queue else None

    def _may_complain(self) -> bool:
        now = time.monotonic()
        if now < self._complain_at:
            return False
        self._complain_at = now + COMPLAIN_SECONDS
        return True
