"""Where a restart joins the sound that was left to the windows that had gone out."""

import struct
from dataclasses import dataclass, replace

from mgcld.audio.resample import index_at
from mgcld.data import AudioBlock, Window

VERSION = 1
_NOTE = struct.Struct("<BqqqI")  # version, then the fields of a `Note`


@dataclass(frozen=True, slots=True)
class Note:
    """What the next process must know."""

    last_epoch: int = -1
    """The last one used; -1 before the first."""
    epoch: int = -1
    """Of the last window that went out; -1 before the first."""
    first_sample: int = 0
    """Where the window begins that comes next in that epoch, at `sample_rate`."""
    sample_rate: int = 1
    """Hertz: of the windows."""

    @classmethod
    def of(cls, packed: bytes) -> "Note":
        """What an earlier process has noted; an empty note where that is nothing, or makes no sense."""
        if len(packed) != _NOTE.size or packed[0] != VERSION:
            return cls()
        _, *fields = _NOTE.unpack(packed)
        return cls(*fields)

    @property
    def packed(self) -> bytes:
        """As it is kept."""
        return _NOTE.pack(VERSION, self.last_epoch, self.epoch, self.first_sample, self.sample_rate)

    def at(self, sample_rate: int) -> int:
        """Where the next window begins, at another rate."""
        return index_at(self.first_sample, self.sample_rate, sample_rate)


class Seam:
    """Takes the blocks that were left, in order, up to the first window of this process."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._met = False
        self._lost: int | None = 0  # samples at `_rate` that are missing at the seam
        self._rate = 1

    def trimmed(self, block: AudioBlock) -> AudioBlock:
        """The block from where the next window begins; without samples where it ends before."""
        if self._met:
            return block
        skipped = self._note.at(block.sample_rate) - block.first_sample
        if block.epoch != self._note.epoch or skipped < 0:
            self._met, self._rate = True, block.sample_rate
            self._lost = -skipped if block.epoch == self._note.epoch else None
            return block
        self._met = skipped < len(block.samples)
        begin = block.first_sample + skipped
        return replace(block, samples=block.samples[skipped:], first_sample=begin, captured_ns=block.heard_ns(begin))

    def gap_before(self, window: Window) -> int | None:
        """Samples lost between the last window of the process before and the first of this one; None: nobody knows."""
        if self._lost is None or window.gap_samples is None:
            return None
        return window.gap_samples + index_at(self._lost, self._rate, window.sample_rate)
