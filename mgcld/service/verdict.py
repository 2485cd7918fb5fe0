"""Does it keep up? Figures in, judgement in words out; nothing here knows a clock or a queue."""

from collections import deque
from dataclasses import dataclass

MINUTE = 60.0
"""Lately is so long (seconds)."""
TIGHT_LOAD, TIGHT_SECONDS = 0.8, 300.0
"""A load over it for so long is told: there is no room for a bad minute."""
HOPS = 4
BEHIND_SECONDS = 60.0
"""So much sound in a spool that does not become less is told."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is to judge by, at one moment."""

    at: float
    """The time (seconds, of any clock that only goes forward)."""
    seconds_per_window: float | None
    """Work that a window takes, lately; None before the first one."""
    arrived: int
    """Windows of live sources, so far, those not heard among them."""
    overflowed: int
    """Of them, those thrown away because too many waited, so far."""
    waiting: int
    """Windows of live sources that wait."""
    capacity: int
    """How many may wait."""
    backlog_seconds: float = 0.0
    """Sound that waits in the fullest spool."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it keeps up, and what is given up for that."""

    keeping_up: bool = True
    """Everything that it was asked for is done."""
    overload: str | None = None
    """What it cannot do, and what a person can do about it; also where it is close to that."""
    load: float | None = None
    """Seconds of work that live sources ask for each second, lately, if each of their windows is heard."""
    hop_factor: int = 1
    """Every n-th window of a live source is heard."""
    captions: bool = True
    """False where captions are left out."""


class Recent:
    """The figures of the last minute, or of the last few hops where that is longer."""

    def __init__(self, hop_seconds: float) -> None:
        """hop_seconds: so often each source brings a window; of fewer than a few nobody can tell how many come."""
        self._seconds = max(MINUTE, HOPS * hop_seconds)
        self._kept: deque[Figures] = deque()
        self._tight_since: float | None = None

    def add(self, figures: Figures) -> None:
        """The newest ones."""
        self._kept.append(figures)
        while len(self._kept) > 2 and self._kept[1].at <= figures.at - self._seconds:
            self._kept.popleft()
        if self.load is None or self.load <= TIGHT_LOAD:
            self._tight_since = None
        elif self._tight_since is None:
            self._tight_since = figures.at

    @property
    def arrivals(self) -> float:
        """Windows of live sources a second."""
        seconds = self._kept[-1].at - self._kept[0].at
        return (self._kept[-1].arrived - self._kept[0].arrived) / seconds if seconds else 0.0

    @property
    def load(self) -> float | None:
        """Seconds of work each second that these windows ask for; None while nobody knows."""
        known = self._kept[-1].at - self._kept[0].at >= self._seconds / 2
        return self.guess if known else None

    @property
    def guess(self) -> float | None:
        """The load by whatever is known: of few windows nobody can tell well how many come."""
        each = self._kept[-1].seconds_per_window
        return None if each is None else self.arrivals * each

    @property
    def dropped(self) -> int:
        """Windows thrown away in the last minute because too many waited."""
        return self._kept[-1].overflowed - self._a_minute_ago.overflowed

    @property
    def pressed(self) -> bool:
        """Since the figures before windows were thrown away, or half of the room is taken and it gets no better."""
        if len(self._kept) < 2:
            return False
        before, now = self._kept[-2], self._kept[-1]
        full = 2 * now.waiting >= now.capacity and now.waiting >= before.waiting
        return now.overflowed > before.overflowed or full

    @property
    def behind(self) -> float:
        """Sound in a spool, where it does not become less; else 0."""
        waits = self._kept[-1].backlog_seconds
        return waits if waits > BEHIND_SECONDS and waits >= self._a_minute_ago.backlog_seconds else 0.0

    @property
    def tight(self) -> bool:
        """It has had little room for a long time."""
        return self._tight_since is not None and self._kept[-1].at - self._tight_since >= TIGHT_SECONDS

    @property
    def _a_minute_ago(self) -> Figures:
        since = self._kept[-1].at - MINUTE
        older = [figures for figures in self._kept if figures.at <= since]
        return older[-1] if older else self._kept[0]


def verdict(recent: Recent, *, hop_factor: int, captions: bool, advice: str) -> Verdict:
    """The judgement, while every `hop_factor`-th window is heard, with or without captions."""
    given_up = [
        *([f"{recent.dropped} windows were dropped in the last minute"] if recent.dropped else []),
        *([f"{recent.behind:.0f} s of sound wait in a spool"] if recent.behind else []),
        *([f"1 of {hop_factor} windows of a source is heard"] if hop_factor > 1 else []),
        *([] if captions else ["captions are left out"]),
    ]
    text = None
    if given_up:
        text = f"{_asked(recent)}{', '.join(given_up)}; {advice}"
    elif recent.tight:
        text = f"{_asked(recent)}there is little room left; {advice}"
    return Verdict(not given_up, text, recent.load, hop_factor, captions)


def _asked(recent: Recent) -> str:
    load = recent.load
    return f"the live sources ask for {load:.2g} s of inference each second: " if load else ""
