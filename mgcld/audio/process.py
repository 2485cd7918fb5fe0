"""A capture process, as its parent sees it: started, read with deadlines, and ended with all that it has started."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TICK_SECONDS = 0.25
"""Its reader is waited for at most so long at once."""
POLITE_SECONDS = 1.0
"""From the friendly signal to the last one."""
LAST_SECONDS = 5.0
"""A process in the kernel's hands may take so long to die."""
READ_BYTES = 2**18
PIPE_BYTES = 2**20
"""Five seconds at 48 kHz: what waits there is not lost while its reader is busy."""
THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
"""It computes nothing that threads would help, and each would cost memory."""


class CaptureProcess:
    """`mgcld.audio.child` in a session of its own: no Ctrl-C of ours reaches it, and its group is its alone."""

    def __init__(self, name: str, order: bytes) -> None:
        """Start it.

        Raises:
            OSError: this machine has no room for another process, or this one for its pipes.
        """
        theirs, self._life_line = os.pipe()
        try:
            self._process = _started(name, theirs)
        except OSError:
            os.close(self._life_line)
            raise
        finally:
            os.close(theirs)
        self.pid = self._process.pid
        self._frames, self._errors = (_reading(stream) for stream in (self._process.stdout, self._process.stderr))
        self._poller = select.poll()
        for file in (self._frames, self._errors):
            self._poller.register(file, select.POLLIN)
        self._send(order)

    def go(self) -> None:
        """Tell it to open its source (again)."""
        self._send(b"")

    def read(self) -> Iterator[tuple[bytes, bytes]]:
        """What it writes, (frames, errors), as it comes; both empty when nothing came; ends when it has died."""
        open_ends = 2
        while open_ends:
            dead, ready = self._process.poll() is not None, self._poller.poll(1000 * TICK_SECONDS)
            if dead and not ready:  # what it started may hold its pipes open
                return
            heard = {self._frames: b"", self._errors: b""}
            for file, _ in ready:
                heard[file] = os.read(file, READ_BYTES)
                if not heard[file]:
                    self._poller.unregister(file)
                    open_ends -= 1
            yield heard[self._frames], heard[self._errors]

    def end(self) -> str:
        """End it and its group, once, and say how it ended."""
        if self._life_line < 0:
            return _ending(self._process.returncode)
        self._signal(signal.SIGTERM)
        if not self._died(POLITE_SECONDS):
            self._signal(signal.SIGKILL)
            self._died(LAST_SECONDS)
        self._signal(signal.SIGKILL)  # what it started may outlive it
        os.close(self._life_line)
        self._life_line = -1
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return _ending(self._process.returncode)

    def wait(self, seconds: float) -> str:
        """How it ended, if it does so by itself."""
        self._died(seconds)
        return _ending(self._process.returncode)

    def _died(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            for file, _ in self._poller.poll(10):  # what it still writes must not hold it up
                if not os.read(file, READ_BYTES):
                    self._poller.unregister(file)
        return self._process.poll() is not None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it died: its reader will see
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()


def _started(name: str, life_line: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mgcld.audio.child", name, str(life_line)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=[life_line],
        env={**os.environ, **THREADS, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
    )


def _reading(stream: object) -> int:
    file: int = stream.fileno()  # type: ignore[attr-defined]
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # a user's pipes may be at their limit
            fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return file


def _ending(code: int | None) -> str:
    if code is None:
        return "does not end"
    if code >= 0:
        return f"ended with status {code}"
    return (
        f"was ended by {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"was ended by signal {-code}"
    )
