"""When a source is opened again."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from mgcld.errors import Reason

SHORT_SECONDS = 70.0
"""An outage is short up to here: what is promised for a minute, and the opening that was under way at its end."""
MOST_IN_SHORT = 8.0
"""Openings lie so close in a short outage: one of T seconds, up to a minute, costs at most T + 10."""
LEAST_SECONDS = 0.5
"""However long an opening took before it failed, the next does not begin at once."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds from the beginning of one opening to that of the next: twice as long each time."""

    first: float
    most: float
    most_in_short: float


USUAL = Policy(first=1, most=60, most_in_short=MOST_IN_SHORT)
POLICIES: dict[Reason, Policy] = {
    "absent": Policy(first=2, most=2, most_in_short=2),  # a device that is plugged in is heard within five seconds
    "auth": Policy(first=60, most=600, most_in_short=60),  # many cameras lock an account after a few wrong passwords
    "not_found": Policy(first=15, most=120, most_in_short=15),
    "no_audio": Policy(first=30, most=300, most_in_short=30),
    "codec": Policy(first=30, most=300, most_in_short=30),
}


class Backoff:
    """Grows with an outage, each wait spread by a fifth, so that sources do not return in step.

    Each policy grows by its own failures: a camera that was away for long, and then refuses a password while it starts,
    is not asked as rarely as one that has always refused it.
    """

    def __init__(self, spread: float = 0.2, clock: Callable[[], float] = time.monotonic) -> None:
        self._spread = spread
        self._clock = clock
        self._failures: Counter[Policy] = Counter()
        self._began: float | None = None

    @property
    def short(self) -> bool:
        """True while this outage, if there is one, is younger than `SHORT_SECONDS`."""
        return self._began is None or self._clock() - self._began < SHORT_SECONDS

    def next(self, reason: Reason, took: float) -> float:
        """Seconds to wait now, after an opening that failed for this reason and took so long."""
        if self._began is None:
            self._began = self._clock()
        policy = POLICIES.get(reason, USUAL)
        most = policy.most_in_short if self.short else policy.most
        apart = min(policy.first * 2.0 ** min(self._failures[policy], 20), most)
        self._failures[policy] += 1
        apart = min(apart * random.uniform(1 - self._spread, 1 + self._spread), most)
        return max(LEAST_SECONDS, apart - took)

    def reset(self) -> None:
        """The source has proved itself: the next outage is a new one."""
        self._failures.clear()
        self._began = None
