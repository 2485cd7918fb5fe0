"""Other processes, for tests: what they print comes line by line, with a deadline, and they end with the test."""

import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
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
