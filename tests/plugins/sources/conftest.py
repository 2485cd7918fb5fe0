"""Real servers for the sources: RTSP by GStreamer, sound by PulseAudio; each ends with its test."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import tone

SERVER = Path(__file__).parents[2] / "servers" / "rtsp.py"


class RtspServer:
    """GStreamer's server as a process that can be killed and come back on its port."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = ["/usr/bin/python3", str(SERVER), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.kill()
            self.process.wait(10)
            self.process.stdout.close()
        self.process = None

    def url(self, path: str) -> str:
        return f"rtsp://127.0.0.1:{self.port}/{path}"


@pytest.fixture
def rtsp_server() -> Iterator[RtspServer]:
    server = RtspServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def pulseaudio(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which ALSA's default input hears what is played into a null sink: a tone of 1 kHz."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    config = tmp_path / "asound.conf"
    config.write_text("</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n")
    address = f"unix:{runtime}/socket"
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(runtime),
        "PULSE_SERVER": address,
        "ALSA_CONFIG_PATH": str(config),
    }
    soundfile.write(tmp_path / "tone.wav", np.stack([tone(1000, 60, 48_000), tone(1000, 60, 48_000)], 1), 48_000)
    modules = [f"module-native-protocol-unix socket={runtime}/socket auth-anonymous=1", "module-null-sink"]
    load = [f"--load={module}" for module in modules]
    command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", *load]
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as server:  # type: ignore[call-overload]
        try:
            _wait_for(["pactl", "info"], environment)
            with subprocess.Popen(["paplay", str(tmp_path / "tone.wav")], **quiet) as player:  # type: ignore[call-overload]
                yield environment
                player.kill()
        finally:
            server.kill()


def _wait_for(command: list[str], environment: dict[str, str]) -> None:
    deadline = time.monotonic() + 20
    while subprocess.run(command, env=environment, capture_output=True, timeout=20).returncode:
        assert time.monotonic() < deadline, command
        time.sleep(0.1)
