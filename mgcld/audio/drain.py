"""Between a live source and its windows: blocks wait in a spool, and no window is lost because inference is slow."""

import logging
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from mgcld.audio import frames
from mgcld.audio.resample import index_at
from mgcld.audio.segment import Amount, Record
from mgcld.audio.spool import Spool
from mgcld.data import NANOSECONDS, AudioBlock, Flag, Window, nanoseconds

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25
"""It looks whether it shall stop so often."""
VERSION = 1
_PREFIX = struct.Struct("<Bqq")  # version, epoch, time.monotonic_ns() at arrival
_NOTE = struct.Struct("<BqqI")  # version, then a `_Resume`


@dataclass(frozen=True, slots=True)
class _Resume:
    """Where the window begins that comes after the last one that went out."""

    epoch: int
    first_sample: int
    sample_rate: int
    """Hertz: of the windows."""

    @classmethod
    def of(cls, note: bytes) -> "_Resume | None":
        """What an earlier process has noted; None where there is nothing, or it makes no sense."""
        if len(note) != _NOTE.size or note[0] != VERSION:
            return None
        _, epoch, first_sample, sample_rate = _NOTE.unpack(note)
        return cls(epoch, first_sample, sample_rate) if sample_rate else None

    @property
    def note(self) -> bytes:
        """For the next process."""
        return _NOTE.pack(VERSION, self.epoch, self.first_sample, self.sample_rate)

    def at(self, sample_rate: int) -> int:
        """The index at another rate."""
        return index_at(self.first_sample, self.sample_rate, sample_rate)


@dataclass(frozen=True, slots=True)
class _Held:
    """A block that windows to come may need."""

    begin: Amount
    end: Amount
    epoch: int
    end_sample: int
    sample_rate: int

    @classmethod
    def of(cls, record: Record, block: AudioBlock) -> "_Held":
        """The block of that record."""
        end_sample = block.first_sample + len(block.samples)
        return cls(record.begin, record.end, block.epoch, end_sample, block.sample_rate)


class Drain:
    """One thread keeps blocks, another (`run`) makes windows of them, in order, as fast as these are taken.

    A block is given up when no window needs it any more that has not been sent. After a restart the next window begins
    where the last one that was sent ended its hop, with its first time; sent and not yet noted is sent twice.
    """

    def __init__(
        self,
        name: str,
        spool: Spool,
        *,
        hop_samples: int,
        cut: Callable[[AudioBlock], list[Window]],
        flush: Callable[[], list[Window]],
        send: Callable[[list[Window]], None],
        stop: threading.Event,
    ) -> None:
        """The spool is the drain's, which closes it; `hop_samples` at the rate of the windows.

        cut, flush: make windows. send: puts them into the inbox, and waits for room.
        """
        self._name = name
        self._spool = spool
        self._hop = hop_samples
        self._cut, self._flush, self._send = cut, flush, send
        self._stop = stop
        self._resume = _Resume.of(spool.note)
        self._first = spool.before is not None or bool(spool.note)  # the next window is the first after a restart
        self._trim = self._resume is not None
        self._own = spool.end  # what lies before is an earlier process's
        self._lock = threading.Lock()  # of what follows
        self._held: deque[_Held] = deque()
        self._unsent = 0
        self._note = spool.note
        self.last_epoch = max(_epoch(spool.before), self._resume.epoch if self._resume else -1)
        """The last one that an earlier process used; -1 where there was none."""

    def keep(self, block: AudioBlock) -> None:
        """Add a block behind all others; never waits for the windows."""
        self._append(block.epoch, block, nanoseconds(len(block.samples), block.sample_rate))

    def end_opening(self, epoch: int) -> None:
        """What came so far is all of this opening."""
        self._append(epoch, frames.Ended(), 0)

    def run(self) -> None:
        """Make windows until it is told to stop."""
        try:
            while not self._stop.is_set():
                record = self._spool.read(TICK_SECONDS)
                if record is not None:
                    self._work(record)
        finally:
            self._spool.close()

    def sent(self, window: Window) -> None:
        """That window, and all before it, have gone out; from any one thread."""
        resume = _Resume(window.epoch, window.first_sample + self._hop, window.sample_rate)
        with self._lock:
            self._unsent -= 1
            self._note, place = resume.note, None
            while self._held and _is_before(self._held[0], resume):
                place = self._held.popleft().end
            if self._held:
                place = self._held[0].begin
            if place is not None:
                self._spool.done(place, self._note)

    @property
    def backlog_seconds(self) -> float:
        """Sound of which not all windows have gone out."""
        return self._spool.backlog.sound_ns / NANOSECONDS

    @property
    def lost_seconds(self) -> float:
        """Sound that the spool had no room for."""
        return self._spool.lost.sound_ns / NANOSECONDS

    def _append(self, epoch: int, found: frames.Record, sound_ns: int) -> None:
        prefix = _PREFIX.pack(VERSION, epoch, time.monotonic_ns())
        self._spool.append(prefix + frames.encode(found), sound_ns=sound_ns)

    def _work(self, record: Record) -> None:
        try:
            arrived_ns, found = _unpacked(record.data)
        except (frames.FrameError, struct.error) as error:
            logger.warning("%s: a record of its spool is passed over: %s", self._name, error)
            return
        windows = self._windows(record, found)
        with self._lock:
            self._unsent += len(windows)
        self._send([self._told(window, arrived_ns, mine=self._own <= record.begin) for window in windows])

    def _windows(self, record: Record, found: frames.Record) -> list[Window]:
        if not isinstance(found, AudioBlock):
            windows = self._flush()
            self._give_up(record.end)
            return windows
        with self._lock:
            begins = not self._held or not _goes_on(self._held[-1], found)
            self._held.append(_Held.of(record, found))
        block = self._trimmed(found)
        windows = self._cut(block) if len(block.samples) else []
        if begins and not windows:
            self._give_up(record.begin)
        return windows

    def _give_up(self, place: Amount) -> None:
        """A new stretch of sound begins there: no window will be made of what was left of the one before."""
        with self._lock:
            if self._unsent:
                return  # it is, with the next one that is sent
            while self._held and self._held[0].end <= place:
                self._held.popleft()
            self._spool.done(place, self._note)

    def _trimmed(self, block: AudioBlock) -> AudioBlock:
        """The first block after a restart, from where the next window begins."""
        if not self._trim or self._resume is None:
            return block
        skipped = self._resume.at(block.sample_rate) - block.first_sample
        if block.epoch != self._resume.epoch or skipped < len(block.samples):
            self._trim = False
        if block.epoch != self._resume.epoch or skipped <= 0:
            return block
        samples = block.samples[skipped:]
        moved = block.captured_ns + nanoseconds(min(skipped, len(block.samples)), block.sample_rate)
        return replace(block, samples=samples, first_sample=block.first_sample + skipped, captured_ns=moved)

    def _told(self, window: Window, arrived_ns: int, *, mine: bool) -> Window:
        """With what only the spool knows: when its sound arrived, and what lies before it."""
        late: set[Flag] = set() if mine else {"late"}
        ready_ns = arrived_ns if mine else time.monotonic_ns()
        lost = self._lost_before(window) if self._first else window.gap_samples
        self._first = False
        return replace(window, ready_ns=ready_ns, flags=window.flags | late, gap_samples=lost)

    def _lost_before(self, window: Window) -> int | None:
        """Samples lost between the last window of the process before and the first of this one."""
        resume = self._resume
        if resume is None or (resume.epoch, resume.sample_rate) != (window.epoch, window.sample_rate):
            return None
        lost = window.first_sample - resume.first_sample
        return lost if lost > 0 else 0 if lost == 0 else None


def _goes_on(held: _Held, block: AudioBlock) -> bool:
    return (held.epoch, held.sample_rate, held.end_sample) == (block.epoch, block.sample_rate, block.first_sample)


def _is_before(held: _Held, resume: _Resume) -> bool:
    """Whether no window from there on needs the block."""
    if held.epoch != resume.epoch:
        return held.epoch < resume.epoch
    return held.end_sample <= resume.at(held.sample_rate)


def _unpacked(data: bytes) -> tuple[int, frames.Record]:
    """When it arrived, and what it is."""
    version, _, arrived_ns = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise frames.FrameError("it is of another version")
    return arrived_ns, next(frames.Decoder().feed(data[_PREFIX.size :]))


def _epoch(record: bytes | None) -> int:
    if record is None or len(record) < _PREFIX.size or record[0] != VERSION:
        return -1
    epoch: int = _PREFIX.unpack_from(record)[1]
    return epoch
