"""A service manager's end of sd_notify, for tests."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

PATIENCE_SECONDS = 60.0


class Manager:
    """A socket as systemd holds it."""

    def __init__(self, address: Path | str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(address))
        self.facts: list[str] = []

    def heard(self, timeout: float = 10) -> list[str]:
        """Everything that has come since the last time; at least one fact."""
        self.socket.settimeout(timeout)
        facts = [self.socket.recv(4096).decode()]
        self.socket.setblocking(False)
        while True:
            try:
                facts.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                self.facts += facts
                return facts

    def until(self, told: Callable[[list[str]], bool], timeout: float = PATIENCE_SECONDS) -> None:
        """Listen until all the facts so far are right."""
        deadline = time.monotonic() + timeout
        while not told(self.facts):
            assert time.monotonic() < deadline, self.facts
            self.heard(timeout)

    def within(self, seconds: float) -> list[str]:
        """What comes from now on, for so long."""
        heard, deadline = len(self.facts), time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.heard(left)
            except TimeoutError:
                break
        return self.facts[heard:]

    def __enter__(self) -> "Manager":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()
