"""Where a fault is played out: a difficult source, a healthy one beside it, and measures before and after."""

import gc
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
from expected import Check, exact
from listening import Listening

from mgcld.audio.inbox import Inbox

ALLOWANCE_SECONDS = 5.0
"""What a machine that does ten other things may add to any promise in seconds."""
STALL_PROMISE = 15.0
SLOW_PROMISE = 25.0
ALARM_PROMISE = 30.0
RECOVERY_PROMISE = 10.0
"""A fault of T seconds, under a minute, costs at most T + 10."""
PATIENCE_SECONDS = 60.0
STEADY_WINDOWS = 4
MOST_GROWTH = 16 * 2**20
"""Bytes; an interpreter's and NumPy's own pools move by a few."""
PLAYER = "difficult:Player"


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process holds."""

    descriptors: int
    threads: int
    processes: int
    rss: int

    @classmethod
    def now(cls) -> "Footprint":
        gc.collect()
        me = psutil.Process()
        return cls(me.num_fds(), me.num_threads(), len(me.children(recursive=True)), me.memory_info().rss)

    def is_back_at(self, before: "Footprint", growth: int) -> bool:
        ours, theirs = ((at.descriptors, at.threads, at.processes) for at in (self, before))
        return ours == theirs and self.rss < before.rss + growth


@dataclass(slots=True)
class Result:
    """One row of the table."""

    row: str = ""
    title: str = ""
    detected: float | None = None
    """Seconds from the fault to the state that says so."""
    back: float | None = None
    """Seconds from the end of the fault to sound."""
    outage: float | None = None
    """How long the fault was there (seconds)."""
    lost: int = 0
    """Windows of `WINDOW_SECONDS` that were not heard."""
    silence: float = 0.0
    """Seconds of sound that were not heard."""
    alarm: float | None = None
    """Seconds from the fault to the alarm, where there was one."""
    reasons: list[str] = field(default_factory=list)
    growth: int = 0
    """Bytes of RSS, from before the fault to after it."""
    note: str = ""
    """What else there is to say."""
    failure: str | None = None


class Stage:
    """Runs both captures until the `with` block ends."""

    def __init__(self, folder: Path, target: str, options: Mapping[str, Any], check: Check = exact) -> None:
        """`target` and `options`: of the difficult source; `check`: what its windows must hold."""
        self.result = Result()
        self.empty = Footprint.now()
        self.inbox = Inbox(1000)
        self.difficult = Listening.of("difficult", target, options, self.inbox, check)
        self.healthy = Listening.of("healthy", PLAYER, {"moods": folder / "healthy"}, self.inbox, exact)
        self._over = threading.Event()
        self._taker = threading.Thread(target=self._take, name="taker")
        self._began = self._mended = time.monotonic()

    def __enter__(self) -> "Stage":
        self._taker.start()
        for listening in (self.difficult, self.healthy):
            listening.capture.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for listening in (self.difficult, self.healthy):
            listening.capture.stop()
        ended = [listening.capture.join(10) for listening in (self.difficult, self.healthy)]
        self._over.set()
        self._taker.join(10)
        if kind is None:
            assert all(ended), "a capture does not stop"
            self.until(lambda: Footprint.now().is_back_at(self.empty, 2 * MOST_GROWTH), 10)

    def steady(self) -> None:
        """Wait for sound from both, and note what we hold."""
        for listening in (self.difficult, self.healthy):
            self.windows(listening, STEADY_WINDOWS)
        self.before = Footprint.now()

    def breaks(self) -> None:
        """The fault begins now; it ends now, too, unless `mends` says later."""
        self._began = self._mended = time.monotonic()

    def mends(self) -> None:
        """The fault ends now."""
        self._mended = time.monotonic()
        self.result.outage = self._mended - self._began

    @property
    def age(self) -> float:
        """Seconds since the fault began."""
        return time.monotonic() - self._began

    def detects(self, *reasons: str, within: float) -> None:
        """Wait until the source is not live, for one of these reasons."""
        at = self.until(lambda: self.difficult.broken_since(self._began), within + PATIENCE_SECONDS)
        self.result.detected = at - self._began
        assert self.difficult.reasons[-1] in reasons, f"{self.difficult.reasons}, not one of {reasons}"
        self.promised("detected", self.result.detected, within)

    def names(self, reason: str, within: float) -> None:
        """Wait for this reason."""
        self.until(lambda: reason in self.difficult.reasons, within)

    def alarms(self) -> None:
        """Wait for the alarm."""
        at = self.until(lambda: self.difficult.since(self._began, lambda status: status.alarm_since_ns is not None))
        self.result.alarm = at - self._began
        self.promised("alarm", self.result.alarm, ALARM_PROMISE)

    def recovers(self, within: float = RECOVERY_PROMISE) -> None:
        """Wait until it is live again."""
        at = self.until(lambda: self.difficult.live_since(self._mended), within + PATIENCE_SECONDS)
        self.result.back = at - self._mended
        self.promised("sound back", self.result.back, within)

    def ends_well(self, growth: int = MOST_GROWTH) -> None:
        """After some more sound: every window is right, the healthy source noticed nothing, we hold what we held."""
        for listening in (self.difficult, self.healthy):
            self.windows(listening, STEADY_WINDOWS)
        self.result.lost, self.result.silence = self.difficult.lost
        self.result.reasons = self.difficult.reasons
        assert self.difficult.fault is None, self.difficult.fault
        assert self.healthy.is_undisturbed(), f"{self.healthy.states}, {self.healthy.fault}"
        self.until(lambda: Footprint.now().is_back_at(self.before, growth), 10)
        self.result.growth = Footprint.now().rss - self.before.rss

    def windows(self, listening: Listening, more: int) -> None:
        """Wait for so many windows more."""
        count = listening.count()
        self.until(lambda: listening.count() >= count + more)

    def until(self, found: Callable[[], Any], within: float = PATIENCE_SECONDS) -> Any:
        """What it finds, once it is not None or False."""
        deadline = time.monotonic() + within
        while not (it := found()):
            told = [(round(at - self._began, 1), status.state, status.reason) for at, status in self.difficult.told]
            assert time.monotonic() < deadline, f"not within {within:.0f} s; {self.difficult.name} told {told}"
            time.sleep(0.05)
        return it

    def promised(self, what: str, seconds: float, promise: float) -> None:
        assert seconds <= promise + ALLOWANCE_SECONDS, f"{what} after {seconds:.1f} s, not {promise:.0f}"

    def _take(self) -> None:
        by_name = {listening.name: listening for listening in (self.difficult, self.healthy)}
        while not self._over.is_set():
            for window in self.inbox.take(100, 0.2):
                by_name[window.source].take(window)
