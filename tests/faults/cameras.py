"""Cameras to listen to: one that does whatever it is told, here or in a process of its own, and a real server."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from expected import RATE, Check, exact, pure_tone
from servers.rude_rtsp import Peer
from stage import Stage

from mgcld.registry import target

RTSP = target("source", "rtsp")
SERVERS = Path(__file__).parents[1] / "servers"
SERVER, RUDE = SERVERS / "rtsp.py", SERVERS / "rude_rtsp.py"


def url(port: int, path: str = "live", host: str = "127.0.0.1") -> str:
    """With a password that nobody may ever read."""
    return f"rtsp://eve:secret@{host}:{port}/{path}"


@contextmanager
def camera(folder: Path, *commands: str, check: Check = exact) -> Iterator[tuple[Peer, Stage]]:
    """A peer that plays the known signal, and who listens to it."""
    with Peer() as peer:
        peer.do(f"rate={RATE}", *commands)
        with Stage(folder, RTSP, {"url": url(peer.port)}, check) as stage:
            yield peer, stage


class DistantPeer:
    """The same in a process of its own: its encoders must not count as our memory."""

    def __init__(self, *commands: str) -> None:
        command = [sys.executable, str(RUDE), "0", *commands]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def do(self, *commands: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.writelines(f"{command}\n" for command in commands)
        self._process.stdin.flush()

    def __enter__(self) -> "DistantPeer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process:
            self._process.wait(10)


class RealServer:
    """GStreamer's server as a process."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        command = ["/usr/bin/python3", str(SERVER), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()


@contextmanager
def real_camera(folder: Path) -> Iterator[tuple[RealServer, Stage]]:
    """What it plays is a pure tone."""
    server = RealServer()
    try:
        with Stage(folder, RTSP, {"url": url(server.port, "l16")}, pure_tone(1000)) as stage:
            yield server, stage
    finally:
        server.kill()
