"""The last windows of one source, without their samples: where the evidence of M of N windows is counted."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from mgcld.data import Clock, Prediction, Window
from mgcld.events.rules import Rule


@dataclass(frozen=True, slots=True)
class Judged:
    """A window without its samples, and what the adapter said of it."""

    epoch: int
    """Counts the openings of the source."""
    start: int
    """Index of its first sample in its epoch."""
    end: int
    """Index behind the last sample that was heard."""
    start_ns: int
    """When `start` was heard (nanoseconds since the Unix epoch, UTC); `end_ns` alike."""
    end_ns: int
    sample_rate: int
    """Hertz."""
    clock: Clock
    clock_uncertainty_ns: int
    """How far the times may be off (nanoseconds)."""
    p: tuple[float, ...]
    """Probability of each class; 0 where all is digital silence."""

    @classmethod
    def of(cls, window: Window, prediction: Prediction) -> "Judged":
        """What is kept of a window; one that is cut short counts by what was heard."""
        return cls(
            epoch=window.epoch,
            start=window.first_sample,
            end=window.first_sample + window.valid_samples,
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            sample_rate=window.sample_rate,
            clock=window.clock,
            clock_uncertainty_ns=window.clock_uncertainty_ns,
            p=(0.0,) * len(prediction.p) if "silent" in window.flags else prediction.p,
        )


class Past:
    """The windows without a gap up to the newest, as far back as evidence may reach.

    "The last N windows" are a chain: the newest one, the last one that ends before it begins, and so on. Where windows
    overlap, all from the chain's first on belong to it (N window lengths); where a hop is longer, it is N hops.
    """

    def __init__(self) -> None:
        self._windows: deque[Judged] = deque()

    def add(self, newest: Judged, reach: int) -> None:
        """Keep it, and of those before it what belongs to the last `reach` windows."""
        self._windows.append(newest)
        needed = sum(1 for _ in self._last(reach))
        while len(self._windows) > needed:
            self._windows.popleft()

    def clear(self) -> None:
        """Sound is missing: nothing before counts any more."""
        self._windows.clear()

    def evidence(self, index: int, rule: Rule, since_ns: int) -> Judged | None:
        """The first hit of M among the last N windows that begin at `since_ns` or later; None while they are too few.

        Hits that share sound count once: it is the greatest number of hits of which none overlap that matters. A
        sound of a second in five overlapping windows is one hit.
        """
        hits, taken, first = 0, math.inf, None
        for window in self._last(rule.of_windows):
            if window.start_ns < since_ns:
                break
            if window.p[index] >= rule.threshold_on:
                first = window
                if window.end <= taken:  # the latest first: no choice gives more
                    hits, taken = hits + 1, window.start
        return first if hits >= rule.min_windows else None

    def since(self, start: int) -> Iterator[Judged]:
        """The windows that begin there or later, in order."""
        return (window for window in self._windows if window.start >= start)

    def _last(self, count: int) -> Iterator[Judged]:
        """Newest first, those of the last so many windows."""
        link, links = math.inf, 0
        for window in reversed(self._windows):
            if window.end <= link and links < count:
                link, links = window.start, links + 1
            elif links == count and window.start < link:
                return
            yield window
