"""Plays many rows at once, each in a process of its own, and keeps their results: most of the time they wait.

By hand, without pytest: `python tests/faults/matrix.py [ROW ...]`.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from playbill import Row
from stage import Result
from tabling import table

HERE = Path(__file__).parent
AT_ONCE = 5
"""Processes: with their sources they take about half a core."""
PATIENCE_SECONDS = 240.0
"""More than twice what the longest row takes."""


class Matrix:
    """Starts its rows, the longest first, and gives each one's result to whoever waits for it."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._waiting = sorted(rows, key=lambda row: -row.seconds)
        self._done = {row.name: threading.Event() for row in self._waiting}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._over = False
        self.results: dict[str, Result] = {}
        self.logs: dict[str, str] = {}
        count = AT_ONCE + sum(row.beside for row in self._waiting)
        self._threads = [threading.Thread(target=self._work, name=f"row-{number}") for number in range(count)]

    def start(self) -> None:
        """Returns at once."""
        for thread in self._threads:
            thread.start()

    def result(self, name: str, timeout: float) -> Result:
        """Wait for a row."""
        assert self._done[name].wait(timeout), f"{name} is not done after {timeout:.0f} s"
        return self.results[name]

    def close(self) -> None:
        """End what still runs: each ends what it has started."""
        with self._lock:
            self._over = True
            self._waiting.clear()
            for process in self._running.values():
                process.terminate()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(10)

    def _work(self) -> None:
        while row := self._next():
            self.results[row.name], self.logs[row.name] = self._played(row)
            self._done[row.name].set()

    def _next(self) -> Row | None:
        with self._lock:
            return self._waiting.pop(0) if self._waiting else None

    def _played(self, row: Row) -> tuple[Result, str]:
        with tempfile.TemporaryDirectory() as folder, _started(row, folder) as process:
            with self._lock:
                self._running[row.name] = process
                if self._over:
                    process.terminate()
            try:
                output, log = _ended(process, row.seconds + PATIENCE_SECONDS)
            finally:
                with self._lock:
                    del self._running[row.name]
        return _read(row, output, log)


def _started(row: Row, folder: str) -> "subprocess.Popen[bytes]":
    places = {"folder": folder, "here": HERE, "path": os.environ.get("PYTHONPATH", "")}
    return subprocess.Popen(
        [sys.executable, str(HERE / "row.py"), row.name, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **{name: value.format(**places) for name, value in row.environment.items()}},
    )


def _ended(process: "subprocess.Popen[bytes]", seconds: float) -> tuple[bytes, str]:
    """Its output and its log. Its input stays open: its end would be the row's."""
    kept: dict[str, bytes] = {}
    readers = []
    for name in ("stdout", "stderr"):
        stream = getattr(process, name)
        readers.append(threading.Thread(target=lambda name=name, stream=stream: kept.update({name: stream.read()})))
        readers[-1].start()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for reader in readers:
        reader.join(10)
    return kept.get("stdout", b""), kept.get("stderr", b"").decode(errors="replace")


def _read(row: Row, output: bytes, log: str) -> tuple[Result, str]:
    lines = output.decode(errors="replace").splitlines()
    if not lines:
        return Result(row.name, row.title, failure=f"it ended without a result:\n{log[-2000:]}"), log
    told = json.loads(lines[-1])
    return Result(**{field.name: told[field.name] for field in fields(Result)}), log


def main(*names: str) -> int:
    from row import ROWS

    rows = [row for name, row in ROWS.items() if not names or name in names]
    matrix = Matrix(rows)
    matrix.start()
    try:
        for row in rows:
            result = matrix.result(row.name, 600)
            print(
                json.dumps({name: value for name in result.__slots__ if (value := getattr(result, name))}), flush=True
            )
            if result.failure:
                print(result.failure, matrix.logs[row.name][-3000:], sep="\n")
    finally:
        matrix.close()
    print(table(matrix.results[row.name] for row in rows))
    return sum(result.failure is not None for result in matrix.results.values())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
