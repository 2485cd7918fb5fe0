"""Clips in a folder: each whole or not there, the oldest deleted when they are too many or too old."""

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ._clip_name import stamped_at

FOLDER_MODE = 0o750
FILE_MODE = 0o640
BESIDE = ".mgcld-{}.part"


class NoRoom(Exception):
    """It may not be written; says why."""


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """A clip with what lies beside it."""

    began: float
    """Seconds since the Unix epoch."""
    path: Path
    bytes: int


class Shelf:
    """Looks at the folder each time: people delete and move clips. One thread at a time."""

    def __init__(self, folder: Path, *, max_bytes: int, max_age_seconds: float, min_free_bytes: int) -> None:
        """Nothing is touched yet."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age_seconds = max_age_seconds
        self._min_free_bytes = min_free_bytes
        self.bytes = 0
        """Of all clips, when they were counted last."""
        self.oldest: float | None = None
        """When the oldest began (seconds since the Unix epoch)."""

    def clean(self) -> None:
        """At the start: make the folder, delete what a kill has left half done, and what is too much or too old.

        Raises:
            OSError: it cannot be read or written.
        """
        self._folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        for day in self._days():
            for path in list(day.iterdir()):
                half = path.name.startswith(BESIDE[:7]) and path.name.endswith(BESIDE[-5:]) and not _is_written(path)
                sound = path.with_suffix(".flac")
                if half or (path.suffix == ".json" and stamped_at(sound.name) is not None and not sound.exists()):
                    path.unlink(missing_ok=True)
            _remove_empty(day)
        self._make_room(0)

    def put(self, place: PurePosixPath, sound: bytes, beside: bytes) -> None:
        """Write a clip, and what is to be known of it beside it, where there is room for both.

        Raises:
            NoRoom: there is not, however many older ones go.
            OSError: it cannot be written; nothing of it is left.
        """
        more = len(sound) + len(beside)
        if more > self._max_bytes:
            raise NoRoom("it is larger than max_megabytes")
        self._folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        left = shutil.disk_usage(self._folder).free - more
        if left < max(0, self._min_free_bytes):
            few = f"less than {self._min_free_bytes / 1e6:g} MB of the disk would be free"
            raise NoRoom("the disk is full" if left < 0 else few)
        self._make_room(more)
        path = self._folder / place
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(FOLDER_MODE, exist_ok=True)
        told = path.with_suffix(".json")
        _write(told, beside)
        try:
            _write(path, sound)
        except BaseException:
            told.unlink(missing_ok=True)
            raise
        self.bytes += more
        self.oldest = min(self.oldest or time.time(), stamped_at(path.name) or time.time())

    def _make_room(self, more: int) -> None:
        """Oldest first; only clips are touched, nothing else that lies there."""
        kept = sorted(self._kept())
        held = sum(clip.bytes for clip in kept)
        too_old = time.time() - self._max_age_seconds
        while kept and (held + more > self._max_bytes or kept[0].began < too_old):
            gone = kept.pop(0)
            gone.path.unlink(missing_ok=True)
            gone.path.with_suffix(".json").unlink(missing_ok=True)
            _remove_empty(gone.path.parent)
            held -= gone.bytes
        self.bytes, self.oldest = held, kept[0].began if kept else None

    def _kept(self) -> Iterator[Kept]:
        for day in self._days():
            for path in day.iterdir():
                began = stamped_at(path.name)
                if began is not None:
                    yield Kept(began, path, _size(path) + _size(path.with_suffix(".json")))

    def _days(self) -> Iterator[Path]:
        """No link is followed."""
        for source in _folders(self._folder):
            yield from _folders(source)


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _remove_empty(day: Path) -> None:
    with contextlib.suppress(OSError):
        day.rmdir()


def _write(path: Path, content: bytes) -> None:
    """Beside the place, flushed to the disk, renamed into it; locked meanwhile, so that nobody takes it for a rest."""
    beside = path.with_name(BESIDE.format(uuid.uuid4().hex))
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), FILE_MODE)
            os.fsync(file.fileno())
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_written(path: Path) -> bool:
    """Whether somebody is writing it now."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
