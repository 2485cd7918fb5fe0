"""The sources that are heard: they are started, paused, and exchanged for others while the loop goes on."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mgcld.audio.capture import Capture
from mgcld.data import EndReason, SourceStatus, State
from mgcld.errors import ConfigError, MgcldError

logger = logging.getLogger(__name__)

LEAVING_SECONDS = 3.0
"""A capture that was asked to end is waited for so long; then another takes its place while it still hangs."""

Build = Callable[[str, int], Capture]
"""(name, last epoch of a capture of this name) -> a capture that was not started."""

ABSENT: dict[State, EndReason | None] = {"live": None, "ended": "source_ended", "paused": "paused"}
"""Why a class can no longer be heard at a source; any other state is a loss."""


@dataclass(frozen=True, slots=True)
class _Leaving:
    capture: Capture
    until: float


class Roster:
    """Owns the captures. Everything but `statuses` and `absence` is for the loop's thread, and returns at once."""

    def __init__(self, names: Sequence[str], build: Build, on_status: Callable[[SourceStatus], None]) -> None:
        """`on_status` is told of what no capture tells: that a source is paused, or cannot be made.

        Raises:
            ConfigError: a capture cannot be made.
        """
        self._build = build
        self._on_status = on_status
        self._lock = threading.Lock()
        self._names = list(names)
        self._captures = {name: build(name, -1) for name in names}
        self._without: dict[str, SourceStatus] = {}  # of sources that have no capture
        self._leaving: dict[str, _Leaving] = {}
        self._removed: set[str] = set()
        self._epochs: dict[str, int] = {}

    def start(self) -> None:
        """Begin to listen."""
        for capture in self._captures.values():
            capture.start()

    def statuses(self) -> list[SourceStatus]:
        """How each is doing now; from any thread."""
        with self._lock:
            return [self._status(name) for name in self._names]

    def absence(self, source: str) -> EndReason | None:
        """Why nothing more will come from it; None while it is live. From any thread."""
        with self._lock:
            if source not in self._names:
                return "removed"
            return ABSENT.get(self._status(source).state, "source_lost")

    def behind(self, source: str, seconds: float) -> bool:
        """Whether more sound of it than that waits in a spool. From any thread."""
        with self._lock:
            waiting = self._status(source).backlog_seconds if source in self._names else None
            return waiting is not None and waiting > seconds

    def pause(self, source: str) -> SourceStatus:
        """Close it and leave it closed; its device is free then.

        Raises:
            ConfigError: no source is called so.
        """
        self._check(source)
        with self._lock:
            if self._status(source).state != "paused":
                self._leave(source)
                hint = f"mgcld ctl resume {source}"
                self._without[source] = SourceStatus(source, "paused", since_ns=time.time_ns(), hint=hint)
                logger.info("%s: paused", source)
        status = self._without[source]
        self._on_status(status)
        return status

    def resume(self, source: str) -> SourceStatus:
        """Open it again, as a new epoch, if it was paused.

        Raises:
            ConfigError: no source is called so.
        """
        self._check(source)
        with self._lock:
            if self._status(source).state == "paused":
                self._without[source] = SourceStatus(source, "connecting", since_ns=time.time_ns())
                logger.info("%s: resumed", source)
            return self._status(source)

    def exchange(self, names: Sequence[str], build: Build, kept: Collection[str]) -> None:
        """Hear these from the next `turn` on; those that are kept go on undisturbed."""
        with self._lock:
            self._removed = self._removed.union(self._names).difference(names)
            for name in self._names:
                if name not in kept:
                    self._leave(name)
                    if self._without.get(name) is None or self._without[name].state != "paused":
                        self._without[name] = SourceStatus(name, "connecting", since_ns=time.time_ns())
            for name in names:
                if name not in self._captures:
                    self._without.setdefault(name, SourceStatus(name, "connecting", since_ns=time.time_ns()))
            self._without = {name: status for name, status in self._without.items() if name in names}
            self._names, self._build = list(names), build

    def turn(self) -> set[str]:
        """Start those whose place has become free. Says which were removed, and are silent now: each once."""
        now = time.monotonic()
        for name, leaving in [*self._leaving.items()]:
            hangs = now > leaving.until and not leaving.capture.keeps_spool
            if leaving.capture.join(0) or hangs:
                self._epochs[name] = leaving.capture.last_epoch
                del self._leaving[name]
        for name, status in [*self._without.items()]:
            if status.state == "connecting" and name not in self._leaving:
                self._enter(name)
        silent = self._removed.difference(self._leaving)
        self._removed -= silent
        return silent

    def stop(self) -> None:
        """Ask all to end."""
        for capture in self._everyone():
            capture.stop()

    def join(self, timeout: float) -> None:
        """Wait for them, at most so many seconds for all together."""
        deadline = time.monotonic() + timeout
        for capture in self._everyone():
            capture.join(max(0.0, deadline - time.monotonic()))

    def _everyone(self) -> list[Capture]:
        return [*self._captures.values(), *(leaving.capture for leaving in self._leaving.values())]

    def _status(self, name: str) -> SourceStatus:
        without = self._without.get(name)
        return without if without is not None else self._captures[name].status

    def _check(self, source: str) -> None:
        if source not in self._names:
            raise ConfigError(f"no source is called {source!r}", help=f"sources: {', '.join(self._names)}")

    def _leave(self, name: str) -> None:
        capture = self._captures.pop(name, None)
        if capture is not None:
            capture.leave()
            self._leaving[name] = _Leaving(capture, time.monotonic() + LEAVING_SECONDS)

    def _enter(self, name: str) -> None:
        try:
            capture = self._build(name, self._epochs.get(name, -1))
            capture.start()
        except MgcldError as error:
            logger.error("%s: cannot be heard: %s", name, error)
            self._fail(name, f"{error}; {error.help}")
            return
        except Exception as error:  # whatever is wrong with one must not end the loop, and with it all the others
            logger.exception("%s: cannot be heard", name)
            self._fail(name, f"{type(error).__name__}: see the log")
            return
        with self._lock:
            self._captures[name] = capture
            del self._without[name]

    def _fail(self, name: str, hint: str) -> None:
        failed = SourceStatus(name, "failed", time.time_ns(), reason="unknown", hint=hint)
        with self._lock:
            self._without[name] = failed
        self._on_status(failed)
