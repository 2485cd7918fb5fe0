"""Between a live source and its windows: blocks wait in a spool, and no window is lost because inference is slow."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from mgcld.audio import frames
from mgcld.audio.kept import kept, newest, unpacked
from mgcld.audio.resample import index_at
from mgcld.audio.seam import Note, Seam
from mgcld.audio.segment import Amount, Record
from mgcld.audio.spool import Spool
from mgcld.data import NANOSECONDS, AudioBlock, Flag, Window, nanoseconds

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25
"""It looks whether it shall stop so often."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A block that windows to come may need."""

    begin: Amount
    end: Amount
    epoch: int
    end_sample: int
    sample_rate: int

    def goes_on_with(self, block: AudioBlock) -> bool:
        """Whether the block is the next of the same stretch of sound."""
        return (self.epoch, self.sample_rate, self.end_sample) == (block.epoch, block.sample_rate, block.first_sample)

    def is_before(self, epoch: int, sample: int, sample_rate: int) -> bool:
        """Whether all of it lies before a sample of an epoch."""
        if self.epoch != epoch:
            return self.epoch < epoch
        return self.end_sample <= index_at(sample, sample_rate, self.sample_rate)


class Drain:
    """One thread keeps blocks, another (`run`) makes windows of them, in order, as fast as these are taken.

    A block is given up when every window that needs it has been sent. The next process begins where the window begins
    that would have come next; what was sent and not yet noted is sent twice.
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
        linger: Callable[[], None] = lambda: None,
    ) -> None:
        """The spool is the drain's, which closes it; `hop_samples` at the rate of the windows.

        cut, flush: make windows. send: puts them into the inbox, and waits for room. linger: waits, at the end, until
        they have gone out: the next drain of this spool begins behind them.
        """
        self._name = name
        self._spool = spool
        self._hop = hop_samples
        self._cut, self._flush, self._send = cut, flush, send
        self._stop = stop
        self._linger = linger
        self._own = spool.end  # what lies before is an earlier process's
        self._note = Note.of(spool.note)
        began = self._note.epoch >= 0 or spool.begin != Amount()  # something has gone out, or was lost
        self._seam = Seam(self._note) if began else None
        self._lock = threading.Lock()  # of the note, and of what follows
        self._held: deque[_Held] = deque()
        self._unsent = 0
        self._over: Amount | None = None  # where a stretch of sound is over
        self._newest = newest(spool.before)
        self._steps_before = self._newest.clock_steps  # the count goes on, for their sound will meet ours
        self.last_epoch = max(self._note.last_epoch, self._newest.epoch)
        """The last one that an earlier process used; -1 where there was none."""

    def keep(self, block: AudioBlock) -> None:
        """Add a block behind all others; never waits for the windows."""
        self._newest = kept(block, steps_before=self._steps_before)
        sound_ns = nanoseconds(len(block.samples), block.sample_rate)
        self._spool.append(self._newest.record(block), sound_ns=sound_ns)

    def end_opening(self) -> None:
        """What came so far is all of this opening."""
        self._spool.append(self._newest.record(frames.Ended()))

    def run(self) -> None:
        """Make windows until it is told to stop."""
        try:
            while not self._stop.is_set():
                record = self._spool.read(TICK_SECONDS)
                if record is not None:
                    self._work(record)
            self._linger()
        finally:
            self._spool.close()

    def sent(self, window: Window) -> None:
        """That window, and all before it, have gone out; from any one thread."""
        following = window.first_sample + self._hop
        with self._lock:
            self._unsent -= 1
            self._note = Note(self._note.last_epoch, window.epoch, following, window.sample_rate)
            self._give_up(lambda held: held.is_before(window.epoch, following, window.sample_rate))
            self._end_stretch()

    @property
    def backlog_seconds(self) -> float:
        """Sound of which not all windows have gone out."""
        return self._spool.backlog.sound_ns / NANOSECONDS

    @property
    def lost_seconds(self) -> float:
        """Sound that the spool had no room for."""
        return self._spool.lost.sound_ns / NANOSECONDS

    def _work(self, record: Record) -> None:
        try:
            arrived_ns, found = unpacked(record.data)
        except frames.FrameError as error:
            logger.warning("%s: a record of its spool is passed over: %s", self._name, error)
            return
        own = self._own <= record.begin
        over, made = self._windows(record, found) if isinstance(found, AudioBlock) else (record.end, self._flush())
        windows = [self._told(window, arrived_ns if own else time.monotonic_ns(), late=not own) for window in made]
        with self._lock:  # a stretch is over only with its last windows: the others may go out meanwhile
            self._over = self._over if over is None else over
            self._unsent += len(windows)
            self._end_stretch()
        self._send(windows)

    def _windows(self, record: Record, block: AudioBlock) -> tuple[Amount | None, list[Window]]:
        """Where a stretch of sound is over, if one is, and the windows that are complete now."""
        held = _Held(record.begin, record.end, block.epoch, block.first_sample + len(block.samples), block.sample_rate)
        with self._lock:
            over = None if self._held and self._held[-1].goes_on_with(block) else record.begin
            self._held.append(held)
            self._note = replace(self._note, last_epoch=block.epoch)
        if self._seam is not None:
            block = self._seam.trimmed(block)
        return over, self._cut(block) if len(block.samples) else []

    def _end_stretch(self) -> None:
        """No window will be made of what is left of a stretch that is over, once all that were made have gone out."""
        if self._over is not None and not self._unsent:
            over, self._over = self._over, None
            self._give_up(lambda held: held.end <= over)
            self._spool.done(over, self._note.packed)

    def _give_up(self, unneeded: Callable[[_Held], bool]) -> None:
        place = None
        while self._held and unneeded(self._held[0]):
            place = self._held.popleft().end
        place = self._held[0].begin if self._held else place
        if place is not None:
            self._spool.done(place, self._note.packed)

    def _told(self, window: Window, ready_ns: int, *, late: bool) -> Window:
        """With what only the spool knows: when its sound arrived, and in which process."""
        flags: set[Flag] = {"late"} if late else set()
        lost = window.gap_samples if self._seam is None else self._seam.gap_before(window)
        self._seam = None
        return replace(window, ready_ns=ready_ns, flags=window.flags | flags, gap_samples=lost)
