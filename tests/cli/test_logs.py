"""The log in each of its forms; the journal is a real socket that we read."""

import contextlib
import io
import json
import logging
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mgcld.audio.limit import Limit, LimitedLog
from mgcld.cli import journal as journal_module
from mgcld.cli.journal import JournalHandler, encoded
from mgcld.cli.logs import PlainFormatter, configure_logs, leads_to_journal
from mgcld.cli.records import JsonFormatter, source, subject

WAIT_SECONDS = 20.0


class Journal:
    """Reads what comes as the journal does: fields from a datagram, or from the file that comes with it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(WAIT_SECONDS)

    def read(self) -> dict[str, str]:
        data, files, _, _ = socket.recv_fds(self._socket, 1 << 20, 1)
        if files:
            assert data == b""
            with pytest.raises(PermissionError):  # sealed: what has been read stays as it was
                os.write(files[0], b"x")
            with os.fdopen(files[0], "rb") as file:
                file.seek(0)
                data = file.read()
        return decoded(data)

    def all_there_is(self) -> list[dict[str, str]]:
        found = []
        while select.select([self._socket], [], [], 0)[0]:
            found.append(self.read())
        return found

    def close(self) -> None:
        self._socket.close()


def decoded(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    stream = io.BytesIO(data)
    while line := stream.readline():
        assert line.endswith(b"\n")
        name, equals, value = line[:-1].partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", stream.read(8))
            value = stream.read(size)
            assert stream.read(1) == b"\n"
        assert name.decode() not in found
        found[name.decode()] = value.decode()
    return found


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with contextlib.closing(Journal(tmp_path / "journal")) as reading:
        yield reading


@pytest.fixture
def otherwise() -> logging.StreamHandler[io.StringIO]:
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(PlainFormatter())
    return handler


@pytest.fixture
def logger_to() -> Iterator[Callable[[logging.Handler], logging.Logger]]:
    logger = logging.getLogger("mgcld.audio.tested")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)

    def to(handler: logging.Handler) -> logging.Logger:
        logger.addHandler(handler)
        return logger

    yield to
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        handler.close()


Other = logging.StreamHandler[io.StringIO]
LoggerTo = Callable[[logging.Handler], logging.Logger]


def test_a_record_reaches_the_journal_with_its_fields(journal: Journal, otherwise: Other, logger_to: LoggerTo) -> None:
    logger = logger_to(JournalHandler(journal.path, otherwise=otherwise))
    logger.warning("%s: %s; again in %.1f s", "door", "connection refused", 2.0)
    line = test_a_record_reaches_the_journal_with_its_fields.__code__.co_firstlineno + 2
    assert journal.read() == {
        "MESSAGE": "door: connection refused; again in 2.0 s",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "mgcld",
        "LOGGER": "mgcld.audio.tested",
        "MGCLD_SUBJECT": "door",
        "MGCLD_SOURCE": "door",
        "CODE_FILE": __file__,
        "CODE_LINE": str(line),
        "CODE_FUNC": "test_a_record_reaches_the_journal_with_its_fields",
        "THREAD_NAME": "MainThread",
    }
    assert otherwise.stream.getvalue() == ""


def test_each_level_has_its_priority(journal: Journal, otherwise: Other, logger_to: LoggerTo) -> None:
    logger = logger_to(JournalHandler(journal.path, otherwise=otherwise))
    for level in (10, 15, 20, 30, 40, 45, 50):
        logger.log(level, "hello")
    assert [journal.read()["PRIORITY"] for _ in range(7)] == ["7", "7", "6", "4", "3", "3", "2"]


def test_several_lines_and_a_traceback_are_one_record(journal: Journal, otherwise: Other, logger_to: LoggerTo) -> None:
    logger = logger_to(JournalHandler(journal.path, otherwise=otherwise))
    try:
        raise ValueError("what it holds\nMESSAGE=forged")
    except ValueError:
        logger.exception("%s: its thread broke", "a\nPRIORITY=0")
    read = journal.read()
    assert read["PRIORITY"] == "3"
    assert read["MESSAGE"].startswith("a\nPRIORITY=0: its thread broke\nTraceback (most recent call last):\n")
    assert read["MESSAGE"].endswith("ValueError: what it holds\nMESSAGE=forged")
    assert read["MGCLD_SOURCE"] == "a\nPRIORITY=0"


def test_what_no_datagram_holds_comes_as_a_sealed_file(journal: Journal, otherwise: Other, logger_to: LoggerTo) -> None:
    logger = logger_to(JournalHandler(journal.path, otherwise=otherwise))
    long = "ä" * 250_000  # half a megabyte
    logger.info("%s: %s", "door", long)
    assert journal.read()["MESSAGE"] == f"door: {long}"
    logger.info("%s", "x" * 5_000_000)
    assert len(journal.read()["MESSAGE"]) == 256 * 1024
    assert otherwise.stream.getvalue() == ""


def test_a_journal_that_does_not_read_is_not_waited_for_and_told_how_much_it_missed(
    journal: Journal, otherwise: Other, logger_to: LoggerTo
) -> None:
    logger = logger_to(JournalHandler(journal.path, otherwise=otherwise))
    began = time.monotonic()
    for number in range(1000):
        logger.info("number %d", number)
    assert time.monotonic() - began < 10  # patience is for one of them
    read = journal.all_there_is()
    missed = 1000 - len(read)
    assert missed > 0
    assert [fields["MESSAGE"] for fields in read] == [f"number {number}" for number in range(len(read))]
    logger.info("there is room again")
    assert [fields["MESSAGE"] for fields in journal.all_there_is()] == [
        f"log: {missed} records were dropped: the journal took them too slowly",
        "there is room again",
    ]
    assert otherwise.stream.getvalue() == ""


def test_a_burst_that_the_journal_reads_loses_nothing(
    journal: Journal, otherwise: Other, logger_to: LoggerTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PATIENCE_SECONDS", WAIT_SECONDS)  # this machine may be busy
    logger = logger_to(JournalHandler(journal.path, otherwise=otherwise))
    read: list[str] = []
    reading = threading.Thread(target=lambda: read.extend(journal.read()["MESSAGE"] for _ in range(500)), daemon=True)
    reading.start()
    for number in range(500):
        logger.debug("number %d", number)
    reading.join(WAIT_SECONDS)
    assert read == [f"number {number}" for number in range(500)]


def test_without_a_journal_the_line_goes_to_stderr_and_comes_back_with_it(
    tmp_path: Path, otherwise: Other, logger_to: LoggerTo
) -> None:
    logger = logger_to(JournalHandler(str(tmp_path / "late"), otherwise=otherwise))
    logger.error("%s: failed", "door")
    assert otherwise.stream.getvalue().endswith(" ERROR door: failed\n")
    with contextlib.closing(Journal(tmp_path / "late")) as journal:
        logger.error("%s: failed again", "door")
        assert journal.read()["MESSAGE"] == "door: failed again"
    logger.error("%s: the journal is gone", "door")
    assert otherwise.stream.getvalue().endswith(" ERROR door: the journal is gone\n")


def test_a_value_is_written_with_its_length_only_where_it_must() -> None:
    assert encoded({"A": "x=y", "B": ""}) == b"A=x=y\nB=\n"
    assert encoded({"A": "x\ny"}) == b"A\n\x03\x00\x00\x00\x00\x00\x00\x00x\ny\n"
    assert decoded(encoded({"A": "\ud800 half a sign"})) == {"A": "? half a sign"}


# Fields


def record(text: str, *arguments: object, name: str = "mgcld.audio.capture") -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "file.py", 7, text, arguments, None)


@pytest.mark.parametrize(
    ("text", "arguments", "about", "from_source"),
    [
        ("%s: live, %d Hz", ("door", 48000), "door", "door"),
        ("sink %s: too slow", ("mqtt",), "sink mqtt", None),
        ("publisher: did not end in %.1f s", (1.5,), "publisher", None),
        ("service manager: cannot say %s: %s", ("READY", "no"), "service manager", None),
        ("publishing on %s", ("tcp://127.0.0.1:5765",), None, None),
        ("a caption takes %.2g s: too long", (3.0,), None, None),
        ("%s: nothing is given", (), None, None),
        ("stopped", (), None, None),
    ],
)
def test_the_subject_is_what_stands_before_the_colon(
    text: str, arguments: tuple[object, ...], about: str | None, from_source: str | None
) -> None:
    assert (subject(record(text, *arguments)), source(record(text, *arguments))) == (about, from_source)


def test_only_where_sources_speak_a_subject_is_a_source() -> None:
    assert source(record("%s: published", "door", name="mgcld.service.bus.publisher")) is None
    assert source(record("%s: paused", "door", name="mgcld.service.roster")) == "door"


def test_a_limited_log_tells_its_subject_too(journal: Journal, otherwise: Other, logger_to: LoggerTo) -> None:
    logger = logger_to(JournalHandler(journal.path, otherwise=otherwise))
    log = LimitedLog(logger, "door", Limit(1, 0.0))
    log.say(logging.WARNING, "lost")
    assert (journal.read()["MGCLD_SOURCE"]) == "door"


# Lines


def test_json_is_one_object_a_line() -> None:
    made = record("%s: %s", "door", 'a "quote"\nand a line')
    line = JsonFormatter().format(made)
    assert "\n" not in line
    told = json.loads(line)
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "info",
        "logger": "mgcld.audio.capture",
        "subject": "door",
        "source": "door",
        "message": 'door: a "quote"\nand a line',
    }


def test_a_json_line_holds_its_traceback() -> None:
    made = record("stopped")
    try:
        raise ValueError("broken")
    except ValueError:
        made.exc_info = sys.exc_info()
    told = json.loads(JsonFormatter().format(made))
    assert told["traceback"].endswith("ValueError: broken")
    assert "subject" not in told


def test_a_name_cannot_forge_a_plain_line() -> None:
    line = PlainFormatter().format(record("%s: live", "a\n12:00:00 ERROR door: \x1b[2J"))
    assert "\n" not in line
    assert "\x1b" not in line


@pytest.mark.parametrize("format", ["plain", "auto", "json"])
def test_lines_go_to_stderr(format: str, capfd: pytest.CaptureFixture[str], kept_logging: None) -> None:
    configure_logs("info", format)  # type: ignore[arg-type]
    logging.getLogger("mgcld.audio").info("%s: live", "door")
    logging.getLogger("mgcld.audio").debug("%s: a detail", "door")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert (json.loads(err)["message"] if format == "json" else err.split(" ", 2)[2].strip()) == "door: live"


@pytest.fixture
def kept_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    root = logging.getLogger()
    level, handlers = root.level, [*root.handlers]
    root.handlers = []  # else they would be closed
    yield
    root.setLevel(level)
    root.handlers = handlers


def test_libraries_that_log_addresses_do_not_at_any_level(kept_logging: None) -> None:
    for level, expected in (("debug", logging.WARNING), ("error", logging.ERROR)):
        configure_logs(level)
        assert logging.getLogger("httpx").getEffectiveLevel() == expected
        assert logging.getLogger("httpcore.http11").getEffectiveLevel() == expected


def test_stderr_that_leads_to_the_journal_is_known_by_its_file(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        here = os.fstat(stream.fileno())
        stream_id = f"{here.st_dev}:{here.st_ino}"
        assert leads_to_journal({"JOURNAL_STREAM": stream_id}, stream.fileno())
        assert not leads_to_journal({"JOURNAL_STREAM": f"{here.st_dev}:{here.st_ino + 1}"}, stream.fileno())
        assert not leads_to_journal({}, stream.fileno())
        closed = os.dup(stream.fileno())
    os.close(closed)
    assert not leads_to_journal({"JOURNAL_STREAM": stream_id}, closed)


SERVICE = """
import logging, os, sys
from mgcld.cli import logs
logs.SOCKET = sys.argv[1]
here = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{here.st_dev}:{here.st_ino}"
logs.configure_logs("info", "auto")
logging.getLogger("mgcld.audio").info("%s: live", "door")
"""


def test_a_service_whose_stderr_is_the_journal_writes_fields(journal: Journal) -> None:
    ended = subprocess.run([sys.executable, "-c", SERVICE, journal.path], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert journal.read()["MGCLD_SUBJECT"] == "door"
