"""Changes while it runs: another configuration, another adapter, a source that is paused."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mgcld.config import Config
from mgcld.data import SourceStatus
from mgcld.errors import ConfigError, ControlError, MgcldError, ModelError
from mgcld.service import wire
from mgcld.service.changes import Changes, changes
from mgcld.service.desk import Desk, Errands
from mgcld.service.engine import Engine
from mgcld.service.following import Following
from mgcld.service.notify import Notifier
from mgcld.service.outlet import Outlet
from mgcld.service.roster import Roster
from mgcld.service.served import Served, Workshop

logger = logging.getLogger(__name__)

APPLY_SECONDS = 30.0
"""The loop comes by within its longest turn."""
SINK_SECONDS = 20.0
"""A sink may take so long to finish what waits for it, and another to be built in its place."""

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
        self._following = Following(config.adapter)
        self._hung_up = False
        self._leaving: set[str] = set()  # sources that are gone, of which windows may still wait

    # Orders, from any thread

    def reload(self) -> "Future[Answer]":
        """Read the configuration again and take over what has changed: `changed` and `restart_needed`.

        Raises:
            ControlError: too many orders wait. The future raises `MgcldError`: nothing has changed.
        """
        return self._errands.ask(self._reload)

    def swap(self, path: Path | None = None) -> "Future[Answer]":
        """Judge by another adapter from the next window on; None is the configuration's. Its hash and classes.

        Raises:
            ControlError: too many orders wait. The future raises `MgcldError`: the old one goes on.
        """
        return self._errands.ask(partial(self._swap, path))

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
        self._roster.turn()
        self._end_events()
        if self._hung_up:
            self._hung_up = False
            self._notifier.reloading()
            self._order("reload", self._reload, then=self._notifier.ready)
        if self._config.watch_adapter and self._following.changed():
            self._order("adapter", partial(self._swap, None))

    def close(self) -> None:
        """Take no more orders."""
        self._desk.close()
        self._errands.close()

    def _order(self, what: str, work: Callable[[], Answer], then: Callable[[], None] = lambda: None) -> None:
        """One that nobody waits for: how it went goes into the log."""

        def done(future: "Future[Answer]") -> None:
            error = future.exception()
            if isinstance(error, MgcldError):
                logger.error("%s: everything stays as it was: %s (%s)", what, error, error.help)
            elif error is not None:
                logger.error("%s: everything stays as it was", what, exc_info=error)
            then()

        try:
            self._errands.ask(work).add_done_callback(done)
        except ControlError as error:
            logger.error("%s: %s", what, error)
            then()

    def _end_events(self) -> None:
        """Of sources from which nothing more will come, once every window of theirs has been judged."""
        for source in {event.source for event in self._engine.open_events}:
            reason = self._roster.absence(source)
            waits = self._engine.inbox.waits_for(source) or self._roster.behind(source, self._longest_seconds)
            if reason is not None and not waits:
                self._engine.tell(self._engine.decider.over(source, reason))

    @property
    def _longest_seconds(self) -> float:
        """So much sound may be left of a source that ended, too short for another window."""
        return self._engine.served.meta.window_seconds + self._config.hop_seconds

    # In the manager's thread, but for what is handed to the loop

    def _swap(self, path: Path | None) -> Answer:
        served = self._tried(self._config, path)
        self._workshop.rules(self._config, served)
        for line in self._workshop.strange_rules(self._config, served):
            logger.warning("adapter: %s; the rule waits for one that does", line)
        self._loop(lambda: self._take_over(self._config, served))
        return {"adapter": served.meta.adapter, "classes": [*served.meta.classes]}

    def _tried(self, config: Config, path: Path | None = None) -> Served:
        """A model that has judged something, and fits the windows that are cut."""
        served = self._workshop.served(config, path)
        lengths = served.meta.window_seconds, self._engine.served.meta.window_seconds
        if lengths[0] != lengths[1]:
            help = "restart mgcld to use it"
            raise ModelError(f"{served.path}: its windows last {lengths[0]:g} s, not {lengths[1]:g} s", help=help)
        try:
            self._engine.try_out(served)
        except Exception as error:
            logger.exception("adapter: it does not judge")
            help = "see the log; train it again"
            raise ModelError(f"{served.path}: it does not judge: {type(error).__name__}", help=help) from error
        return served

    def _reload(self) -> Answer:
        config = self._workshop.config()
        found = changes(self._config, config)
        kept = {field: getattr(self._config, field) for field in found.restart_needed}
        config = config.model_copy(update=kept)
        self._workshop.check_sources(config, [name for name in found.sources if name in config.sources])
        served = self._tried(config)
        serves = self._engine.served
        if not found.model and served.meta.adapter == serves.meta.adapter:
            served = replace(serves, meta=served.meta)
        strange = self._workshop.strange_rules(config, served)
        if strange:
            raise ConfigError("\n".join(strange), help=f"classes: {', '.join(map(repr, served.meta.classes))}")
        self._workshop.rules(config, served)
        if found.sinks:
            self._exchange_sinks(config, found)
        same = served.meta.adapter == serves.meta.adapter or "adapter" in found.named
        adapter = [] if same else ["adapter"]
        self._loop(lambda: self._apply(config, found, served))
        told = {"changed": [*found.named, *adapter], "restart_needed": found.restart_needed}
        logger.info("reload: %s", _summary(told))
        return told

    def _exchange_sinks(self, config: Config, found: Changes) -> None:
        """Those that go on wait for the others; when one cannot be built, those exchanged before are built back."""
        old = self._config
        new = [name for name in found.sinks if name in config.sinks]
        added: list[str] = []
        exchanged: list[str] = []
        try:
            for name in new:
                if name in old.sinks:
                    self._exchange_sink(name, config, old)
                    exchanged.append(name)
                else:
                    self._outlet.add(name, self._workshop.sink(config, name))
                    added.append(name)
        except BaseException:
            for name in added:
                self._outlet.remove(name)
            for name in exchanged:
                self._exchange_sink(name, old, old)
            raise
        finally:
            self._outlet.send(wire.meta(self._engine.served.meta))  # a sink knows nothing of what was told before it
        for name in found.sinks:
            if name not in config.sinks:
                self._outlet.remove(name)

    def _exchange_sink(self, name: str, config: Config, back: Config) -> None:
        build, before = partial(self._workshop.sink, config, name), partial(self._workshop.sink, back, name)
        self._outlet.exchange(name, build, before).result(SINK_SECONDS)

    def _loop(self, work: Callable[[], None]) -> None:
        future = self._desk.ask(work)
        try:
            future.result(APPLY_SECONDS)
        except TimeoutError:
            if future.cancel():
                raise ControlError(f"the loop has not turned for {APPLY_SECONDS:.0f} s", help="see the log") from None
            future.result(APPLY_SECONDS)

    # In the loop's thread

    def _apply(self, config: Config, found: Changes, served: Served) -> None:
        if found.sources:
            kept = {name for name in self._config.sources if name not in found.sources}
            gone = self._roster.exchange([*config.sources], partial(self._workshop.capture, config), kept)
            for name in gone:
                self._outlet.forget(name)
                self._engine.inbox.forget(name)
        if "adapter" in found.fields:
            self._following = Following(config.adapter)
        if not {"overload", "hop_seconds", "caption_seconds"}.isdisjoint(found.fields):
            self.overload.release()
            self.overload = self._workshop.overload(config, self._engine.pace)
        self._take_over(config, served)

    def _take_over(self, config: Config, served: Served) -> None:
        before = self._engine.served.meta
        rules = self._workshop.rules(config, served)
        self._config = config
        self._on_config(config)
        self._engine.use(served)
        self._engine.decider.pace(
            longest_hop_seconds=config.longest_hop_seconds, update_seconds=config.events.update_seconds
        )
        self._engine.tell(self._engine.decider.use(served.meta.classes, served.meta.adapter, rules))
        if served.meta != before:
            self._outlet.send(wire.meta(served.meta))
        if served.meta.adapter != before.adapter:
            logger.info("adapter: %s serves, %d classes", served.meta.adapter, len(served.meta.classes))


def _state(status: SourceStatus) -> Answer:
    return {"source": status.source, "state": status.state}


def _summary(told: Mapping[str, Any]) -> str:
    changed = ", ".join(told["changed"]) or "nothing has changed"
    needed = ", ".join(told["restart_needed"])
    return f"{changed}; a restart is needed for {needed}" if needed else changed
