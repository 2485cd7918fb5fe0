"""Why there is no connection, in a closed list of reasons, each with what a person can do."""

import errno
import socket
import ssl

from mgcld.errors import Reason

from ._mqtt_claim import HELP

HINTS: dict[Reason, str] = {
    "auth": "check user, and what stands in password_file or password_env, and what the broker lets this user do",
    "dns": "check host",
    "refused": "check host and port, and whether the broker runs",
    "timeout": "check host and port, and whether it is a broker that listens there",
    "tls": "check tls, ca_file and verify, and whether the port is one for TLS",
    "unreachable": "check host, and the network",
    "ended": "check whether it is a broker that listens there, and whether the port wants tls: true",
    "unknown": "look into the broker's log",
}
UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL)


class NoConnection(Exception):
    """There is none; `reason` is one of `HINTS`, and the text never holds a credential."""

    def __init__(self, reason: Reason, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.reason: Reason = reason
        self.hint = hint or HINTS[reason]


def of_error(error: Exception) -> NoConnection:
    """What an exception while connecting means."""
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        why = getattr(error, "verify_message", None) or (getattr(error, "reason", None) or "no TLS").replace("_", " ")
        return NoConnection("tls", why.lower())
    if isinstance(error, socket.gaierror | UnicodeError):
        return NoConnection("dns", "its name cannot be resolved")
    if isinstance(error, TimeoutError):
        return NoConnection("timeout", "it does not answer")
    if isinstance(error, ConnectionRefusedError):
        return NoConnection("refused", "it refuses the connection")
    if isinstance(error, ConnectionError):
        return NoConnection("ended", "it closed the connection before it answered")
    if isinstance(error, OSError) and error.errno in UNREACHABLE:
        return NoConnection("unreachable", error.strerror or "unreachable")
    return NoConnection("unknown", getattr(error, "strerror", None) or type(error).__name__)


def of_answer(code: int, name: str) -> NoConnection:
    """What the broker's answer to the connection means (codes of MQTT 5, in which paho tells all)."""
    if code in (0x86, 0x87, 0x8C):
        return NoConnection("auth", f"it refuses user or password ({name.lower()})")
    return NoConnection("refused", f"it refuses the connection ({name.lower()})")


def of_twin(client_id: str) -> NoConnection:
    """Another sink of this process has the name, and keeps it."""
    return NoConnection("refused", f"another mqtt sink is connected there as {client_id!r}", HELP)


def of_loss() -> NoConnection:
    """A connection that stood is gone."""
    hint = "where that happens again and again, check whether somebody else uses the same client_id"
    return NoConnection("ended", "the connection was lost", hint)
