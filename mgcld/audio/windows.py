"""Blocks in, windows out: pure, exact to the sample, and never across a gap."""

import numpy as np
from jaxtyping import Float32

from mgcld.audio import levels
from mgcld.data import AudioBlock, Flag, Window, nanoseconds
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

    A hop shorter than the window overlaps, a longer one skips. At a discontinuity (a new epoch, a jump of
    `first_sample`) it starts again. The times of windows count from the first block after a discontinuity, so they do
    not depend on how the audio was cut.
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
        self._anchor: AudioBlock | None = None
        self._buffer = np.zeros(self._size, np.float32)
        self._start = 0  # index of buffer[0] in its epoch
        self._filled = 0  # samples in the buffer
        self._known = 0  # of these, samples that stood in the window before
        self._skip = 0  # samples to pass over before the next window
        self._next = 0  # index of the sample that should come next
        self._lost: int | None = 0  # since the window before

    def push(self, block: AudioBlock) -> list[Window]:
        """The windows that this block completes, in order."""
        if block.sample_rate != self._rate:
            raise ValueError(f"a block of {block.sample_rate} Hz came to a windower of {self._rate} Hz")
        if self._anchor is None or (block.epoch, block.first_sample) != (self._anchor.epoch, self._next):
            self._begin(block)
        self._next = block.first_sample + len(block.samples)
        return self._fill(block.samples)

    def flush(self) -> list[Window]:
        """The tail of a sound that ended: one window filled up with zeros, if it is new and long enough to tell."""
        windows = [self._window()] if self._tail_tells() else []
        self._filled = self._known = self._skip = 0
        self._anchor = None
        return windows

    def _tail_tells(self) -> bool:
        """Whether enough samples wait that no window had; a sound shorter than a window always tells."""
        new = self._filled - self._known
        alone = self._anchor is not None and self._start == self._anchor.first_sample
        return new > 0 and (alone or new >= SHORTEST_TAIL * self._size)

    def _begin(self, block: AudioBlock) -> None:
        lost = self._lost_before(block)
        self._lost = None if lost is None or self._lost is None else self._lost + lost
        self._anchor = block
        self._start = block.first_sample
        self._filled = self._known = self._skip = 0

    def _lost_before(self, block: AudioBlock) -> int | None:
        if self._anchor is None:
            return 0
        if block.epoch != self._anchor.epoch or block.first_sample < self._next:
            return None
        return block.first_sample - self._next

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

    def _window(self) -> Window:
        assert self._anchor is not None
        samples = self._buffer.copy()
        samples[self._filled :] = 0
        heard = samples[: self._filled]
        partial: set[Flag] = {"partial"} if self._filled < self._size else set()
        lost, self._lost = self._lost, 0
        return Window(
            source=self._source,
            samples=samples,
            sample_rate=self._rate,
            first_sample=self._start,
            epoch=self._anchor.epoch,
            start_ns=self._anchor.captured_ns + nanoseconds(self._start - self._anchor.first_sample, self._rate),
            clock=self._anchor.clock,
            clock_uncertainty_ns=self._anchor.clock_uncertainty_ns,
            valid_samples=self._filled,
            gap_samples=lost,
            level_dbfs=levels.level_dbfs(heard),
            flags=levels.flags(heard) | partial,
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
    )
