"""Carries posts to a broker: keeps a connection, for ever if need be, in a thread of its own."""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ._counted import messages
from ._mqtt_claim import Claim
from ._mqtt_connection import Connection
from ._mqtt_delivery import FAREWELL_SECONDS, FLUSH_SECONDS, Delivery
from ._mqtt_options import Address
from ._mqtt_post import Outgoing, Post
from ._mqtt_refusal import NoConnection, of_loss, of_twin

logger = logging.getLogger(__name__)

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""Between two attempts: doubled each time."""
AUTH_SECONDS = 60.0
"""After a refused password: brokers lock out who tries often."""
GOOD_SECONDS = 30.0
"""A connection that lasted so long was none of a series of failures."""
CLAIM_SECONDS = 2.0
"""The sink of before the configuration was read again may need so long to let go of the client_id."""
REMIND_SECONDS = 600.0
"""What stays wrong is logged again."""


class Courier:
    """What waits is bounded, what is dropped is counted, and nobody who posts waits."""

    def __init__(
        self,
        address: Address,
        client_id: str,
        claim: Claim,
        status: str,
        subscribe: str | None,
        heard: Callable[[str, bytes], None],
    ) -> None:
        """`status` is the topic that says online or offline; `heard` gets what comes under `subscribe`."""
        self._address = address
        self._client_id = client_id
        self._claim = claim
        self._status = Post(status, b"online", 1, True, "newest", message=False)
        self._topics = [status] if subscribe is None else [status, subscribe]
        self._heard = heard
        self._outgoing = Outgoing()
        self._outgoing.put(self._status)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._connected = False
        self._retries = 0
        self._trouble: tuple[str, str] | None = None  # reason and hint
        self._remind_at = 0.0
        self._thread = threading.Thread(target=self._serve, name="mqtt", daemon=True)
        self._thread.start()

    @property
    def facts(self) -> Mapping[str, Any]:
        """Counts of messages so far, and how the connection is."""
        reason, hint = self._trouble or (None, None)
        return {
            "connected": self._connected,
            "delivered": self._outgoing.delivered,
            "waiting": self._outgoing.waiting,
            "dropped": self._outgoing.dropped,
            "failed": self._outgoing.failed,
            "retries": self._retries,
            "reason": reason,
            "hint": hint,
        }

    def post(self, *posts: Post) -> None:
        """Hand over; not waited for."""
        for post in posts:
            self._outgoing.put(post)
        self._wake.set()

    def close(self) -> None:
        """Deliver what can be delivered in about half a second, and say `offline`."""
        self._closing.set()
        self._wake.set()
        self._thread.join(FLUSH_SECONDS + 2 * FAREWELL_SECONDS)
        lost = self._outgoing.give_up()
        if lost:
            undelivered = messages(lost, "was", "were")
            logger.warning("%s: %s not delivered before the end", self._address, undelivered)

    def _serve(self) -> None:
        try:
            self._run()
        finally:
            self._claim.release()

    def _run(self) -> None:
        wait = FIRST_SECONDS
        while not self._closing.is_set():
            began = time.monotonic()
            trouble = self._connection()
            if trouble is None:
                return
            wait = FIRST_SECONDS if time.monotonic() - began > GOOD_SECONDS else wait
            pause = AUTH_SECONDS if trouble.reason == "auth" else wait * random.uniform(0.8, 1.2)
            self._complain(trouble, pause)
            self._closing.wait(pause)
            wait = min(2 * wait, LONGEST_SECONDS)

    def _connection(self) -> NoConnection | None:
        """One connection, from its opening to its end; why it came to one, or None where we end."""
        if not self._claim.taken(self._client_id, CLAIM_SECONDS, self._closing):
            return None if self._closing.is_set() else of_twin(self._client_id)
        will = replace(self._status, payload=b"offline")
        connection = Connection(self._address, self._client_id, will, self._wake.set)
        try:
            connection.open(self._closing)
            self._connected, self._trouble = True, None
            logger.info("%s: connected", self._address)
            delivery = Delivery(connection, self._outgoing, self._status, self._heard)
            delivery.go_on(self._topics, self._wake, self._closing)
        except NoConnection as trouble:
            return None if self._closing.is_set() else trouble
        finally:
            self._connected = False
            connection.forget()
        return None if self._closing.is_set() else of_loss()

    def _complain(self, trouble: NoConnection, pause: float) -> None:
        self._retries += 1
        known = self._trouble is not None and self._trouble[0] == trouble.reason
        self._trouble = (trouble.reason, trouble.hint)
        if known and time.monotonic() < self._remind_at:
            return
        self._remind_at = time.monotonic() + REMIND_SECONDS
        text = "%s: %s: %s; again in %.0f s, and so on (%s)"
        logger.warning(text, self._address, trouble.reason, trouble, pause, trouble.hint)
