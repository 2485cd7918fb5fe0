"""A class with the strangest name that there can be, through a real daemon: bus, every sink, log, HTTP, terminal."""

import json
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import soundfile
import yaml
from children import Child
from commands import mgcld_child
from mgcld_plugins.encoders.mini import MiniEncoder
from servers.mosquitto import Broker, Listener, free_port
from untrained import trained, window

from mgcld.client import subscribe
from mgcld.model.checkpoint import save_adapter
from mgcld.names import fault_of
from mgcld.service import wire
from mgcld.service.bus.subscriptions import SUBSCRIPTION_BYTES

STRANGE = "-rf ~ \\..\\+ # % \"'<script> {} [bold] $(id) پرنده\u200cها 👩\u200d🚒 " + "ы" * 40
PATIENCE_SECONDS = 60.0


class Post(BaseHTTPRequestHandler):
    """Takes everything."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        del format, arguments


@pytest.fixture
def web() -> Iterator[tuple[int, list[bytes]]]:
    taken: list[bytes] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Kept", (Post,), {"bodies": taken}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port, taken
    server.shutdown()
    thread.join()
    server.server_close()


def configured(folder: Path, web_port: int, broker_port: int, http_port: int) -> Path:
    made = trained(MiniEncoder("cpu"))
    save_adapter(replace(made, classes=(STRANGE, *made.classes[1:])), folder / "adapter.safetensors")
    soundfile.write(folder / "tone.wav", window(0).samples, 16_000)
    options: dict[str, Any] = {
        "adapter": "adapter.safetensors",
        "hop_seconds": 1.0,
        "log_format": "plain",
        "events": {
            "threshold": 0.1,
            "threshold_off": 0.05,
            "min_windows": 1,
            "of_windows": 1,
            "classes": {STRANGE: {}},
        },
        "sources": {"room": "tone.wav?loop=true"},
        "publish": {"endpoint": f"ipc://{folder}/bus"},
        "control": {"enabled": False},
        "http": {"address": f"127.0.0.1:{http_port}"},
        "sinks": {
            "log": {"type": "jsonl", "path": "out/log.jsonl", "kinds": ["event", "prob", "meta"]},
            "hook": {"type": "webhook", "url": f"http://127.0.0.1:{web_port}/", "outbox": "out/outbox.sqlite"},
            "clips": {"type": "clips", "folder": "out/clips", "post_seconds": 1.0, "max_seconds": 10.0},
            "broker": {"type": "mqtt", "host": "127.0.0.1", "port": broker_port, "discovery": True},
        },
    }
    (folder / "out").mkdir()
    (folder / "mgcld.yaml").write_text(yaml.safe_dump(options))
    return folder / "mgcld.yaml"


def until(holds: Any, daemon: Child) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline and daemon.process.poll() is None, daemon.errors
        time.sleep(0.1)


@pytest.mark.system("mosquitto")
def test_the_strangest_name_goes_everywhere_and_harms_nobody(tmp_path: Path, web: tuple[int, list[bytes]]) -> None:
    assert fault_of(STRANGE) == ""
    port, posted = web
    http_port = free_port()
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path))
        ear = stack.enter_context(Listener(broker.port))
        path = configured(tmp_path, port, broker.port, http_port)
        daemon = stack.enter_context(mgcld_child("run", "-c", path))
        until(lambda: "ready" in daemon.errors, daemon)
        with subscribe(f"ipc://{tmp_path}/bus", ["event"], classes=[STRANGE], timeout_seconds=60) as messages:
            event = next(messages)
        assert event.body["class"] == STRANGE
        assert event.topic == f"mgcl/v1/event/room/{quote(STRANGE, safe='')}/"
        until(lambda: posted and any("/event/" in topic for topic in topics(ear)), daemon)
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/metrics", timeout=20) as answer:
            metrics = answer.read().decode()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_SECONDS) == 0, daemon.errors
        shown = "\n".join(daemon.waiting())
        on_mqtt = topics(ear)
    assert json.loads(posted[0])["body"]["class"] == STRANGE
    lines = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert {line["body"]["class"] for line in lines if "/event/" in line["topic"]} == {STRANGE}
    files = [path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file()]
    clips = [path for path in files if path.suffix == ".flac"]
    assert clips
    assert all(path.parts[0] == "clips" and len(path.parts) <= 5 for path in clips)
    assert all(part.isascii() and part.isprintable() and part[0] not in "-." for path in clips for part in path.parts)
    assert all(len(topic.encode()) < 512 and not set("+# \\\"'<") & set(topic) for topic in on_mqtt)
    assert any("/event/" in topic for topic in on_mqtt)
    assert all(line.startswith(("#", "mgcld_", "python_", "process_")) for line in metrics.splitlines() if line)
    assert not {"\x1b", "\r"} & set(daemon.errors + shown)
    assert "Traceback" not in daemon.errors
    assert {path.name for path in tmp_path.iterdir()} <= {
        *("adapter.safetensors", "tone.wav", "mgcld.yaml", "out", "bus", "mosquitto.conf", "mosquitto.log")
    }


def topics(ear: Listener) -> list[str]:
    return [str(message.topic) for message in [*ear.messages]]


def test_the_longest_name_s_topic_can_be_subscribed_to() -> None:
    longest = wire.topic("event", "s" * 64, "\N{SNOWMAN}" * 66)
    assert len(longest.encode()) < SUBSCRIPTION_BYTES
