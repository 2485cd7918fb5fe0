"""One source with its capture, and everything that came of it."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from expected import RATE, WINDOW, WINDOW_SECONDS, Check

from mgcld.audio.capture import Capture
from mgcld.audio.inbox import Inbox
from mgcld.audio.remote import RemoteSource
from mgcld.data import NANOSECONDS, SourceStatus, State, Window
from mgcld.interfaces import Openable

BROKEN: tuple[State, ...] = ("stalled", "lost", "absent", "failed")


@dataclass(frozen=True, slots=True)
class Cut:
    """What is kept of a window: not its sound, for our memory is measured."""

    epoch: int
    first: int
    gap: int | None
    start_ns: int
    end_ns: int
    flags: frozenset[str]
    right: bool


class Listening:
    """Runs a capture as the daemon does."""

    def __init__(self, name: str, source: Openable, inbox: Inbox, check: Check, **options: Any) -> None:
        self.name = name
        self.source = source
        self.check = check
        self.told: list[tuple[float, SourceStatus]] = []
        self.cuts: list[Cut] = []
        self.newest: Window | None = None
        self.capture = Capture(
            name,
            source,
            sample_rate=RATE,
            window_seconds=WINDOW_SECONDS,
            hop_seconds=WINDOW_SECONDS,
            inbox=inbox,
            on_status=lambda status: self.told.append((time.monotonic(), status)),
            **options,
        )

    @classmethod
    def of(cls, name: str, target: str, options: Mapping[str, Any], inbox: Inbox, check: Check) -> "Listening":
        """A source in a process of its own."""
        return cls(name, RemoteSource(name, target, options), inbox, check)

    def take(self, window: Window) -> None:
        self.newest = window
        self.cuts.append(
            Cut(
                window.epoch,
                window.first_sample,
                window.gap_samples,
                window.start_ns,
                window.end_ns,
                window.flags,
                self.check(window),
            )
        )

    @property
    def status(self) -> SourceStatus:
        return self.capture.status

    @property
    def pid(self) -> int | None:
        return self.source.pid if isinstance(self.source, RemoteSource) else None

    def count(self, epoch: int | None = None) -> int:
        """Windows so far, of all epochs or of one."""
        return sum(epoch is None or cut.epoch == epoch for cut in list(self.cuts))

    @property
    def epoch(self) -> int:
        """Of the newest window; -1 before the first."""
        return self.cuts[-1].epoch if self.cuts else -1

    def since(self, when: float, known: Callable[[SourceStatus], bool]) -> float | None:
        """When the first status of this kind was told after a moment (`time.monotonic`)."""
        return next((at for at, status in list(self.told) if at >= when and known(status)), None)

    def broken_since(self, when: float) -> float | None:
        return self.since(when, lambda status: status.state in BROKEN)

    def live_since(self, when: float) -> float | None:
        return self.since(when, lambda status: status.state == "live")

    @property
    def reasons(self) -> list[str]:
        """Why it was not live, each reason once, in order."""
        return list(dict.fromkeys(status.reason for _, status in self.told if status.reason and status.state in BROKEN))

    @property
    def states(self) -> list[str]:
        return [status.state for _, status in self.told]

    @property
    def lost(self) -> tuple[int, float]:
        """(windows that were not heard, or not whole, seconds of that)."""
        pairs = [(early, late) for early, late in pairwise(self.cuts) if late.epoch != early.epoch or late.gap]
        gaps = [(late.start_ns - early.end_ns) / NANOSECONDS for early, late in pairs]
        return sum(math.ceil(gap / WINDOW_SECONDS) for gap in gaps), sum(gaps)

    @property
    def fault(self) -> str | None:
        """A window that holds what it must not, or stands where it must not."""
        wrong = next((cut for cut in self.cuts if not cut.right), None)
        misplaced = next((pair for pair in pairwise([None, *self.cuts]) if not _follows(*pair)), None)
        return f"{self.name}: wrong {wrong}, misplaced {misplaced}" if wrong or misplaced else None

    def is_undisturbed(self) -> bool:
        """It never noticed that there was trouble anywhere."""
        unbroken = all(cut.epoch == 0 and not cut.gap for cut in self.cuts)
        return unbroken and not self.fault and self.states == ["connecting", "live"] and not self.status.drops


def _follows(early: Cut | None, late: Cut | None) -> bool:
    """Within an epoch none is missing but where it says that it was broken off; each epoch begins with its sample 0."""
    assert late is not None
    if early is None:
        return late.first == 0
    if late.epoch != early.epoch:
        return late.first == 0
    begun = late.first - early.first - WINDOW - (late.gap or 0)  # samples of a window that was broken off
    return 0 <= begun < WINDOW if late.gap or "clock_step" in late.flags else begun == 0
