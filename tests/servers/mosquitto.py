"""A real mosquitto on loopback that can be killed and come back on its port, and somebody who listens to it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
PATIENCE_SECONDS = 30.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Broker:
    """Nothing is kept over a restart: neither sessions nor what was retained."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._config, self._log = folder / "mosquitto.conf", folder / "mosquitto.log"
        allowed = [] if any("password_file" in option for option in options) else ["allow_anonymous true"]
        lines = [f"listener {self.port} 127.0.0.1", "user root", "log_type all", "log_dest stderr", *allowed, *options]
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        program = shutil.which("mosquitto", path=PATH)
        assert program is not None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([program, "-c", str(self._config)], stderr=log)
        until(self._answers)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Relay:
    """A port that leads to another one while it is open: the network between."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._listening: socket.socket | None = None
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Relay":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._listening)

    def shut(self) -> None:
        """Refuse whoever comes, and break what there is."""
        for opened in [self._listening, *self._sockets]:
            if opened is not None:
                with contextlib.suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)
        for thread in [*self._threads]:
            thread.join(10)
        for opened in [self._listening, *self._sockets]:
            if opened is not None:
                opened.close()
        self._listening, self._sockets, self._threads = None, [], []

    def _start(self, job: Any, *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=job, args=arguments, name="relay", daemon=True))
        self._threads[-1].start()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                here = listening.accept()[0]
                self._sockets.append(here)
                with contextlib.suppress(ConnectionRefusedError):
                    there = socket.create_connection(("127.0.0.1", self._target), 10)
                    there.settimeout(None)
                    self._sockets.append(there)
                    self._start(self._pass_on, here, there)
                    self._start(self._pass_on, there, here)
                    continue
                here.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


class Listener:
    """Everything that is published, in order; it comes back by itself."""

    def __init__(self, port: int, *, topic: str = "#", user: str | None = None, password: str | None = None) -> None:
        self.messages: list[MQTTMessage] = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _, __, message: self.messages.append(message)
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> "Listener":
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, 1, True).wait_for_publish(PATIENCE_SECONDS)

    def payloads(self, topic: str) -> list[bytes]:
        """What was heard of one topic so far."""
        return [bytes(message.payload) for message in [*self.messages] if message.topic == topic]

    @property
    def retained(self) -> dict[str, bytes]:
        """What the broker would tell somebody new: topic -> payload, as far as it was heard."""
        newest: dict[str, bytes] = {}
        for message in [*self.messages]:
            if message.payload or message.topic in newest:
                newest[message.topic] = bytes(message.payload)
        return {topic: payload for topic, payload in newest.items() if payload}


def until(true: Any, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until it holds; what it says then is for the failure."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.02)
