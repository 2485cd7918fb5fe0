"""Who may connect to our sockets: keys, handshakes, and how many at once.

A socket that is protected takes only peers whose handshake is of today's ZeroMQ (ZMTP 3), and, where it is encrypted,
only those whose key is in the folder of clients. Every handshake asks us (ZAP), and libzmq tells us of every connection
(its socket monitor), also of those that are no ZeroMQ at all.

Bounds: `MOST_CONNECTIONS` at once, `HANDSHAKE_MS` for a handshake. libzmq tells refusals without the peer; the address
is that of the connection which ends right after, and of one that came and went within a moment nobody knows it.
"""

import contextlib
import logging
import time
from collections.abc import Sequence

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from mgcld.audio.limit import Limit, LimitedLog
from mgcld.service.bus.clients import Clients
from mgcld.service.bus.keys import CurveKeys
from mgcld.service.bus.peers import Connection, accepted

logger = logging.getLogger(__name__)

ZAP = "inproc://zeromq.zap.01"
PLAIN, ENCRYPTED = b"mgcld-plain", b"mgcld-encrypted"
"""What our sockets are called when they ask: with a name, libzmq refuses old protocols, in which nobody is asked."""
HANDSHAKE_MS = 5_000
DOUBT_SECONDS = 1.0
"""libzmq uses the number of a connection that ended again at once: so long, a frame may be either's."""
MOST_CONNECTIONS = 256
"""The next one is cut off: each costs a file descriptor, of which a process has a thousand or so."""
LINES, LINES_SECONDS = 5, 60.0
EVENTS = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
TOLD: dict[int, str] = {
    zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: "it does not have this daemon's public key",
    zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: "it does not encrypt as this daemon does",
}

Context = zmq.Context["zmq.Socket[bytes]"]
Socket = zmq.Socket[bytes]


class Guard:
    """Answers for all protected sockets of one context. Everything is for the thread of those sockets, but `reload`."""

    def __init__(self, context: Context, keys: CurveKeys | None, subject: str, *, local: bool = False) -> None:
        """Without `keys` no socket can be encrypted. `subject` begins the lines of its log.

        local: only programs of this machine can come, which look now and then whether somebody is there: that one of
        them leaves before its handshake is no refusal.
        """
        self.failed = 0
        """Connections that were refused, so far; also those over the bound."""
        self.connections: dict[int, Connection] = {}
        """File descriptor -> connection."""
        self._keys = keys
        self._local = local
        self._clients = Clients(keys.clients if keys else None, subject)
        self._log = LimitedLog(logger, subject, Limit(LINES, LINES_SECONDS))
        self._zap = context.socket(zmq.REP)
        self._zap.linger = 0
        self._zap.bind(ZAP)
        self._monitors: list[tuple[Socket, Socket]] = []
        self._ended: dict[int, float] = {}
        self._reason: str | None = None
        self._looked = False
        self._counted = 0  # refusals whose connections have not ended yet
        self._unknown = 0  # right handshakes of which we do not know yet whose they were
        if keys is not None:
            self._clients.look()

    def protect(self, protected: Socket, *, encrypted: bool) -> None:
        """Set up a socket that is not bound yet.

        Raises:
            ValueError: there are no keys to encrypt with.
        """
        protected.handshake_ivl = HANDSHAKE_MS
        protected.zap_domain = ENCRYPTED if encrypted else PLAIN
        if encrypted:
            if self._keys is None:
                raise ValueError("there are no keys")
            protected.curve_server = True
            protected.curve_secretkey = self._keys.secret
        self._monitors.append((protected, protected.get_monitor_socket(EVENTS)))

    @property
    def sockets(self) -> Sequence[Socket]:
        """To be polled for reading; then `turn`. libzmq itself waits once a thousand events have not been read."""
        return [self._zap, *(monitor for _, monitor in self._monitors)]

    def turn(self) -> None:
        """Answer those who ask, and take note of what happened. Never waits."""
        if self._keys is not None and self._clients.look():
            self._cut_strangers()
        self._answer()
        for _, monitor in self._monitors:
            self._read(monitor)

    def reload(self) -> None:
        """Read the folder of clients again at the next turn, from any thread."""
        self._clients.reload()

    def sender(self, frame: zmq.Frame) -> Connection | None:
        """Whose frame it is; None when that connection has ended, or is being cut off."""
        with contextlib.suppress(zmq.ZMQError):  # frames that libzmq makes when a connection ends have no sender
            descriptor = int(frame.get(zmq.SRCFD))
            if descriptor not in self.connections:
                self.turn()
            connection = self.connections.get(descriptor)
            if connection is not None and not connection.cut:
                self._identify(connection, frame)
                return None if connection.cut else connection
        return None

    def cut(self, connection: Connection, why: str) -> None:
        """End a connection, counted and told."""
        self.failed += 1
        self._log.say(logging.WARNING, f"cut off {connection.peer}: {why}")
        connection.sever()

    def close(self) -> None:
        """Let go of everything, before the protected sockets are closed."""
        for protected, monitor in self._monitors:
            protected.disable_monitor()
            monitor.close(0)
        self._zap.close(0)

    def _identify(self, connection: Connection, frame: zmq.Frame) -> None:
        if connection.proved or time.monotonic() < connection.sure_from:
            return
        connection.proved = True
        self._unknown = max(0, self._unknown - 1)
        with contextlib.suppress(zmq.ZMQError):  # without encryption there is none
            connection.user = str(frame.get("User-Id"))
            self._cut_if_stranger(connection)

    def _cut_strangers(self) -> None:
        for connection in [*self.connections.values()]:
            if connection.user is None and self._keys is not None and not connection.cut:
                connection.sever()  # nobody knows yet who it is: it may come again
            self._cut_if_stranger(connection)

    def _cut_if_stranger(self, connection: Connection) -> None:
        if connection.user and connection.user.encode() not in self._clients.names and not connection.cut:
            self.cut(connection, "its key is not among the clients' any more")

    def _answer(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                version, request, domain, address, _, mechanism, *credentials = self._zap.recv_multipart(zmq.NOBLOCK)
                user = self._admitted(domain, mechanism, credentials)
                if user is None:
                    self._refuse(address.decode(errors="replace"), credentials)
                # 300 and not 400, after which libzmq's clients never try again: its key may be let in any time
                status = (b"200", b"OK", user) if user is not None else (b"300", b"not now", b"")
                self._zap.send_multipart([version, request, *status, b""], zmq.NOBLOCK)

    def _admitted(self, domain: bytes, mechanism: bytes, credentials: Sequence[bytes]) -> bytes | None:
        """Who asks, by its key, or an empty name where nobody needs one; None if it may not."""
        if domain == PLAIN and mechanism == b"NULL":
            return b""
        if domain != ENCRYPTED or mechanism != b"CURVE" or len(credentials) != 1:
            return None
        key: bytes = z85.encode(credentials[0])
        return key if key in self._clients.names else None

    def _refuse(self, address: str, credentials: Sequence[bytes]) -> None:
        self.failed += 1
        key = f" {z85.encode(credentials[0]).decode()}" if credentials and len(credentials[0]) == 32 else ""
        self._log.say(logging.WARNING, f"refused {address}: its key{key} is not among the clients'")

    def _read(self, monitor: Socket) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                event = parse_monitor_message(monitor.recv_multipart(zmq.NOBLOCK))
                self._note(event["event"], event["value"])

    def _note(self, event: int, value: int) -> None:
        if event == zmq.EVENT_ACCEPTED:
            self._accept(value)
        elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._unknown += 1
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self._counted += 1
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._reason = TOLD.get(value, "its handshake is none")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self._looked = self._local and value != zmq.EAGAIN
            self._reason = _left(value)
        elif event == zmq.EVENT_DISCONNECTED:
            self._gone(value)

    def _accept(self, descriptor: int) -> None:
        connection = self.connections[descriptor] = accepted(descriptor)
        connection.sure_from = self._ended.pop(descriptor, 0.0) + DOUBT_SECONDS
        if len(self.connections) > MOST_CONNECTIONS:
            self.cut(connection, f"there are {MOST_CONNECTIONS} connections already")

    def _gone(self, descriptor: int) -> None:
        """A connection has ended. With no reason, and no right handshake that could be its own, it was no ZeroMQ."""
        reason, self._reason = self._reason, None
        looked, self._looked = self._looked, False
        connection = self.connections.pop(descriptor, None)
        self._ended[descriptor] = time.monotonic()
        if connection is not None and connection.why is not None:
            self.cut(connection, connection.why)
        if connection is None or connection.proved or connection.cut or looked:
            return
        if reason is None and self._counted:
            self._counted -= 1
        elif reason is None and self._unknown:
            self._unknown -= 1
        else:
            self.failed += 1
            self._log.say(logging.WARNING, f"refused {connection.peer}: {reason or 'it speaks no ZeroMQ of today'}")


def _left(number: int) -> str:
    if number == zmq.EAGAIN:
        return f"no handshake within {HANDSHAKE_MS / 1000:.0f} s"
    return "it left before the handshake was done: it has no key, another kind of socket, or is no ZeroMQ"
