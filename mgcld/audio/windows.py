"""Blocks in, windows out: pure, exact to the sample, and never across a gap."""

import numpy as np
from jaxtyping import Float32

from mgcld.audio import levels
from mgcld.audio.gaps import Gaps
from mgcld.audio.marks import Marks
from mgcld.data import AudioBlock, Flag, Window
from mgcld.errors import ConfigError


def exact(seconds: float, sample_rate: int) -> int:
    """How many samples that is; it must come out even.

    Raises:
        ConfigError: not a whole number of samples, or none.
    """
    samples = round(seconds * sample_rate)
    if samples < 1 or abs(samples - seconds * sample_rate) > 1e-6:
        raise ConfigError(
            f"{seconds} s is no whole number of samples at {sample_rate} Hz",
            help=f"{max(1, samples) / sample_rate} s is",
        )
    return samples


SHORTEST_TAIL = 0.1
"""Share of a window: a recording that is a few milliseconds longer than a window does not make two."""


class Windower:
    """Cuts one source's audio into windows of `window_seconds`, one each `hop_seconds`.

    A hop shorter than the window overlaps, a longer one skips. At a discontinuity (a new epoch, an index that is not
    the next one, a leap of the clock) it starts again: what waits for its window is given up. A window has the time
    that its first sample was heard at, by the block that brought it, so times do not depend on how the audio was cut.
    """

    def __init__(self, source: str, sample_rate: int, window_seconds: float, hop_seconds: float) -> None:
        """Blocks must come at `sample_rate` (Hz).

        Raises:
            ConfigError: the window or the hop is no whole number of samples.
        """
        self._source = source
        self._rate = sample_rate
        self._size = exact(window_seconds, sample_rate)
        self._hop = exact(hop_seconds, sample_rate)
        self._marks: Marks | None = None  # of the present stretch; None before the first block
        self._began = 0  # index of the stretch's first sample
        self._buffer = np.zeros(self._size, np.float32)
        self._start = 0  # index of buffer[0] in its epoch
        self._filled = 0  # samples in the buffer
        self._known = 0  # of these, samples that stood in the window before
        self._skip = 0  # samples to pass over before the next window
        self._next = 0  # index of the sample that should come next
        self._gaps = Gaps()

    @property
    def gaps(self) -> int:
        """Discontinuities so far."""
        return self._gaps.count

    @property
    def lost_samples(self) -> int:
        """Samples lost in them, as far as is known (at the windower's rate)."""
        return self._gaps.lost_samples

    def push(self, block: AudioBlock) -> list[Window]:
        """The windows that this block completes, in order."""
        if block.sample_rate != self._rate:
            raise ValueError(f"a block of {block.sample_rate} Hz came to a windower of {self._rate} Hz")
        if self._marks is None or not self._goes_on(self._marks.newest, block):
            self._begin(block)
        else:
            self._marks.add(block)
        self._next = block.first_sample + len(block.samples)
        return self._fill(block.samples)

    def _goes_on(self, mark: AudioBlock, block: AudioBlock) -> bool:
        here = (mark.epoch, mark.clock_steps, self._next)
        return (block.epoch, block.clock_steps, block.first_sample) == here

    def flush(self) -> list[Window]:
        """The tail of a sound that ended: one window filled up with zeros, if it is new and long enough to tell."""
        windows = [self._window()] if self._tail_tells() else []
        self._filled = self._known = self._skip = 0
        self._marks = None
        return windows

    def _tail_tells(self) -> bool:
        """Whether enough samples wait that no window had; a sound shorter than a window always tells."""
        new = self._filled - self._known
        alone = self._marks is not None and self._start == self._began
        return new > 0 and (alone or new >= SHORTEST_TAIL * self._size)

    def _begin(self, block: AudioBlock) -> None:
        if self._marks is not None:
            self._gaps.note(self._marks.newest, self._next, block)
        self._marks = Marks(block)
        self._began = self._start = block.first_sample
        self._filled = self._known = self._skip = 0

    def _fill(self, samples: Float32[np.ndarray, " samples"]) -> list[Window]:
        windows = []
        while len(samples):
            passed = min(self._skip, len(samples))
            self._skip -= passed
            taken = samples[passed : passed + self._size - self._filled]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            samples = samples[passed + len(taken) :]
            if self._filled == self._size:
                windows.append(self._window())
                self._advance()
        return windows

    def _advance(self) -> None:
        kept = max(self._size - self._hop, 0)
        self._buffer[:kept] = self._buffer[self._size - kept :]
        self._start += self._hop
        self._filled = self._known = kept
        self._skip = max(self._hop - self._size, 0)
        if self._marks is not None:
            self._marks.forget(self._start)

    def _window(self) -> Window:
        assert self._marks is not None
        mark = self._marks.at(self._start)
        samples = self._buffer.copy()
        samples[self._filled :] = 0
        heard = samples[: self._filled]
        lost, flags = self._gaps.tell()
        partial: set[Flag] = {"partial"} if self._filled < self._size else set()
        return Window(
            source=self._source,
            samples=samples,
            sample_rate=self._rate,
            first_sample=self._start,
            epoch=mark.epoch,
            start_ns=mark.heard_ns(self._start),
            clock=mark.clock,
            clock_uncertainty_ns=mark.clock_uncertainty_ns,
            valid_samples=self._filled,
            gap_samples=lost,
            level_dbfs=levels.level_dbfs(heard),
            flags=levels.flags(heard) | flags | partial,
            peak_dbfs=levels.peak_dbfs(heard),
        )


def made_window(source: str, samples: Float32[np.ndarray, " window"], sample_rate: int) -> Window:
    """Generated sound as a window: the first of its source, all of it heard."""
    return Window(
        source=source,
        samples=samples,
        sample_rate=sample_rate,
        first_sample=0,
        epoch=0,
        start_ns=0,
        clock="file",
        clock_uncertainty_ns=0,
        valid_samples=len(samples),
        gap_samples=0,
        level_dbfs=levels.level_dbfs(samples),
        flags=levels.flags(samples),
        peak_dbfs=levels.peak_dbfs(samples),
    )
