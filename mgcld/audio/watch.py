"""Whether a live source that is open still delivers as it should."""

import time
from collections import deque
from collections.abc import Callable

from mgcld.errors import SourceError

STALL_SECONDS = 10.0
"""No sound for so long is a stall."""
SLOW_SECONDS = 20.0
SLOW_SHARE = 0.5
"""Less than this share of the sound in `SLOW_SECONDS` is a trickle."""
OPENING_SECONDS = 8.0
"""An opening may take so long while an outage is short; with `MOST_IN_SHORT` it keeps the promise that stands there."""
PATIENT_OPENING_SECONDS = 20.0
"""Later it may take longer: some cameras do."""
HINT = "check power and network of the device, and whether something else on its way holds the stream"


class Watch:
    """Watches one opening; raises where a person would pull the plug."""

    def __init__(self, *, opening_seconds: float, stall_seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._opening_seconds = opening_seconds
        self._stall_seconds = stall_seconds
        self._slow_seconds = max(SLOW_SECONDS, 2 * stall_seconds)
        self._began: float | None = None
        self._heard_at = clock()
        self._live_since: float | None = None
        self._heard: deque[tuple[float, float]] = deque()  # (when, seconds of sound), a second or more apart

    def heard(self, seconds: float) -> None:
        """So much sound has come."""
        self._heard_at = now = self._clock()
        if self._live_since is None:
            self._live_since = now
        if self._heard and now - self._heard[-1][0] < 1:
            when, before = self._heard.pop()
            self._heard.append((when, before + seconds))
        else:
            self._heard.append((now, seconds))
        while now - self._heard[0][0] > self._slow_seconds:
            self._heard.popleft()

    def check(self) -> None:
        """Say what is wrong, if anything is.

        Raises:
            SourceError: nothing comes (`timeout`), or too little (`slow`).
        """
        now = self._clock()
        if self._began is None:  # the first look: until then its process has started
            self._began = self._heard_at = now
        quiet = now - self._heard_at
        if self._live_since is None:
            if now - self._began >= self._opening_seconds:
                raise SourceError(f"no sound {quiet:.0f} s after it was opened", reason="timeout", help=HINT)
        elif quiet >= self._stall_seconds:
            raise SourceError(f"no sound for {quiet:.0f} s", reason="timeout", help=HINT)
        elif quiet < self._stall_seconds / 2 and (share := self._share(now)) < SLOW_SHARE:
            raise SourceError(f"only {share:.0%} of the sound comes", reason="slow", help=HINT)

    def _share(self, now: float) -> float:
        """Of the sound that should have come lately; all of it while it is too early to say."""
        if self._live_since is None or now - self._live_since < self._slow_seconds:
            return 1.0
        recent = sum(seconds for when, seconds in self._heard if now - when <= self._slow_seconds)
        return recent / self._slow_seconds


def watch(short: bool, stall_seconds: float, clock: Callable[[], float] = time.monotonic) -> Watch:
    """For an opening in a short outage, or in a long one; a source that may pause long may open as long, too."""
    opening = OPENING_SECONDS if short else PATIENT_OPENING_SECONDS
    patient = stall_seconds if stall_seconds > STALL_SECONDS else 0.0
    return Watch(opening_seconds=max(opening, patient), stall_seconds=stall_seconds, clock=clock)
