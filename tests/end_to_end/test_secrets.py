"""Planted secrets, and everything that a daemon lets out, searched for them: log, bus, files, HTTP, control, `ps`."""

import base64
import itertools
import json
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psutil
import pytest
import yaml
import zmq
from children import Child
from commands import mgcld, mgcld_child
from servers.rude_rtsp import Manners, Peer

from mgcld.assemble import build_daemon
from mgcld.config import load_config
from mgcld.errors import MgcldError
from mgcld.service.bus import keys

PATIENCE_SECONDS = 60.0


class Secrets:
    """Each another, none a word of any message; with signs that addresses and JSON write in other ways."""

    def __init__(self) -> None:
        self._count = itertools.count()
        self.planted: dict[str, str] = {}

    def new(self, where: str, end: str = "/p@ß w:%") -> str:
        self.planted[where] = f"gEh3im{next(self._count):02d}{end}"
        return self.planted[where]

    def url(self, where: str) -> str:
        return quote(self.new(where), safe="")

    def found_in(self, content: bytes | str) -> list[str]:
        """Where the secrets were planted that stand in this, in any spelling."""
        held = content if isinstance(content, bytes) else content.encode(errors="surrogateescape")
        return [where for where, secret in self.planted.items() if any(form in held for form in spellings(secret))]


def spellings(secret: str) -> set[bytes]:
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], secret[:8]}
    hidden = {base64.b64encode(f"{who}{secret}".encode()) for who in ("", "keeper:")}
    hidden |= {base64.urlsafe_b64encode(secret.encode())}
    return {text.encode() for text in texts} | {form.rstrip(b"=")[:-1] for form in hidden} | {secret.encode("latin-1")}


def test_the_search_finds_a_secret_however_it_is_written() -> None:
    secrets = Secrets()
    secret = secrets.new("here")
    for form in (secret, quote(secret, safe=""), json.dumps({"x": secret}), repr(secret)):
        assert secrets.found_in(f"a line with {form} in it") == ["here"]
    assert secrets.found_in(b"Basic " + base64.b64encode(f"keeper:{secret}".encode())) == ["here"]
    assert secrets.found_in("nothing") == []


class Mirror(BaseHTTPRequestHandler):
    """Refuses, and says back everything that it was told."""

    def do_POST(self) -> None:
        told = f"{self.path} {self.headers}".replace("\n", " ").replace("\r", "")
        self.send_response(403, told[:900].encode("ascii", "replace").decode())
        self.end_headers()
        self.wfile.write(told.encode())

    do_GET = do_POST

    def log_message(self, format: str, *arguments: object) -> None:
        del format, arguments


@contextmanager
def mirror() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class House:
    """A daemon's configuration with a secret wherever one can be."""

    def __init__(self, folder: Path, demo: Path, mirror_port: int, rtsp_port: int) -> None:
        self.folder, self.secrets, self.http_port = folder, Secrets(), free_port()
        self.path, self.control = folder / "mgcld.yaml", f"ipc://{folder}/control"
        curve = keys.create(folder, "daemon")
        self.secrets.planted["curve"] = curve.secret.decode()
        (folder / "clients").mkdir()
        keys.create(folder / "ears", "ear")
        (folder / "clients" / "ear.key").write_bytes((folder / "ears" / "ear.key").read_bytes())
        url, closed = self.secrets.url, free_port()
        here, web = f"127.0.0.1:{closed}", f"127.0.0.1:{mirror_port}"
        self.options: dict[str, Any] = {
            "adapter": str(demo / "adapter.safetensors"),
            "node": "attic",
            "hop_seconds": 1.0,
            "sources": {
                "room": f"{demo}/soundscape.flac?loop=true",
                "gate": f"rtsp://keeper:{url('rtsp url')}@{here}/live?key={url('rtsp query')}",
                "wrong": f"rtsp://keeper:{url('rtsp refused')}@127.0.0.1:{rtsp_port}/live",
                "yard": {
                    "type": "rtsp",
                    "url": f"rtsp://127.0.0.1:{rtsp_port}/live",
                    "user": "keeper",
                    "password_file": self.file("rtsp file"),
                },
                "radio": f"http://keeper:{url('stream url')}@{web}/radio?k={url('stream query')}",
            },
            "sinks": {
                "log": {"type": "jsonl", "path": "log.jsonl", "kinds": ["prob", "event", "health", "meta"]},
                "hook": {
                    "type": "webhook",
                    "url": f"http://keeper:{url('hook url')}@{web}/{url('hook path')}?k={url('hook key')}",
                    "secret_file": self.file("hook signature"),
                    "kinds": ["event", "health", "meta"],
                    "outbox": "outbox.sqlite",
                },
                "bearer": {
                    "type": "webhook",
                    "url": f"http://{here}/",
                    "token_file": self.file("bearer", "-_x/y=="),
                    "kinds": ["health"],
                    "outbox": "bearer.sqlite",
                },
                "broker": {
                    "type": "mqtt",
                    "host": "127.0.0.1",
                    "port": closed,
                    "user": "keeper",
                    "password_file": self.file("mqtt"),
                },
            },
            "publish": {
                "endpoint": "tcp://127.0.0.1:*",
                "curve": {"key_file": "daemon.key_secret", "clients": "clients"},
            },
            "control": {"endpoint": self.control},
            "http": {"address": f"127.0.0.1:{self.http_port}"},
            "log_level": "debug",
        }

    def file(self, where: str, end: str = "/p@ß w:%") -> str:
        path = self.folder / f"{where.replace(' ', '_')}.secret"
        path.write_text(self.secrets.new(where, end))
        path.chmod(0o600)
        return str(path)

    def write(self, **options: Any) -> None:
        self.options |= options
        self.path.write_text(yaml.safe_dump(self.options, allow_unicode=True))

    def mistakes(self) -> Iterator[str]:
        """Files with a mistake beside, or in, a secret."""
        url = self.secrets.url
        good = self.options
        for wrong in (
            {"sources": {"gate": f"rtsp://keeper:{url('wrong port')}@camera:99999999/live"}},
            {"sources": {"gate": f"rtsp://keeper:{self.secrets.new('unquoted')}@camera/live"}},
            {
                "sources": {
                    "gate": {"type": "rtsp", "url": f"rtsp://k:{url('typo')}@camera/", "pasword": url("pasword")}
                }
            },
            {"sources": {"gate": {"type": "rtsp", "url": ["rtsp://k@c/", url("listed")]}}},
            {"sinks": {"hook": {"type": "webhook", "url": f"ftp://keeper:{url('wrong scheme')}@hook/"}}},
            {"sinks": {"hook": {"type": "webhook", "url": "http://h/", "token": url("inline token")}}},
            {"sinks": {"broker": {"type": "mqtt", "host": "h", "password": url("inline password")}}},
            {"sinks": {"broker": {"type": "mqtt", "host": f"mqtt://keeper:{url('host')}@h"}}},
            {"publish": {"endpoint": f"tcp://keeper:{url('endpoint')}@h:1"}},
            {"http": {"address": f"http://keeper:{url('http')}@127.0.0.1:1"}},
        ):
            yield yaml.safe_dump(good | wrong, allow_unicode=True)
        for mark in "*&!":
            yield f"sources:\n  gate: {mark}{self.secrets.new(mark)}\n"
        yield f'adapter: a\nsources: {{gate: "rtsp://k:{url("open quote")}@c/}}\n'


@pytest.fixture
def house(tmp_path: Path, demo: Path) -> Iterator[House]:
    with mirror() as port, Peer(manners=Manners(password="keeper:another")) as camera:
        made = House(tmp_path, demo, port, camera.port)
        made.write()
        yield made


def heard_on_bus(house: House, endpoint: str, wanted: Callable[[bytes], bool]) -> bytes:
    """Every byte of every message until one is wanted."""
    own, server = keys.read(house.folder / "ears" / "ear.key_secret"), keys.public(house.folder / "daemon.key")
    with zmq.Context() as context, context.socket(zmq.SUB) as ear:
        ear.curve_publickey, ear.curve_secretkey, ear.curve_serverkey = own["public"], own["secret"], server
        ear.connect(endpoint)
        ear.subscribe(b"")
        content, deadline = b"", time.monotonic() + PATIENCE_SECONDS
        while not wanted(content):
            assert time.monotonic() < deadline, content[-2000:]
            if ear.poll(200):
                content += b"\n".join(ear.recv_multipart()) + b"\n"
        return content


def as_ps_shows(pid: int) -> str:
    """The daemon and every child: command lines and titles."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    shown = []
    for process in family:
        with_titles = [Path(f"/proc/{process.pid}/{name}") for name in ("cmdline", "comm", "stat")]
        shown += [path.read_bytes().decode(errors="replace") for path in with_titles if path.exists()]
    return "\n".join(shown)


def asked_over_http(port: int) -> str:
    """Every page, and one that is not there."""
    pages = []
    for page in ("healthz", "readyz", "metrics", "api/status", "none"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=20) as answer:
                pages.append(answer.read().decode())
        except urllib.error.HTTPError as error:
            pages.append(error.read().decode())
    return "\n".join(pages)


def until(daemon: Child, holds: Callable[[str], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds(daemon.errors):
        assert time.monotonic() < deadline and daemon.process.poll() is None, daemon.errors
        time.sleep(0.1)


def endpoint_in(log: str) -> str:
    """Where it publishes: log lines come in several forms."""
    _, told, rest = log.partition("publishing on ")
    return rest.split()[0].rstrip('",}') if told else ""


@pytest.mark.parametrize("form", ["plain", "json"])
def test_no_secret_leaves_a_daemon(house: House, form: str) -> None:
    """The journal's fields are those of `json`."""
    house.write(log_format=form)
    let_out: dict[str, bytes | str] = {}
    with mgcld_child("run", "-c", house.path) as daemon:
        until(daemon, lambda log: "ready" in log)
        bus = heard_on_bus(house, endpoint_in(daemon.errors), troubled)
        let_out |= {"bus": bus, "ps": as_ps_shows(daemon.process.pid)}
        until(daemon, lambda log: "403" in log and "mqtt://" in log)
        for number, text in enumerate(house.mistakes(), 1):
            house.path.write_text(text)
            daemon.process.send_signal(signal.SIGHUP)
            until(daemon, lambda log, number=number: log.count("reload: ") >= number)
        house.write()
        for order in ("snapshot", "status"):
            answer = mgcld("ctl", order, "--at", house.control)
            assert answer.returncode == 0, answer.stderr
            let_out[f"ctl {order}"] = answer.stdout + answer.stderr
        let_out["http"] = asked_over_http(house.http_port)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_SECONDS) == 0, daemon.errors
        let_out["log and stdout"] = daemon.errors + "\n".join(daemon.waiting())
    files = [path for path in house.folder.rglob("*") if path.is_file() and "secret" not in path.name]
    let_out |= {path.name: path.read_bytes() for path in files if path != house.path}
    assert {"log.jsonl", "outbox.sqlite", "bearer.sqlite"} <= let_out.keys()
    assert "mgcld_" in str(let_out["http"])
    assert "Traceback" not in daemon.errors
    for what, content in let_out.items():
        assert content or what.endswith((".lock", "-wal", "-shm")), f"nothing was searched: {what}"
        assert house.secrets.found_in(content) == [], what


def troubled(told: bytes) -> bool:
    """Sound and the troubles of cameras have been told."""
    return all(part in told for part in (b'"reason":"auth"', b'"reason":"refused"', b"mgcl/v1/prob/"))


def test_no_secret_is_in_what_check_finds(house: House) -> None:
    checked = mgcld("check", "-c", house.path)
    told = checked.stdout + checked.stderr
    for name in ("gate", "wrong", "yard", "radio", "hook", "broker"):
        assert name in told
    assert house.secrets.found_in(told) == [], told


def test_no_secret_is_in_what_a_start_refuses(house: House) -> None:
    for text in house.mistakes():
        house.path.write_text(text)
        with pytest.raises(MgcldError) as refused:
            build_daemon(lambda: load_config(house.path, {}), views={})
        told = f"{refused.value} {refused.value.help}"
        assert house.secrets.found_in(told) == [], told
