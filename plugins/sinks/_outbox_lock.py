"""One sink at a time has an outbox: a lock beside it, which the kernel drops with the process."""

import fcntl
import os
import threading
from pathlib import Path

PRIVATE_FILE = 0o600
_ours: set[Path] = set()
_guard = threading.Lock()


class OutboxLock:
    """Not taken before `acquire`."""

    def __init__(self, path: Path) -> None:
        self._beside = path.with_name(f"{path.name}.lock")
        self._key = self._beside.resolve()
        self._handle: int | None = None

    @property
    def taken_elsewhere(self) -> bool:
        """Whether another process has it now; nothing is created. A sink of this process may be about to let go."""
        with _guard:
            if self._key in _ours or not self._beside.exists():
                return False
            try:
                os.close(_locked(self._beside))
            except BlockingIOError:
                return True
            return False

    def acquire(self) -> None:
        """Hold it until `release`.

        Raises:
            OSError: it cannot be made; a `BlockingIOError` where somebody else holds it.
        """
        with _guard:
            self._handle = _locked(self._beside)
            _ours.add(self._key)

    def release(self) -> None:
        """Let go, if it is held."""
        with _guard:
            if self._handle is not None:
                os.close(self._handle)
                _ours.discard(self._key)
            self._handle = None


def _locked(beside: Path) -> int:
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
