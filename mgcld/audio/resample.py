"""Blocks of any rate in, blocks of the encoder's rate out; the same samples however the audio was cut."""

from dataclasses import replace

import numpy as np
import soxr
from jaxtyping import Float32

from mgcld.audio.marks import Marks
from mgcld.data import NANOSECONDS, AudioBlock, nanoseconds


def index_at(sample: int, native: int, target: int) -> int:
    """The sample index at `target` Hz that lies nearest to one at `native` Hz."""
    return (2 * sample * target + native) // (2 * native)


class Resampler:
    """Follows one source through gaps and changes of its rate.

    Each unbroken stretch goes through a filter of its own, so nothing rings across a gap. What it makes carries the
    time of what was heard there. Blocks that have the rate already pass untouched.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._stretch: _Stretch | None = None

    def push(self, block: AudioBlock) -> list[AudioBlock]:
        """What is ready after this block, in order; the filter holds back up to about 0.1 s."""
        if block.sample_rate == self._rate:
            return [*self.flush(), block]
        if self._stretch is not None and self._stretch.goes_on_with(block):
            return self._stretch.push(block)
        before = self._stretch
        tail = self.flush()
        self._stretch = _Stretch(block, self._rate, before)
        return [*tail, *self._stretch.push(block)]

    def flush(self) -> list[AudioBlock]:
        """What the filter still holds; the next block starts a new stretch."""
        stretch, self._stretch = self._stretch, None
        return stretch.end() if stretch is not None else []


class _Stretch:
    """Consecutive samples of one epoch and one rate, over which no clock leaps."""

    def __init__(self, first: AudioBlock, target: int, before: "_Stretch | None") -> None:
        self._first = first
        self._rate = target
        self._filter = soxr.ResampleStream(first.sample_rate, target, 1, dtype="float32", quality="HQ")
        self._marks = Marks(first)
        self._next = first.first_sample
        self._next_made = self._first_index(first, before)
        self._first_made = self._next_made

    def _first_index(self, first: AudioBlock, before: "_Stretch | None") -> int:
        index = index_at(first.first_sample, first.sample_rate, self._rate)
        if before is None or _axis(before._first) != _axis(first):
            return index
        # However short the gap, it must not vanish in the rounding, nor come of it: the windower knows it by the index.
        if first.first_sample > before._next:
            return max(index, before._next_made + 1)
        if first.first_sample < before._next:
            return min(index, before._next_made - 1)
        return before._next_made

    def goes_on_with(self, block: AudioBlock) -> bool:
        here = (*_axis(self._first), self._first.clock_steps, self._next)
        return (*_axis(block), block.clock_steps, block.first_sample) == here

    def push(self, block: AudioBlock) -> list[AudioBlock]:
        self._marks.add(block)
        self._next += len(block.samples)
        return self._made(self._filter.resample_chunk(np.ascontiguousarray(block.samples, np.float32)))

    def end(self) -> list[AudioBlock]:
        return self._made(self._filter.resample_chunk(np.empty(0, np.float32), last=True))

    def _made(self, samples: Float32[np.ndarray, " samples"]) -> list[AudioBlock]:
        """The samples as blocks: one for each mark that they were heard under."""
        first, self._next_made = self._next_made, self._next_made + len(samples)
        marks = [*self._marks.since(self._heard_at(first))]
        starts = [first, *(self._made_at(mark.first_sample) for mark in marks[1:])]
        ends = [min(start, self._next_made) for start in [*starts[1:], self._next_made]]
        self._marks.forget(self._heard_at(self._next_made))
        return [
            self._block(mark, start, samples[start - first : end - first])
            for mark, start, end in zip(marks, starts, ends, strict=True)
            if start < end
        ]

    def _block(self, mark: AudioBlock, first: int, samples: Float32[np.ndarray, " samples"]) -> AudioBlock:
        captured_ns = mark.captured_ns + self._after(mark, first)
        return replace(mark, samples=samples, sample_rate=self._rate, first_sample=first, captured_ns=captured_ns)

    def _after(self, mark: AudioBlock, made: int) -> int:
        """How long after the mark's first sample one that was made comes (nanoseconds)."""
        # Both are counted from the start of the stretch, in samples of the common rate.
        common = mark.sample_rate * self._rate
        since = (made - self._first_made) * mark.sample_rate
        since -= (mark.first_sample - self._first.first_sample) * self._rate
        return nanoseconds(since, common) + round(since * mark.drift * NANOSECONDS / common)

    def _heard_at(self, made: int) -> int:
        """The index at the native rate of what was heard at a sample that was made, or just before."""
        return self._first.first_sample + (made - self._first_made) * self._first.sample_rate // self._rate

    def _made_at(self, heard: int) -> int:
        """The first sample made that was not heard before the one of that native index."""
        return self._first_made - (self._first.first_sample - heard) * self._rate // self._first.sample_rate


def _axis(block: AudioBlock) -> tuple[int, int]:
    return block.epoch, block.sample_rate
