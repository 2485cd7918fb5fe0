"""Keeps the time of one source: sample index -> UTC, followed, never jumping, with an uncertainty that holds.

The sample index is the axis that everything counts by; UTC is derived from it. Sources stamp each block by the best
clock that they have, and say how far that may be off. Three things stand between their stamps and a time to publish:

- *Drift.* A crystal is off by up to 200 ppm, which is 17 s a day, and NTP leads the wall clock besides. So the time is
  a line (`mgcld.audio.line`) that is bent towards the stamps, once a second, by at most 1000 ppm; by 5 % only while
  the stamps plainly contradict it, because it began with a late one or a better clock has spoken up.
- *Jitter.* Blocks arrive late and in bursts, after a stall by seconds, but never early. So the line follows the
  earliest arrival of the last 20 s, or the median of a clock that errs to both sides; no single stamp moves it.
- *Steps.* Somebody sets the wall clock (`mgcld.audio.steps`). Where the stamps leap by as much as the wall clock leapt
  against the monotonic one, the line moves with them at once, and `clock_steps` breaks the window in progress.

The uncertainty is what the source states for a stamp, and how far the line is from that stamp; it is carried on from
the best stamp, and grows by what line and truth may have parted since.

A new epoch begins with the stamp of its first block. The machine's sleep stops the monotonic clock, and so is a step.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from mgcld.audio.line import Line
from mgcld.audio.steps import Steps
from mgcld.data import AudioBlock


class Timekeeper:
    """Gives the blocks of one source their followed times. Blocks of the clock `file` count from the first one."""

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """The clocks that steps are found by, in nanoseconds."""
        self._found = Steps(wall, monotonic)
        self._line: Line | None = None
        self._known = 0  # steps found of which `clock_steps` tells
        self._steps = 0
        self._counted: tuple[AudioBlock, int] | None = None  # where counting began, and the index that comes next

    def look(self) -> None:
        """Look whether somebody has set the wall clock; as often as one likes, also while nothing is heard."""
        self._found.look()

    def follow(self, block: AudioBlock) -> AudioBlock:
        """The block with its followed time, `drift`, `clock_steps` and the uncertainty of all this.

        It must have samples, and be the next one of its source that was read.
        """
        if block.clock == "file":
            return self._count(block)
        self.look()
        self._line = self._line_to(block)
        return replace(self._line.follow(block), clock_steps=self._steps)

    def _line_to(self, block: AudioBlock) -> Line:
        line = self._line
        if line is None or line.axis != (block.epoch, block.sample_rate):
            if line is not None and self._found.found > self._known:
                self._steps += 1  # between the epochs
            self._known = self._found.found
            return Line(block)
        if block.first_sample < line.next:
            return Line(block, not_before_ns=line.at(line.next))
        if line.is_astray:
            self._steps += 1
            return Line(block)
        if leap := self._found.taken(line.late_ns(block)):
            line.shift(leap)
            self._steps += 1
            self._known = self._found.found - self._found.untaken
        return line

    def _count(self, block: AudioBlock) -> AudioBlock:
        begun, end = self._counted or (block, block.first_sample)
        if (block.epoch, block.sample_rate, block.first_sample) != (begun.epoch, begun.sample_rate, end):
            begun = block
        self._counted = replace(begun, samples=block.samples[:0]), block.first_sample + len(block.samples)
        return replace(block, captured_ns=begun.heard_ns(block.first_sample))
