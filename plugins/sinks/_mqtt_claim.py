"""Two sinks under one name at a broker would throw each other out for ever: within this process one waits."""

import threading
import time
from weakref import WeakSet

from mgcld.errors import ConfigError

POLL_SECONDS = 0.05
HELP = "give each mqtt sink a client_id of its own"

_guard = threading.Lock()
_claims: "WeakSet[Claim]" = WeakSet()


class Claim:
    """A sink's, on its `client_id` at a broker.

    At the daemon's start two sinks of one name are refused. When the configuration is read again, the one that goes may
    still be connected while the one that comes is built: that one waits until it has let go.
    """

    def __init__(self, host: str, port: int, client_id: str) -> None:
        """`client_id` as it is written: the node has no name yet.

        Raises:
            ConfigError: another sink wants the same, and has not begun either.
        """
        self._broker = (host.lower(), port)
        self._written = client_id
        self._name: str | None = None  # at the broker, while we have it
        with _guard:
            if any(other._name is None and other._is_for(self) for other in _claims):
                raise ConfigError(f"another mqtt sink has the client_id {client_id[:80]!r} at this broker", help=HELP)
            _claims.add(self)

    def taken(self, name: str, seconds: float, given_up: threading.Event) -> bool:
        """Have the name at the broker, or wait so long for it; whether it is ours."""
        deadline = time.monotonic() + seconds
        while not self._try(name):
            if time.monotonic() > deadline or given_up.wait(POLL_SECONDS):
                return False
        return True

    def release(self) -> None:
        """Let others have it."""
        with _guard:
            _claims.discard(self)
            self._name = None

    def _try(self, name: str) -> bool:
        with _guard:
            if any(other is not self and (other._broker, other._name) == (self._broker, name) for other in _claims):
                return False
            self._name = name
            return True

    def _is_for(self, other: "Claim") -> bool:
        return (self._broker, self._written) == (other._broker, other._written)
