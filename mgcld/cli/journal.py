"""systemd's journal in its own protocol: a datagram a record, so that its fields can be searched.

See https://systemd.io/JOURNAL_NATIVE_PROTOCOL.
"""

import errno
import fcntl
import logging
import os
import socket
import struct
from collections.abc import Mapping

from mgcld.cli.records import source, subject, traceback

SOCKET = "/run/systemd/journal/socket"
NAME = "mgcld"
PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
MOST_CHARACTERS = 256 * 1024
"""More of one value goes nowhere."""
PATIENCE_SECONDS = 0.1
"""The journal's queue is short, ten records on many systems: it may take so long, once, until it reads on."""


class JournalHandler(logging.Handler):
    """Never raises, and hardly waits: what the journal has no room for is counted, and told when it has again.

    What cannot be given to it for another reason goes to `otherwise`.
    """

    def __init__(self, path: str, *, otherwise: logging.Handler) -> None:
        super().__init__()
        self._path = path
        self._otherwise = otherwise
        self._dropped = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        wait = divmod(round(PATIENCE_SECONDS * 1e6), 1_000_000)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", *wait))

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        try:
            if self._dropped:
                self._send(self._counted())
                self._dropped = 0
            self._send(fields(record))
        except BlockingIOError:
            self._dropped += 1
        except OSError:
            self._otherwise.handle(record)
        except Exception:
            self.handleError(record)  # logging's way to say that a message does not fit its arguments

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        self._otherwise.close()
        super().close()

    @property
    def _flags(self) -> int:
        """Patience is there again once something has gone out."""
        return socket.MSG_DONTWAIT if self._dropped else 0

    def _send(self, values: Mapping[str, str]) -> None:
        data = encoded(values)
        try:
            self._socket.sendto(data, self._flags, self._path)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_file(data)

    def _send_file(self, data: bytes) -> None:
        """What no datagram holds goes as a sealed file of memory."""
        file = os.memfd_create("mgcld-log", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(file), "wb") as writer:
                writer.write(data)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))]
            self._socket.sendmsg([], rights, self._flags, self._path)
        finally:
            os.close(file)

    def _counted(self) -> dict[str, str]:
        text = f"log: {self._dropped} records were dropped: the journal took them too slowly"
        return {"MESSAGE": text, "PRIORITY": "4", "SYSLOG_IDENTIFIER": NAME, "LOGGER": __name__, "MGCLD_SUBJECT": "log"}


def fields(record: logging.LogRecord) -> dict[str, str]:
    """A record as the journal's fields; the traceback follows the message, in the same record."""
    level = max((level for level in PRIORITIES if level <= record.levelno), default=logging.DEBUG)
    trace = traceback(record)
    values = {
        "MESSAGE": record.getMessage() + (f"\n{trace}" if trace else ""),
        "PRIORITY": str(PRIORITIES[level]),
        "SYSLOG_IDENTIFIER": NAME,
        "LOGGER": record.name,
        "MGCLD_SUBJECT": subject(record),
        "MGCLD_SOURCE": source(record),
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName,
        "THREAD_NAME": record.threadName,
    }
    return {name: value for name, value in values.items() if value}


def encoded(values: Mapping[str, str]) -> bytes:
    """Fields as the protocol has them: `NAME=value`, or with its length where the value has several lines."""
    parts = []
    for name, value in values.items():
        data = value[:MOST_CHARACTERS].encode(errors="replace")
        if b"\n" in data:
            parts.append(b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data))
        else:
            parts.append(b"%s=%s\n" % (name.encode(), data))
    return b"".join(parts)
