"""The last sound of one source, put together from its windows: overlap once, and never across a gap."""

from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int16

from mgcld.data import NANOSECONDS, Window, nanoseconds


class Place(NamedTuple):
    """A moment on the axis of samples."""

    piece: int
    """Counts the pieces of a source: sound without a gap."""
    sample: int
    """Index in its epoch."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Consecutive samples that no window before held."""

    piece: int
    epoch: int
    first_sample: int
    """Index of samples[0] in its epoch."""
    start_ns: int
    """When samples[0] was heard (nanoseconds since the Unix epoch, UTC)."""
    sample_rate: int
    """Hertz."""
    gap_samples: int | None
    """What is missing between the piece before and this piece; None where nobody knows."""
    samples: Int16[np.ndarray, " samples"]

    @property
    def end_sample(self) -> int:
        """Index of the sample that would come next."""
        return self.first_sample + len(self.samples)

    def between(self, begin: int, end: int) -> "Chunk":
        """What of it lies there."""
        first = min(max(begin, self.first_sample), self.end_sample)
        kept = self.samples[first - self.first_sample : max(0, end - self.first_sample)]
        later = nanoseconds(first - self.first_sample, self.sample_rate)
        return replace(self, first_sample=first, start_ns=self.start_ns + later, samples=kept)


class _Anchor(NamedTuple):
    """When a window began and ended, and where its first sample is."""

    start_ns: int
    end_ns: int
    place: Place
    sample_rate: int

    def place_at(self, t_ns: int) -> Place:
        since = ((t_ns - self.start_ns) * self.sample_rate + NANOSECONDS // 2) // NANOSECONDS
        return self.place._replace(sample=self.place.sample + since)


class Ring:
    """Holds at least the last so many seconds, as far as they were heard, and hardly more."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._chunks: deque[Chunk] = deque()
        self._anchors: deque[_Anchor] = deque()
        self._samples = 0
        self._piece = -1

    @property
    def piece(self) -> int:
        """The newest piece; -1 before the first."""
        return self._piece

    def hear(self, window: Window) -> Chunk | None:
        """Take in what is new in a window; None where nothing is."""
        newest = self._chunks[-1] if self._chunks else None
        if newest is not None and self._goes_on(newest, window):
            begin, gap = newest.end_sample, newest.gap_samples
        else:
            begin, gap = window.first_sample, _gap(newest, window)
            self._piece += 1
        end_ns = window.start_ns + nanoseconds(window.valid_samples, window.sample_rate)
        place = Place(self._piece, window.first_sample)
        self._anchors.append(_Anchor(window.start_ns, end_ns, place, window.sample_rate))
        passed = begin - window.first_sample
        if passed >= window.valid_samples:
            return None
        start_ns = window.start_ns + nanoseconds(passed, window.sample_rate)
        samples = as_16_bit(window.samples[passed : window.valid_samples])
        chunk = Chunk(self._piece, window.epoch, begin, start_ns, window.sample_rate, gap, samples)
        self._keep(chunk)
        return chunk

    def since(self, place: Place | None) -> list[Chunk]:
        """All that lies at or behind a place; without one everything."""
        chunks = [
            chunk.between(place.sample, chunk.end_sample) if place and chunk.piece == place.piece else chunk
            for chunk in self._chunks
            if place is None or chunk.piece >= place.piece
        ]
        return [chunk for chunk in chunks if len(chunk.samples)]

    def onset(self, t_ns: int) -> Place | None:
        """Where a window began at that time, or else where the sound of that time is; None before all that is kept."""
        for anchor in reversed(self._anchors):
            if anchor.start_ns == t_ns:
                return anchor.place
        return self._nearest(t_ns)

    def offset(self, t_ns: int) -> Place | None:
        """Where a window ended at that time, or else where the sound of that time is; None before all that is kept."""
        for anchor in reversed(self._anchors):
            if anchor.end_ns == t_ns:
                return anchor.place_at(t_ns)
        return self._nearest(t_ns)

    def _nearest(self, t_ns: int) -> Place | None:
        for anchor in reversed(self._anchors):
            if anchor.start_ns <= t_ns:
                return anchor.place_at(t_ns)
        return None

    def _goes_on(self, newest: Chunk, window: Window) -> bool:
        same = (newest.epoch, newest.sample_rate) == (window.epoch, window.sample_rate)
        before = self._anchors[-1].place.sample
        return same and "clock_step" not in window.flags and before <= window.first_sample <= newest.end_sample

    def _keep(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self._samples += len(chunk.samples)
        most = round(self._seconds * chunk.sample_rate)
        while self._samples - len(self._chunks[0].samples) >= most:
            self._samples -= len(self._chunks.popleft().samples)
        oldest = Place(self._chunks[0].piece, self._chunks[0].first_sample)
        while len(self._anchors) > 1 and self._anchors[1].place <= oldest:
            self._anchors.popleft()


def as_16_bit(samples: Float32[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
    """Rounded; what is beyond full scale is at full scale."""
    scaled: Int16[np.ndarray, " samples"] = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    return scaled


def _gap(newest: Chunk | None, window: Window) -> int | None:
    """Within an epoch its index tells, whatever the reason; between epochs the window does."""
    if newest is None:
        return 0
    known = (newest.epoch, newest.sample_rate) == (window.epoch, window.sample_rate)
    if known and window.first_sample >= newest.end_sample:
        return window.first_sample - newest.end_sample
    return window.gap_samples
