"""What every source goes through, in training as in service: its blocks become windows."""

from dataclasses import replace

import numpy as np

from mgcld.audio.resample import Resampler
from mgcld.audio.windows import Windower
from mgcld.data import AudioBlock, Window


class Pipeline:
    """Resampler and windower of one source."""

    def __init__(self, name: str, *, sample_rate: int, window_seconds: float, hop_seconds: float) -> None:
        """Blocks of any rate become windows at `sample_rate` (Hz).

        Raises:
            ConfigError: the window or the hop is no whole number of samples.
        """
        self._resampler = Resampler(sample_rate)
        self._windower = Windower(name, sample_rate, window_seconds, hop_seconds)

    def push(self, block: AudioBlock) -> list[Window]:
        """The windows that this block completes, in order."""
        return self._cut(self._resampler.push(_finite(block)))

    def flush(self, *, partial: bool) -> list[Window]:
        """What can still be made when the sound has ended; with `partial` the tail too, filled up with zeros."""
        windows = self._cut(self._resampler.flush())
        return [*windows, *self._windower.flush()] if partial else windows

    def _cut(self, blocks: list[AudioBlock]) -> list[Window]:
        return [window for block in blocks for window in self._windower.push(block)]


def _finite(block: AudioBlock) -> AudioBlock:
    """The block without NaN and infinities: one of them would spoil every sample that the filter still holds."""
    if np.isfinite(block.samples).all():
        return block
    return replace(block, samples=np.nan_to_num(block.samples, nan=0.0, posinf=1.0, neginf=-1.0))
