"""Sources for capture processes, each with a way of its own to be difficult. They know nothing of tests."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mgcld.audio import frames
from mgcld.data import AudioBlock
from mgcld.errors import SourceError

RATE = 8000
STEP = 400


def tone(first: int, count: int = STEP) -> AudioBlock:
    """A function of the sample's index, so that anybody can say what must have been heard."""
    samples = np.sin(np.arange(first, first + count) / 3).astype(np.float32)
    return AudioBlock(samples, RATE, first, 10**18 + first * 125_000, "adc")


def steps(until: int = 10**9, pace: float = 0.0) -> Iterator[AudioBlock]:
    for first in range(0, until, STEP):
        yield tone(first)
        time.sleep(pace)


class Rough:
    live = True

    def __init__(self, way: str, path: Path | None = None, options: dict[str, Any] | None = None) -> None:
        self._way = way
        self._path = path
        self._options = options or {}
        self._openings = 0

    @property
    def facts(self) -> dict[str, Any]:
        return {"openings": self._openings, "pid": os.getpid(), "path": self._path, **self._options}

    @property
    def chosen(self) -> dict[str, Any]:
        return {"options": {**self._options, "first": self._options.get("first", os.getpid())}}

    def blocks(self) -> Iterator[AudioBlock]:
        self._openings += 1
        yield from getattr(self, self._way)()

    def plays(self) -> Iterator[AudioBlock]:
        yield from steps(pace=STEP / RATE)

    def closes(self) -> Iterator[AudioBlock]:
        assert self._path is not None
        try:
            yield from steps(pace=STEP / RATE)
        finally:
            self._path.write_text("yes")

    def ends(self) -> Iterator[AudioBlock]:
        yield from steps(8000)

    def fails(self) -> Iterator[AudioBlock]:
        yield from steps(2000)
        raise SourceError(
            "rtsp://eve:secret@10.0.0.1/live: no", reason="auth", help="see http://eve:secret@10.0.0.1/help"
        )

    def hangs(self) -> Iterator[AudioBlock]:
        yield from steps(2000)
        threading.Event().wait()

    def hangs_with_the_lock(self) -> Iterator[AudioBlock]:
        """As a broken C library does: no Python runs in this process any more."""
        yield from steps(2000)
        ctypes.PyDLL(None).pause()

    def ignores(self) -> Iterator[AudioBlock]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        yield from self.hangs()

    def starts_another(self) -> Iterator[AudioBlock]:
        yield from self._with_another(self.plays())

    def _with_another(self, blocks: Iterator[AudioBlock]) -> Iterator[AudioBlock]:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self._options["child"] = child.pid
        yield from blocks

    def is_stuck(self) -> Iterator[AudioBlock]:
        """It can do no more in this process."""
        yield from steps(2000)
        raise SourceError("a library does not let go", reason="crashed", help="it is tried in another process")

    def crashes(self) -> Iterator[AudioBlock]:
        yield from steps(2000)
        os.write(2, b"first words\nlast words of rtsp://eve:secret@10.0.0.1/live\n")
        os.kill(os.getpid(), signal.SIGSEGV)

    def leaves_another(self) -> Iterator[AudioBlock]:
        """Dies, and what it has started holds its standard error open."""
        yield from self._with_another(steps(2000))
        os._exit(3)

    def breaks(self) -> Iterator[AudioBlock]:
        yield from steps(2000)
        self._break(20)

    def _break(self, deeper: int) -> None:
        """At the end of a long traceback."""
        if not deeper:
            raise ZeroDivisionError
        self._break(deeper - 1)

    def prints(self) -> Iterator[AudioBlock]:
        """What libraries print must not get among the frames."""
        for block in steps(8000):
            print("a library prints")
            os.write(1, b"and another one, too\n")
            yield block

    def scribbles(self) -> Iterator[AudioBlock]:
        """Something writes into the very pipe."""
        yield from steps(2000)
        for number in range(3, 20):
            try:
                os.write(number, b"this is no frame, and long enough to be told from one")
            except OSError:
                continue
        yield from self.plays()

    def chatters(self) -> Iterator[AudioBlock]:
        """Writes as many bytes of errors as it is told to, while it plays."""
        line = b"decoder error of rtsp://eve:secret@10.0.0.1/live\n" * 20
        left = int(self._options["bytes"])
        for block in steps(pace=0.0):
            for _ in range(1000):
                left -= os.write(2, line)
            yield block
            if left <= 0:
                return

    def logs(self) -> Iterator[AudioBlock]:
        for number in range(100):
            logging.getLogger("rough").warning("line %d of http://eve:secret@10.0.0.1/live", number)
        yield from steps(8000)

    def logs_on(self) -> Iterator[AudioBlock]:
        """A thread that goes on when the opening has ended."""

        def log() -> None:
            while True:
                logging.getLogger("rough").info("x" * 5000)

        if self._openings == 1:
            threading.Thread(target=log, daemon=True).start()
        yield from steps(800)

    def waits(self) -> Iterator[AudioBlock]:
        while True:
            yield tone(0, 0)
            time.sleep(0.05)

    def babbles(self) -> Iterator[AudioBlock]:
        """Finds something to say all the time, and never anything to hear."""
        yield from steps(2000)
        while True:
            logging.getLogger("rough").warning("what was that?")
            time.sleep(0.01)

    def swallows(self) -> Iterator[AudioBlock]:
        """Writes the head of a frame as large as frames may be; what it plays then is taken for what is in it."""
        yield from steps(2000)
        for number in range(3, 20):
            try:
                os.write(number, frames.HEAD.pack(frames.MAGIC, 0, frames.MOST_BYTES, 0))
            except OSError:
                continue
        yield from self.plays()
