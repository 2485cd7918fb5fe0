"""One class at one source: nothing, or a sound that may become an event, or an open event."""

import math
import os

from ulid import ULID

from mgcld.data import NANOSECONDS, EndReason, Event, Phase
from mgcld.events.past import Judged, Past
from mgcld.events.rules import Rule
from mgcld.events.tally import Tally

_LONG_AGO_NS = -(1 << 80)  # before any time, and still a whole number


class Track:
    """Follows one class.

    It starts only in a window that is a hit, ends only in one that is quiet, and between both thresholds it stays what
    it is. An event begins with the first of the hits that count for its start: those among the last N windows and,
    with `min_seconds`, those since the class was last quiet.
    """

    def __init__(self, source: str, name: str, index: int, adapter: str, rule: Rule) -> None:
        """`index`: of the class in the adapter's probabilities; `adapter`: its short hash."""
        self.name = name
        self.tally: Tally | None = None
        """Of the open event, or of what may become one."""
        self._source = source
        self._index = index
        self._adapter = adapter
        self._id: str | None = None  # of the open event
        self._told_ns = 0  # until when its sound has been told
        self._over_ns = _LONG_AGO_NS  # when the last event's sound ended
        self._set(rule)

    def _set(self, rule: Rule) -> None:
        self.rule = rule
        self.on = rule.threshold_on if rule.enabled else math.inf
        """A window below it changes nothing while there is no tally."""

    @property
    def is_open(self) -> bool:
        """An event has started and not ended."""
        return self._id is not None

    @property
    def state(self) -> Event:
        """The open event as it stands."""
        return self._event("update")

    def obey(self, rule: Rule) -> Event | None:
        """Another rule from here on: an open event goes on by it, one that is now disabled ends with `removed`."""
        ended = None if rule.enabled else self.end("removed")
        if rule != self.rule and not self.is_open:
            self.tally = None
        self._set(rule)
        return ended

    def inherit(self, before: "Track") -> None:
        """Another adapter knows the class, too: the time after its last event counts on."""
        self._over_ns = before._over_ns

    def step(self, newest: Judged, past: Past, update_seconds: float) -> Event | None:
        """The next window. `past` ends with it."""
        p = newest.p[self._index]
        if self.tally is not None:
            self.tally.add(newest, p, heard=p >= self.rule.threshold_off)
            if self.tally.quiets >= self.rule.quiet_windows:
                return self.end("quiet")
        if not self.is_open:
            return self._start(newest, p, past) if p >= self.on else None
        due = self.tally is not None and self.tally.heard_ns - self._told_ns >= update_seconds * NANOSECONDS
        return self._tell("update") if due else None

    def end(self, reason: EndReason) -> Event | None:
        """The end of the event, if one is open. What may have become one is given up."""
        ended = self._event("end", reason) if self.is_open else None
        if ended is not None:
            self._over_ns = ended.t_heard_ns
        self.tally = self._id = None
        return ended

    def resume(self, now_ns: int) -> None:
        """Sound goes on behind a gap. Where the clock was set back, time after the last event counts from here."""
        self._over_ns = min(self._over_ns, now_ns)

    def _start(self, newest: Judged, p: float, past: Past) -> Event | None:
        since_ns = self._over_ns + round(self.rule.refractory_seconds * NANOSECONDS)
        if newest.start_ns < since_ns:
            return None
        if self.rule.min_seconds and self.tally is None:
            self.tally = Tally(newest, p)
        first = past.evidence(self._index, self.rule, since_ns)
        if first is None or not self._lasted(newest):
            return None
        if self.tally is None or first.start < self.tally.start:
            self.tally = self._tally(first, past)
        self._id = _new_id(self.tally.t_on_ns)
        return self._tell("start")

    def _lasted(self, newest: Judged) -> bool:
        if self.tally is None:
            return True
        return newest.end - self.tally.start >= self.rule.min_seconds * newest.sample_rate

    def _tally(self, first: Judged, past: Past) -> Tally:
        tally = Tally(first, first.p[self._index])
        for window in past.since(first.start + 1):
            p = window.p[self._index]
            tally.add(window, p, heard=p >= self.rule.threshold_off)
        return tally

    def _tell(self, phase: Phase) -> Event:
        told = self._event(phase)
        self._told_ns = told.t_heard_ns
        return told

    def _event(self, phase: Phase, reason: EndReason | None = None) -> Event:
        assert self.tally is not None and self._id is not None
        return Event(
            id=self._id,
            source=self._source,
            name=self.name,
            phase=phase,
            t_on_ns=self.tally.t_on_ns,
            t_heard_ns=self.tally.heard_ns,
            p_max=self.tally.p_max,
            p_mean=self.tally.p_mean,
            windows=self.tally.windows,
            threshold_on=self.rule.threshold_on,
            threshold_off=self.rule.threshold_off,
            clock=self.tally.clock,
            clock_uncertainty_ns=self.tally.clock_uncertainty_ns,
            adapter=self._adapter,
            reason=reason,
        )


def _new_id(at_ns: int) -> str:
    """A ULID of the sound's time, so that ids sort by it, however late it was judged."""
    milliseconds = min(max(0, at_ns // 1_000_000), 2**48 - 1)
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + os.urandom(10)))
