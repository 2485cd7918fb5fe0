"""Carries posts to a broker: keeps a connection, for ever if need be, in a thread of its own."""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ._mqtt_connection import Connection
from ._mqtt_options import Address
from ._mqtt_post import Outgoing, Post
from ._mqtt_refusal import NoConnection, of_loss

logger = logging.getLogger(__name__)

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""Between two attempts: doubled each time."""
AUTH_SECONDS = 60.0
"""After a refused password: brokers lock out who tries often."""
GOOD_SECONDS = 30.0
"""A connection that lasted so long was none of a series of failures."""
REMIND_SECONDS = 600.0
"""What stays wrong is logged again."""
IN_FLIGHT = 20
"""So many posts are on their way at once: what a broker grants without being asked."""
FLUSH_SECONDS, FAREWELL_SECONDS = 0.3, 0.15
"""At the end, for what waits, and for the farewell."""


class Courier:
    """What waits is bounded, what is dropped is counted, and nobody who posts waits."""

    def __init__(
        self, address: Address, client_id: str, status: str, subscribe: str | None, heard: Callable[[str, bytes], None]
    ) -> None:
        """`status` is the topic that says online or offline; `heard` gets what comes under `subscribe`."""
        self._address = address
        self._client_id = client_id
        self._status = Post(status, b"online", 1, True, "newest", message=False)
        self._subscribe = [status] if subscribe is None else [status, subscribe]
        self._heard = heard
        self._lock = threading.Lock()
        self._outgoing = Outgoing()
        self._outgoing.put(self._status)
        self._in_flight: dict[int, Post] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._connected = False
        self._delivered = self._failed = self._retries = 0
        self._trouble: tuple[str, str] | None = None  # reason and hint
        self._remind_at = 0.0
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    @property
    def facts(self) -> Mapping[str, Any]:
        """Counts of messages so far, and how the connection is."""
        with self._lock:
            waiting, dropped = self._outgoing.waiting + self._on_their_way(), self._outgoing.dropped
        trouble = self._trouble
        return {
            "connected": self._connected,
            "delivered": self._delivered,
            "waiting": waiting,
            "dropped": dropped,
            "failed": self._failed,
            "retries": self._retries,
            "reason": trouble and trouble[0],
            "hint": trouble and trouble[1],
        }

    def post(self, *posts: Post) -> None:
        """Hand over; not waited for."""
        with self._lock:
            for post in posts:
                self._outgoing.put(post)
            if not self._connected:
                self._outgoing.give_up("now")
        self._wake.set()

    def close(self) -> None:
        """Deliver what can be delivered in about half a second, and say `offline`."""
        self._closing.set()
        self._wake.set()
        self._thread.join(FLUSH_SECONDS + 2 * FAREWELL_SECONDS)
        with self._lock:
            lost = self._outgoing.give_up("each") + self._outgoing.give_up("now") + self._on_their_way()
        if lost:
            logger.warning("%s: %d messages were not delivered before the end", self._address, lost)

    def _on_their_way(self) -> int:
        return sum(post.way == "each" for post in [*self._in_flight.values()])

    def _run(self) -> None:
        wait, pause = FIRST_SECONDS, 0.0
        while not self._closing.is_set():
            connection = Connection(self._address, self._client_id, self._farewell(), self._wake.set)
            began = time.monotonic()
            try:
                connection.open(self._closing)
                began = time.monotonic()
                self._serve(connection)
            except NoConnection as trouble:
                wait = FIRST_SECONDS if time.monotonic() - began > GOOD_SECONDS else wait
                pause = AUTH_SECONDS if trouble.reason == "auth" else wait * random.uniform(0.8, 1.2)
                self._complain(trouble, pause)
                wait = min(2 * wait, LONGEST_SECONDS)
            finally:
                connection.forget()
            del connection
            self._closing.wait(pause)

    def _serve(self, connection: Connection) -> None:
        """Until the end of the connection, or ours.

        Raises:
            NoConnection: it was lost.
        """
        self._begin(connection)
        try:
            while connection.alive and not self._closing.is_set():
                self._turn(connection)
                self._wake.wait(1.0)
                self._wake.clear()
            if self._closing.is_set():
                self._leave(connection)
                return
        finally:
            self._end(connection)
        raise of_loss()

    def _begin(self, connection: Connection) -> None:
        with self._lock:
            self._outgoing.begin()
            self._connected = True
        self._trouble = None
        logger.info("%s: connected", self._address)
        connection.subscribe(*self._subscribe)

    def _end(self, connection: Connection) -> None:
        self._settle(connection)
        with self._lock:
            self._connected = False
            self._outgoing.returned([*self._in_flight.values()])
            self._in_flight.clear()

    def _turn(self, connection: Connection) -> None:
        """What came, and what can go."""
        self._settle(connection)
        for topic, payload in connection.heard():
            if topic != self._status.topic:
                self._heard(topic, payload)
            elif (
                payload == b"offline" and not self._closing.is_set()
            ):  # the will of a connection before, that the broker thought of only now
                with self._lock:
                    self._outgoing.again(topic)
        while len(self._in_flight) < IN_FLIGHT:
            with self._lock:
                post = self._outgoing.next(connection.congested)
            if post is None or not self._publish(connection, post):
                return

    def _publish(self, connection: Connection, post: Post) -> bool:
        try:
            number = connection.publish(post)
        except ValueError as error:
            self._failed += post.message
            logger.error("%s: what belongs to %s cannot be sent: %s", self._address, post.topic[:200], error)
            return True
        with self._lock:
            if number is None:
                self._outgoing.returned([post])
            else:
                self._in_flight[number] = post
        return number is not None

    def _settle(self, connection: Connection) -> None:
        for number in connection.done():
            with self._lock:
                post = self._in_flight.pop(number, None)
                if post is not None:
                    self._outgoing.delivered(post)
                    self._delivered += post.message

    def _leave(self, connection: Connection) -> None:
        """Without an answer to the farewell there is none: then the broker's will says it."""
        self._until(connection, FLUSH_SECONDS, lambda: not self._in_flight and not len(self._outgoing))
        farewell = connection.publish(self._farewell())
        if farewell is not None:
            with self._lock:
                self._in_flight[farewell] = self._farewell()
        self._until(connection, FAREWELL_SECONDS, lambda: farewell not in self._in_flight)
        if farewell is not None and farewell not in self._in_flight:
            connection.leave()
        else:
            connection.abandon()
        connection.wait_for_end(FAREWELL_SECONDS)

    def _until(self, connection: Connection, seconds: float, finished: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        self._turn(connection)
        while connection.alive and not finished() and (left := deadline - time.monotonic()) > 0:
            self._wake.wait(min(left, 0.05))
            self._wake.clear()
            self._turn(connection)

    def _farewell(self) -> Post:
        return replace(self._status, payload=b"offline")

    def _complain(self, trouble: NoConnection, pause: float) -> None:
        self._retries += 1
        known = self._trouble is not None and self._trouble[0] == trouble.reason
        self._trouble = (trouble.reason, trouble.hint)
        if known and time.monotonic() < self._remind_at:
            return
        self._remind_at = time.monotonic() + REMIND_SECONDS
        text = "%s: %s: %s; again in %.0f s, and so on (%s)"
        logger.warning(text, self._address, trouble.reason, trouble, pause, trouble.hint)
