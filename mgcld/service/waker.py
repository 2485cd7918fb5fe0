"""Ends the wait of a thread that polls sockets, from any other thread."""

import contextlib
import socket

AT_ONCE = 4096
"""So many calls end one wait."""


class Waker:
    """A pair of sockets: whoever calls writes to one, the thread polls the other."""

    def __init__(self) -> None:
        self._wake, self.socket = socket.socketpair()
        """`socket` is for the thread: to be polled for reading, then `drain`."""
        self._wake.setblocking(False)
        self.socket.setblocking(False)

    def wake(self) -> None:
        """End the wait in progress, or the next one; from any thread, also when it is closed."""
        with contextlib.suppress(OSError):  # many calls wait already, or it is closed
            self._wake.send(b"\0")

    def drain(self) -> None:
        """The wait has ended, for this or for another reason."""
        with contextlib.suppress(BlockingIOError):
            self.socket.recv(AT_ONCE)

    def close(self) -> None:
        """Let go of both."""
        self._wake.close()
        self.socket.close()
