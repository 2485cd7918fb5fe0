"""The one place that messages leave by: stamped once, then published and handed to every sink."""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping

from mgcld.data import Message
from mgcld.interfaces import Sink
from mgcld.service.publisher import Publisher
from mgcld.service.wire import Stamper

logger = logging.getLogger(__name__)

QUEUE_MESSAGES = 256
"""So many messages may wait for one sink."""
COMPLAIN_SECONDS = 60.0
"""A sink's troubles are logged at most this often, with their count."""
IDLE_SECONDS = 1.0


class Outlet:
    """Gives each message to the publisher and to every sink; a slow or broken sink delays nobody."""

    def __init__(self, stamper: Stamper, publisher: Publisher, sinks: Mapping[str, Sink]) -> None:
        """Start one thread a sink. The publisher is opened and closed by its owner; the sinks are closed here."""
        self._stamper = stamper
        self._publisher = publisher
        self._lock = threading.Lock()
        self.sinks = [SinkThread(name, sink) for name, sink in sinks.items()]
        """Their `dropped` and `failures` count up."""

    def send(self, message: Message) -> None:
        """Stamp and pass on, from any thread and without waiting.

        Raises:
            ValueError: a number in it is not finite.
        """
        with self._lock:  # so that `seq` rises in every queue
            stamped = self._stamper.stamp(message)
            self._publisher.publish(stamped)
            for sink in self.sinks:
                sink.put(stamped)

    @property
    def dropped(self) -> int:
        """Messages that the publisher or a sink was too slow for, so far."""
        return self._publisher.dropped + sum(sink.dropped for sink in self.sinks)

    def close(self, timeout: float = 2.0) -> None:
        """Let the sinks finish what waits for them and close them, all within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        for sink in self.sinks:
            sink.stop()
        for sink in self.sinks:
            sink.join(max(0.0, deadline - time.monotonic()))


class SinkThread:
    """One sink behind a bounded queue: newest wins, and what it throws ends nothing."""

    def __init__(self, name: str, sink: Sink) -> None:
        self.name = name
        self.dropped = 0
        """Messages that the sink was too slow for."""
        self.failures = 0
        """Messages that it raised an exception over."""
        self._sink = sink
        self._queue: deque[Message] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._complain_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Hand a message over; when too many wait, the oldest is dropped."""
        with self._changed:
            full = len(self._queue) == QUEUE_MESSAGES
            if full:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(message)
            self._changed.notify()
        if full and self._may_complain():
            logger.warning("sink %s is too slow: %d messages dropped so far", self.name, self.dropped)

    def stop(self) -> None:
        """End the thread once its queue is empty."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def join(self, timeout: float) -> None:
        """Wait for the end; a sink that hangs is left behind."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            logger.warning("sink %s did not finish: %d messages are lost", self.name, len(self._queue))

    def _run(self) -> None:
        while (message := self._next()) is not None:
            try:
                self._sink.take(message)
            except Exception:
                self.failures += 1
                if self._may_complain():
                    logger.exception("sink %s failed (%d times so far)", self.name, self.failures)
        try:
            self._sink.close()
        except Exception:
            logger.exception("sink %s failed to close", self.name)

    def _next(self) -> Message | None:
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
