"""The daemon's life: warm up, bind, start, loop, stop."""

import contextlib
import logging
import signal
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from mgcld.audio.capture import Capture
from mgcld.audio.health import FINAL
from mgcld.audio.limit import Limit, LimitedLog
from mgcld.data import SourceStatus
from mgcld.errors import PublishError, SourceError
from mgcld.service import wire
from mgcld.service.engine import Engine
from mgcld.service.notify import Notifier
from mgcld.service.outlet import Outlet
from mgcld.service.publisher import Publisher
from mgcld.service.wire import Meta, NodeStatus

logger = logging.getLogger(__name__)

TURN_SECONDS = 0.25
"""The longest that the loop waits for a window before it looks at its other duties."""
HEALTH_SECONDS = 5.0
FAREWELL_SECONDS = 1.5
"""How long the sources are waited for at the end; neither their threads nor their processes outlive this one."""
BEHIND_SECONDS = 60.0
"""So much sound that waits in a spool is told."""
BEHIND_LINES, BEHIND_LINES_SECONDS = 2, 900.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MOST_NAMED = 5
"""More sources in alarm than these have no room in one line."""


class Daemon:
    """Owns the parts and runs the loop in the calling thread."""

    def __init__(
        self,
        *,
        engine: Engine,
        publisher: Publisher,
        outlet: Outlet,
        meta: Meta,
        notifier: Notifier,
        captures: Sequence[Capture],
    ) -> None:
        self._engine = engine
        self._publisher = publisher
        self._outlet = outlet
        self._meta = meta
        self._notifier = notifier
        self._captures = captures
        self._stopping = False
        self._health_at = 0.0
        self._drops = 0
        self._behind = LimitedLog(logger, "inference", Limit(BEHIND_LINES, BEHIND_LINES_SECONDS))

    def run(self) -> None:
        """Until every source has ended for good, or a signal asks to stop.

        Raises:
            PublishError: the address cannot be bound, or publishing broke down.
            SourceError: a source failed for good; the others were heard to their end.
        """
        with self._signals():
            try:
                self._engine.warm_up()
                self._publisher.start()
                self._outlet.send(wire.meta(self._meta))
                for capture in self._captures:
                    capture.start()
                self._notifier.ready()
                logger.info("ready: %d classes, adapter %s", len(self._meta.classes), self._meta.adapter)
                self._loop()
                self._tell_health()
            finally:
                self._stop()
        self._raise_failures()

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping = True

    def _loop(self) -> None:
        while not self._stopping:
            ended = all(capture.status.state in FINAL for capture in self._captures)
            worked = self._engine.turn(TURN_SECONDS)
            self._notifier.watchdog()
            if self._publisher.failed is not None:
                raise PublishError(f"publishing broke down: {self._publisher.failed}", help="see the log above")
            if time.monotonic() >= self._health_at:
                self._tell_health()
            if ended and not worked and not len(self._engine.inbox):
                return

    def _tell_health(self) -> None:
        """Of every source and of the node, to subscribers and to the service manager."""
        self._health_at = time.monotonic() + HEALTH_SECONDS
        statuses = [capture.status for capture in self._captures]
        for status in statuses:
            self._outlet.send(wire.source_health(status))
        engine = self._engine
        node = engine.pace.status(len(engine.inbox), statuses, self._outlet.dropped, engine.skipped_captions)
        self._outlet.send(wire.node_health(node))
        self._notifier.status(summary(node))
        self._complain(statuses)

    def _complain(self, statuses: Sequence[SourceStatus]) -> None:
        """This machine is too slow for what it is asked for: said now and then, for the messages count it anyway."""
        drops, before = sum(status.drops for status in statuses), self._drops
        waits = max((status.backlog_seconds or 0.0 for status in statuses), default=0.0)
        self._drops = drops
        if drops > before:
            what = f"{drops - before} windows were dropped in the last {HEALTH_SECONDS:.0f} s"
            self._behind.say(logging.WARNING, f"falls behind: {what}; take fewer sources, a longer hop, or a spool")
        elif waits > BEHIND_SECONDS:
            self._behind.say(logging.WARNING, f"falls behind: {waits:.0f} s of sound wait in a spool")

    def _stop(self) -> None:
        self._notifier.stopping()
        if self._publisher.failed is None:  # else what was sent last has not gone out
            self._engine.acknowledge()
        for capture in self._captures:
            capture.stop()
        deadline = time.monotonic() + FAREWELL_SECONDS
        for capture in self._captures:
            capture.join(max(0.0, deadline - time.monotonic()))
        self._outlet.close(timeout=0.5)
        self._publisher.close(timeout=0.5)
        logger.info("stopped")

    def _raise_failures(self) -> None:
        failed = [capture.status for capture in self._captures if capture.status.state == "failed"]
        if failed:
            names = ", ".join(status.source for status in failed)
            raise SourceError(f"failed: {names} ({failed[0].reason})", help=failed[0].hint or "see the log above")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP end the loop; a second one ends the process the usual way."""

        def heard(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (signal's signature)
            if self._stopping:
                raise KeyboardInterrupt
            self.stop()

        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # under nohup it is, and stays so
        wanted = STOP_SIGNALS if not ignored else STOP_SIGNALS[:2]
        before = {number: signal.signal(number, heard) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def summary(node: NodeStatus) -> str:
    """One line for `systemctl status`: how many sources sound, which do not and have not for long, and the load."""
    named = ", ".join(node.alarms[:MOST_NAMED]) + (", ..." if len(node.alarms) > MOST_NAMED else "")
    alarm = [f"alarm: {named}"] if named else []
    factor = [] if node.realtime_factor is None else [f"real-time factor {node.realtime_factor:.3f}"]
    return "; ".join([f"{node.sources.get('live', 0)}/{sum(node.sources.values())} sources live", *alarm, *factor])
