"""Messages that wait on disk until they are delivered: in order, each whole or not there."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ._outbox_lock import PRIVATE_FILE

logger = logging.getLogger(__name__)

VERSION = 1
BUSY_SECONDS = 2.0
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
SCHEMA = """
    CREATE TABLE IF NOT EXISTS message (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        delivery TEXT NOT NULL UNIQUE,
        taken_ns INTEGER NOT NULL,
        body BLOB NOT NULL
    )
"""

INSERT = "INSERT OR IGNORE INTO message (delivery, taken_ns, body) VALUES (?, ?, ?)"

T = TypeVar("T")


class OutboxError(Exception):
    """It cannot be read or written now; says why."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message, ready to go."""

    delivery: str
    """Its name: the same at every try, and no other's."""
    body: bytes


class Outbox:
    """SQLite with a write-ahead log that is flushed to the disk with every change. Any thread may use it.

    What `add` returned for outlives a kill and a power failure. A damaged file is moved aside, and a new one begun.
    """

    def __init__(self, path: Path, most: int) -> None:
        """Open it, or make it; at most so many messages wait.

        Raises:
            OutboxError: it cannot be used, or a newer mgcld wrote it.
        """
        self._path = path
        self._most = most
        self._lock = threading.Lock()
        self._ahead_ns = time.time_ns() - _steady_ns()
        self.waiting = 0
        """Messages in it."""
        self._oldest_ns: int | None = None
        self._ended = False
        self._database: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # its device and its number there
        self._carried: list[tuple[str, int, bytes]] = []  # from a file that is gone
        self._do(lambda _: None)

    @property
    def oldest_seconds(self) -> float | None:
        """How long the message has waited that has waited longest; None where none waits."""
        oldest_ns = self._oldest_ns
        return None if oldest_ns is None else max(0.0, (self._now_ns() - oldest_ns) / 1e9)

    def add(self, delivery: str, body: bytes) -> int:
        """Keep a message behind all others, unless it is there; how many of the oldest had to go for it.

        Raises:
            OutboxError: it is not kept.
        """
        now = self._now_ns()

        def work(database: sqlite3.Connection) -> int:
            values = (delivery, now, body)
            database.execute(INSERT, values)
            (waiting,) = database.execute("SELECT COUNT(*) FROM message").fetchone()
            oldest = "SELECT number FROM message ORDER BY number LIMIT ?"
            gone = (max(0, waiting - self._most),)
            return database.execute(f"DELETE FROM message WHERE number IN ({oldest})", gone).rowcount

        return self._do(work)

    def first(self) -> Parcel | None:
        """The message that has waited longest.

        Raises:
            OutboxError: it cannot be read.
        """
        fields = "SELECT delivery, body FROM message ORDER BY number LIMIT 1"
        row = self._do(lambda database: database.execute(fields).fetchone())
        return Parcel(*row) if row else None

    def done(self, parcel: Parcel) -> None:
        """It need not be kept any more.

        Raises:
            OutboxError: it is kept all the same.
        """
        self._do(lambda database: database.execute("DELETE FROM message WHERE delivery = ?", (parcel.delivery,)))

    def give_up_older(self, than_ns: int) -> int:
        """Let go of what has waited longer (nanoseconds); how many.

        Raises:
            OutboxError: all is kept.
        """
        border = self._now_ns() - than_ns
        if self._oldest_ns is None or self._oldest_ns >= border:
            return 0
        return self._do(lambda database: database.execute("DELETE FROM message WHERE taken_ns < ?", (border,)).rowcount)

    def close(self) -> None:
        """Release the file; what waits in it stays."""
        with self._lock:
            self._ended = True
            self._let_go()

    def _now_ns(self) -> int:
        """UTC as it was when this was opened, and what has passed since: a clock that is set makes nothing older."""
        return self._ahead_ns + _steady_ns()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction."""
        with self._lock:
            if self._ended:
                raise OutboxError("it is closed")
            try:
                return self._tried(work)
            except (sqlite3.Error, OSError) as error:
                raise OutboxError(_said(error)) from error

    def _tried(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Once more in a new file, where this one turns out to be damaged."""
        try:
            return self._transact(self._ready(), work)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
                raise
            self._let_go()
            self._move_aside(error)
            return self._transact(self._ready(), work)

    def _transact(self, database: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        with database:
            result = work(database)
            (waiting,) = database.execute("SELECT COUNT(*) FROM message").fetchone()
            oldest = database.execute("SELECT taken_ns FROM message ORDER BY number LIMIT 1").fetchone()
        self.waiting, self._oldest_ns = waiting, oldest[0] if oldest else None
        return result

    def _ready(self) -> sqlite3.Connection:
        if self._database is not None and not self._is_there():
            logger.error("%s was moved or removed: a new one is begun, with all that waits", self._path)
            fields = "SELECT delivery, taken_ns, body FROM message ORDER BY number"
            self._carried = self._database.execute(fields).fetchall()
            self._let_go()
        if self._database is None:
            database = self._connected()
            try:
                with database:
                    database.executemany(INSERT, self._carried)
            except BaseException:
                database.close()
                raise
            self._database, self._carried = database, []
        return self._database

    def _is_there(self) -> bool:
        """Whether what stands at the path is still what is open: SQLite would write on into a file without a name."""
        try:
            return self._file == _identity(self._path.stat())
        except FileNotFoundError:
            return False

    def _let_go(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None

    def _move_aside(self, error: sqlite3.Error) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged-{time.time_ns()}")
        for suffix in ("", "-wal", "-shm"):
            beside = self._path.with_name(self._path.name + suffix)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + suffix))
        logger.error("%s is damaged (%s): it is now %s, and a new one is begun", self._path, _said(error), aside.name)

    def _connected(self) -> sqlite3.Connection:
        """A new file is for its owner only; SQLite gives those beside it the same mode."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        self._file = _identity(os.fstat(handle))
        os.close(handle)
        database = sqlite3.connect(self._path, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            _prepare(database)
        except BaseException:
            database.close()
            raise
        return database


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _prepare(database: sqlite3.Connection) -> None:
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise OutboxError(f"a newer mgcld wrote it, in version {version}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    with database:
        database.execute(SCHEMA)
        database.execute(f"PRAGMA user_version = {VERSION}")


def _steady_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)  # a machine that sleeps does not make it stop


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
