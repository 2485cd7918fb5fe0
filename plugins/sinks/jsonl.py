"""Messages into a file, one JSON object a line; older files are numbered, and the oldest goes."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mgcld.data import Message, MessageKind
from mgcld.errors import ConfigError, InUse

from . import _jsonl_lock
from ._counted import messages
from ._jsonl_file import LineFile
from ._jsonl_line import as_json
from ._jsonl_rotation import Rotation

logger = logging.getLogger(__name__)

DAY_NS = 86_400 * 1_000_000_000
GZIP_SECONDS = 0.3
"""At the end, compressing is waited for so long; what is not done stays uncompressed."""


class JsonlSink:
    """Whole lines only. A disk that is full or gone delays nothing: each message is tried once, and counted."""

    def __init__(
        self,
        path: Path,
        kinds: Sequence[MessageKind] = ("event",),
        sync: Literal["always", "event", "never"] = "event",
        rotate: Literal["size", "daily"] = "size",
        max_megabytes: float = 100.0,
        keep: int = 5,
        compress: bool = False,
    ) -> None:
        """Look, but open nothing before the first message.

        Raises:
            ConfigError: an option makes no sense, the file cannot be written, or another process writes to it.
        """
        _check(path, kinds, max_megabytes, keep)
        self._path = path
        self._kinds = frozenset(kinds)
        self._sync = sync
        self._daily = rotate == "daily"
        self._most_bytes = round(max_megabytes * 1e6)
        self._rotation = Rotation(path, keep, compress)
        self._file: LineFile | None = None
        self._locked = False
        self._day = 0
        self._delivered = self._failed = self._bytes = 0
        self._trouble: str | None = None
        self._lost = 0
        self._stuck = False

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was written so far, where, and what is wrong with it now."""
        counts = {"delivered": self._delivered, "failed": self._failed, "bytes": self._bytes}
        return {**counts, "file": str(self._path), "reason": self._trouble}

    def take(self, message: Message) -> None:
        """Append the message, if it is of a kind that is wanted."""
        if message.kind not in self._kinds:
            return
        line = as_json(message)
        try:
            self._write(line, message.kind)
        except OSError as error:
            self._complain(error)
            return
        self._delivered += 1
        if self._trouble is not None:
            logger.info("%s is written again; %s missing in it", self._path, messages(self._lost, "is", "are"))
            self._trouble, self._lost = None, 0

    def close(self) -> None:
        """What was written reaches the disk, unless nobody wants that."""
        file, self._file = self._file, None
        if file is not None:
            self._finish(file)
        if self._locked:
            self._locked = False
            _jsonl_lock.release(self._path)
        self._rotation.wait(GZIP_SECONDS)

    def _write(self, line: bytes, kind: MessageKind) -> None:
        file = self._ready(len(line) + 1)
        self._bytes += file.append(line)
        if self._sync == "always" or (self._sync == "event" and kind == "event"):
            file.sync()

    def _ready(self, more: int) -> LineFile:
        """The file that the next line, of so many bytes, belongs to."""
        file = self._opened()
        if file.moved:
            logger.info("%s was moved or removed: a new one is begun", self._path)
            self._leave()
            file = self._opened()
        if file.size and self._due(file.size + more) and not self._rotation.busy:
            self._leave()
            self._rotate()
            file = self._opened()
        return file

    def _rotate(self) -> None:
        """Where that cannot be the file grows on: too large is better than lost."""
        try:
            self._rotation.rotate()
            self._stuck = False
        except OSError as error:
            if not self._stuck:
                logger.warning("%s grows on: it cannot be rotated: %s", self._path, error.strerror)
            self._stuck = True

    def _opened(self) -> LineFile:
        if not self._locked:
            _jsonl_lock.acquire(self._path)
            self._locked = True
        if self._file is None:
            self._file = LineFile(self._path, durable=self._sync != "never")
            self._day = (self._file.modified_ns if self._file.size else time.time_ns()) // DAY_NS
        return self._file

    def _due(self, size: int) -> bool:
        """Whether another file must begin: by its size, or because it is another day (UTC)."""
        return size > self._most_bytes or (self._daily and time.time_ns() // DAY_NS > self._day)

    def _leave(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def _finish(self, file: LineFile) -> None:
        try:
            if self._sync != "never":
                file.sync()
        except OSError as error:
            logger.error("%s: its last lines may not be on the disk: %s", self._path, error.strerror)
        finally:
            file.close()

    def _complain(self, error: OSError) -> None:
        self._failed += 1
        self._lost += 1
        held = isinstance(error, BlockingIOError)
        trouble = "another process writes to it" if held else error.strerror or type(error).__name__
        if trouble != self._trouble:
            logger.error("%s cannot be written: %s; tried again with each message", self._path, trouble)
        self._trouble = trouble


def _check(path: Path, kinds: Sequence[str], max_megabytes: float, keep: int) -> None:
    if not kinds:
        raise ConfigError("kinds is empty: nothing would be written", help="kinds are prob, event, health and meta")
    if not max_megabytes > 0:
        raise ConfigError(f"max_megabytes cannot be {max_megabytes:g}", help="write how large the file may become")
    if not 0 <= keep <= 10_000:
        raise ConfigError(f"keep cannot be {keep}", help="write how many older files to keep")
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise ConfigError(f"{path} is no file", help="write the path of a file in path")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}", help="make it, or write another path")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        whose = "give it to the user that mgcld runs as; a service may write to its StateDirectory, /var/lib/mgcld"
        raise ConfigError(f"{path} cannot be written", help=whose)
    if _jsonl_lock.taken_elsewhere(path):
        raise InUse(f"another process writes to {path}", help="end it, or write another path")
