"""A block as it lies in a spool: a frame, and before it what frames do not hold."""

import struct
import time
from dataclasses import dataclass, replace

from mgcld.audio import frames
from mgcld.data import AudioBlock

VERSION = 1
_PREFIX = struct.Struct("<BqqId")  # version, then the fields of `Kept`; then a frame


@dataclass(frozen=True, slots=True)
class Kept:
    """When something arrived, and what its frame does not say."""

    arrived_ns: int = 0
    """Nanoseconds, `time.monotonic_ns`."""
    epoch: int = -1
    clock_steps: int = 0
    drift: float = 0.0

    def record(self, found: AudioBlock | frames.Ended) -> bytes:
        """With the frame, as it goes into the spool."""
        prefix = _PREFIX.pack(VERSION, self.arrived_ns, self.epoch, self.clock_steps, self.drift)
        return prefix + frames.encode(found)


def kept(block: AudioBlock, *, steps_before: int) -> Kept:
    """Of a block that arrives now; `steps_before`: of its source's clock, in earlier processes."""
    return Kept(time.monotonic_ns(), block.epoch, steps_before + block.clock_steps, block.drift)


def newest(record: bytes | None) -> Kept:
    """Of the last record that an earlier process left; an empty one where that says nothing."""
    try:
        return _kept(record or b"")
    except frames.FrameError:
        return Kept()


def unpacked(record: bytes) -> tuple[int, frames.Record]:
    """When it arrived, and what it is.

    Raises:
        FrameError: it is of another version.
    """
    before = _kept(record)
    found = next(frames.Decoder().feed(record[_PREFIX.size :]), None)
    if found is None:
        raise frames.FrameError("it is cut off")
    if isinstance(found, AudioBlock):
        found = replace(found, clock_steps=before.clock_steps, drift=before.drift)
    return before.arrived_ns, found


def _kept(record: bytes) -> Kept:
    if len(record) < _PREFIX.size or record[0] != VERSION:
        raise frames.FrameError("it is of another version")
    _, *fields = _PREFIX.unpack_from(record)
    return Kept(*fields)
