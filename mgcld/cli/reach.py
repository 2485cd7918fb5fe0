"""Which running mgcld is meant: the one at an address, or the only one on this machine."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import zmq

from mgcld.cli.line import printable
from mgcld.client.connecting import encrypt
from mgcld.errors import ConfigError, ControlError, MgcldError
from mgcld.service.control import runtime
from mgcld.service.control.controller import Controller

FOUND_SECONDS = 2.0
"""Each of several is given so long to say who it is."""


def reached(at: str | None, server_key: str | None, key_file: Path | None) -> Controller:
    """A connection to the daemon at this address, or to the only one of this user; the caller closes it.

    Raises:
        ConfigError: the keys cannot be used.
        ControlError: there is none, or there are several.
    """
    if at is not None:
        return Controller(_endpoint(at), protect=_keys(server_key, key_file))
    if server_key or key_file:
        raise ConfigError("--server-key and --key-file are for tcp", help="give the address too: --at tcp://HOST:PORT")
    found = runtime.listening()
    if len(found) == 1:
        return Controller(found[0])
    if not found:
        raise ControlError("no mgcld of this user is running here", help=_elsewhere())
    raise ControlError(
        f"{len(found)} of them are running here: " + "; ".join(f"{endpoint} ({who(endpoint)})" for endpoint in found),
        help=f"choose one: --at {found[0]}",
    )


def who(endpoint: str) -> str:
    """The node, and where it publishes; or why that cannot be said."""
    try:
        with Controller(endpoint) as daemon:
            status = daemon.ask("status", timeout_seconds=FOUND_SECONDS)
        return printable(f"{status['node']}, publishes on {status['endpoint']}")
    except (MgcldError, KeyError):
        return "does not answer"


def _endpoint(at: str) -> str:
    """A path is as good as its endpoint."""
    return at if "://" in at else f"ipc://{at}"


def _elsewhere() -> str:
    if os.geteuid() != 0 and any(runtime.SYSTEM.glob("mgcld*")):
        return "the one that runs as a service listens to root: sudo mgcld ctl ..."
    return "is mgcld running? One of another user, or of another machine, needs --at; one may have control switched off"


def _keys(server_key: str | None, key_file: Path | None) -> "Callable[[zmq.Socket[bytes]], None] | None":
    if server_key is None and key_file is None:
        return None
    if server_key is None or key_file is None:
        raise ConfigError("--server-key and --key-file belong together", help="`mgcld keys new` writes both kinds")
    return partial(encrypt, server_key=server_key, key_file=key_file)
