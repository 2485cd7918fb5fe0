"""Ask a running mgcld, or give it an order, and wait for the answer.

    from mgcld.service.control.controller import Controller

    with Controller("ipc:///run/mgcld/control.ipc") as mgcld:
        print(mgcld.ask("status")["sources"])
        mgcld.ask("pause", source="kitchen")

In any other language: a DEALER or REQ socket, one JSON frame to ask, one that answers.
"""

import contextlib
import itertools
import json
import math
import os
import stat
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import zmq

from mgcld.errors import ControlError, MessageError, MgcldError
from mgcld.service.bus import address
from mgcld.service.control.answers import TOLD
from mgcld.service.control.orders import ORDER_SECONDS
from mgcld.service.control.requests import error_of

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""What is told at once may take so long: the machine may be busy."""
REPLY_BYTES = 64 << 20


class Controller:
    """A connection to one daemon. For one thread."""

    def __init__(self, endpoint: str, *, protect: "Callable[[zmq.Socket[bytes]], None] | None" = None) -> None:
        """Connect to `endpoint`; `protect` gives the socket its keys, where the daemon asks for some.

        Raises:
            ControlError: the address makes no sense, or nothing is there.
        """
        self.endpoint = endpoint
        _is_there(endpoint)
        self._ids = itertools.count(1)
        self._context = zmq.Context()
        self._socket = _dealer(self._context)
        self._handshake: zmq.Socket[bytes] | None = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        try:
            if protect is not None:
                protect(self._socket)
            self._socket.ipv6 = "[" in endpoint
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise ControlError(
                f"cannot connect to {endpoint!r}: {zmq.strerror(error.errno or 0)}",
                help="write ipc://PATH or tcp://HOST:PORT",
            ) from error
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, timeout_seconds: float | None = None, **keys: Any) -> dict[str, Any]:
        """What the daemon answers to `do`, with these keys.

        timeout_seconds: how long to wait; None is a little longer than the daemon itself takes at most.

        Raises:
            ControlError: it cannot be reached, does not answer in time, or has no time.
            MessageError: it does not know such a request, or what answers is no mgcld.
            MgcldError: whatever kept it from doing so, of the class that it had in the daemon.
        """
        if timeout_seconds is None:
            timeout_seconds = ANSWER_SECONDS + (0.0 if do in TOLD else ORDER_SECONDS)
        self._connected(min(CONNECT_SECONDS, timeout_seconds))
        id = next(self._ids)
        self._send(json.dumps({"do": do, "id": id, **keys}).encode())
        deadline = time.monotonic() + timeout_seconds
        while self._socket.poll(_milliseconds(deadline - time.monotonic())):
            asked, outcome = _parsed(self._socket.recv_multipart())
            if asked not in (id, None):
                continue  # that came too late to be waited for
            if isinstance(outcome, MgcldError):
                raise outcome
            return outcome
        raise ControlError(
            f"{self.endpoint} has not answered {do} in {timeout_seconds:g} s",
            help="is it an mgcld, and does it work? See its log",
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._context.destroy(linger=0)

    def __enter__(self) -> "Controller":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, request: bytes) -> None:
        try:
            self._socket.send(request, zmq.NOBLOCK)
        except zmq.Again as error:
            raise ControlError(
                f"{self.endpoint} has cut the connection", help="may our key still connect? See `mgcld keys list` there"
            ) from error

    def _connected(self, seconds: float) -> None:
        """Wait for the first connection. ZMQ_IMMEDIATE would do too, but loses a reply that precedes a farewell."""
        if self._handshake is None:
            return
        if not self._handshake.poll(_milliseconds(seconds)):
            raise ControlError(
                f"nothing answers on {self.endpoint}",
                help="is mgcld running, and this its control.endpoint? Over tcp, are the keys right?",
            )
        self._socket.disable_monitor()
        self._handshake.close()
        self._handshake = None


def _dealer(context: "zmq.Context[zmq.Socket[bytes]]") -> "zmq.Socket[bytes]":
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 0
    dealer.maxmsgsize = REPLY_BYTES
    return dealer


def _is_there(endpoint: str) -> None:
    """Raises ControlError where no process can be listening, or none for us, which ZeroMQ would not tell."""
    path = address.ipc_path(endpoint)
    if path is None:
        return
    try:
        mode = path.stat().st_mode
    except PermissionError:
        mode = None
    except OSError as error:
        raise ControlError(f"there is no socket {path}", help="is mgcld running? See control.endpoint") from error
    if mode is None or not os.access(path, os.W_OK):
        raise ControlError(f"{path} belongs to another user", help="ask as that user, or as root: sudo mgcld ctl ...")
    if not stat.S_ISSOCK(mode):
        raise ControlError(f"{path} is no socket", help="write ipc://PATH as the configuration has control.endpoint")


def _parsed(frames: Sequence[bytes]) -> tuple[Any, dict[str, Any] | MgcldError]:
    """The request that it replies to, and what came of that."""
    with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError, RecursionError):
        (frame,) = frames
        reply = json.loads(frame)
        return reply["id"], dict(reply["result"]) if reply["ok"] else error_of(reply["error"])
    raise MessageError("what came is no reply", help="is this the control.endpoint of an mgcld?")


def _milliseconds(seconds: float) -> int:
    return max(0, math.ceil(1000 * seconds))
