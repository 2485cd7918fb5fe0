"""Sources from which nothing more comes: their events end, and of those that are gone nothing is kept."""

from collections.abc import Collection

from mgcld.service.engine import Engine
from mgcld.service.outlet import Outlet
from mgcld.service.roster import Roster


class Departures:
    """Looks after them, once every window of theirs has been judged. For the loop's thread."""

    def __init__(self, engine: Engine, outlet: Outlet, roster: Roster) -> None:
        self._engine = engine
        self._outlet = outlet
        self._roster = roster
        self._removed: set[str] = set()  # they are silent, but windows of theirs may still wait

    def turn(self, hop_seconds: float) -> None:
        """Let the roster go on, and do what has become due."""
        self._removed |= self._roster.turn()
        self._end_events(hop_seconds)
        self._forget()

    def returned(self, sources: Collection[str]) -> None:
        """These are heard again."""
        self._removed.difference_update(sources)

    def _end_events(self, hop_seconds: float) -> None:
        longest = self._engine.served.meta.window_seconds + hop_seconds  # may be left, too short for another window
        for source in {event.source for event in self._engine.open_events}:
            reason = self._roster.absence(source)
            waits = self._engine.inbox.waits_for(source) or self._roster.behind(source, longest)
            if reason is not None and not waits:
                self._engine.tell(self._engine.decider.over(source, reason))

    def _forget(self) -> None:
        for source in [source for source in self._removed if not self._engine.inbox.holds(source)]:
            self._removed.remove(source)
            self._engine.forget(source)
            self._outlet.forget(source)
