"""What a recording's windows say about how it was recorded."""

import math
from collections.abc import Sequence

import numpy as np

from mgcld.audio.levels import FULL_SCALE
from mgcld.data import Window


def level_dbfs(windows: Sequence[Window]) -> float | None:
    """Of all windows together (dB relative to full scale); None is digital silence."""
    power = sum(10 ** (w.level_dbfs / 10) * w.valid_samples for w in windows if w.level_dbfs is not None)
    return 10 * math.log10(power / sum(w.valid_samples for w in windows)) if power else None


def clipped_share(windows: Sequence[Window]) -> float:
    """Share of the samples that are at full scale, in the windows that are flagged so."""
    heard = sum(window.valid_samples for window in windows)
    flagged = [window.samples for window in windows if "clipped" in window.flags]
    return sum(int(np.count_nonzero(np.abs(samples) >= FULL_SCALE)) for samples in flagged) / heard
