"""A daemon's bus that asks for keys, with pyzmq alone; and keys for it."""

from pathlib import Path
from types import TracebackType

import zmq
from bus_messages import prob
from zmq.auth import CURVE_ALLOW_ANY
from zmq.auth.certs import create_certificates, load_certificate
from zmq.auth.thread import ThreadAuthenticator

from mgcld.service import wire


def write_keys(folder: Path) -> None:
    """The pairs of a daemon, a friend and a stranger; of these, the daemon knows the friend."""
    (folder / "allowed").mkdir()
    for name in ("daemon", "friend", "stranger"):
        _, secret = create_certificates(folder, name)
        Path(secret).chmod(0o600)
    (folder / "allowed/friend.key").write_bytes((folder / "friend.key").read_bytes())


class Encrypting:
    """An XPUB that lets in only whom it knows, or anybody who knows it."""

    def __init__(self, keys: Path) -> None:
        self._context = zmq.Context()
        self._guard = ThreadAuthenticator(self._context)
        self._guard.start()
        self._allowed = str(keys / "allowed")
        self._xpub = self._context.socket(zmq.XPUB)
        self._xpub.curve_publickey, self._xpub.curve_secretkey = load_certificate(keys / "daemon.key_secret")
        self._xpub.curve_server = True
        self.endpoint = f"tcp://127.0.0.1:{self._xpub.bind_to_random_port('tcp://127.0.0.1')}"

    def let_in(self, *, anybody: bool) -> None:
        self._guard.configure_curve(location=CURVE_ALLOW_ANY if anybody else self._allowed)

    def is_joined(self, seconds: float) -> bool:
        """Whether a subscriber comes in time; it is told one thing."""
        while self._xpub.poll(round(1000 * seconds)):
            if self._xpub.recv() == b"\x01mgcl/v1/prob/":
                self._xpub.send_multipart(wire.frames(wire.Stamper("attic").stamp(prob())))
                return True
        return False

    def __enter__(self) -> "Encrypting":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._xpub.close(linger=0)
        self._guard.stop()
        self._context.term()
