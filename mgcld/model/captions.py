"""Captions in time: where there is none for all, every n-th window gets a new one.

Nothing here knows an encoder or a clock: windows and seconds in, choices out.
"""

import logging
import math
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from mgcld.data import Window

logger = logging.getLogger(__name__)

SHORTEST_SECONDS = 1e-6
"""No caption is faster: a clock may say that it took no time."""
REMEMBERED = 5
"""A caption takes the median of so many measurements: one hiccup of the machine says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What is said of one window."""

    sentence: str | None
    embedded: Float[Tensor, " text"] | None
    """A unit row; None without a sentence."""
    fresh: bool = True
    """False where the window did not get a caption of its own."""


class Deadline:
    """Spends `seconds` a batch on captions, on average: what a batch leaves over is saved until it pays for one.

    So where one caption takes n times as long, every n-th batch has one; sources take turns.
    """

    def __init__(self, seconds: float) -> None:
        """Of one batch, whatever its size."""
        self.skipped = 0
        """Windows that got no caption of their own, so far."""
        self.seconds = seconds
        """Of captions, for each batch."""
        self._saved = 0.0
        self._measured: deque[float] = deque(maxlen=REMEMBERED)
        self._warm = False
        self._batches = 0
        self._turns: dict[str, int] = {}  # source -> the batch in which it had a caption
        self._hurried = False

    def hurry(self, hurried: bool) -> None:
        """While it is true no window gets a new caption: there is no time for any."""
        self._hurried = hurried

    @property
    def cost(self) -> float:
        """Seconds of captions that each window may cost where there is time, at most."""
        return min(self._each, self.seconds)

    def chosen(self, windows: Sequence[Window]) -> list[int]:
        """Which windows get a new caption now, in their order: those whose source has waited longest for one."""
        self._batches += 1
        if self._hurried:
            self.skipped += len(windows)
            return []
        waited = sorted(range(len(windows)), key=lambda i: self._turns.get(windows[i].source, 0))
        chosen = sorted(waited[: self._affordable(len(windows))])
        self._turns.update({windows[i].source: self._batches for i in chosen})
        self._count(len(windows) - len(chosen))
        return chosen

    def took(self, captions: int, seconds: float) -> None:
        """So many captions took so long together; the very first pay for what libraries set up, and do not count."""
        if captions and self._warm:
            self._measured.append(seconds / captions)
            self._saved -= captions * self._each
        self._warm = self._warm or captions > 0

    def forget(self, source: str) -> None:
        """There is no such source any more."""
        self._turns.pop(source, None)

    @property
    def _each(self) -> float:
        """Seconds that a caption takes, lately; unknown counts as all that there is."""
        return max(statistics.median(self._measured), SHORTEST_SECONDS) if self._measured else self.seconds

    def _affordable(self, wanted: int) -> int:
        self._saved = min(self._saved + self.seconds, max(self.seconds, self._each))
        if wanted * self._each <= self._saved:
            return wanted
        return max(0, math.floor(self._saved / self._each + 1e-9))

    def _count(self, skipped: int) -> None:
        if skipped and not self.skipped:
            logger.warning(
                "captions: one takes %.2g s, a batch's may take %.2g s (caption_seconds): not every window gets a new "
                "one; health counts skipped_captions",
                self._each,
                self.seconds,
            )
        self.skipped += skipped


class Memory:
    """Each source's last caption: it stands in for a window that shares sound with the one that it was written for."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Window, Said]] = {}

    def completed(self, windows: Sequence[Window], new: Mapping[int, Said]) -> list[Said]:
        """For each window, in the order of time, its own caption (`new`, by index), an older one, or none."""
        return [self._for(window, new.get(i)) for i, window in enumerate(windows)]

    def forget(self, source: str) -> None:
        """There is no such source any more."""
        self._last.pop(source, None)

    def _for(self, window: Window, own: Said | None) -> Said:
        if own is not None:
            self._last[window.source] = window, own
            return own
        if window.source in self._last:
            before, said = self._last[window.source]
            if overlap(before, window):
                return replace(said, fresh=False)
        return Said(None, None, fresh=False)


def overlap(before: Window, after: Window) -> bool:
    """Whether two windows of a source share sound."""
    distance = after.first_sample - before.first_sample
    return before.epoch == after.epoch and 0 <= distance < before.valid_samples
