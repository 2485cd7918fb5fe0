"""The course of one source's sample clock through UTC, as a line that bends slowly and never breaks."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from mgcld.audio.marks import ROUNDING_NS
from mgcld.data import NANOSECONDS, AudioBlock, Clock, nanoseconds

TURN_SECONDS = 1
"""The line bends so often."""
MEMORY = 20
"""Turns that are remembered. The supervisor gives up a source that stalls for 10 s: what a stall delayed is less."""
CATCH_UP_SECONDS = 20
"""An error is made good in about so long: with a drift of 100 ppm the line stays 3 ms behind."""
SLEW = 1e-3
"""A crystal is off by up to 200 ppm, NTP leads the wall clock by up to 500: the line can follow both at once."""
HURRY = 0.05
"""Where stamps contradict the line (it began with a late one, or a better clock spoke up): a second in 20 s."""
FAR_NS = 20_000_000
"""Beyond the stamps' own uncertainty: no drift takes the line so far from them."""
WANDER = 7e-4
"""So fast truth may leave a line that does not bend: crystal and NTP together."""
LEAP_NS = 60 * NANOSECONDS
"""More than that cannot be caught up with in a reasonable time: the line begins anew when all that it remembers agrees.

A camera that boots in 1970 and then learns the time does so; no step of our own clock tells of it.
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What one block, or a second of them, says of the time."""

    ahead_ns: int
    """How far the stated time is ahead of the nominal one."""
    uncertainty_ns: int
    clock: Clock


def agreed(stamps: Sequence[Stamp]) -> Stamp:
    """What the best of these stamps say together.

    Arrival can only be late, so the earliest is nearest to the truth; other clocks err to both sides.
    """
    best = min(stamps, key=lambda stamp: stamp.uncertainty_ns)
    good = [stamp.ahead_ns for stamp in stamps if stamp.uncertainty_ns <= 2 * best.uncertainty_ns]
    return replace(best, ahead_ns=min(good) if best.clock == "arrival" else round(median(good)))


class Line:
    """The time of a sample is the nominal one, counted from the first block, and an offset that moves at `drift`."""

    def __init__(self, first: AudioBlock, not_before_ns: int | None = None) -> None:
        """Begins with the stamp of a block; not before that time, where time must not run backwards."""
        self._first = first
        self._offset = 0 if not_before_ns is None else max(0, not_before_ns - first.captured_ns)
        self._turned = first.first_sample  # index where the offset is `_offset`
        self._drift = 0.0
        self._heard = self._next = first.first_sample
        self._stamps: list[Stamp] = []  # since it turned
        self._memory: deque[Stamp] = deque(maxlen=MEMORY)
        self._known_ns = first.clock_uncertainty_ns + self._offset  # so far the line may be off
        self._clock = first.clock  # and by this clock it is known so well

    @property
    def axis(self) -> tuple[int, int]:
        """The epoch and the rate that it holds for."""
        return self._first.epoch, self._first.sample_rate

    @property
    def next(self) -> int:
        """Index behind the last sample that was heard."""
        return self._next

    @property
    def is_astray(self) -> bool:
        """Whether all that was said lately is so far from the line that it must begin anew."""
        offset = self._offset_at(self._next)
        return len(self._memory) == MEMORY and all(abs(said.ahead_ns - offset) > LEAP_NS for said in self._memory)

    def at(self, sample: int) -> int:
        """When that sample was heard (nanoseconds since the Unix epoch, UTC)."""
        return self._nominal(sample) + self._offset_at(sample)

    def late_ns(self, block: AudioBlock) -> int:
        """How much later than the line says the block is stamped."""
        late = block.captured_ns - self.at(block.first_sample)
        return late if abs(late) > ROUNDING_NS else 0

    def shift(self, leap_ns: int) -> None:
        """The clock was set: all times are from now on so much later."""
        self._first = replace(self._first, captured_ns=self._first.captured_ns + leap_ns)

    def follow(self, block: AudioBlock) -> AudioBlock:
        """Take up what the next block says; the block, with the time of the line."""
        here, told_ns = block.first_sample, block.clock_uncertainty_ns + abs(self.late_ns(block))
        doubted = self._weigh(block, told_ns)
        ahead_ns = block.captured_ns - self._nominal(here)
        self._stamps.append(Stamp(ahead_ns, block.clock_uncertainty_ns, block.clock))
        if here - self._turned >= TURN_SECONDS * block.sample_rate:
            self._turn(here, len(block.samples) / block.sample_rate)
        self._heard, self._next = here, here + len(block.samples)
        return replace(
            block,
            captured_ns=self.at(here),
            clock=self._clock,
            clock_uncertainty_ns=told_ns if doubted else self._known_ns,
            drift=self._drift,
        )

    def _weigh(self, block: AudioBlock, told_ns: int) -> bool:
        """Know better by a good stamp; whether the stamp and the line contradict each other.

        What was known at a block holds for the next ones too, but for what line and truth may have parted since. Where
        a stamp is later than both allow, the sound may have waited on its way, or may have been interrupted unseen:
        until that is settled nobody knows the time better than to within the difference.
        """
        since = (block.first_sample - self._heard) / block.sample_rate
        grown_ns = self._known_ns + round((WANDER + abs(self._drift)) * since * NANOSECONDS)
        self._known_ns = min(grown_ns, told_ns)
        if told_ns <= grown_ns:
            self._clock = block.clock
        return told_ns > grown_ns + 2 * block.clock_uncertainty_ns

    def _turn(self, here: int, seconds: float) -> None:
        """Bend towards what was said lately."""
        self._memory.append(agreed(self._stamps))
        self._stamps.clear()
        self._offset, self._turned, self._drift = self._offset_at(here), here, 0.0
        lately = agreed(self._memory)
        if lately.uncertainty_ns > self._known_ns:
            return  # the line knows better: a good clock has fallen silent
        error = lately.ahead_ns - self._offset
        if abs(error) > ROUNDING_NS:
            hurries = abs(error) > lately.uncertainty_ns + FAR_NS
            within, limit = (TURN_SECONDS, HURRY) if hurries else (CATCH_UP_SECONDS, SLEW)
            wish = error / NANOSECONDS / max(within, seconds)
            self._drift = min(max(wish, -limit), limit)
            self._known_ns = max(self._known_ns, lately.uncertainty_ns + abs(error))

    def _nominal(self, sample: int) -> int:
        first = self._first
        return first.captured_ns + nanoseconds(sample - first.first_sample, first.sample_rate)

    def _offset_at(self, sample: int) -> int:
        since = (sample - self._turned) / self._first.sample_rate
        return self._offset + round(self._drift * since * NANOSECONDS)
