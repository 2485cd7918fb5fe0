"""One POST over HTTP that ends: by an answer, or by a `NoAnswer` that says why, after so many seconds at most.

The standard library is enough for one request every few seconds, and knows the proxies of the environment.
"""

import errno
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead
from typing import Any, NoReturn

MOST_BYTES = 1_000_000
"""No answer with a few sentences in it is longer."""


class NoAnswer(Exception):
    """The server did not answer; says why, without the address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    retry_after: float | None
    """Seconds that it wants us to wait."""
    location: str | None
    """Where it sends us: never followed, the key is for nobody else."""


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
    """Send and read the whole answer.

    A server that trickles keeps every single read within the time, but not the whole: the reading thread is left to it.

    Raises:
        NoAnswer: refused, broken off, endless, or not there in time.
    """
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers}, method="POST")
    outcome: list[Answer | Exception] = []
    reading = threading.Thread(target=_read_into, args=(outcome, request, seconds), name="chat", daemon=True)
    reading.start()
    reading.join(seconds)
    if not outcome:
        raise NoAnswer(f"no whole answer within {seconds:g} s")
    if isinstance(outcome[0], Exception):
        _explain(outcome[0], seconds)
    return outcome[0]


def _read_into(outcome: list[Answer | Exception], request: urllib.request.Request, seconds: float) -> None:
    try:
        outcome.append(_exchange(request, seconds))
    except Exception as error:  # told to whoever waits
        outcome.append(error)


def _exchange(request: urllib.request.Request, seconds: float) -> Answer:
    try:
        response: Any = urllib.request.build_opener(_Stay).open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        body = response.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise NoAnswer(f"an answer of more than {MOST_BYTES} bytes")
        if response.length:  # read(n) does not complain of what is missing
            raise IncompleteRead(body, response.length)
        return Answer(response.status, body, _seconds(response.headers["Retry-After"]), response.headers["Location"])


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """The answer that points elsewhere is the answer."""


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` is a number of seconds or a date."""
    try:
        return None if retry_after is None else max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(str(retry_after)).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _explain(error: Exception, seconds: float) -> NoReturn:
    """In the words of somebody who has to mend it."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        raise NoAnswer(f"no answer within {seconds:g} s") from error
    if isinstance(cause, ConnectionRefusedError):
        raise NoAnswer("the connection is refused: nothing listens there") from error
    if isinstance(cause, socket.gaierror | UnicodeError):
        raise NoAnswer("there is no host of that name") from error
    if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        raise NoAnswer("no way leads there: is there network?") from error
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise NoAnswer(f"its certificate is not trusted: {cause.verify_message}") from error
    if isinstance(cause, OSError | HTTPException):
        raise NoAnswer("the answer breaks off, or is not HTTP") from error
    raise error
