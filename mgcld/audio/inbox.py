"""Where windows of all sources wait for the encoder: bounded, newest wins, every drop counted."""

import math
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
        self.windows += 1
        self.lost = _sum(self.lost, window.gap_samples)
        self.flags |= window.flags & {"clock_step"}

    def told_by(self, window: Window) -> Window:
        return replace(
            window,
            dropped_windows=window.dropped_windows + self.windows,
            gap_samples=_sum(self.lost, window.gap_samples),
            flags=window.flags | self.flags,
        )


class Inbox:
    """Many sources put, one loop takes.

    At most `capacity` windows of live sources wait here, and as many of sources that can wait themselves: a file that
    is read at full speed fills its own half only and never costs a microphone a window.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._dropped: Counter[str] = Counter()
        self._unsaid: defaultdict[str, _Unsaid] = defaultdict(_Unsaid)  # of drops that no window has told of yet
        self._waits_for: dict[str, Callable[[Window], None]] = {}

    def put(self, window: Window, *, wait: bool, stop: threading.Event, late_seconds: float = math.inf) -> None:
        """Add a window; when full, wait until there is room or `stop` is set, or else drop the oldest that may be.

        One that is taken `late_seconds` or more after it was ready says so.
        """
        with self._changed:
            while self._full(patient=wait):
                if not wait:
                    self._drop_oldest()
                elif stop.is_set():
                    return
                else:
                    self._changed.wait(STOP_SECONDS)
            self._waiting.append(_Waiting(window, wait, late_seconds))
            self._changed.notify_all()

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

    def dropped(self, source: str) -> int:
        """Windows of that source thrown away so far."""
        with self._changed:
            return self._dropped[source]

    def waits_for(self, source: str) -> bool:
        """Whether a window of that source is still to be taken."""
        with self._changed:
            return any(waiting.window.source == source for waiting in self._waiting)

    def __len__(self) -> int:
        """Windows that wait."""
        return len(self._waiting)

    def _full(self, *, patient: bool) -> bool:
        return sum(waiting.patient == patient for waiting in self._waiting) >= self._capacity

    def _drop_oldest(self) -> None:
        oldest = next(waiting for waiting in self._waiting if not waiting.patient)
        self._waiting.remove(oldest)
        self._dropped[oldest.window.source] += 1
        self._unsaid[oldest.window.source].take(oldest.window)

    def _told(self, waiting: _Waiting) -> Window:
        window, unsaid = waiting.window, self._unsaid.pop(waiting.window.source, None)
        if time.monotonic_ns() - window.ready_ns >= waiting.late_seconds * NANOSECONDS:
            window = replace(window, flags=window.flags | _LATE)
        return window if unsaid is None else unsaid.told_by(window)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
