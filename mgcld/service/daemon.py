"""The daemon's life: warm up, bind, start, loop, stop."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from mgcld.audio.health import FINAL
from mgcld.data import SourceStatus
from mgcld.errors import PublishError, SourceError
from mgcld.service import wire
from mgcld.service.bus.publisher import Publisher
from mgcld.service.change.manager import Answer, Manager
from mgcld.service.engine import Engine
from mgcld.service.notify import Notifier
from mgcld.service.outlet import Outlet
from mgcld.service.roster import Roster
from mgcld.service.signals import signals
from mgcld.service.snapshot import BusStatus, Snapshot
from mgcld.service.wire import NodeStatus, Stamper

logger = logging.getLogger(__name__)

TURN_SECONDS = 0.25
"""The longest that the loop waits for a window before it looks at its other duties."""
HEALTH_SECONDS = 5.0
FAREWELL_SECONDS = 1.5
"""How long the sources are waited for at the end; neither their threads nor their processes outlive this one."""
ORDER_SECONDS = 5.0
"""An order in progress is waited for so long: an adapter takes no second, only another captioner may take longer."""
STUCK_SECONDS = 20.0
"""A loop that has not turned for so long hangs: its longest turn takes a quarter of that."""
MOST_NAMED = 5
"""More sources in alarm than these have no room in one line."""

Beside = Callable[["Daemon"], AbstractContextManager[Any]]
"""Something that serves beside the loop, from when its sockets are bound until the end."""


class Daemon:
    """Owns the parts and runs the loop in the calling thread."""

    def __init__(
        self,
        *,
        stamper: Stamper,
        engine: Engine,
        publisher: Publisher,
        outlet: Outlet,
        notifier: Notifier,
        roster: Roster,
        manager: Manager,
        beside: Sequence[Beside] = (),
    ) -> None:
        """`beside`: the control socket, the HTTP server and the like."""
        self.manager = manager
        """Where orders go."""
        self._stamper = stamper
        self._engine = engine
        self._publisher = publisher
        self._outlet = outlet
        self._notifier = notifier
        self._roster = roster
        self._beside = beside
        self._started_ns = time.time_ns()
        self._ready = False
        self._stopping = False
        self._health_at = 0.0
        self._turned = time.monotonic()
        self._node = self._status([])

    def run(self) -> None:
        """Until every source has ended for good, or a signal asks to stop.

        Raises:
            PublishError: an address cannot be bound, or publishing broke down.
            SourceError: a source failed for good; the others were heard to their end.
        """
        with signals(self._asked_to_stop, self.manager.hang_up), ExitStack() as stack:
            stack.callback(self._stop)
            with self._notifier.extending():
                self._engine.warm_up()
            self._publisher.start()
            for beside in self._beside:
                stack.enter_context(beside(self))
            self.manager.begin()
            self._roster.start()
            self._ready = True
            self._notifier.ready()
            meta = self._engine.served.meta
            logger.info("mgcld: ready, %d classes, adapter %s", len(meta.classes), meta.adapter)
            self._loop()
            self._tell_health()
        self._raise_failures()

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping = True

    def reload(self) -> "Future[Answer]":
        """See `Manager`, as of the other orders."""
        return self.manager.reload()

    def swap(self, path: Path | None) -> "Future[Answer]":
        """See `Manager`."""
        return self.manager.swap(path)

    def pause(self, source: str) -> "Future[Answer]":
        """See `Manager`."""
        return self.manager.pause(source)

    def resume(self, source: str) -> "Future[Answer]":
        """See `Manager`."""
        return self.manager.resume(source)

    def snapshot(self) -> Snapshot:
        """How everything is doing; from any thread, also while the loop hangs."""
        turned_seconds = time.monotonic() - self._turned
        return Snapshot(
            node=self._stamper.node,
            boot_id=self._stamper.boot_id,
            started_ns=self._started_ns,
            ready=self._ready and not self._stopping,
            turned_seconds=turned_seconds,
            stuck=self._ready and turned_seconds > STUCK_SECONDS,
            meta=self._engine.served.meta,
            status=self._node,
            sources=self._roster.statuses(),
            events=self._engine.open_events,
            sinks=self._outlet.statuses(),
            bus=BusStatus(
                self._publisher.endpoint,
                dict(self._publisher.published),
                self._publisher.dropped,
                self._publisher.handshakes_failed,
            ),
        )

    def _asked_to_stop(self) -> bool:
        before, self._stopping = self._stopping, True
        return before

    def _loop(self) -> None:
        while not self._stopping:
            statuses = self._roster.statuses()
            ended = _all_ended(statuses)
            worked = self._engine.turn(TURN_SECONDS)
            self._turned = time.monotonic()
            self._notifier.watchdog()
            self.manager.turn()
            self.manager.overload.look(statuses)
            if self._publisher.failed is not None:
                raise PublishError(f"publishing broke down: {self._publisher.failed}", help="see the log above")
            if self._turned >= self._health_at:
                self._tell_health()
            if ended and not worked and not len(self._engine.inbox) and _all_ended(self._roster.statuses()):
                return  # an order may have brought another source meanwhile

    def _tell_health(self) -> None:
        """Of every source and of the node, to subscribers and to the service manager."""
        self._health_at = time.monotonic() + HEALTH_SECONDS
        statuses = self._roster.statuses()
        for status in statuses:
            self._outlet.send(wire.source_health(status))
        self._node = self._status(statuses)
        self._outlet.send(wire.node_health(self._node))
        self._notifier.status(summary(self._node))

    def _status(self, statuses: Sequence[SourceStatus]) -> NodeStatus:
        engine = self._engine
        return engine.pace.status(
            len(engine.inbox),
            statuses,
            self._outlet.dropped,
            engine.skipped_captions,
            self.manager.overload.verdict,
        )

    def _stop(self) -> None:
        self._notifier.stopping()
        self.manager.close()
        if self._publisher.failed is None:  # else what was sent last has not gone out
            self._engine.acknowledge()
        self._roster.stop()
        self._roster.join(FAREWELL_SECONDS)
        self._engine.tell(self._engine.decider.close())
        self._outlet.close(timeout=1.0)
        self._publisher.close(timeout=0.5)
        self.manager.join(ORDER_SECONDS)
        logger.info("mgcld: stopped")

    def _raise_failures(self) -> None:
        failed = [status for status in self._roster.statuses() if status.state == "failed"]
        if failed:
            names = ", ".join(status.source for status in failed)
            raise SourceError(f"failed: {names} ({failed[0].reason})", help=failed[0].hint or "see the log above")


def _all_ended(statuses: Sequence[SourceStatus]) -> bool:
    return all(status.state in FINAL for status in statuses)


def summary(node: NodeStatus) -> str:
    """One line for `systemctl status`: how many sources sound, which do not and have not for long, and the load."""
    named = ", ".join(node.alarms[:MOST_NAMED]) + (", ..." if len(node.alarms) > MOST_NAMED else "")
    alarm = [f"alarm: {named}"] if named else []
    factor = [] if node.realtime_factor is None else [f"real-time factor {node.realtime_factor:.3f}"]
    slow = [] if node.overload is None else [node.overload]
    live = f"{node.sources.get('live', 0)}/{sum(node.sources.values())} sources live"
    return "; ".join([live, *alarm, *factor, *slow])
