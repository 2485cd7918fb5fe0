"""One opening of a source, listened to for a few seconds: what comes, how loud, by which clock, and how old."""

import logging
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mgcld.audio.closing import broken, closing
from mgcld.audio.levels import flags, level_dbfs, peak_dbfs
from mgcld.audio.remote import RemoteSource, is_starting
from mgcld.audio.watch import HINT, SLOW_SHARE, STALL_SECONDS, watch
from mgcld.data import NANOSECONDS, AudioBlock, Clock, Flag, nanoseconds
from mgcld.errors import SourceError
from mgcld.interfaces import Describing, Openable

logger = logging.getLogger(__name__)

LISTEN_SECONDS = 3.0
"""A live source is listened to for so long, from its first sound on; of a file so much is read."""
MOST_SECONDS = 30.0
"""More sound is not kept, where it comes faster than it sounds."""
TIMED: frozenset[Clock] = frozenset({"adc", "rtcp"})
"""Clocks that say when something was heard; by the others it was when it came."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one opening gave."""

    error: SourceError | None
    """What is wrong with it; the rest is then as far as it came."""
    first_seconds: float | None = None
    """From the opening, start of a capture process included, to the first sound; None where none came."""
    sound_seconds: float = 0.0
    """So much came."""
    gaps: int = 0
    """Places where samples were lost."""
    sample_rate: int | None = None
    """Hertz, as it comes."""
    level_dbfs: float | None = None
    """Root mean square (dB relative to full scale); None is digital silence or nothing."""
    peak_dbfs: float | None = None
    """Largest sample (dB relative to full scale); None is digital silence or nothing."""
    flags: frozenset[Flag] = frozenset()
    """`silent`, `clipped`."""
    clock: Clock | None = None
    clock_uncertainty_ns: int | None = None
    age_seconds: float | None = None
    """How old the newest sample is when its block arrives, in the median; None by a clock that does not know."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the source says of what it has opened."""


def probe(
    source: Openable,
    *,
    stop: threading.Event,
    stall_seconds: float = STALL_SECONDS,
    listen_seconds: float = LISTEN_SECONDS,
) -> Heard:
    """Open, listen, close; nothing stays open and no capture process stays, whatever happens.

    Takes at most the time that an opening in a short outage may take, and `listen_seconds`, and the time to end a
    capture process that hangs. Ends early when `stop` is set.
    """
    ear = _Ear(source.live, listen_seconds)
    error = None
    try:
        with closing(source.blocks()) as blocks:
            _listen(source, blocks, ear, stop, min(stall_seconds, STALL_SECONDS))
        error = ear.complaint()
    except SourceError as fault:
        error = fault
    except Exception as fault:
        logger.exception("check: the source broke")
        error = broken(fault)
    finally:
        if isinstance(source, RemoteSource):
            source.close()
    return ear.heard(source.facts if isinstance(source, Describing) else {}, error)


def _listen(
    source: Openable, blocks: Iterator[AudioBlock], ear: "_Ear", stop: threading.Event, stall_seconds: float
) -> None:
    watcher = watch(True, stall_seconds)
    for block in blocks:
        if len(block.samples):
            ear.take(block)
            watcher.heard(len(block.samples) / block.sample_rate)
        if ear.live and not is_starting(source):
            watcher.check()
        if ear.enough() or stop.is_set():
            return
    ear.ended = True


class _Ear:
    """Keeps what comes."""

    def __init__(self, live: bool, listen_seconds: float) -> None:
        self.live = live
        self._wanted = listen_seconds
        self.ended = False
        self._opened = time.monotonic()
        self._first: float | None = None
        self._last = 0.0  # when the newest block came, from the first on
        self._blocks: list[AudioBlock] = []
        self._ages: list[float] = []
        self._seconds = 0.0
        self._gaps = 0

    def take(self, block: AudioBlock) -> None:
        end_ns = block.captured_ns + nanoseconds(len(block.samples), block.sample_rate)
        self._ages.append((time.time_ns() - end_ns) / NANOSECONDS)
        self._first = self._first or time.monotonic()
        self._last = self._listened()
        self._gaps += bool(self._blocks) and _gap(self._blocks[-1], block)
        self._blocks.append(block)
        self._seconds += len(block.samples) / block.sample_rate

    def enough(self) -> bool:
        if not self.live:
            return self._seconds >= self._wanted
        return self._seconds >= MOST_SECONDS or (self._first is not None and self._listened() >= self._wanted)

    def complaint(self) -> SourceError | None:
        """What is wrong with a source that has not failed itself."""
        if not self.live:
            return None if self._blocks else SourceError("it holds no sound", reason="no_audio", help="is it whole?")
        if self.ended and self._seconds < self._wanted:
            text = f"the sound ended after {self._seconds:.1f} s"
            return SourceError(text, reason="ended", help="the other side closed it: does it serve one listener only?")
        listened = self._listened()
        if self.ended or self._seconds >= SLOW_SHARE * listened:
            return None
        if listened - self._last > listened / 2:
            return SourceError(f"nothing more came after {self._last:.1f} s", reason="timeout", help=HINT)
        return SourceError(f"only {self._seconds / listened:.0%} of the sound comes", reason="slow", help=HINT)

    def heard(self, facts: Mapping[str, Any], error: SourceError | None) -> Heard:
        if self._first is None:
            return Heard(error, facts=facts)
        last = self._blocks[-1]
        samples = np.concatenate([block.samples for block in self._blocks])
        return Heard(
            error=error,
            first_seconds=self._first - self._opened,
            sound_seconds=self._seconds,
            gaps=self._gaps,
            sample_rate=last.sample_rate,
            level_dbfs=level_dbfs(samples),
            peak_dbfs=peak_dbfs(samples),
            flags=flags(samples),
            clock=last.clock,
            clock_uncertainty_ns=last.clock_uncertainty_ns,
            age_seconds=statistics.median(self._ages) if last.clock in TIMED else None,
            facts=facts,
        )

    def _listened(self) -> float:
        return 0.0 if self._first is None else time.monotonic() - self._first


def _gap(before: AudioBlock, after: AudioBlock) -> bool:
    return after.epoch != before.epoch or after.first_sample != before.first_sample + len(before.samples)
