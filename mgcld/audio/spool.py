"""Audio that waits on disk until it has been heard: it outlives the process that wrote it."""

import logging
import threading
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from mgcld.audio.cursor import Cursor
from mgcld.audio.ring import Ring
from mgcld.audio.segment import Amount, Record
from mgcld.audio.shelf import Shelf
from mgcld.errors import ConfigError

logger = logging.getLogger(__name__)

PRIVATE_FOLDER = 0o700
HELP = "name a folder that mgcld may write and whose disk has room, as `spool.folder`; or leave the spool out"


class Spool:
    """First in, first out, in a folder of its own: one thread appends, another reads.

    What was read is done only when `done` says so: the next process begins there, so what it did not say in time is
    read twice. A record that was appended outlives a kill of this process, but not a power failure: nothing is flushed
    to the disk itself. When the ring is full the oldest goes, read or not. A disk that fails later stops nobody.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Take over what an earlier process left in the folder, or make it; others may not look into it.

        Raises:
            ConfigError: it cannot be written, or another process has it.
        """
        self._name = folder.name
        self._cursor, ring = _opened(folder, max_bytes)
        self._shelf = Shelf(self._name, ring)
        self._done = self._next = self._cursor.place or ring.begin
        self._end = max(self._done, ring.end)
        self._passed = Amount()  # lost, and the reader has come by
        self._ended = False
        self._stuck = False  # the cursor cannot be written
        self._changed = threading.Condition()
        self._at_cursor = threading.Lock()
        self.note = self._cursor.note
        """What the last `done` of an earlier process noted."""
        self.before = ring.before.data if ring.before else None
        """The last record that an earlier process left, done or not."""
        self.lost = self._shelf.missing(self._next, self._end)
        """How much was pushed out of the ring, or could not be written or read, so far."""

    def append(self, data: bytes, *, sound_ns: int = 0) -> None:
        """Add a record of so much sound (nanoseconds); after `close` it is lost."""
        with self._changed:
            begin, self._end = self._end, self._end + Amount(1, sound_ns)
            if not self._ended:
                self._shelf.append(Record(data, begin, self._end))
            self._count()
            self._changed.notify_all()

    def read(self, timeout: float) -> Record | None:
        """The next record, with what was lost before it; None if none came within `timeout` seconds."""
        with self._changed:
            if not self._ended:
                self._shelf.forget(self._done)
            record: Record | None = self._changed.wait_for(self._take, timeout)
            self._count()
            return record

    def done(self, place: Amount, note: bytes = b"") -> None:
        """Nobody needs what lies before a place any more; from any thread.

        note: of at most `cursor.LONGEST_NOTE` bytes, for the next process.
        """
        with self._at_cursor:
            if self._ended or place < self._done:
                return
            self._done = place
            try:
                self._cursor.write(place, note)
                self._stuck = False
            except OSError as error:
                if not self._stuck:
                    logger.error("%s: its spool cannot note what is done: %s", self._name, error.strerror)
                self._stuck = True

    @property
    def begin(self) -> Amount:
        """Where the first record begins that is not done; never waits."""
        return self._done

    @property
    def end(self) -> Amount:
        """Where the last record ends; never waits."""
        return self._end

    @property
    def backlog(self) -> Amount:
        """How much is not done yet; never waits."""
        return self._end - self._done

    def close(self) -> None:
        """Leave it to another process: what is on disk stays."""
        with self._changed, self._at_cursor:
            if not self._ended:
                self._ended = True
                self._shelf.close()
                self._cursor.close()
                self._changed.notify_all()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> Record | None:
        if self._ended or self._next == self._end:
            return None
        record = self._shelf.next(self._next)
        if record is None:
            return None
        lost = record.begin - self._next
        self._passed += lost
        self._next = record.end
        return replace(record, lost=lost)

    def _count(self) -> None:
        self.lost = self._passed + self._shelf.missing(self._next, self._end)


def _opened(folder: Path, max_bytes: int) -> tuple[Cursor, Ring]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        folder.chmod(PRIVATE_FOLDER)
        cursor = Cursor(folder / "cursor")
    except BlockingIOError as error:
        raise ConfigError(
            f"{folder}: another process spools there", help="stop that one, or give each a folder of its own"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot spool in {folder}: {error.strerror}", help=HELP) from error
    try:
        ring = Ring(folder, max_bytes=max_bytes)
        cursor.write(cursor.place or ring.begin, cursor.note)  # told now if the disk is full
    except OSError as error:
        cursor.close()
        raise ConfigError(f"cannot spool in {folder}: {error.strerror}", help=HELP) from error
    return cursor, ring
