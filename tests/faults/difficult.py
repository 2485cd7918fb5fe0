"""A source for capture processes that plays a known signal, and misbehaves when it is told to.

Orders come as a file beside it, `<moods>.now`, which it takes away; while `<moods>.down` is there, no opening succeeds,
for the reason that stands in it.
"""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from servers.rtp import signal as sound

from mgcld.data import NANOSECONDS, AudioBlock
from mgcld.errors import SourceError

LINE = b"decoder error of rtsp://eve:secret@10.0.0.1/live\n" * 20


def tell(moods: Path, order: str) -> None:
    """Hand an order over, whole."""
    draft = moods.with_suffix(".draft")
    draft.write_text(order)
    draft.replace(moods.with_suffix(".now"))


class Player:
    """Every opening plays the same sound from its first sample on, in real time or `speed` times as fast."""

    live = True

    def __init__(self, moods: Path, rate: int = 16_000, speed: float = 1.0, step_seconds: float = 0.1) -> None:
        self._moods = moods
        self._rate = rate
        self._speed = speed
        self._step = round(step_seconds * rate)

    @classmethod
    def from_address(cls, address: str) -> dict[str, object]:
        return {"moods": Path(address)}

    @property
    def facts(self) -> dict[str, object]:
        return {"sample_rate": self._rate, "pid": os.getpid()}

    def blocks(self) -> Iterator[AudioBlock]:
        self._first, self._speed_now, self._over = 0, self._speed, False
        due = time.monotonic()
        while not self._over:
            self._obey()
            yield self._block()
            due += self._step / self._rate / self._speed_now
            time.sleep(max(0.0, due - time.monotonic()))

    def _block(self) -> AudioBlock:
        samples = sound(self._first, self._step, self._rate).astype(np.float32) / 32768
        captured_ns = time.time_ns() - self._step * NANOSECONDS // self._rate
        block = AudioBlock(samples, self._rate, self._first, captured_ns, "arrival", 10**8)
        self._first += self._step
        return block

    def _obey(self) -> None:
        down, now = self._moods.with_suffix(".down"), self._moods.with_suffix(".now")
        if down.exists():
            raise SourceError("it is down", reason=down.read_text(), help="wait")  # type: ignore[arg-type]
        if now.exists():
            verb, *words = now.read_text().split()
            now.unlink()
            getattr(self, f"_{verb}")(*words)

    def _hang(self) -> None:
        threading.Event().wait()

    def _ignore(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._hang()

    def _lock(self) -> None:
        """As a broken C library does: no Python runs in this process any more."""
        ctypes.PyDLL(None).pause()

    def _crash(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def _bug(self) -> None:
        raise ZeroDivisionError

    def _fail(self, reason: str) -> None:
        raise SourceError("it breaks off", reason=reason, help="wait")  # type: ignore[arg-type]

    def _end(self) -> None:
        self._over = True

    def _pace(self, share: str) -> None:
        self._speed_now = self._speed * float(share)

    def _skip(self, samples: str) -> None:
        self._first += int(samples)

    def _chatter(self, size: str) -> None:
        threading.Thread(target=self._complain, args=(int(size),), daemon=True).start()

    def _complain(self, left: int) -> None:
        while left > 0:
            left -= os.write(2, LINE)
        self._moods.with_suffix(".done").touch()

    def _spoil(self, content: str) -> None:
        """Writes these bytes (hexadecimal) among the frames."""
        os.write(_pipe_of_frames(), bytes.fromhex(content))


def _pipe_of_frames() -> int:
    """The pipe that only we write and that nobody took for errors."""
    errors = os.fstat(sys.stderr.fileno()).st_ino
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        try:
            is_pipe = str(entry.readlink()).startswith("pipe:") and os.fstat(number).st_ino != errors
            writable = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
        except OSError:  # the folder's own descriptor
            continue
        if is_pipe and writable:
            return number
    raise RuntimeError("there is no pipe")
