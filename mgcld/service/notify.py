"""Tells systemd how the service is doing (sd_notify): one datagram a fact, nothing where nobody asks."""

import logging
import os
import socket
import time
from collections.abc import Mapping

logger = logging.getLogger(__name__)

SEND_SECONDS = 1.0
"""A service manager that does not read is not waited for any longer."""


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

    def stopping(self) -> None:
        """The service is on its way out."""
        self._send("STOPPING=1")

    def _send(self, fact: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_SECONDS)
                sender.sendto(fact.encode(errors="replace"), self._address)
        except OSError as error:
            logger.warning("service manager: cannot say %s: %s", fact.partition("=")[0], error)
