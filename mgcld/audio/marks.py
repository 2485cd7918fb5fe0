"""What time it was where on the sample axis, for as long as somebody may ask."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mgcld.data import AudioBlock

ROUNDING_NS = 1000
"""A stamp that is so near to what was expected says nothing new: less than a sample at any rate."""


class Marks:
    """The times of one unbroken stretch: a block without its samples wherever they take another course.

    Where blocks just go on as the first one said, that one is all that is kept.
    """

    def __init__(self, first: AudioBlock) -> None:
        self._marks = deque([_bare(first)])

    @property
    def newest(self) -> AudioBlock:
        """The mark that holds for the samples that come next."""
        return self._marks[-1]

    def add(self, block: AudioBlock) -> None:
        """Note the times of the next block of the stretch."""
        if _goes_on(self.newest, block):
            return
        if self.newest.first_sample == block.first_sample:  # an empty block said nothing
            self._marks.pop()
        self._marks.append(_bare(block))

    def at(self, sample: int) -> AudioBlock:
        """The mark that holds for the sample of that index, which no `forget` has passed."""
        return next((mark for mark in reversed(self._marks) if mark.first_sample <= sample), self._marks[0])

    def since(self, sample: int) -> Iterator[AudioBlock]:
        """The mark that holds for that sample, and all later ones."""
        first = self.at(sample)
        return (mark for mark in self._marks if mark.first_sample >= first.first_sample)

    def forget(self, sample: int) -> None:
        """Nobody will ask for what was before that sample."""
        while len(self._marks) > 1 and self._marks[1].first_sample <= sample:
            self._marks.popleft()


def _goes_on(mark: AudioBlock, block: AudioBlock) -> bool:
    near = abs(block.captured_ns - mark.heard_ns(block.first_sample)) <= ROUNDING_NS
    said = (mark.drift, mark.clock, mark.clock_uncertainty_ns)
    return near and (block.drift, block.clock, block.clock_uncertainty_ns) == said


def _bare(block: AudioBlock) -> AudioBlock:
    return replace(block, samples=np.empty(0, np.float32))
