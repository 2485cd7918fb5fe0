"""An HTTP server on loopback: recordings, a radio that sends ahead and then in real time, a playlist, refusals."""

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STEP_SECONDS = 0.1
AHEAD_SECONDS = 2.0
LISTED = 4
"""Segments in a live playlist."""


class Radio(ThreadingHTTPServer):
    """Serves what is put into it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files: dict[str, bytes] = {}
        """/name: answered at once."""
        self.broadcast: tuple[bytes, float] = (b"", 1.0)
        """/radio: what it plays, and how many seconds long it is."""
        self.segments: list[bytes] = []
        """/live.m3u8 lists these, of a second each: `LISTED` at first, and then one more each second."""
        self.password = ""
        """user:password that it wants."""
        self.asked: list[str] = []
        self.over = threading.Event()
        self._began: float | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def playlist(self) -> bytes:
        """As it is now."""
        self._began = self._began or time.monotonic()
        last = min(len(self.segments), LISTED + int(time.monotonic() - self._began))
        first = max(0, last - LISTED)
        head = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
        return (head + "".join(f"#EXTINF:1.0,\nsegment{index}.ts\n" for index in range(first, last))).encode()


@contextmanager
def radio() -> Iterator[Radio]:
    with Radio() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="radio")
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join(10)


class _Answer(BaseHTTPRequestHandler):
    server: Radio

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        wanted = "Basic " + base64.b64encode(self.server.password.encode()).decode()
        if self.server.password and self.headers.get("Authorization") != wanted:
            self._send(b"", 401, ("WWW-Authenticate", 'Basic realm="radio"'))
        elif path.startswith("/status/"):
            self._send(b"", int(path.rpartition("/")[2]))
        elif path == "/mute":
            self.server.over.wait(30)
        elif path == "/radio":
            self._play()
        elif path == "/live.m3u8":
            self._send(self.server.playlist())
        elif path.startswith("/segment"):
            self._send(self.server.segments[int(path[8:].partition(".")[0])])
        elif path[1:] in self.server.files:
            self._send(self.server.files[path[1:]])
        else:
            self._send(b"", 404)

    def _send(self, content: bytes, status: int = 200, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(content)

    def _play(self) -> None:
        """As Icecast does: some seconds at once, and the rest as it sounds."""
        sound, seconds = self.server.broadcast
        self.send_response(200)
        self.send_header("Content-Type", "audio/mpeg")
        self.end_headers()
        sent, began = 0, time.monotonic()
        with suppress(ConnectionError):
            while sent < len(sound) and not self.server.over.is_set():
                due = min(len(sound), int(len(sound) * (AHEAD_SECONDS + time.monotonic() - began) / seconds))
                self.wfile.write(sound[sent:due])
                sent = due
                time.sleep(STEP_SECONDS)
