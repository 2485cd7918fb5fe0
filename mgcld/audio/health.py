"""How one source is doing: written by its thread, read by any other."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from mgcld.data import NANOSECONDS, AudioBlock, SourceStatus, State, Window
from mgcld.errors import SourceError

STALL_SECONDS = 15.0
"""A live source that neither delivers nor fails for so long is shown as stalled: its thread may hang in a library."""
RATE_SECONDS = 10
"""The rate of bytes is a mean over so long."""
BYTES_A_SAMPLE = 4


class Health:
    """Keeps the `SourceStatus`."""

    def __init__(self, source: str, *, live: bool, on_status: Callable[[SourceStatus], None]) -> None:
        """`on_status` is called at every change of the state, in the thread that makes it."""
        self._live = live
        self._on_status = on_status
        self._lock = threading.Lock()
        self._status = SourceStatus(source=source, state="connecting", since_ns=time.time_ns())
        self._moved = time.monotonic()  # when it last changed its state or delivered
        self._began = self._moved  # when it last went live
        self._heard: deque[tuple[int, int]] = deque(maxlen=RATE_SECONDS)  # (second, bytes)

    def turn(self, state: State, *, error: SourceError | None = None, retry_in: float | None = None) -> None:
        """Enter a state: with what went wrong, and in how many seconds it is tried again."""
        now_ns = time.time_ns()
        with self._lock:
            before = self._status
            # While it is tried again the last reason still says why there is no sound.
            reason, hint = (error.reason, error.help or None) if error else (before.reason, before.hint)
            if state in ("live", "ended"):
                reason, hint, self._began = None, None, time.monotonic()
                self._heard.clear()
            self._status = replace(
                before,
                state=state,
                since_ns=now_ns,
                reason=reason,
                hint=hint,
                next_retry_ns=None if retry_in is None else now_ns + round(retry_in * NANOSECONDS),
            )
            self._moved = time.monotonic()
            status = self._status
        self._on_status(status)

    def reopened(self) -> None:
        """Count another opening."""
        with self._lock:
            self._status = replace(self._status, restarts=self._status.restarts + 1)

    def heard(self, block: AudioBlock) -> None:
        """Count what arrived."""
        size = len(block.samples) * BYTES_A_SAMPLE
        with self._lock:
            self._moved = time.monotonic()
            second = int(self._moved)
            if self._heard and self._heard[-1][0] == second:
                size += self._heard.pop()[1]
            self._heard.append((second, size))

    def cut(self, window: Window) -> None:
        """Note the newest window's level."""
        with self._lock:
            self._status = replace(self._status, level_dbfs=window.level_dbfs)

    def status(self, drops: int) -> SourceStatus:
        """The status as of now; `drops`: windows of this source thrown away so far."""
        now = time.monotonic()
        with self._lock:
            status = replace(self._status, drops=drops, bytes_per_s=self._rate(now))
            idle = now - self._moved
        if self._live and status.state in ("connecting", "live") and idle > STALL_SECONDS:
            hint = f"no sound and no error for {idle:.0f} s: restart the device, or mgcld"
            since_ns = time.time_ns() - round(idle * NANOSECONDS)
            return replace(status, state="stalled", since_ns=since_ns, reason="timeout", hint=hint)
        return status

    def _rate(self, now: float) -> float:
        size = sum(size for second, size in self._heard if second > now - RATE_SECONDS)
        return size / max(1.0, min(RATE_SECONDS, now - self._began))
