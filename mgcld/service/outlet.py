"""The one place that messages leave by: stamped once, then published and handed to every sink."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import get_args

from mgcld.data import Message, MessageKind, Window
from mgcld.interfaces import Sink
from mgcld.service.bus.publisher import Publisher
from mgcld.service.sink_thread import SinkThread
from mgcld.service.snapshot import SinkStatus
from mgcld.service.wire import Stamper, topic


class Outlet:
    """Gives each message to the publisher and to every sink; a slow or broken sink delays nobody."""

    def __init__(self, stamper: Stamper, publisher: Publisher, sinks: Mapping[str, Sink]) -> None:
        """Start one thread a sink. The publisher is opened and closed by its owner; the sinks are closed here."""
        self._stamper = stamper
        self._publisher = publisher
        self._lock = threading.Lock()
        self.sinks = [SinkThread(name, sink) for name, sink in sinks.items()]
        """Their `dropped` and `failures` count up."""
        self._removed: list[SinkThread] = []  # and not finished
        self._dropped = 0  # by those that were removed

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

    def hear(self, window: Window) -> None:
        """Pass a window on to those sinks that want the sound, before the messages that it leads to."""
        for sink in self.sinks:
            sink.hear(window)

    def add(self, name: str, sink: Sink) -> None:
        """Hand messages to this sink, too."""
        with self._lock:
            self.sinks = [*self.sinks, SinkThread(name, sink)]

    def remove(self, name: str) -> None:
        """Let a sink finish what waits for it, and close it; returns at once."""
        with self._lock:
            leaving = [sink for sink in self.sinks if sink.name == name]
            self.sinks = [sink for sink in self.sinks if sink.name != name]
            self._removed = [sink for sink in self._removed if not sink.finished] + leaving
            self._dropped += sum(sink.dropped for sink in leaving)
        for sink in leaving:
            sink.stop()

    def exchange(self, name: str, build: Callable[[], Sink], before: Callable[[], Sink]) -> "Future[None]":
        """Put another sink in the place of one, behind what that one has to finish; what comes meanwhile waits.

        The future raises what `build` raises, or `TimeoutError`; then `before` has built the old one again.
        """
        return next(sink for sink in self.sinks if sink.name == name).exchange(build, before)

    def forget(self, source: str) -> None:
        """A source is no more: whoever subscribes from now on is told nothing of it."""
        for kind in get_args(MessageKind):
            self._publisher.forget(topic(kind, source))

    @property
    def dropped(self) -> int:
        """Messages that the publisher or a sink was too slow for, so far."""
        return self._publisher.dropped + self._dropped + sum(sink.dropped for sink in self.sinks)

    def statuses(self) -> list[SinkStatus]:
        """How each sink is doing."""
        return [sink.status for sink in self.sinks]

    def close(self, timeout: float = 2.0) -> None:
        """Let the sinks finish what waits for them and close them, all within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        for sink in self.sinks:
            sink.stop()
        for sink in [*self.sinks, *self._removed]:
            sink.join(max(0.0, deadline - time.monotonic()))
