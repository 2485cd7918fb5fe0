"""What there is to tell of a sound so far: times, largest and mean probability, number of windows."""

from mgcld.events.past import Judged


class Tally:
    """Counts windows from a hit on. Quiet ones wait: they belong to the sound only if it is heard again after them."""

    def __init__(self, first: Judged, p: float) -> None:
        self.start = first.start
        """Index of the sound's first sample."""
        self.t_on_ns = first.start_ns
        """When the first window began (nanoseconds since the Unix epoch, UTC)."""
        self.heard_ns = first.end_ns
        """When the last window that belongs to it ended; likewise."""
        self.p_max = 0.0
        self.windows = 0
        """Windows that belong to it."""
        self.clock = first.clock
        """Of the window whose times are least certain, like `clock_uncertainty_ns`."""
        self.clock_uncertainty_ns = -1
        self.quiets = 0
        """Quiet windows in a row at its end, of which none overlap."""
        self._quiet_end = 0  # of the last one counted
        self._sum, self._samples = 0.0, 0  # of p, each sample once; of windows that wait, too
        self._covered = first.start  # index behind the last sample counted
        self._mean = 0.0
        self._waiting = 0
        self.add(first, p, heard=True)

    @property
    def p_mean(self) -> float:
        """Each window weighs as much as the sound that no earlier window had."""
        return min(self._mean, self.p_max)  # not above it by a rounding

    def add(self, window: Judged, p: float, *, heard: bool) -> None:
        """The next window, with the probability of the class; `heard` is at or above `threshold_off`."""
        fresh = max(0, window.end - max(window.start, self._covered))
        self._covered = max(window.end, self._covered)
        self._sum += fresh * p
        self._samples += fresh
        self._waiting += 1
        if heard:
            self._take(window, p)
        elif not self.quiets or window.start >= self._quiet_end:
            self.quiets, self._quiet_end = self.quiets + 1, window.end

    def _take(self, window: Judged, p: float) -> None:
        """It belongs to the sound, and so do the quiet ones before it."""
        self.heard_ns = max(window.end_ns, self.heard_ns)
        self.p_max = max(p, self.p_max)
        self.windows, self._waiting, self.quiets = self.windows + self._waiting, 0, 0
        self._mean = self._sum / max(1, self._samples)
        if window.clock_uncertainty_ns > self.clock_uncertainty_ns:
            self.clock, self.clock_uncertainty_ns = window.clock, window.clock_uncertainty_ns
