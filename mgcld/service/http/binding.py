"""Where HTTP may be answered: on this machine only, unless it is allowed elsewhere."""

import os
import re
import socket

from mgcld.errors import PublishError
from mgcld.redaction import redacted
from mgcld.service.bus.address import is_loopback

ADDRESS = re.compile(r"(?P<host>\[[^\]]+\]|[^:/\[\]\s]+):(?P<port>\d{1,5}|\*)")
EXAMPLE = "127.0.0.1:5766"


def http_address(address: str, *, insecure: bool) -> tuple[str, int]:
    """Host and port to bind; port 0 is any that is free.

    Raises:
        PublishError: malformed, or reachable from other machines without `insecure`.
    """
    match = ADDRESS.fullmatch(address)
    port = int(match["port"].replace("*", "0")) if match else 65536
    if match is None or port > 65535:
        raise PublishError(f"http.address: {redacted(address)!r} is no address and port", help=f"write {EXAMPLE}")
    host = "127.0.0.1" if match["host"] == "localhost" else match["host"].strip("[]")
    if not insecure and not is_loopback(host):
        raise PublishError(
            f"will not answer HTTP on {address}: other machines could ask, and nobody is asked who they are",
            help=f"use {EXAMPLE} behind a proxy of yours, or allow it with http.insecure: true",
        )
    return host, port


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        PublishError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        raise PublishError(
            f"cannot answer HTTP on {host} port {port}: {_why(error)}",
            help="another program, or another mgcld, may have it: see `ss -ltnp`, or choose another http.address",
        ) from error


def _why(error: OSError | UnicodeError) -> str:
    """What the system says; Python repeats the address behind it."""
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
