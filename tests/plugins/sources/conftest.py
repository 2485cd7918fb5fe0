"""Real servers for the sources: RTSP by GStreamer, sound by PulseAudio; each ends with its test."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import tone

CONFIG = "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"
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


class PulseAudio:
    """A sound server; its default input hears what is played: a tone of 1 kHz, left twice as loud as right."""

    def __init__(self, folder: Path) -> None:
        self._config, runtime = folder / "asound.conf", folder / "run"
        runtime.mkdir(mode=0o700)
        self._config.write_text(CONFIG)
        self._socket = runtime / "socket"
        self._tone = folder / "tone.wav"
        self._running: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(runtime),
            "PULSE_SERVER": f"unix:{self._socket}",
            "ALSA_CONFIG_PATH": str(self._config),
        }
        left = tone(1000, 60, 48_000)
        soundfile.write(self._tone, np.stack([left, left / 2], axis=1), 48_000)

    def start(self) -> None:
        """The server and a player."""
        modules = [f"module-native-protocol-unix socket={self._socket} auth-anonymous=1", "module-null-sink"]
        load = [f"--load={module}" for module in modules]
        self._run("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", *load)
        deadline = time.monotonic() + 20
        while subprocess.run(["pactl", "info"], env=self.environment, capture_output=True, timeout=20).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self._run("paplay", str(self._tone))

    def kill(self) -> None:
        for process in self._running:
            process.kill()
            process.wait(10)
        self._running.clear()
        self._socket.unlink(missing_ok=True)

    def pause(self) -> None:
        """It hangs: it neither answers nor ends."""
        self._running[0].send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running[0].send_signal(signal.SIGCONT)

    def load(self, module: str, **options: object) -> str:
        """A module of the server, as a sound card that is plugged in; the number to unload it by."""
        words = [f"{name}={value}" for name, value in options.items()]
        return self._pactl("load-module", module, *words).strip()

    def unload(self, number: str) -> None:
        self._pactl("unload-module", number)

    def whistle(self, name: str, frequency: int, rate: int = 48_000) -> str:
        """A source that gives a pure tone; the number to unload it by."""
        return self.load("module-sine-source", source_name=name, frequency=frequency, rate=rate)

    def prefer(self, source: str) -> None:
        """As people choose an input in the desktop's settings."""
        self._pactl("set-default-source", source)

    def move_listeners(self, source: str) -> None:
        """As people do in a mixer."""
        for line in self._pactl("list", "short", "source-outputs").splitlines():
            self._pactl("move-source-output", line.split()[0], source)

    def name_in_alsa(self, **devices: str) -> None:
        """Devices of ALSA, as PortAudio finds them, each with the server's source that it gives."""
        # ALSA takes what stands behind a colon for arguments, so a name with one needs what stands before it too.
        found = {name.partition(":")[0]: source for name, source in devices.items()}
        taken = "@args [ CARD DEVICE ] @args.CARD { type string } @args.DEVICE { type string }"
        lines = [f'pcm."{name}" {{ type pulse device "{source}" }}\n' for name, source in devices.items()]
        lines += [f'pcm."{name}" {{ {taken} type pulse device "{source}" }}\n' for name, source in found.items()]
        self._config.write_text(CONFIG + "".join(lines))

    def play(self, sink: str, sound: Path, channel_map: str) -> None:
        self._run("paplay", f"--device={sink}", f"--channel-map={channel_map}", str(sound))

    def _pactl(self, *words: str) -> str:
        command = ["pactl", *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=20, check=True
        ).stdout

    def _run(self, *command: str) -> None:
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._running.append(process)


@pytest.fixture
def pulseaudio(tmp_path: Path) -> Iterator[PulseAudio]:
    server = PulseAudio(tmp_path)
    server.start()
    yield server
    server.kill()
