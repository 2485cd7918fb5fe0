"""Messages to a web server: each is kept on disk until the server has acknowledged it.

What is sent is `{"topic": ..., "header": {...}, "body": {...}}`, as on the bus. The header `Idempotency-Key` (and
`X-Mgcld-Delivery`) names the message: of an event its id, phase and seq. A message whose answer was lost is sent again
by the same name, so that a receiver that remembers names has each of them once. `_webhook_signature.py` says how to
check who sent it.

2xx acknowledges. 408, 425, 429, 5xx and no answer at all: tried again after 1 s, then ever more slowly, up to 5
minutes, or what Retry-After asks for, up to an hour. 400, 405, 406, 410, 411, 413, 414, 415, 422, 431: the message is
refused for good and dropped. Anything else, 401, 403 and 404 above all, is a person's mistake that will be mended:
tried again after 30 s, then up to 5 minutes. Meanwhile the others wait, in order; what is older than `max_age_hours` is
given up.
"""

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgcld.data import Message, MessageKind, Phase
from mgcld.errors import ConfigError

from ._classes import WantedClasses
from ._counted import messages
from ._outbox import Outbox, OutboxError
from ._outbox_lock import OutboxLock
from ._webhook_courier import Courier
from ._webhook_headers import headers_for, secret_from
from ._webhook_options import address_of, check_numbers, held, place_of, tls_context
from ._webhook_post import Poster

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024
"""Of a message: that of a class with a name of 4 KB fits."""
LOCK_SECONDS = 2.0
"""The sink of before the configuration was read again may need so long to let go."""
RETRY_SECONDS = 5.0
"""An outbox that cannot be opened is tried again so often."""


class WebhookSink:
    """Delivers at least once, in order, each message under a name of its own."""

    def __init__(
        self,
        url: str,
        token_file: Path | None = None,
        token_env: str | None = None,
        header_file: Path | None = None,
        secret_file: Path | None = None,
        secret_env: str | None = None,
        kinds: Sequence[MessageKind] = ("event",),
        phases: Sequence[Phase] = ("start", "end"),
        classes: Sequence[str] | None = None,
        outbox: Path | None = None,
        outbox_events: int = 10_000,
        max_age_hours: float = 72.0,
        timeout_seconds: float = 10.0,
        verify: bool = True,
        ca_file: Path | None = None,
        proxy: str | None = None,
    ) -> None:
        """Look, but open and send nothing before the first message.

        Raises:
            ConfigError: an option makes no sense, a secret cannot be read, or another process has the outbox.
        """
        address = address_of(url)
        check_numbers(outbox_events, max_age_hours, timeout_seconds)
        self._to = f"webhook {address.scheme}://{address.netloc.decode('ascii')}"
        headers = headers_for(address, secret_from("token", token_file, token_env), header_file)
        if address.scheme == "http" and headers and address.host not in ("localhost", "127.0.0.1", "::1"):
            logger.warning("%s: whoever listens on the way reads the password or token: use https", self._to)
        secret = secret_from("secret", secret_file, secret_env)
        self._secret = None if secret is None else secret.encode()
        headers = {"User-Agent": "mgcld", "Content-Type": "application/json", **headers}
        through = None if proxy is None else str(address_of(proxy))
        bare = address.copy_with(userinfo=b"", fragment=None)
        self._poster = Poster(bare, headers, timeout_seconds, tls_context(verify, ca_file), through)
        self._kinds, self._phases = frozenset(kinds), frozenset(phases)
        self._classes = WantedClasses(self._to, "sent", classes)
        self._path, self._most = place_of(outbox), outbox_events
        self._max_age_seconds = max_age_hours * 3600
        self._lock = OutboxLock(self._path)
        self._open: tuple[Outbox, Courier] | None = None
        self._retry_at = 0.0
        self._dropped = 0
        self._trouble: str | None = None
        self._check_outbox()

    @property
    def facts(self) -> Mapping[str, Any]:
        """`failed` counts tries, `refused` and `dropped` messages that will never arrive, by them or by us."""
        if self._open is None:
            none = dict.fromkeys(("delivered", "waiting", "failed", "refused"), 0)
            return {**none, "dropped": self._dropped, "oldest_seconds": None, "reason": self._trouble}
        outbox, courier = self._open
        seconds = outbox.oldest_seconds
        return {
            "delivered": courier.delivered,
            "waiting": outbox.waiting,
            "failed": courier.failed,
            "refused": courier.refused,
            "dropped": self._dropped + courier.expired,
            "oldest_seconds": None if seconds is None else round(seconds, 1),
            "reason": self._trouble or courier.reason,
        }

    def take(self, message: Message) -> None:
        """Keep the message on disk, if it is wanted, for the thread that delivers; returns when it is safe there.

        What cannot be kept is counted in `dropped`, and said.
        """
        self._classes.follow(message)
        wanted = self._wanted(message)
        try:
            outbox, courier = self._opened()
        except ConfigError as error:
            self._drop(int(wanted), str(error))
            return
        if not wanted:
            return
        body = _as_json(message)
        if len(body) > MOST_BYTES:
            self._drop(1, f"a message of {len(body)} bytes is too large")
            return
        try:
            pushed_out = outbox.add(delivery_of(message), body)
        except OutboxError as error:
            self._drop(1, f"the outbox cannot be written: {error}")
            return
        courier.wake()
        if pushed_out:
            self._drop(pushed_out, f"the outbox is full, with {self._most} messages: the oldest goes")
        else:
            self._trouble = None

    def close(self) -> None:
        """Deliver what can be delivered in 0.7 s; what waits then stays in the outbox, for the next process."""
        if self._open is not None:
            outbox, courier = self._open
            courier.close()
            outbox.close()
            if outbox.waiting:
                logger.info("%s: %s for the next start", self._to, messages(outbox.waiting, "waits", "wait"))
        self._lock.release()

    def _wanted(self, message: Message) -> bool:
        if message.kind not in self._kinds:
            return False
        if message.kind != "event":
            return True
        return message.body["class"] in self._classes and message.body["phase"] in self._phases

    def _check_outbox(self) -> None:
        if not self._path.parent.is_dir() or self._path.is_dir():
            raise ConfigError(f"outbox: {self._path} is no file in a folder that there is", help="make the folder")
        if not os.access(self._path if self._path.exists() else self._path.parent, os.W_OK):
            raise ConfigError(f"outbox: {self._path} cannot be written", help="give it to the user that mgcld runs as")
        try:
            if self._lock.taken_elsewhere:
                raise held(self._path)
        except OSError as error:
            raise ConfigError(f"outbox: {self._path} cannot be locked: {error.strerror}") from error

    def _opened(self) -> tuple[Outbox, Courier]:
        """Begin to deliver with the first message, whatever it is: what an earlier process left does not wait."""
        if self._open is None:
            if time.monotonic() < self._retry_at:
                raise ConfigError(str(self._trouble))
            self._retry_at = time.monotonic() + LOCK_SECONDS + RETRY_SECONDS
            self._acquire()
            try:
                outbox = Outbox(self._path, self._most)
            except OutboxError as error:
                self._lock.release()
                raise ConfigError(f"{self._path}: {error}", help="name another file in outbox") from error
            if outbox.waiting:
                logger.info("%s: %s from before", self._to, messages(outbox.waiting, "waits", "wait"))
            self._open = outbox, Courier(self._to, outbox, self._poster, self._secret, self._max_age_seconds)
        return self._open

    def _acquire(self) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return self._lock.acquire()
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise held(self._path) from None
                time.sleep(0.02)
            except OSError as error:
                raise ConfigError(f"outbox: {self._path} cannot be locked: {error.strerror}") from error

    def _drop(self, count: int, reason: str) -> None:
        """Count, and say it once for as long as it goes on."""
        self._dropped += count
        if reason != self._trouble:
            logger.error("%s: %s (%d dropped so far)", self._to, reason, self._dropped)
        self._trouble = reason


def delivery_of(message: Message) -> str:
    """The message's name: unlike any other's, also after a restart, in ASCII and without blanks."""
    seq = message.header["seq"]
    if message.kind == "event":
        return f"{message.body['id']}-{message.body['phase']}-{seq}"
    return f"{message.header['boot_id']}-{message.topic.strip('/').replace('/', '.')}-{seq}"


def _as_json(message: Message) -> bytes:
    fields = {"topic": message.topic, "header": message.header, "body": message.body}
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode("ascii")
