"""What machines may ask over HTTP, as a WSGI application: nothing is changed, and nobody is asked who they are."""

import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mgcld.service import wire
from mgcld.service.http.metrics import CONTENT_TYPE, Metrics
from mgcld.service.snapshot import Snapshot

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

INDEX = """mgcld: what machines may ask

/healthz            200 while the inference loop turns, else 503
/readyz             200 while the model is warm and the sockets are bound, else 503
/metrics            for Prometheus
/api/status         everything, as JSON
/api/sources/NAME   one source, with its last changes of state, as JSON
"""
HEADERS = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
STATUSES = {
    200: "OK",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Pages:
    """The application."""

    def __init__(self, snapshot: Callable[[], Snapshot], metrics: Metrics, *, any_host: bool) -> None:
        """any_host: whoever reached us under another name than this machine's own is answered too."""
        self._snapshot = snapshot
        self._metrics = metrics
        self._any_host = any_host

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        page = self._page(environ)
        length = ("Content-Length", str(len(page.body)))
        allow = [("Allow", "GET, HEAD")] if page.status == 405 else []
        headers = [("Content-Type", page.content_type), length, *HEADERS, *allow]
        start_response(f"{page.status} {STATUSES[page.status]}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else page.body]

    def _page(self, environ: "WSGIEnvironment") -> Page:
        if not (self._any_host or _is_ours(environ.get("HTTP_HOST", ""))):
            return _error(403, "asked for under a name that is not this machine's: use 127.0.0.1 or localhost")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _error(405, "nothing can be changed here: use GET")
        if environ.get("CONTENT_LENGTH", "") not in ("", "0"):
            return _error(413, "nothing is to be sent here")
        return self._at(str(environ["PATH_INFO"]))

    def _at(self, path: str) -> Page:
        pages: dict[str, Callable[[], Page]] = {
            "/": lambda: Page(200, INDEX.encode(), "text/plain; charset=utf-8"),
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": lambda: Page(200, self._metrics.exposition(self._snapshot()), CONTENT_TYPE),
            "/api/status": lambda: _json(200, self._snapshot().as_json()),
        }
        if path in pages:
            return pages[path]()
        if path.startswith("/api/sources/"):
            return self._source(path.removeprefix("/api/sources/"))
        return _error(404, "there is no such page: see /")

    def _healthz(self) -> Page:
        snapshot = self._snapshot()
        seconds = round(snapshot.turned_seconds, 3)
        if snapshot.stuck:
            return _error(503, f"the inference loop has not turned for {seconds:.0f} s", alive=False)
        return _json(200, {"alive": True, "turned_seconds": seconds})

    def _readyz(self) -> Page:
        snapshot = self._snapshot()
        if snapshot.ready and not snapshot.stuck:
            return _json(200, {"ready": True})
        why = "the inference loop hangs" if snapshot.stuck else "it is warming up, or on its way out"
        return _error(503, why, ready=False)

    def _source(self, name: str) -> Page:
        for status in self._snapshot().sources:
            if status.source == name:
                history = [[step.at_ns, step.state, step.reason] for step in status.history]
                return _json(200, {**wire.source_health(status).body, "history": history})
        return _error(404, "no source is called so: see /api/status")


def _error(status: int, why: str, **facts: bool) -> Page:
    return _json(status, {**facts, "error": why})


def _json(status: int, value: Mapping[str, Any]) -> Page:
    return Page(status, json.dumps(value, allow_nan=False).encode() + b"\n")


def _is_ours(host: str) -> bool:
    """A name that only this machine has, or none: a stranger's page whose name leads here comes with its own."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name.lower() in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
