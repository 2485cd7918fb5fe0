"""A small true hub: models with commits and files, as huggingface_hub asks for them, on a free port of this machine."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STALL_SECONDS = 8
COMMIT = "c0ffee" + 34 * "0"


class Hub(ThreadingHTTPServer):
    """One model, `lab/model`, with one commit, on the branch main."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files = files
        self.cut: set[str] = set()
        """Of these files only the first half is sent, once."""
        self.stalled: set[str] = set()
        """Of these only the first half is sent, once, and nothing more comes for `STALL_SECONDS`."""
        self.asked: list[tuple[str, str, str | None]] = []
        """(method, path, range), in order."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def hub(files: dict[str, bytes]) -> Iterator[Hub]:
    with Hub(files) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="hub")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append((self.command, path, self.headers.get("Range")))
        if not path.startswith(("/api/models/lab/model", "/lab/model/")):
            return self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, body)
        revision = re.search(r"/(?:revision|resolve)/([^/]+)", path)
        if revision and revision[1] not in ("main", COMMIT):
            return self._send(404, b"", {"X-Error-Code": "RevisionNotFound"}, body)
        if path.startswith("/api/"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in self.server.files.items()]
            said = {"id": "lab/model", "sha": COMMIT, "siblings": siblings}
            return self._send(200, json.dumps(said).encode(), {"Content-Type": "application/json"}, body)
        return self._file(path.split("/", 5)[5], body)

    def _file(self, name: str, body: bool) -> None:
        if name not in self.server.files:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body)
        content = self.server.files[name]
        told = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not wanted:
            half = name in self.server.cut | self.server.stalled and body
            self._send(200, content, told, body, half=half)
            if half and name in self.server.stalled:
                self.server.stalled.clear()
                time.sleep(STALL_SECONDS)
            return None
        first = int(wanted[1])
        told["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        return self._send(206, content[first:], told, body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool, half: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            self.server.cut.clear()
            self.close_connection = True
