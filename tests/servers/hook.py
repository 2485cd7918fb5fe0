"""A web server on loopback that takes webhooks: one behaviour for each request, as rude as wanted, then politeness."""

import base64
import hashlib
import hmac
import json
import random
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: Headers
    raw: bytes

    @property
    def delivery(self) -> str:
        return self.headers["X-Mgcld-Delivery"]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.raw)


class Hook(ThreadingHTTPServer):
    """Remembers what came, and what it has acknowledged in whole."""

    daemon_threads = False  # whoever closes it waits for them
    scheme = "http"

    def __init__(self, *behaviours: "Behaviour") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours = list(behaviours)
        self.usual: Behaviour = acknowledges
        self.received: list[Received] = []
        self.acknowledged: list[str] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/hook"

    def until(self, seen: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it is so."""
        deadline = time.monotonic() + seconds
        while not seen():
            assert time.monotonic() < deadline, [(one.delivery, one.path) for one in self.received]
            time.sleep(0.01)

    def handle_error(self, *_: object) -> None:
        """Whoever was cut off has had enough."""


class Handler(BaseHTTPRequestHandler):
    server: Hook
    timeout = 10

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Received(self.path, self.headers, raw))
        behaviours = self.server.behaviours
        with suppress(OSError):
            (behaviours.pop(0) if behaviours else self.server.usual)(self)

    def do_GET(self) -> None:
        self.server.received.append(Received(self.path, self.headers, b""))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **given}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


Behaviour = Callable[[Handler], None]


@contextmanager
def hook(*behaviours: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    with Hook(*behaviours) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.scheme = "https"
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            serving.join(10)


def acknowledges(handler: Handler) -> None:
    handler.answer(200, b"thanks")
    handler.server.acknowledged.append(handler.headers["X-Mgcld-Delivery"])


def says(status: int, **headers: str) -> Behaviour:
    """And says back all that it was told, as some do."""

    def behave(handler: Handler) -> None:
        handler.answer(status, f"{handler.path}\n{handler.headers}".encode(), **headers)

    return behave


def acknowledges_at_last(handler: Handler) -> None:
    """When the test is over, or says that it is."""
    handler.server.over.wait(10)
    acknowledges(handler)


def hangs(handler: Handler) -> None:
    handler.server.over.wait(10)


def hangs_up(handler: Handler) -> None:
    handler.connection.close()


def breaks_off(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 20")


def is_no_web_server(handler: Handler) -> None:
    handler.wfile.write(b"220 mail.example ESMTP\r\n")


def trickles_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b"X-Drop: 1\r\n")


def acknowledges_and_trickles(handler: Handler) -> None:
    handler.answer(200, b"", Content_Length=str(10**12))
    handler.server.acknowledged.append(handler.headers["X-Mgcld-Delivery"])
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b" ")


def acknowledges_without_end(handler: Handler) -> None:
    handler.answer(200, b"", Content_Length=str(10**12))
    handler.server.acknowledged.append(handler.headers["X-Mgcld-Delivery"])
    while not handler.server.over.is_set():
        handler.wfile.write(b" " * 65536)


def moody(seed: int) -> Behaviour:
    """Fails every other time, each time in another way."""
    chance, guard = random.Random(seed), threading.Lock()
    moods: list[Behaviour] = [says(500), says(503), says(429), hangs_up, breaks_off, is_no_web_server]

    def behave(handler: Handler) -> None:
        with guard:
            mood = chance.choice([*moods, *[acknowledges] * len(moods)])
        mood(handler)

    return behave


def is_signed(received: Received, secret: bytes, now: float, tolerance: float = 300.0) -> bool:
    """What a receiver does, written from the documentation."""
    fields = dict(field.split("=", 1) for field in received.headers["X-Mgcld-Signature"].split(","))
    expected = hmac.new(secret, fields["t"].encode() + b"." + received.raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, fields["v1"]) and abs(now - int(fields["t"])) <= tolerance


def basic(received: Received) -> str:
    """The user and password that it shows."""
    return base64.b64decode(received.headers["Authorization"].removeprefix("Basic ")).decode()


def own_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """For 127.0.0.1, signed by itself: the file that says so, and what a server shows."""
    public, key = folder / "certificate.pem", folder / "key.pem"
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key)]
    shown = ["-x509", "-days", "2", "-subj", "/CN=hook", "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(public)]
    subprocess.run(["openssl", "req", *made, *shown], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, key)
    return public, context
