"""Finds when somebody sets the machine's wall clock, and which blocks were stamped after that."""

from collections import deque
from collections.abc import Callable

NS_PER_MS = 1_000_000
STEP_NS = 100 * NS_PER_MS
"""Less is not worth a broken window: the line takes it up in seconds. ntpd steps from 128 ms on, others from 400 ms."""
SLEW = 1e-3
"""Twice what NTP slews (500 ppm): slower than that, the wall clock has only been led."""
LOOKED_AWAY_NS = 60_000 * NS_PER_MS
"""Slewing is allowed for so long at most: in an outage of hours it would hide steps of seconds."""
READ_WITHIN_NS = 60_000 * NS_PER_MS
"""No block waits longer between its stamp and its reading, unless it comes from a spool."""
NEAR_NS = NS_PER_MS
"""Both clocks are read at one moment, to within this, unless the machine is too busy three times running."""


class Steps:
    """Compares the wall clock with the monotonic one, which nobody sets."""

    def __init__(self, wall: Callable[[], int], monotonic: Callable[[], int]) -> None:
        """Both in nanoseconds, as `time.time_ns` and `time.monotonic_ns`."""
        self._wall = wall
        self._monotonic = monotonic
        self._ahead: int | None = None  # of the monotonic clock, when it was looked at last
        self._looked_ns = 0
        # (leap from the present stamps to those after this step and all before it, when it was found)
        self._open: deque[tuple[int, int]] = deque(maxlen=8)
        self.found = 0
        """Steps so far."""

    def look(self) -> None:
        """Look for a step since the last look."""
        ahead, now = self._read()
        leap = 0 if self._ahead is None else ahead - self._ahead
        if abs(leap) > STEP_NS + SLEW * min(now - self._looked_ns, LOOKED_AWAY_NS):
            self.found += 1
            self._open.append((leap + (self._open[-1][0] if self._open else 0), now))
        self._ahead, self._looked_ns = ahead, now
        while self._open and now - self._open[0][1] > READ_WITHIN_NS:
            self._open.popleft()

    def taken(self, late_ns: int) -> int:
        """The leap between the blocks before and one that is stamped so much later than expected; 0 without one.

        A block may have been stamped before a step and be read after it: only its stamp tells. One that was found is
        not found again.
        """
        leaps = [0, *(leap for leap, _ in self._open)]
        nearest = min(range(len(leaps)), key=lambda index: abs(late_ns - leaps[index]))
        leap = leaps[nearest]
        for _ in range(nearest):
            self._open.popleft()
        for index, (later, since) in enumerate(self._open):
            self._open[index] = (later - leap, since)
        return leap

    @property
    def untaken(self) -> int:
        """Steps that stamps may still tell of."""
        return len(self._open)

    def _read(self) -> tuple[int, int]:
        for _ in range(3):
            before, wall, after = self._monotonic(), self._wall(), self._monotonic()
            if after - before <= NEAR_NS:
                break
        now = (before + after) // 2
        return wall - now, now
