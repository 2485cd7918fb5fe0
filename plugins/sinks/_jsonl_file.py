"""A file that only grows by whole lines, whatever happens to the disk, to the process, or to the file's name."""

import contextlib
import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)

MODE = 0o640
"""Who may read: the owner and its group."""


class LineFile:
    """Opened for appending; opened again where somebody has moved or removed it."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        """Open or create. `durable`: its place in the folder reaches the disk at once.

        Raises:
            OSError: it cannot be opened.
        """
        self._path = path
        self._handle = -1
        new = not path.exists()
        self._handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        if new and durable:
            _sync_folder(path.parent)
        self._opened_ns = os.fstat(self._handle).st_mtime_ns
        self._torn = self._ends_within_a_line()

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._handle).st_size

    @property
    def modified_ns(self) -> int:
        """When it was last written before it was opened here (nanoseconds since the Unix epoch, UTC)."""
        return self._opened_ns

    @property
    def moved(self) -> bool:
        """Whether another file, or none, stands at its path now."""
        try:
            there, here = self._path.stat(), os.fstat(self._handle)
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def append(self, line: bytes) -> int:
        """Write a line, which brings no line break; returns the bytes written.

        Raises:
            OSError: not all of it could be written; what could is taken back.
        """
        whole = (b"\n" if self._torn else b"") + line + b"\n"
        before = self.size
        try:
            written = os.write(self._handle, whole)
            while written < len(whole):
                written += os.write(self._handle, whole[written:])
        except OSError:
            self._take_back(before)
            raise
        self._torn = False
        return len(whole)

    def sync(self) -> None:
        """Wait until the disk has it.

        Raises:
            OSError: the disk does not take it.
        """
        os.fdatasync(self._handle)

    def close(self) -> None:
        """Let go; a second time does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1

    def _take_back(self, size: int) -> None:
        """Back to where whole lines ended; where that fails, the next line begins with a line break."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._handle, size)
        with contextlib.suppress(OSError):
            self._torn = self._torn or self.size > size

    def _ends_within_a_line(self) -> bool:
        size = self.size
        if not size or os.pread(self._handle, 1, size - 1) == b"\n":
            return False
        tail = os.pread(self._handle, 1 << 20, max(0, size - (1 << 20)))
        lost = len(tail) - 1 - tail.rfind(b"\n")
        logger.warning("%s ends within a line: its last %d bytes get a line of their own", self._path, lost)
        return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
