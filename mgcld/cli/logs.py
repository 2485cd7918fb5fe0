"""The log: configured here and nowhere else. One line a fact, with its subject first."""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

from mgcld.cli.journal import SOCKET, JournalHandler
from mgcld.cli.line import printable
from mgcld.cli.records import JsonFormatter

Format = Literal["auto", "plain", "journal", "json"]

TALKATIVE = ("httpx", "httpcore")
"""Libraries that log whole addresses and headers, in which secrets may stand: only their warnings are for us."""


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at that moment, so that the live table can keep log lines above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class PlainFormatter(logging.Formatter):
    """Time, level, message: one line, whatever names it holds, and below it a traceback if there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line."""
        return printable(super().formatMessage(record))


def configure_logs(level: str, format: Format = "plain") -> None:
    """From now on the log says what is of `level` (debug, info, warning, error) or above, in that form.

    `plain` and `json` go to stderr, a line a record; `journal` goes to systemd's journal with its fields, and to stderr
    where that cannot be reached; `auto` is `journal` where stderr leads there anyway, else `plain`.
    """
    stderr = _Stderr()
    stderr.setFormatter(JsonFormatter() if format == "json" else PlainFormatter())
    to_journal = format == "journal" or (format == "auto" and leads_to_journal())
    handler = JournalHandler(SOCKET, otherwise=stderr) if to_journal else stderr
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


def leads_to_journal(environ: Mapping[str, str] = os.environ, stderr: int = 2) -> bool:
    """Whether that file descriptor is the stream to the journal that the service manager told us of."""
    try:
        here = os.fstat(stderr)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{here.st_dev}:{here.st_ino}"
