"""What a recording's windows say about how it was recorded."""

import math
from collections.abc import Sequence

from mgcld.data import Window


def level_dbfs(windows: Sequence[Window]) -> float | None:
    """Of all windows together (dB relative to full scale); None is digital silence."""
    power = sum(10 ** (w.level_dbfs / 10) * w.valid_samples for w in windows if w.level_dbfs is not None)
    return 10 * math.log10(power / sum(w.valid_samples for w in windows)) if power else None


def clipped_share(windows: Sequence[Window]) -> float:
    """Share of the windows in which the sound is cut off at full scale."""
    return sum("clipped" in window.flags for window in windows) / len(windows)
