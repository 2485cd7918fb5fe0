"""Records on disk: files in a row, the oldest deleted when they hold too much."""

import contextlib
import errno
import os
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mgcld.audio.segment import Amount, Record, SegmentReader, frame, records

PRIVATE_FILE = 0o600
"""It is audio at rest: nobody else may read it."""
SEGMENTS = 16
"""A full ring loses this share of itself at once."""
SHORT_LIVED = 4 << 20
"""Bytes of a segment: what is read and deleted within half a minute mostly never reaches the disk itself."""
MOST_SEGMENTS = 256
NAME = re.compile(r"\d{20}\.segment")


@dataclass(slots=True, eq=False)
class _Segment:
    path: Path
    begin: Amount
    end: Amount
    size: int


class Ring:
    """Appends to the last file, reads in order, deletes from the front. One thread at a time.

    What a process has appended outlives its death, for the kernel holds it; nothing is flushed to the disk itself, so a
    power failure may cost the last seconds. A record that was cut off or damaged ends its file: reading goes on with
    the next one.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Open what is there, in a folder that exists.

        Raises:
            OSError: it cannot be read.
        """
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(max_bytes // SEGMENTS, max(SHORT_LIVED, max_bytes // MOST_SEGMENTS))
        self._segments = deque(_segments(folder))
        self._bytes = sum(segment.size for segment in self._segments)
        self._writing: int | None = None  # descriptor of the last segment
        self._reading: tuple[_Segment, SegmentReader] | None = None
        self.before = _last(self._segments[-1].path) if self._segments else None
        """The last record that an earlier process left."""
        self._end = self.before.end if self.before else Amount()
        for segment, following in pairwise([*self._segments, None]):
            assert segment is not None
            segment.end = following.begin if following else self._end

    @property
    def begin(self) -> Amount:
        """Where the oldest record that is kept begins."""
        return self._segments[0].begin if self._segments else self._end

    @property
    def end(self) -> Amount:
        """Where the last record ends."""
        return self._end

    def missing(self, place: Amount) -> Amount:
        """How much is not kept between a place and the end, as far as it is known without reading."""
        missing = Amount()
        for segment in self._segments:
            if segment.begin.records > place.records:
                missing += segment.begin - place
            if segment.end.records > place.records:
                place = segment.end
        return missing

    def append(self, record: Record) -> None:
        """Add a record that begins at or behind the end; one that is larger than the whole ring is passed over.

        Raises:
            OSError: it cannot be written; what was written before can still be read.
        """
        framed = frame(record)
        if len(framed) > self._max_bytes:
            return
        try:
            while self._segments and self._bytes + len(framed) > self._max_bytes:
                self._drop_first()
            self._write(record.begin, framed)
        except OSError:
            self._give_up(record.begin)
            raise
        self._end = self._segments[-1].end = record.end

    def next(self, place: Amount) -> Record | None:
        """The first record that can be read at or behind a place, which is never before that of the last call."""
        begins = bisect_right(self._segments, place.records, key=lambda segment: segment.begin.records)
        for index in range(max(0, begins - 1), len(self._segments)):
            segment = self._segments[index]
            reader = self._reader(segment)
            while (record := reader.read()) is not None:
                if record.begin.records >= place.records:
                    return record
            if segment is self._segments[-1] and reader.offset < segment.size:
                self._finish_segment()  # nobody could read what is appended behind a damaged record
        return None

    def forget(self, place: Amount) -> None:
        """Delete the files that hold nothing behind a place.

        Raises:
            OSError: they cannot be deleted.
        """
        while self._segments and self._segments[0].end.records <= place.records:
            self._drop_first()

    def close(self) -> None:
        """Release the files; what is in them stays."""
        self._finish_segment()
        self._stop_reading()

    def _drop_first(self) -> None:
        oldest = self._segments[0]
        if len(self._segments) == 1:
            self._finish_segment()
        if self._reading is not None and self._reading[0] is oldest:
            self._stop_reading()
        oldest.path.unlink(missing_ok=True)
        self._segments.popleft()
        self._bytes -= oldest.size

    def _write(self, begin: Amount, framed: bytes) -> None:
        if begin != self._end or (self._segments and self._segments[-1].size + len(framed) > self._segment_bytes):
            self._finish_segment()
        if self._writing is None:
            path = self._folder / f"{begin.records:020}.segment"
            self._writing = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE_FILE)
            self._segments.append(_Segment(path, begin, begin, 0))
        written = os.write(self._writing, framed)
        self._segments[-1].size += written
        self._bytes += written
        if written < len(framed):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _give_up(self, begin: Amount) -> None:
        """Leave the file that cannot be written; one that holds no whole record goes."""
        self._finish_segment()
        if self._segments and self._segments[-1].begin == begin:
            empty = self._segments.pop()
            self._bytes -= empty.size
            with contextlib.suppress(OSError):
                empty.path.unlink()

    def _finish_segment(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None

    def _reader(self, segment: _Segment) -> SegmentReader:
        """Where reading goes on in a segment; at its beginning where another one was read last."""
        if self._reading is None or self._reading[0] is not segment:
            self._stop_reading()
            self._reading = segment, SegmentReader(segment.path)
        return self._reading[1]

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading[1].close()
            self._reading = None


def _segments(folder: Path) -> Iterator[_Segment]:
    """The files of a ring, oldest first; one that begins with damage is deleted: nothing in it can be read."""
    for path in sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name)):
        first = next(records(path), None)
        if first is None:
            path.unlink()
        else:
            yield _Segment(path, first.begin, first.end, path.stat().st_size)


def _last(path: Path) -> Record | None:
    return next(iter(deque(records(path), maxlen=1)), None)
