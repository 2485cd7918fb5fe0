"""Changes while it runs: another configuration, another adapter, a source that is paused."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from mgcld.config import Config
from mgcld.data import SourceStatus
from mgcld.errors import ControlError, MgcldError
from mgcld.service import wire
from mgcld.service.change.departures import Departures
from mgcld.service.change.desk import Desk, Errands
from mgcld.service.change.following import Following
from mgcld.service.change.plan import Plan, plan_reload, plan_swap
from mgcld.service.change.sink_change import exchanged_sinks
from mgcld.service.engine import Engine
from mgcld.service.notify import Notifier
from mgcld.service.outlet import Outlet
from mgcld.service.roster import Roster
from mgcld.service.served import Served, Workshop

logger = logging.getLogger(__name__)

APPLY_SECONDS = 30.0
"""The loop comes by within its longest turn."""

Answer = Mapping[str, Any]


class Manager:
    """Takes orders from any thread.

    What takes long is made ready by a thread of its own, and only then taken over, by the loop, between two batches:
    until then, and where it fails, everything stays as it was.
    """

    def __init__(
        self,
        config: Config,
        workshop: Workshop,
        *,
        engine: Engine,
        outlet: Outlet,
        roster: Roster,
        notifier: Notifier,
        on_config: Callable[[Config], None] = lambda _: None,
    ) -> None:
        """`on_config` is told of each configuration that is taken over, in the loop's thread."""
        self.overload = workshop.overload(config, engine.pace)
        """What is given up while there is too much to do."""
        self._config = config
        self._workshop = workshop
        self._engine = engine
        self._outlet = outlet
        self._roster = roster
        self._notifier = notifier
        self._on_config = on_config
        self._desk = Desk()
        self._errands = Errands("manager")
        self._following = Following(config.adapter, engine.served.mark)
        self._hung_up = False
        self._departures = Departures(engine, outlet, roster)

    # Orders, from any thread

    def reload(self) -> "Future[Answer]":
        """Read the configuration again and take over what has changed: `changed` and `restart_needed`.

        Raises:
            ControlError: too many orders wait. The future raises `MgcldError`: nothing has changed.
        """
        return self._errands.ask(partial(_logged, "reload", self._reload))

    def swap(self, path: Path | None = None) -> "Future[Answer]":
        """Judge by another adapter from the next window on; None is the configuration's. Its hash and classes.

        Raises:
            ControlError: too many orders wait. The future raises `MgcldError`: the old one goes on.
        """
        return self._errands.ask(partial(_logged, "adapter", partial(self._swap, path)))

    def pause(self, source: str) -> "Future[Answer]":
        """Close a source, and leave it closed until `resume`; a restart resumes it too."""
        return self._desk.ask(lambda: _state(self._roster.pause(source)))

    def resume(self, source: str) -> "Future[Answer]":
        """Open a source that was paused."""
        return self._desk.ask(lambda: _state(self._roster.resume(source)))

    def hang_up(self) -> None:
        """Have the loop reload, soon; safe in a signal handler."""
        self._hung_up = True

    # For the loop's thread

    def begin(self) -> None:
        """Say what serves."""
        served = self._engine.served
        self._outlet.send(wire.meta(served.meta))
        rules = self._workshop.rules(self._config, served)
        self._engine.tell(self._engine.decider.use(served.meta.classes, served.meta.adapter, rules))

    def turn(self) -> None:
        """Take over what is ready, and look at what may have changed."""
        while self._desk.turn():
            pass
        self._departures.turn(self._config.hop_seconds)
        if self._hung_up:
            self._hung_up = False
            self._notifier.reloading()
            self._order(self.reload, then=self._notifier.ready)
        if self._config.watch_adapter and self._following.changed():
            self._order(self.swap)

    def close(self) -> None:
        """Take no more orders."""
        self._desk.close()
        self._errands.close()

    def join(self, timeout: float) -> None:
        """After `close`: let what is being made ready come to an end.

        A thread that is in the midst of a model's library when the interpreter ends takes the process along (SIGABRT).
        """
        if not self._errands.join(timeout):
            logger.warning("mgcld: what an order has begun is left behind")

    def _order(self, ask: "Callable[[], Future[Answer]]", then: Callable[[], None] = lambda: None) -> None:
        """One that nobody waits for."""
        try:
            ask().add_done_callback(lambda _: then())
        except ControlError as error:
            logger.error("mgcld: %s", error)
            then()

    # In the manager's thread, but for what is handed to the loop

    def _swap(self, path: Path | None) -> Answer:
        served = plan_swap(self._workshop, self._engine, self._config, path)
        self._loop(lambda: self._take_over(self._config, served))
        return {"adapter": served.meta.adapter, "classes": [*served.meta.classes]}

    def _reload(self) -> Answer:
        plan = plan_reload(self._workshop, self._engine, self._config)
        try:
            with exchanged_sinks(self._outlet, self._workshop.sink, self._config, plan.config, plan.found.sinks):
                self._loop(lambda: self._apply(plan))
        finally:
            if plan.found.sinks:  # one that was built now, or built back, has not heard it
                self._outlet.send(wire.meta(self._engine.served.meta))
        logger.info("reload: %s", plan.summary)
        return plan.told

    def _loop(self, work: Callable[[], None]) -> None:
        future = self._desk.ask(work)
        try:
            future.result(APPLY_SECONDS)
        except TimeoutError:
            if future.cancel():
                raise ControlError(f"the loop has not turned for {APPLY_SECONDS:.0f} s", help="see the log") from None
            future.result(APPLY_SECONDS)

    # In the loop's thread

    def _apply(self, plan: Plan) -> None:
        config, found = plan.config, plan.found
        if found.sources:
            kept = {name for name in self._config.sources if name not in found.sources}
            self._roster.exchange([*config.sources], partial(self._workshop.capture, config), kept)
            self._departures.returned(config.sources)
        if "adapter" in found.fields:
            self._following = Following(config.adapter, plan.served.mark)
        if not {"overload", "hop_seconds", "caption_seconds"}.isdisjoint(found.fields):
            self.overload.release()
            self.overload = self._workshop.overload(config, self._engine.pace)
        self._take_over(config, plan.served)
        self._on_config(config)

    def _take_over(self, config: Config, served: Served) -> None:
        before = self._engine.served.meta
        rules = self._workshop.rules(config, served)
        self._config = config
        self._engine.use(served)
        self._engine.decider.pace(
            longest_hop_seconds=config.longest_hop_seconds, update_seconds=config.events.update_seconds
        )
        self._engine.tell(self._engine.decider.use(served.meta.classes, served.meta.adapter, rules))
        if served.meta != before:
            self._outlet.send(wire.meta(served.meta))
        if served.meta.adapter != before.adapter:
            logger.info("adapter: %s serves, %d classes", served.meta.adapter, len(served.meta.classes))


def _logged(what: str, work: Callable[[], Answer]) -> Answer:
    """What it answers; where it fails, everything is as before, and the log says why, whoever asked for it."""
    try:
        return work()
    except MgcldError as error:
        logger.error("%s: everything stays as it was: %s (%s)", what, error, error.help)
        raise
    except Exception:
        logger.exception("%s: everything stays as it was", what)
        raise


def _state(status: SourceStatus) -> Answer:
    return {"source": status.source, "state": status.state}
