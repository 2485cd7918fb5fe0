"""What is given up while the machine cannot keep up, and that it is said."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from mgcld.audio.inbox import Inbox
from mgcld.audio.limit import Limit, LimitedLog
from mgcld.data import SourceStatus
from mgcld.service.pace import Pace
from mgcld.service.verdict import MINUTE, Figures, Recent, Verdict, verdict

logger = logging.getLogger(__name__)

Policy = Literal["drop_oldest", "longer_hop", "skip_captions"]

MOST_LOAD, AIM_LOAD, ROOM_LOAD = 0.95, 0.8, 0.7
"""Over the first more is given up, until the load is below the second; less, where it would stay below the third."""
SHORTEST_LOOK_SECONDS = 2.0
"""What was given up must show before more is."""
LINES, LINES_SECONDS = 4, 900.0
ADVICE = {
    "drop_oldest": "take fewer sources, a longer hop, a spool, or another overload.policy",
    "longer_hop": "take fewer sources, or a longer hop",
    "skip_captions": "take fewer sources, a longer hop, or a faster captioner",
}


class Captions(Protocol):
    """Who writes captions in time (`mgcld.model.captions.Deadline`)."""

    @property
    def cost(self) -> float:
        """Seconds of captions that each window may cost where there is time."""
        ...

    def hurry(self, hurried: bool) -> None:
        """While it is true none is written."""
        ...


class Valve:
    """How much is given up, in steps: at once as many as are needed, and taken back one by one, a minute apart."""

    def __init__(self, most: int) -> None:
        """At most so many steps."""
        self.steps = 0
        self._most = most
        self._turned_at = -math.inf

    def turn(self, now: float, load_at: Callable[[int], float], *, pressed: bool) -> bool:
        """Whether it turned. `load_at` tells the load with so many steps; pressed: windows wait or are dropped."""
        before = self.steps
        if pressed or load_at(before) > MOST_LOAD:
            enough = (steps for steps in range(before + 1, self._most) if load_at(steps) <= AIM_LOAD)
            self.steps = min(next(enough, self._most), self._most)
            self._turned_at = now
        elif before and now - self._turned_at >= MINUTE and load_at(before - 1) <= ROOM_LOAD:
            self.steps = before - 1
            self._turned_at = now
        return self.steps != before


class Overload:
    """Looks at the figures now and then, gives up what the policy says, and says so. For one thread."""

    def __init__(
        self,
        policy: Policy,
        *,
        inbox: Inbox,
        pace: Pace,
        captions: Captions,
        hop_seconds: float,
        longest_hop_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """hop_seconds: as configured. longest_hop_seconds: windows start at least so often, with `longer_hop`."""
        self.verdict = Verdict()
        """The last one."""
        self._policy = policy
        self._inbox = inbox
        self._pace = pace
        self._captions = captions
        longest = max(1, math.floor(longest_hop_seconds / hop_seconds + 1e-9))
        self._valve = Valve({"drop_oldest": 0, "longer_hop": longest - 1, "skip_captions": 1}[policy])
        self._recent = Recent(hop_seconds)
        self._clock = clock
        self._log = LimitedLog(logger, "inference", Limit(LINES, LINES_SECONDS, clock))
        self._said = False
        self._looked_at = -math.inf

    def look(self, sources: Sequence[SourceStatus]) -> Verdict:
        """Every few seconds: judge, give up more or less, and log what is new. In between, the last verdict."""
        if self._clock() - self._looked_at < SHORTEST_LOOK_SECONDS:
            return self.verdict
        figures = self._figures(sources)
        self._looked_at = figures.at
        self._recent.add(figures)
        pressed = self._recent.pressed
        turned = self._valve.turn(figures.at, self._load_at, pressed=pressed)
        if turned:
            self._apply()
        before, self.verdict = self.verdict, self._judged()
        self._say(worse=turned or pressed or before.keeping_up > self.verdict.keeping_up or before.overload is None)
        return self.verdict

    def release(self) -> None:
        """Nothing is given up any more, for another configuration."""
        self._valve.steps = 0
        self._apply()

    def _figures(self, sources: Sequence[SourceStatus]) -> Figures:
        traffic = self._inbox.traffic
        return Figures(
            at=self._clock(),
            seconds_per_window=self._pace.seconds_per_window,
            arrived=traffic.arrived,
            overflowed=traffic.overflowed,
            waiting=self._inbox.waiting,
            capacity=self._inbox.capacity,
            backlog_seconds=max((status.backlog_seconds or 0.0 for status in sources), default=0.0),
        )

    def _load_at(self, steps: int) -> float:
        recent = self._recent
        load = (recent.guess if recent.load is None and recent.pressed else recent.load) or 0.0
        if self._policy == "skip_captions":  # what a window takes now says nothing of captions that are not written
            return load + recent.arrivals * self._captions.cost if steps < self._valve.steps else load
        return load / (steps + 1)

    def _apply(self) -> None:
        if self._policy == "longer_hop":
            self._inbox.keep_every(self._valve.steps + 1)
        elif self._policy == "skip_captions":
            self._captions.hurry(self._valve.steps > 0)

    def _judged(self) -> Verdict:
        factor = self._valve.steps + 1 if self._policy == "longer_hop" else 1
        captions = self._policy != "skip_captions" or not self._valve.steps
        return verdict(self._recent, hop_factor=factor, captions=captions, advice=ADVICE[self._policy])

    def _say(self, *, worse: bool) -> None:
        text = self.verdict.overload
        if text is not None and worse:
            state = "is close to its limit" if self.verdict.keeping_up else "cannot keep up"
            self._said = self._log.say(logging.WARNING, f"{state}: {text}") or self._said
        elif text is None and self._said:
            self._said = False
            logger.info("inference: keeps up again")
