"""The HTTP server: few threads, short connections, and whoever is rude loses theirs."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask

from mgcld.audio.limit import Limit
from mgcld.service.http.binding import bound, http_address
from mgcld.service.http.metrics import Metrics
from mgcld.service.http.pages import Pages
from mgcld.service.snapshot import Snapshot

logger = logging.getLogger(__name__)
LIBRARY = logging.getLogger("waitress")
logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that requests wait for a thread is no news

THREADS = 4
MOST_CONNECTIONS = 64
"""When more are there, the older half goes."""
CONNECTION_SECONDS = 10.0
"""A connection is for one request and answer, and lasts no longer."""
HEADER_BYTES = 8192
TURN_SECONDS = 0.25
CLOSE_SECONDS = 0.4
COMPLAINTS, COMPLAINTS_SECONDS = 4, 900.0
"""At most so many lines of the library go into the log in so many seconds."""


class HttpServer:
    """Answers in threads of its own, from `start` to `close`."""

    def __init__(self, address: str, *, insecure: bool, snapshot: Callable[[], Snapshot], metrics: Metrics) -> None:
        """Nothing is bound yet. `snapshot` is called in our threads.

        Raises:
            PublishError: the address is malformed, or reachable from other machines without `insecure`.
        """
        self._host, self._port = http_address(address, insecure=insecure)
        self._address = address
        self._pages = Pages(snapshot, metrics, any_host=insecure)
        self._sockets: dict[int, Any] = {}
        self._stopping = False
        self._closing = threading.Lock()
        self._server: Any = None
        self._seldom = _Seldom()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Bind, and answer from now on.

        Raises:
            PublishError: the address cannot be bound.
        """
        listening = bound(self._host, self._port)
        settings = Adjustments(
            threads=THREADS,
            connection_limit=2 * MOST_CONNECTIONS,
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=1,  # which refuses all of them
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        kind = (listening.family, listening.type, None, None)
        self._server = _Server(
            self._pages, map=self._sockets, _sock=listening, adj=settings, sockinfo=kind, bind_socket=False
        )
        host, port = listening.getsockname()[:2]
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        LIBRARY.addFilter(self._seldom)
        self._thread.start()
        logger.info("http: answers on http://%s", self._address)

    @property
    def address(self) -> str:
        """Where it listens, `host:port`; once it has started, with the port that it got."""
        return self._address

    def close(self) -> None:
        """Stop answering, within half a second; more than once does no harm."""
        if self._server is not None and self._closing.acquire(blocking=False):
            with contextlib.suppress(OSError):  # it broke
                self._server.trigger.pull_trigger(self._stop)  # which is called in its own thread
            self._thread.join(CLOSE_SECONDS)
            LIBRARY.removeFilter(self._seldom)

    def _stop(self) -> None:
        self._stopping = True

    def _run(self) -> None:
        try:
            while not self._stopping:
                wasyncore.loop(TURN_SECONDS, True, self._sockets, count=1)
                self._server.make_room()
        except Exception:
            logger.exception("http: broke, and answers no more")
        wasyncore.close_all(self._sockets, ignore_all=True)
        self._server.task_dispatcher.shutdown(timeout=CLOSE_SECONDS / 2)


class _OneRequest(WSGITask):  # type: ignore[misc]
    """An answer after which the connection closes: no client can let requests pile up."""

    def build_response_header(self) -> bytes:
        self.request.headers["CONNECTION"] = "close"
        header: bytes = super().build_response_header()
        return header


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _OneRequest


class _Server(TcpWSGIServer):  # type: ignore[misc]
    channel_class = _Channel

    def make_room(self) -> None:
        """Close what has lasted too long, and the older half where too many are there; answers in progress stay."""
        channels = sorted(self.active_channels.values(), key=lambda channel: channel.creation_time)
        too_many = len(channels) // 2 if len(channels) >= MOST_CONNECTIONS else 0
        expired = time.time() - CONNECTION_SECONDS
        for number, channel in enumerate(channels):
            if (number < too_many or channel.creation_time < expired) and not channel.requests:
                channel.will_close = True


class _Seldom(logging.Filter):
    """What strangers can cause does not fill the log."""

    def __init__(self) -> None:
        super().__init__()
        self._limit = Limit(COMPLAINTS, COMPLAINTS_SECONDS)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING and self._limit.allows()
