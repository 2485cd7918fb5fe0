"""How one source is doing: written by its thread, read by any other."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mgcld.audio.alarm import Alarm
from mgcld.audio.limit import Limit, LimitedLog
from mgcld.audio.troubles import Troubles
from mgcld.data import NANOSECONDS, AudioBlock, SourceStatus, State, Transition, Window
from mgcld.errors import SourceError

logger = logging.getLogger(__name__)

STALL_SECONDS = 15.0
"""A live source whose thread shows no sign of life for so long is shown as stalled: it may hang in a library."""
RATE_SECONDS = 10
"""The rate of bytes is a mean over so long."""
BYTES_A_SAMPLE = 4
MOST_TRANSITIONS = 100
"""So many changes of state are remembered."""
FINAL: tuple[State, ...] = ("ended", "failed")
ALERTS, ALERTS_SECONDS = 4, 900.0
"""At most so many alerts of one source go into the log in so many seconds."""


class Health:
    """Keeps the `SourceStatus`."""

    def __init__(
        self,
        source: str,
        *,
        live: bool,
        longest_seconds: float,
        on_status: Callable[[SourceStatus], None],
        drops: Callable[[], int] = lambda: 0,
        spool: Callable[[], tuple[float, float]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_status` is called at each change of state, alarm or hint, in the thread that makes it.

        longest_seconds: of a window and of a hop, the longer. drops: tells the windows thrown away so far.
        spool: tells the seconds that wait there, and those that it lost.
        """
        self._live = live
        self._on_status = on_status
        self._drops = drops
        self._spool = spool
        self._clock = clock
        self._lock = threading.Lock()
        now_ns = time.time_ns()
        self._status = SourceStatus(source=source, state="connecting", since_ns=now_ns)
        self._history = deque([Transition(now_ns, "connecting", None)], MOST_TRANSITIONS)
        self._log = LimitedLog(logger, source, Limit(ALERTS, ALERTS_SECONDS, clock))
        self._alarm = Alarm(clock)
        self._troubles = Troubles(longest_seconds)
        self._moved = clock()  # when its thread last showed a sign of life
        self._began = self._moved  # when it last went live
        self._heard: deque[tuple[int, int]] = deque(maxlen=RATE_SECONDS)  # (second, bytes)
        self._received = 0
        self._received_ns: int | None = None

    def begin(self) -> None:
        """It is opened for the first time: from here on it should sound, however long ago this was made."""
        with self._lock:
            self._alarm = Alarm(self._clock)
        self.turn("connecting")

    def turn(self, state: State, *, error: SourceError | None = None, retry_in: float | None = None) -> None:
        """Enter a state: what went wrong, and in how many seconds it is tried again. None follows a final one."""
        now_ns = time.time_ns()
        with self._lock:
            before = self._status
            if before.state in FINAL:  # another thread of the source has broken
                return
            # While it is tried again the last reason still says why there is no sound.
            reason, hint = (error.reason, error.help or None) if error else (before.reason, before.hint)
            if state in ("live", "ended"):
                reason, hint, self._began = None, None, self._clock()
                self._heard.clear()
            self._status = replace(
                before,
                state=state,
                since_ns=now_ns,
                reason=reason,
                hint=hint,
                next_retry_ns=None if retry_in is None else now_ns + round(retry_in * NANOSECONDS),
            )
            if (state, reason) != (self._history[-1].state, self._history[-1].reason):
                self._history.append(Transition(now_ns, state, reason))
            self._moved = self._clock()
            if state == "live":
                self._alarm.live()
            else:
                self._alarm.lost()
        self._on_status(self.status)
        self.look()

    def look(self) -> None:
        """Time passes, and the source's thread is well: say what is new about alarm and troubles."""
        with self._lock:
            self._moved = self._clock()
        if self._live and self._status.state not in FINAL:
            self._alarmed()
            self._troubled()

    def reopened(self) -> None:
        """Count another opening, for the reason why there is no sound now."""
        with self._lock:
            reasons = Counter(self._status.restarts_by_reason)
            reasons[self._status.reason or "unknown"] += 1
            self._status = replace(self._status, restarts=self._status.restarts + 1, restarts_by_reason=reasons)

    def heard(self, block: AudioBlock) -> None:
        """Count what arrived."""
        size = len(block.samples) * BYTES_A_SAMPLE
        with self._lock:
            self._received += size
            self._received_ns = time.time_ns()
            self._moved = self._clock()
            second = int(self._moved)
            if self._heard and self._heard[-1][0] == second:
                size += self._heard.pop()[1]
            self._heard.append((second, size))

    def cutting(self, block: AudioBlock) -> None:
        """Windows are going to be made of it."""
        with self._lock:
            self._troubles.heard(block)

    def opened(self, facts: Mapping[str, Any]) -> None:
        """Note what the source says of what it has opened."""
        with self._lock:
            self._status = replace(self._status, facts=facts)

    def cut(self, window: Window, *, gaps: int = 0, gap_seconds: float = 0.0) -> None:
        """Note the newest window's level, and how often and how long sound was missing so far."""
        with self._lock:
            self._troubles.cut(window)
            self._status = replace(
                self._status,
                level_dbfs=window.level_dbfs,
                silent_since_ns=self._troubles.silent_since_ns,
                gaps=gaps,
                gap_seconds=gap_seconds,
            )

    @property
    def status(self) -> SourceStatus:
        """The status as of now."""
        now = self._clock()
        with self._lock:
            kept = replace(
                self._status,
                bytes_per_s=self._rate(now),
                received_bytes=self._received,
                received_ns=self._received_ns,
                history=tuple(self._history),
            )
            idle = now - self._moved
        waiting, lost = self._spool() if self._spool is not None else (None, 0.0)
        status = replace(kept, drops=self._drops(), backlog_seconds=waiting, lost_seconds=lost)
        if self._live and status.state in ("connecting", "live") and idle > STALL_SECONDS:
            hint = f"no sound and no error for {idle:.0f} s: restart the device, or mgcld"
            since_ns = time.time_ns() - round(idle * NANOSECONDS)
            return replace(status, state="stalled", since_ns=since_ns, reason="timeout", hint=hint)
        return status

    def _alarmed(self) -> None:
        with self._lock:
            seconds, turned, on = self._alarm.seconds, self._alarm.turned(), self._alarm.on
            if not turned:
                return
            since_ns = time.time_ns() - round(seconds * NANOSECONDS)
            self._status = status = replace(self._status, alarm_since_ns=since_ns if on else None)
        if on:
            why = f" ({status.reason})" if status.reason else ""
            self._log.say(logging.ERROR, f"ALARM: no lasting sound for {seconds:.0f} s{why}")
        else:
            self._log.say(logging.WARNING, "alarm over: the sound has come back, and stayed")
        self._on_status(self.status)

    def _troubled(self) -> None:
        with self._lock:
            if self._status.state != "live" or self._troubles.now == self._status.hint:
                return
            self._status = status = replace(self._status, hint=self._troubles.now)
        self._log.say(logging.WARNING, status.hint or "what was wrong with its sound is over")
        self._on_status(self.status)

    def _rate(self, now: float) -> float:
        size = sum(size for second, size in self._heard if second > now - RATE_SECONDS)
        return size / max(1.0, min(RATE_SECONDS, now - self._began))
