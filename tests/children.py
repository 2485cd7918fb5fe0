"""Other processes, for tests: what they print comes line by line, with a deadline, and they end with the test."""

import os
import queue
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from fcntl import ioctl
from pathlib import Path
from types import TracebackType

PATIENCE_SECONDS = 30.0


class Child:
    """A Python process: a script file, or code for `-c`."""

    def __init__(self, code: str | Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        command: Sequence[str] = [str(code)] if isinstance(code, Path) else ["-c", code]
        self.process = subprocess.Popen(
            [sys.executable, "-u", *command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=read) for read in (self._read_output, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def line(self, timeout: float = PATIENCE_SECONDS) -> str:
        """The next line that it prints."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no line in {timeout} s; it said {self.errors!r}") from None
        assert line is not None, f"it ended; it said {self.errors!r}"
        return line

    def waiting(self) -> list[str]:
        """Every line that it has printed and nobody has read."""
        lines = [self._lines.get() for _ in range(self._lines.qsize())]
        return [line for line in lines if line is not None]

    @property
    def errors(self) -> str:
        """What it has written to its standard error."""
        return "".join(self._errors)

    def wait(self, timeout: float = PATIENCE_SECONDS) -> int:
        """Its exit status."""
        status = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return status

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read_output(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        for line in self.process.stderr or ():
            self._errors.append(line)


class Terminal:
    """A Python process whose terminal we are: 24 lines of 80 characters."""

    def __init__(self, code: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self._ours, theirs = os.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        )
        os.close(theirs)
        self.seen = ""

    def until(self, shown: Callable[[str], bool], timeout: float = PATIENCE_SECONDS) -> None:
        """Watch until what was seen so far is right."""
        deadline = time.monotonic() + timeout
        while not shown(self.seen):
            assert time.monotonic() < deadline, self.seen
            assert self._look() or shown(self.seen), self.seen

    def wait(self, timeout: float = PATIENCE_SECONDS) -> int:
        """Watch until it ends; its exit status."""
        deadline = time.monotonic() + timeout
        while self._look():
            assert time.monotonic() < deadline, self.seen
        return self.process.wait(timeout)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _look(self) -> bool:
        if not select.select([self._ours], [], [], 0.1)[0]:
            return True
        try:
            chunk = os.read(self._ours, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += chunk.decode(errors="ignore")
        return True
