"""The whole daemon with a camera that never answers beside a source that is well."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from children import Child
from commands import mgcld_child
from difficult import tell
from servers.rude_rtsp import Peer
from stage import ALARM_PROMISE, ALLOWANCE_SECONDS

HERE = Path(__file__).parent
SUBSCRIBER = HERE.parent / "end_to_end" / "subscriber.py"


class Manager:
    """Hears what the daemon tells its service manager."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(60)

    def until(self, fact: str) -> None:
        while fact not in self._socket.recv(4096).decode():
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]))
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


def daemon(demo: Path, folder: Path, port: int) -> Child:
    config = folder / "config.yaml"
    config.write_text(f"""
adapter: {demo}/adapter.safetensors
hop_seconds: 0.5
publish: {{endpoint: "ipc://{folder}/bus"}}
control: {{enabled: false}}
events: {{threshold: 0.000001, refractory_seconds: 0}}
sources:
  camera: rtsp://eve:secret@127.0.0.1:{port}/live
  room: {{type: "difficult:Player", moods: {folder}/room}}
""")
    return mgcld_child("run", "-c", config, "--quiet")


def message(ear: Child) -> tuple[str, dict[str, Any], dict[str, Any]]:
    told = json.loads(ear.line(timeout=60))
    return told["topic"], told["header"], told["body"]


def heard_until_alarm(ear: Child) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The headers of the healthy source's windows up to the alarm, and the health that tells of it."""
    headers = []
    while True:
        topic, header, body = message(ear)
        if topic == "mgcl/v1/prob/room/":
            headers.append(header)
        elif body.get("alarm_since_ns") is not None:
            assert topic == "mgcl/v1/health/camera/"
            return headers, body


def processes_of(child: Child) -> list[psutil.Process]:
    return [
        each
        for each in psutil.Process(child.process.pid).children(recursive=True)
        if "mgcld.audio.child" in each.cmdline()
    ]


@pytest.mark.timeout(180)
def test_a_camera_that_never_answers_keeps_nobody_waiting(demo: Path, tmp_path: Path, manager: Manager) -> None:
    """READY, the other source's windows, the alarm within 30 s, no orphan after kill -9."""
    with Peer() as peer:
        peer.do("mute=1")
        with daemon(demo, tmp_path, peer.port) as running:
            manager.until("READY=1")
            ready = time.monotonic()
            with Child(SUBSCRIBER, f"ipc://{tmp_path}/bus", "mgcl/v1/prob/room/", "mgcl/v1/health/camera/") as ear:
                headers, health = heard_until_alarm(ear)
            assert time.monotonic() - ready < ALARM_PROMISE + ALLOWANCE_SECONDS
            assert (health["reason"], "live" in [state for _, state, _ in health["history"]]) == ("timeout", False)
            assert len(headers) > 30
            assert {header["gap_samples"] for header in headers} | {
                header["dropped_windows"] for header in headers
            } == {0}
            assert {header["epoch"] for header in headers} == {0}
            children = processes_of(running)
            assert children
            os.kill(running.process.pid, signal.SIGKILL)
            _, alive = psutil.wait_procs(children, timeout=10)
            assert not alive
        assert "secret" not in running.errors


@pytest.mark.timeout(180)
def test_a_source_that_crashes_and_returns_is_told_to_subscribers(demo: Path, tmp_path: Path, manager: Manager) -> None:
    with Peer() as peer:
        peer.do("rate=16000")
        with daemon(demo, tmp_path, peer.port) as running:
            manager.until("2/2 sources live")
            with Child(SUBSCRIBER, f"ipc://{tmp_path}/bus", "mgcl/v1/") as ear:
                before = epochs(ear, {"camera": 0, "room": 0})
                tell(tmp_path / "room", "crash")
                after = epochs(ear, {"camera": 0, "room": 1})
            assert before[("health", "room")][-1]["state"] == "live"
            states = [(body["state"], body["reason"]) for body in after[("health", "room")]]
            assert states[0] == ("lost", "crashed")
            assert states[-1] == ("live", None)
            assert {body["state"] for body in after.get(("health", "camera"), [])} <= {"live"}
            ended = [body for body in after[("event", "room")] if body["phase"] == "end"]
            begun = [body for body in before[("event", "room")] if body["phase"] == "start"]
            assert {body["id"] for body in ended} >= {body["id"] for body in begun} != set()
            assert {body["reason"] for body in ended} <= {"source_lost", "gap"}
            assert "end" not in [body["phase"] for body in after.get(("event", "camera"), [])]
            running.process.send_signal(signal.SIGTERM)
            assert running.wait(20) == 0


def epochs(ear: Child, wanted: dict[str, int]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The bodies by (kind, source) until each source's windows are of the wanted epoch."""
    bodies: dict[tuple[str, str], list[dict[str, Any]]] = {}
    seen: dict[str, int] = {}
    while seen != wanted:
        topic, header, body = message(ear)
        _, _, kind, name, *_ = topic.split("/")
        bodies.setdefault((kind, name), []).append(body)
        if kind == "prob":
            seen[name] = header["epoch"]
    return bodies
