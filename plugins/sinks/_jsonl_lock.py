"""One process at a time writes to a file: a lock beside it, which the kernel drops with the process."""

import fcntl
import os
import threading
from pathlib import Path

_held: dict[Path, tuple[int, int]] = {}
"""Path -> the lock's descriptor, and how many of this process's sinks hold it."""
_guard = threading.Lock()


def taken_elsewhere(path: Path) -> bool:
    """Whether another process writes there now. Nothing is created."""
    key, beside = path.resolve(), _beside(path)
    with _guard:
        if key in _held or not beside.exists():
            return False
        handle = os.open(beside, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False


def acquire(path: Path) -> None:
    """Hold the lock until `release`; two sinks of this process may hold it together, as during a reload.

    Raises:
        OSError: it cannot be made; a `BlockingIOError` where another process holds it.
    """
    key = path.resolve()
    with _guard:
        handle, holders = _held.get(key, (-1, 0))
        _held[key] = (handle if holders else _locked(_beside(path)), holders + 1)


def release(path: Path) -> None:
    """Let go."""
    key = path.resolve()
    with _guard:
        handle, holders = _held.pop(key)
        if holders > 1:
            _held[key] = (handle, holders - 1)
        else:
            os.close(handle)


def _locked(beside: Path) -> int:
    handle = os.open(beside, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")
