"""Records as they lie in a file: each with its place, its length and a checksum."""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct("<IIQQQ")  # checksum of all that follows, bytes of data, records before, sound before, sound


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """So many records, so much sound. A place in a spool is the amount that came before it since it was made."""

    records: int = 0
    sound_ns: int = 0
    """Nanoseconds."""

    def __add__(self, more: "Amount") -> "Amount":
        return Amount(self.records + more.records, self.sound_ns + more.sound_ns)

    def __sub__(self, less: "Amount") -> "Amount":
        """What lies between two places; nothing where `less` is the later one."""
        return Amount(max(0, self.records - less.records), max(0, self.sound_ns - less.sound_ns))


@dataclass(frozen=True, slots=True)
class Record:
    """Some bytes and where they lie."""

    data: bytes
    begin: Amount
    end: Amount
    lost: Amount = Amount()
    """What is missing between the record that was read before and this one."""


def frame(record: Record) -> bytes:
    """The record as it is written."""
    sound_ns = record.end.sound_ns - record.begin.sound_ns
    header = _HEADER.pack(0, len(record.data), record.begin.records, record.begin.sound_ns, sound_ns)[4:]
    return b"".join((zlib.crc32(record.data, zlib.crc32(header)).to_bytes(4, "little"), header, record.data))


class SegmentReader:
    """Reads a file from its beginning; another may append to it meanwhile."""

    def __init__(self, path: Path) -> None:
        """A file that cannot be opened reads as an empty one."""
        try:
            self._file: int | None = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            self._file = None
        self.offset = 0
        """Bytes read so far."""

    def read(self) -> Record | None:
        """The next record; None where there is none, or where it is damaged: `offset` then stays."""
        header = self._bytes(_HEADER.size)
        if len(header) < _HEADER.size:
            return None
        checksum, length, records, before_ns, sound_ns = _HEADER.unpack(header)
        if length > self._left():
            return None
        data = self._bytes(length, skip=_HEADER.size)
        if len(data) < length or zlib.crc32(data, zlib.crc32(header[4:])) != checksum:
            return None
        self.offset += _HEADER.size + length
        begin = Amount(records, before_ns)
        return Record(data, begin, begin + Amount(1, sound_ns))

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _bytes(self, count: int, skip: int = 0) -> bytes:
        try:
            return b"" if self._file is None else os.pread(self._file, count, self.offset + skip)
        except OSError:  # a disk that does not read any more
            return b""

    def _left(self) -> int:
        return 0 if self._file is None else os.fstat(self._file).st_size - self.offset - _HEADER.size


def records(path: Path) -> Iterator[Record]:
    """All records of a file, up to the first that cannot be read."""
    reader = SegmentReader(path)
    try:
        while (record := reader.read()) is not None:
            yield record
    finally:
        reader.close()
