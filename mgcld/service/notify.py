"""Tells systemd how the service is doing (sd_notify): one datagram a fact, nothing where nobody asks."""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping

logger = logging.getLogger(__name__)

SEND_SECONDS = 1.0
"""A service manager that does not read is not waited for any longer."""
EXTENSION_SECONDS = 60.0
"""While weights load, so much more time is asked for at once, three times as often as needed."""
LONGEST_LOADING_SECONDS = 1800.0
"""Then no more is asked for: a start that hangs must end, and 30 minutes fetch 1 GB at 5 Mbit/s."""


class Notifier:
    """Datagrams to the service manager. A fault here is logged and never raised: the daemon works without."""

    def __init__(self, path: str | None, watchdog_seconds: float | None = None) -> None:
        """Talk to the socket at `path` (`@` begins an abstract name); None talks to nobody."""
        self.watchdog_seconds = watchdog_seconds
        """The manager restarts the service when it hears nothing for so long; None when it does not watch."""
        self._address = "\0" + path[1:] if path and path.startswith("@") else path
        self._fed = -float("inf")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Notifier":
        """What the service manager asks for in NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
        microseconds = environ.get("WATCHDOG_USEC", "")
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watched = ours and microseconds.isdecimal() and int(microseconds) > 0
        return cls(environ.get("NOTIFY_SOCKET") or None, int(microseconds) / 1e6 if watched else None)

    def ready(self) -> None:
        """The service does its work from now on."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + " ".join(text.split()))

    def watchdog(self) -> None:
        """The loop has turned; passed on at most once in half of the time that the manager allows."""
        now = time.monotonic()
        if self.watchdog_seconds is not None and now - self._fed >= self.watchdog_seconds / 2:
            self._fed = now
            self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """The configuration is read anew; `ready()` must follow, whatever came of it.

        The time tells the manager (Type=notify-reload) that this answers its signal, and no earlier one.
        """
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def extend_timeout(self, seconds: float) -> None:
        """The start or the stop in progress may go on for so many seconds from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    @contextlib.contextmanager
    def extending(
        self, most_seconds: float = LONGEST_LOADING_SECONDS, step_seconds: float = EXTENSION_SECONDS
    ) -> Iterator[None]:
        """Ask for `step_seconds` more, again and again, until the block ends or `most_seconds` have passed."""
        if self._address is None:
            yield
            return
        done = threading.Event()
        asking = threading.Thread(target=self._extend, args=(done, most_seconds, step_seconds), daemon=True)
        asking.start()
        try:
            yield
        finally:
            done.set()
            asking.join(SEND_SECONDS + 1)

    def stopping(self) -> None:
        """The service is on its way out."""
        self._send("STOPPING=1")

    def _extend(self, done: threading.Event, most_seconds: float, step_seconds: float) -> None:
        until = time.monotonic() + most_seconds
        while (left := until - time.monotonic()) > 0:
            self.extend_timeout(min(step_seconds, left))
            if done.wait(min(step_seconds / 3, left)):
                return
        logger.warning("still loading after %.0f min: the service manager is not asked to wait", most_seconds / 60)

    def _send(self, *facts: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_SECONDS)
                sender.sendto("\n".join(facts).encode(errors="replace"), self._address)
        except OSError as error:
            logger.warning("service manager: cannot say %s: %s", facts[0].partition("=")[0], error)
