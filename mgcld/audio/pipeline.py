"""What every source goes through, in training as in service: its blocks become windows."""

from dataclasses import replace

import numpy as np

from mgcld.audio.clock import Timekeeper
from mgcld.audio.resample import Resampler
from mgcld.audio.windows import Windower
from mgcld.data import AudioBlock, Window


class Pipeline:
    """Timekeeper, resampler and windower of one source."""

    def __init__(
        self,
        name: str,
        *,
        sample_rate: int,
        window_seconds: float,
        hop_seconds: float,
        timekeeper: Timekeeper | None = None,
    ) -> None:
        """Blocks of any rate become windows at `sample_rate` (Hz).

        Raises:
            ConfigError: the window or the hop is no whole number of samples.
        """
        self._sample_rate = sample_rate
        self._timekeeper = timekeeper or Timekeeper()
        self._resampler = Resampler(sample_rate)
        self._windower = Windower(name, sample_rate, window_seconds, hop_seconds)
        self._axis: tuple[int, int] | None = None  # the source's epoch and its rate
        self._rates = 0  # changes of the rate within an epoch

    @property
    def rates(self) -> int:
        """Changes of the rate within an epoch so far: each began another one."""
        return self._rates

    @property
    def gaps(self) -> int:
        """Discontinuities so far, of whatever kind."""
        return self._windower.gaps

    @property
    def lost_samples(self) -> int:
        """Samples lost in them, as far as is known (at the windows' rate)."""
        return self._windower.lost_samples

    @property
    def lost_seconds(self) -> float:
        """Seconds of sound lost in them, as far as is known."""
        return self._windower.lost_samples / self._sample_rate

    def push(self, block: AudioBlock) -> list[Window]:
        """The windows that this block completes, in order. One without samples says only that time has passed."""
        return self.cut(self.timed(block))

    def timed(self, block: AudioBlock) -> AudioBlock:
        """The first half of `push`, to be done when the block arrives: give it its epoch and its followed time."""
        if not len(block.samples):
            self._timekeeper.look()
            return block
        return self._timekeeper.follow(self._renumbered(block))

    def cut(self, block: AudioBlock) -> list[Window]:
        """The other half, which can be done later and in another thread."""
        return self._cut(self._resampler.push(_sane(block))) if len(block.samples) else []

    def flush(self, *, partial: bool) -> list[Window]:
        """What can still be made when the sound has ended; with `partial` the tail too, filled up with zeros."""
        windows = self._cut(self._resampler.flush())
        return [*windows, *self._windower.flush()] if partial else windows

    def _renumbered(self, block: AudioBlock) -> AudioBlock:
        """A change of the rate is a new epoch too: an index counts samples of one rate."""
        axis = (block.epoch, block.sample_rate)
        if self._axis is not None and axis != self._axis and block.epoch == self._axis[0]:
            self._rates += 1
        self._axis = axis
        return replace(block, epoch=block.epoch + self._rates) if self._rates else block

    def _cut(self, blocks: list[AudioBlock]) -> list[Window]:
        return [window for block in blocks for window in self._windower.push(block)]


LOUDEST = 1000.0
"""60 dB over full scale: no sound that was recorded is louder, and a square of it is still a number for any model."""


def _sane(block: AudioBlock) -> AudioBlock:
    """The block without NaN, infinities and absurd samples.

    One of them would spoil every sample that the filter still holds, and what the encoder hears. `clipped` tells.
    """
    if not len(block.samples) or float(np.abs(block.samples).max()) <= LOUDEST:  # False for NaN
        return block
    numbers = np.nan_to_num(block.samples, nan=0.0, posinf=LOUDEST, neginf=-LOUDEST)
    return replace(block, samples=numbers.clip(-LOUDEST, LOUDEST))
