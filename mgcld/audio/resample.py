"""Blocks of any rate in, blocks of the encoder's rate out; the same samples however the audio was cut."""

from dataclasses import replace

import numpy as np
import soxr
from jaxtyping import Float32

from mgcld.data import AudioBlock, nanoseconds


def index_at(sample: int, native: int, target: int) -> int:
    """The sample index at `target` Hz that lies nearest to one at `native` Hz."""
    return (2 * sample * target + native) // (2 * native)


class Resampler:
    """Follows one source through gaps and changes of its rate.

    Each unbroken stretch goes through a filter of its own, so nothing rings across a gap. Blocks that have the rate
    already pass untouched.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._stretch: _Stretch | None = None

    def push(self, block: AudioBlock) -> list[AudioBlock]:
        """What is ready after this block, in order; the filter holds back up to about 0.1 s."""
        if block.sample_rate == self._rate:
            return [*self.flush(), block]
        if self._stretch is not None and self._stretch.goes_on_with(block):
            return self._stretch.push(block.samples)
        before = self._stretch
        tail = self.flush()
        self._stretch = _Stretch(block, self._rate, before)
        return [*tail, *self._stretch.push(block.samples)]

    def flush(self) -> list[AudioBlock]:
        """What the filter still holds; the next block starts a new stretch."""
        stretch, self._stretch = self._stretch, None
        return stretch.push(np.empty(0, np.float32), last=True) if stretch is not None else []


class _Stretch:
    """Consecutive samples of one epoch and one rate."""

    def __init__(self, first: AudioBlock, target: int, before: "_Stretch | None") -> None:
        self._anchor = first
        self._rate = target
        self._filter = soxr.ResampleStream(first.sample_rate, target, 1, dtype="float32", quality="HQ")
        self._next = first.first_sample
        self._next_made = self._first_index(first, before)
        self._first_made = self._next_made

    def _first_index(self, first: AudioBlock, before: "_Stretch | None") -> int:
        index = index_at(first.first_sample, first.sample_rate, self._rate)
        if before is None or before._anchor.epoch != first.epoch or before._anchor.sample_rate != first.sample_rate:
            return index
        # However short the gap, it must not vanish in the rounding: the windower knows it by the index alone.
        if first.first_sample > before._next:
            return max(index, before._next_made + 1)
        return min(index, before._next_made - 1)

    def goes_on_with(self, block: AudioBlock) -> bool:
        anchor = self._anchor
        here = (anchor.epoch, anchor.sample_rate, self._next)
        return (block.epoch, block.sample_rate, block.first_sample) == here

    def push(self, samples: Float32[np.ndarray, " samples"], last: bool = False) -> list[AudioBlock]:
        self._next += len(samples)
        made = self._filter.resample_chunk(np.ascontiguousarray(samples, np.float32), last=last)
        if not len(made):
            return []
        first, self._next_made = self._next_made, self._next_made + len(made)
        captured_ns = self._anchor.captured_ns + nanoseconds(first - self._first_made, self._rate)
        return [
            replace(self._anchor, samples=made, sample_rate=self._rate, first_sample=first, captured_ns=captured_ns)
        ]
