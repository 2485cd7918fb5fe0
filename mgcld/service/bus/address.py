"""Which addresses may be bound, and binding them; what an ipc path needs before and after."""

import contextlib
import ipaddress
import re
import socket
import stat
from pathlib import Path

import zmq

from mgcld.errors import PublishError
from mgcld.redaction import redacted

TCP = re.compile(r"tcp://(?P<host>\[[^\]]+\]|[^:/\[\]]+):(?P<port>\d{1,5}|\*)")
IPC = re.compile(r"ipc://(?!\*).+")
IPC_MODE = 0o660
PROBE_SECONDS = 1.0


def bindable(endpoint: str, *, insecure: bool, encrypted: bool = False) -> str:
    """The address to give to ZeroMQ, once it is well formed and no other machine can reach it.

    Raises:
        PublishError: malformed, or reachable from other machines and neither `encrypted` nor `insecure`.
    """
    if IPC.fullmatch(endpoint) and endpoint.isprintable():
        return endpoint
    tcp = TCP.fullmatch(endpoint)
    if tcp is None or int(tcp["port"].replace("*", "0")) > 65535:
        raise PublishError(
            f"cannot bind {redacted(endpoint)!r}: no such kind of address",
            help="write tcp://127.0.0.1:5765 or ipc://PATH",
        )
    if tcp["host"] == "localhost":
        return f"tcp://127.0.0.1:{tcp['port']}"  # ZeroMQ binds numbers only
    if not (insecure or encrypted or is_loopback(tcp["host"])):
        raise PublishError(
            f"will not publish on {endpoint}: other machines could listen",
            help="encrypt it with publish.curve (`mgcld keys new`), use tcp://127.0.0.1:5765 or ipc://PATH,"
            " or allow it with publish.insecure: true",
        )
    return endpoint


def is_loopback(host: str) -> bool:
    """True for numbers that only this machine reaches; False for any name."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def ipc_path(endpoint: str) -> Path | None:
    """The file behind an ipc endpoint; None for tcp and for Linux's abstract names."""
    name = endpoint.removeprefix("ipc://")
    return None if name == endpoint or name.startswith("@") else Path(name)


def bind(bound: "zmq.Socket[bytes]", endpoint: str, mode: int) -> str:
    """Bind a socket, the file of an ipc path with this mode; the endpoint, with the port that was free.

    Raises:
        PublishError: something that is ours to leave alone is at its path.
        ZMQError, OSError: it cannot be had.
    """
    path = ipc_path(endpoint)
    if path is not None:
        free_ipc_path(path)
    bound.ipv6 = "[" in endpoint
    bound.bind(endpoint)
    if path is not None:
        path.chmod(mode)
    return bound.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


def forget(endpoint: str) -> None:
    """Remove the file of an ipc endpoint that is ours: ZeroMQ leaves it, and while we listen nobody else has it."""
    path = ipc_path(endpoint)
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink()


def free_ipc_path(path: Path) -> None:
    """Remove the socket that a dead process left: ZeroMQ would replace a live one, or any file, without a word.

    Raises:
        PublishError: something that is no socket is there, or a living process listens on it.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # nothing there, or a folder that binding will complain about
    if not stat.S_ISSOCK(mode):
        raise PublishError(f"cannot bind ipc://{path}: it is no socket", help="choose another path")
    if _listens(path):
        raise PublishError(f"cannot bind ipc://{path}: a process listens there", help="is mgcld running already?")
    path.unlink(missing_ok=True)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # full, or not ours to reach: somebody's anyway
        return True
