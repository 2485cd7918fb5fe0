"""Where windows of all sources wait for the encoder: bounded, newest wins, every drop counted."""

import math
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mgcld.audio.stride import Stride
from mgcld.data import NANOSECONDS, Flag, Window

_LATE: frozenset[Flag] = frozenset({"late"})
STOP_SECONDS = 0.1
"""A source that waits for room looks at its stop event so often."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    window: Window
    patient: bool
    late_seconds: float


@dataclass(slots=True)
class _Unsaid:
    """What windows that were thrown away would have told, and the next one tells for them."""

    windows: int = 0
    lost: int | None = 0
    flags: frozenset[Flag] = frozenset()

    def take(self, window: Window) -> None:
        self.windows += 1 + window.dropped_windows
        self.lost = _sum(self.lost, window.gap_samples)
        self.flags |= window.flags & {"clock_step"}

    def told_by(self, window: Window) -> Window:
        return replace(
            window,
            dropped_windows=window.dropped_windows + self.windows,
            gap_samples=_sum(self.lost, window.gap_samples),
            flags=window.flags | self.flags,
        )


@dataclass(frozen=True, slots=True)
class Traffic:
    """What came from live sources, so far."""

    arrived: int = 0
    """Windows."""
    overflowed: int = 0
    """Of them, windows thrown away because too many waited."""
    passed: int = 0
    """Of them, windows passed over, as `Inbox.keep_every` wishes."""


class Inbox:
    """Many sources put, one loop takes.

    At most `capacity` windows of live sources wait here, and as many of sources that can wait themselves: a file that
    is read at full speed fills its own half only and never costs a microphone a window.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        """At most so many windows of live sources wait, and as many of others."""
        self._waiting: deque[_Waiting] = deque()
        self._taken: Counter[str] = Counter()  # and not `done`
        self._changed = threading.Condition()
        self._dropped: Counter[str] = Counter()
        self._unsaid: defaultdict[str, _Unsaid] = defaultdict(_Unsaid)  # of drops that no window has told of yet
        self._passed: defaultdict[str, _Unsaid] = defaultdict(_Unsaid)  # and the next one that comes tells of these
        self._stride = Stride()
        self._traffic = Traffic()
        self._waits_for: dict[str, Callable[[Window], None]] = {}

    def put(self, window: Window, *, wait: bool, stop: threading.Event, late_seconds: float = math.inf) -> bool:
        """Add a window; when full, wait until there is room or `stop` is set, or else drop the oldest that may be.

        False where it is left to whoever brought it: there was no room, and it stops.

        One that is taken `late_seconds` or more after it was ready says so. One that cannot wait may be passed over.
        """
        with self._changed:
            if not wait:
                self._count(arrived=1)
                if not self._stride.chooses(window.source):
                    self._pass_over(window)
                    return True
                window = self._after_passed(window)
            while self._full(patient=wait):
                if not wait:
                    self._drop_oldest()
                elif stop.is_set():
                    return False
                else:
                    self._changed.wait(STOP_SECONDS)
            self._waiting.append(_Waiting(window, wait, late_seconds))
            self._changed.notify_all()
            return True

    def take(self, most: int, timeout: float) -> list[Window]:
        """Everything that waits, oldest first, up to `most`; nothing if none came within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._waiting:
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                self._changed.wait(left)
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._taken.update(waiting.window.source for waiting in taken)
            self._changed.notify_all()
            return [self._told(waiting) for waiting in taken]

    def call(self, source: str, sent: Callable[[Window], None]) -> None:
        """Call `sent` with each window of that source that has gone out."""
        self._waits_for[source] = sent

    def done(self, windows: Sequence[Window]) -> None:
        """These windows, as they were taken, have gone out."""
        for window in windows:
            if window.source in self._waits_for:
                self._waits_for[window.source](window)
        with self._changed:  # only now: whoever waits for these to go out finds it noted
            self._taken -= Counter(window.source for window in windows)

    def refuse(self, window: Window) -> None:
        """One that was taken cannot be heard: it counts as dropped, and the next one tells."""
        with self._changed:
            self._dropped[window.source] += 1
            self._unsaid[window.source].take(window)

    def keep_every(self, n: int) -> None:
        """Of each source that cannot wait take every n-th window only; those that wait already stay."""
        with self._changed:
            self._stride.set(n)

    def forget(self, source: str) -> None:
        """Nothing more comes from it: its counts go. What waits is still taken."""
        with self._changed:
            self._stride.forget(source)
            for counted in (self._dropped, self._unsaid, self._passed, self._waits_for):
                counted.pop(source, None)

    @property
    def traffic(self) -> Traffic:
        """What came from live sources, so far."""
        with self._changed:
            return self._traffic

    @property
    def waiting(self) -> int:
        """Windows of live sources that wait."""
        with self._changed:
            return sum(not waiting.patient for waiting in self._waiting)

    def dropped(self, source: str) -> int:
        """Windows of that source thrown away so far, those that were passed over among them."""
        with self._changed:
            return self._dropped[source]

    def waits_for(self, source: str) -> bool:
        """Whether a window of that source is still to be taken."""
        with self._changed:
            return self._waits(source)

    def holds(self, source: str) -> bool:
        """Whether a window of that source is still to be taken, or was taken and has not gone out."""
        with self._changed:
            return source in self._taken or self._waits(source)

    def __len__(self) -> int:
        """Windows that wait."""
        return len(self._waiting)

    def _waits(self, source: str) -> bool:
        return any(waiting.window.source == source for waiting in self._waiting)

    def _full(self, *, patient: bool) -> bool:
        return sum(waiting.patient == patient for waiting in self._waiting) >= self.capacity

    def _drop_oldest(self) -> None:
        oldest = next(waiting for waiting in self._waiting if not waiting.patient)
        self._waiting.remove(oldest)
        self._count(overflowed=1)
        self._dropped[oldest.window.source] += 1
        self._unsaid[oldest.window.source].take(oldest.window)

    def _pass_over(self, window: Window) -> None:
        self._count(passed=1)
        self._dropped[window.source] += 1
        self._passed[window.source].take(window)

    def _after_passed(self, window: Window) -> Window:
        passed = self._passed.pop(window.source, None)
        return window if passed is None else passed.told_by(window)

    def _count(self, *, arrived: int = 0, overflowed: int = 0, passed: int = 0) -> None:
        before = self._traffic
        self._traffic = Traffic(before.arrived + arrived, before.overflowed + overflowed, before.passed + passed)

    def _told(self, waiting: _Waiting) -> Window:
        window, unsaid = waiting.window, self._unsaid.pop(waiting.window.source, None)
        if time.monotonic_ns() - window.ready_ns >= waiting.late_seconds * NANOSECONDS:
            window = replace(window, flags=window.flags | _LATE)
        return window if unsaid is None else unsaid.told_by(window)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
