"""How far a spool has been worked off: one small file, which also says whose spool it is."""

import fcntl
import os
import struct
import zlib
from pathlib import Path

from mgcld.audio.segment import Amount

LONGEST_NOTE = 63
"""Bytes."""
PRIVATE_FILE = 0o600

_FILE = struct.Struct(f"<IQQB{LONGEST_NOTE}s")  # checksum of all that follows, records, sound, length of the note, note


class Cursor:
    """Holds the file, and with it the spool: one process at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make it.

        Raises:
            BlockingIOError: another process holds it.
            OSError: it cannot be opened.
        """
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.place, self.note = _parsed(os.pread(self._file, _FILE.size, 0))
        except OSError:
            os.close(self._file)
            raise

    def write(self, place: Amount, note: bytes) -> None:
        """Note that everything before the place is done.

        Raises:
            OSError: it cannot be written.
            ValueError: the note is longer than `LONGEST_NOTE`.
        """
        if len(note) > LONGEST_NOTE:
            raise ValueError(f"a note of {len(note)} bytes")
        body = _FILE.pack(0, place.records, place.sound_ns, len(note), note)[4:]
        os.pwrite(self._file, zlib.crc32(body).to_bytes(4, "little") + body, 0)

    def close(self) -> None:
        """Let another process have the spool."""
        os.close(self._file)


def _parsed(content: bytes) -> tuple[Amount | None, bytes]:
    """The place and the note; no place where the file is new or damaged."""
    if len(content) < _FILE.size:
        return None, b""
    checksum, records, sound_ns, length, note = _FILE.unpack(content)
    if zlib.crc32(content[4:]) != checksum:
        return None, b""
    return Amount(records, sound_ns), note[:length]
