"""One POST over HTTP that ends: by a status, or by a `NoAnswer` that says why, after so many seconds at most."""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

MOST_BYTES = 4096
"""So much of an answer is read, for politeness: it is not looked at."""


class NoAnswer(Exception):
    """The server did not answer; says why, without the address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    retry_after: float | None = None
    """Seconds that it wants us to wait."""


class Poster:
    """A connection for each message, as messages are rare and a kept connection may be dead.

    It uses httpx's transport and not its client: that one logs whole addresses, follows, unpacks, and reads `.netrc`.
    """

    def __init__(
        self, url: httpx.URL, headers: Mapping[str, str], seconds: float, tls: ssl.SSLContext, proxy: str | None = None
    ) -> None:
        """One exchange takes at most so many seconds, however an answer trickles."""
        logging.getLogger("httpcore").setLevel(
            logging.INFO
        )  # at debug it says where a server sends us, secrets and all
        self._url = url
        self._headers = dict(headers)
        self._seconds = seconds
        limits = httpx.Limits(max_keepalive_connections=0)
        self._transport = httpx.HTTPTransport(verify=tls, trust_env=False, limits=limits, proxy=proxy)
        self._guard = threading.Lock()
        self._deadline: _Deadline | None = None
        self._ended = False

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send it and have its status; one thread at a time.

        Raises:
            NoAnswer: refused, broken off, or no status in time.
        """
        with _Deadline(self._seconds) as deadline:
            with self._guard:
                if self._ended:
                    raise NoAnswer("mgcld ends")
                self._deadline = deadline
            try:
                return self._exchanged(body, headers, deadline)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                late = deadline.over or isinstance(error, httpx.TimeoutException)
                raise NoAnswer(f"no answer within {self._seconds:g} s" if late else _why(error)) from error

    def end(self) -> None:
        """Break off the exchange that is under way, from another thread, and begin no other."""
        with self._guard:
            self._ended = True
            if self._deadline is not None:
                self._deadline.cut()
        self._transport.close()

    def _exchanged(self, body: bytes, headers: Mapping[str, str], deadline: "_Deadline") -> Answer:
        waits = dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)
        extensions = {"timeout": waits, "trace": deadline.trace}
        whole = {**self._headers, **headers}
        request = httpx.Request("POST", self._url, headers=whole, content=body, extensions=extensions)
        response = self._transport.handle_request(request)
        try:
            with contextlib.suppress(httpx.HTTPError, OSError):  # its status has come, and that is all that counts
                _read_a_little(response)
        finally:
            with contextlib.suppress(httpx.HTTPError, OSError):
                response.close()
        return Answer(response.status_code, _seconds(response.headers.get("Retry-After")))


class _Deadline:
    """Shuts the connection of one exchange when its time is over.

    A server that trickles keeps each single read in time, but not the whole.
    """

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._cut = False
        self._guard = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._guard:
            for connected in self._sockets:
                connected.close()
            self._sockets.clear()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Httpx's extension `trace`: a second handle of the socket, which stays valid inside TLS."""
        if event.endswith(".connect_tcp.complete"):
            connected = info["return_value"].get_extra_info("socket")
            with self._guard:
                self._sockets.append(connected.dup())
            if self._cut:
                self.cut()

    def cut(self) -> None:
        """Whoever reads from the connection wakes up, and finds it at its end."""
        with self._guard:
            self._cut = True
            for connected in self._sockets:
                with contextlib.suppress(OSError):
                    connected.shutdown(socket.SHUT_RDWR)

    def _expire(self) -> None:
        self.over = True
        self.cut()


def _read_a_little(response: httpx.Response) -> None:
    read = 0
    for chunk in response.iter_raw():
        read += len(chunk)
        if read >= MOST_BYTES:
            return


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` is a number of seconds or a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after[:12])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _why(error: BaseException) -> str:
    """In the words of somebody who has to mend it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ConnectionRefusedError):
        return "the connection is refused: nothing listens there"
    if isinstance(cause, socket.gaierror):
        return "there is no host of that name"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "it does not speak TLS as we do"
    if isinstance(cause, OSError) and cause.strerror:
        return f"the connection fails: {cause.strerror}"
    return "the connection breaks off, or does not speak HTTP"
