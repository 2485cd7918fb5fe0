"""A chat service on loopback that behaves as each test says: one behaviour for each request."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
SENTENCES = [f"the sound of a bell number {number} ringing" for number in NUMBERS]


class Chat(ThreadingHTTPServer):
    """Remembers what it was asked."""

    daemon_threads = True

    def __init__(self, *behaviours: "Behaviour") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours = list(behaviours)
        self.asked: list[dict[str, Any]] = []
        self.headers: list[Message] = []
        self.paths: list[str] = []
        self.over = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Chat
    timeout = 10

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.headers.append(self.headers)
        self.server.paths.append(self.path)
        with suppress(BrokenPipeError, ConnectionResetError):  # the client has had enough
            self.server.behaviours.pop(0)(self)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


Behaviour = Callable[[Handler], None]


@contextmanager
def chat(*behaviours: Behaviour) -> Iterator[Chat]:
    with Chat(*behaviours) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server
        server.over.set()
        server.shutdown()
        serving.join(10)


def says(content: object, **usage: int) -> Behaviour:
    """A chat completion with this text."""
    message = {"role": "assistant", "content": content if isinstance(content, str) else json.dumps(content)}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    return lambda handler: handler.answer(200, json.dumps(body).encode(), Content_Type="application/json")


def good() -> Behaviour:
    return says({"sentences": SENTENCES}, prompt_tokens=100, completion_tokens=200)


def fails(status: int, message: str = "", **headers: str) -> Behaviour:
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda handler: handler.answer(status, body, **headers)


def sends(body: bytes) -> Behaviour:
    return lambda handler: handler.answer(200, body)


def hangs(handler: Handler) -> None:
    handler.server.over.wait(10)


def breaks_off(handler: Handler) -> None:
    handler.answer(200, b'{"choices": [', Content_Length="1000")


def never_ends(handler: Handler) -> None:
    handler.answer(200, b"", Content_Length=str(10**12))
    while not handler.server.over.is_set():
        handler.wfile.write(b" " * 65536)


def trickles(handler: Handler) -> None:
    handler.answer(200, b"", Content_Length="1000")
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b" ")


def is_no_web_server(handler: Handler) -> None:
    handler.wfile.write(b"220 mail.example ESMTP\r\n")
