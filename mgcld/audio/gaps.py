"""What breaks a stream, and how much of it was lost there."""

from mgcld.data import NANOSECONDS, AudioBlock, Clock, Flag

GOOD_CLOCKS: tuple[Clock, ...] = ("adc", "rtcp")
GOOD_NS = 100_000_000
"""By such clocks, where both sides of a gap are known as well as this, its length is the time that passed."""


class Gaps:
    """Counts the breaks of one source, and keeps what the next window has to tell of them."""

    def __init__(self) -> None:
        self.count = 0
        """Breaks so far."""
        self.lost_samples = 0
        """Samples lost in them, as far as is known."""
        self._lost: int | None = 0  # since the window before
        self._stepped = False  # since the window before

    def note(self, before: AudioBlock, end: int, block: AudioBlock) -> None:
        """A break: between what was heard up to the index `end` by the clock of `before`, and `block`."""
        lost = lost_between(before, end, block)
        self.count += 1
        self.lost_samples += lost or 0
        self._lost = None if lost is None or self._lost is None else self._lost + lost
        self._stepped = self._stepped or block.clock_steps != before.clock_steps

    def tell(self) -> tuple[int | None, frozenset[Flag]]:
        """Samples lost since this was asked last (None: nobody knows), and `clock_step` if the clock has leapt."""
        flags: frozenset[Flag] = frozenset({"clock_step"} if self._stepped else ())
        lost, self._lost, self._stepped = self._lost, 0, False
        return lost, flags


def lost_between(before: AudioBlock, end: int, block: AudioBlock) -> int | None:
    """Samples lost between the index `end` in the epoch of `before`, and `block`; None where nobody knows.

    Within an epoch it is the exact count. Between epochs it is the time that passed, and so it is right to within the
    uncertainty of the clocks on both sides.
    """
    if block.epoch == before.epoch:
        return block.first_sample - end if block.first_sample >= end else None
    if block.clock_steps != before.clock_steps or not (_is_good(before) and _is_good(block)):
        return None
    silent_ns = block.captured_ns - before.heard_ns(end)
    if silent_ns < -before.clock_uncertainty_ns - block.clock_uncertainty_ns:
        return None  # no sound is heard twice: one of the clocks is wrong
    return max(0, round(silent_ns * block.sample_rate / NANOSECONDS))


def _is_good(block: AudioBlock) -> bool:
    return block.clock in GOOD_CLOCKS and block.clock_uncertainty_ns <= GOOD_NS
