"""A SUB socket that leads to the daemon, and to the topics that somebody wants."""

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import zmq
from zmq.auth.certs import load_certificate

from mgcld.errors import ConfigError

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5765"
KINDS = ("prob", "event", "health", "meta")
PREFIX = "mgcl/v1"

WAITING_MESSAGES = 1000
RECONNECT_MS, RECONNECT_MAX_MS = 100, 10_000
KEEPALIVE_SECONDS, KEEPALIVE_TRIES = 5, 2
"""A connection on which nothing comes is given up after 15 s. TCP asks, and not ZeroMQ's own heartbeat: that one aborts
the process when the daemon ends while we are slow (an assertion of libzmq 4.3.5)."""


def connect(
    socket: "zmq.Socket[Any]",
    endpoint: str,
    kinds: Sequence[str],
    sources: Sequence[str] | None,
    *,
    server_key: str | Path | None,
    key_file: str | Path | None,
) -> None:
    """Connect and subscribe; ZeroMQ goes on trying. The parameters are those of `mgcld.client.subscribe`.

    Raises:
        ConfigError: the address, a kind or a key makes no sense; the socket is closed.
    """
    try:
        prefixes = _prefixes(several(kinds), None if sources is None else several(sources))
        _set_options(socket)
        encrypt(socket, server_key, key_file)
        _reach(socket, endpoint)
        for prefix in prefixes:
            socket.subscribe(prefix)
    except ConfigError:
        socket.close(linger=0)
        raise


def several(names: Sequence[str]) -> Sequence[str]:
    """One name alone needs no list."""
    return [names] if isinstance(names, str) else names


def _set_options(socket: "zmq.Socket[Any]") -> None:
    socket.linger = 0
    socket.rcvhwm = WAITING_MESSAGES
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = RECONNECT_MAX_MS
    socket.tcp_keepalive = 1
    socket.tcp_keepalive_idle = socket.tcp_keepalive_intvl = KEEPALIVE_SECONDS
    socket.tcp_keepalive_cnt = KEEPALIVE_TRIES


def _reach(socket: "zmq.Socket[Any]", endpoint: str) -> None:
    try:
        socket.ipv6 = "[" in endpoint  # otherwise `localhost` could be looked for on ::1 only
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        raise ConfigError(
            f"cannot listen to {endpoint!r}: {zmq.strerror(error.errno or 0)}",
            help="write tcp://HOST:PORT or ipc://PATH",
        ) from error


def _prefixes(kinds: Sequence[str], sources: Sequence[str] | None) -> list[str]:
    unknown = sorted({*kinds} - {*KINDS})
    if unknown:
        raise ConfigError(f"no kind of message is called {unknown[0]!r}", help=f"kinds: {', '.join(KINDS)}")
    return [prefix for kind in kinds for prefix in _prefixes_of(kind, None if kind == "meta" else sources)]


def _prefixes_of(kind: str, sources: Sequence[str] | None) -> list[str]:
    if sources is None:
        return [f"{PREFIX}/{kind}/"]
    return [f"{PREFIX}/{kind}/{quote(source, safe='')}/" for source in sources]


def encrypt(socket: "zmq.Socket[Any]", server_key: str | Path | None, key_file: str | Path | None) -> None:
    """CURVE: whoever has the server's key can talk to it; without a file of our own we are anybody.

    Raises:
        ConfigError: a key makes no sense, or is not for us.
    """
    if server_key is None:
        if key_file is not None:
            raise ConfigError("a key file without the server's key", help="give server_key, the daemon's public key")
        return
    server = _public(server_key)
    public, secret = zmq.curve_keypair() if key_file is None else _own(Path(key_file))
    try:
        socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = public, secret, server
    except (zmq.ZMQError, ValueError) as error:
        raise ConfigError("that is no key", help="a key has 40 characters, or give the path of its file") from error


def _public(key: str | Path) -> bytes:
    """What is no path is the key itself, and no message repeats it: somebody may have taken the secret one."""
    if isinstance(key, str) and not key.endswith(".key"):
        return key.encode()
    public, secret = _read(Path(key))
    if secret is not None:
        raise ConfigError(f"{key} holds a secret key", help="take the daemon's public key; nobody else has its secret")
    return public


def _own(path: Path) -> tuple[bytes, bytes]:
    public, secret = _read(path)
    if secret is None:
        raise ConfigError(f"{path} holds no secret key", help="give the file that ends in .key_secret")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"{path} can be read by others", help=f"keep it to yourself: chmod 600 {path}")
    return public, secret


def _read(path: Path) -> tuple[bytes, bytes | None]:
    try:
        return load_certificate(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no key file that can be read", help="`mgcld keys new` writes some") from error
