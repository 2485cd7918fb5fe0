"""Records on disk, and in memory while the disk takes nothing."""

import logging
import time
from collections import deque

from mgcld.audio.ring import Ring
from mgcld.audio.segment import Amount, Record

logger = logging.getLogger(__name__)

MEMORY_BYTES = 4 << 20
"""So much waits in memory; then the oldest of it is lost."""
RETRY_SECONDS = 10.0
"""A disk that took nothing is tried again so often."""


class Shelf:
    """A ring that never fails: what it cannot write waits in memory, newest wins. One thread at a time."""

    def __init__(self, name: str, ring: Ring) -> None:
        """`name` is for the log."""
        self._name = name
        self._ring = ring
        self._memory: deque[Record] = deque()  # behind all that is in the ring
        self._memory_bytes = 0
        self._failing = False
        self._retry_at = 0.0

    def append(self, record: Record) -> None:
        """Add a record that begins at the end or behind it."""
        self._memory.append(record)
        self._memory_bytes += len(record.data)
        if not self._failing or time.monotonic() >= self._retry_at:
            self._write()
        while self._memory_bytes > MEMORY_BYTES:
            self._pop()

    def next(self, place: Amount) -> Record | None:
        """The first record at or behind a place, which is never before that of the last call."""
        record = self._ring.next(place)
        if record is None and self._memory:
            record = self._pop()
        return record

    def missing(self, place: Amount, end: Amount) -> Amount:
        """How much of what lies between two places is not kept, as far as it is known without reading."""
        missing = self._ring.missing(place)
        place = max(place, self._ring.end)
        for record in self._memory:
            return missing + (record.begin - place)
        return missing + (end - place)

    def forget(self, place: Amount) -> None:
        """Keep nothing on disk that lies before a place."""
        try:
            self._ring.forget(place)
        except OSError as error:
            self._complain(error)

    def close(self) -> None:
        """Release the files; what is in them stays, what is in memory does not."""
        self._ring.close()

    def _write(self) -> None:
        try:
            while self._memory:
                self._ring.append(self._memory[0])
                self._pop()
        except OSError as error:
            self._complain(error)
            return
        if self._failing:
            self._failing = False
            logger.info("%s: its spool is written to disk again", self._name)

    def _complain(self, error: OSError) -> None:
        """One line an outage."""
        if not self._failing:
            logger.error("%s: its spool waits in memory only: %s", self._name, error.strerror)
        self._failing, self._retry_at = True, time.monotonic() + RETRY_SECONDS

    def _pop(self) -> Record:
        record = self._memory.popleft()
        self._memory_bytes -= len(record.data)
        return record
