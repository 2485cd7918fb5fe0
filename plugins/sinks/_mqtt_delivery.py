"""Everything that goes over one connection, until it ends or we do."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ._mqtt_connection import Connection
from ._mqtt_post import Outgoing, Post

logger = logging.getLogger(__name__)

IN_FLIGHT = 20
"""So many posts are on their way at once: what a broker grants without being asked."""
FLUSH_SECONDS, FAREWELL_SECONDS = 0.3, 0.15
"""At the end, for what waits, and for the farewell."""


class Delivery:
    """For one thread."""

    def __init__(
        self, connection: Connection, outgoing: Outgoing, status: Post, heard: Callable[[str, bytes], None]
    ) -> None:
        """`status` says that we are online; `heard` gets what comes of other topics."""
        self._connection = connection
        self._outgoing = outgoing
        self._status = status
        self._heard = heard
        self._in_flight: dict[int, Post] = {}
        """By the connection's number; by one below 0 where it has ended before it gave one."""
        self._untold = 0
        self._leaving = False

    def go_on(self, topics: Sequence[str], wake: threading.Event, closing: threading.Event) -> None:
        """Listen to the topics and deliver, until the connection ends or `closing`, which is told by `wake` too."""
        self._outgoing.begin()
        self._connection.subscribe(*topics)
        try:
            while self._connection.alive and not closing.is_set():
                self._turn()
                wake.wait(1.0)
                wake.clear()
            if closing.is_set():
                self._leave(wake)
        finally:
            self._settle()
            self._outgoing.end([*self._in_flight.values()])

    def _turn(self) -> None:
        """What came, and what can go."""
        self._settle()
        for topic, payload in self._connection.heard():
            if topic != self._status.topic:
                self._heard(topic, payload)
            elif payload == b"offline" and not self._leaving:
                self._outgoing.again(topic)  # the will of a connection before, that the broker thought of only now
        while len(self._in_flight) < IN_FLIGHT:
            post = self._outgoing.next(self._connection.congested)
            if post is None or not self._publish(post):
                return

    def _publish(self, post: Post) -> bool:
        """Whether the connection still takes posts."""
        try:
            number = self._connection.publish(post)
        except ValueError as error:
            self._outgoing.is_refused(post)
            logger.error("%s cannot be sent: %s", post.topic[:200], error)
            return True
        if number is None:  # `go_on` gives it back
            self._untold -= 1
            number = self._untold
        self._in_flight[number] = post
        return number >= 0

    def _settle(self) -> None:
        for number in self._connection.done():
            post = self._in_flight.pop(number, None)
            if post is not None:
                self._outgoing.has_arrived(post)

    def _leave(self, wake: threading.Event) -> None:
        """Without an answer to the farewell there is none: then the broker's will says it."""
        self._leaving = True
        self._until(wake, FLUSH_SECONDS, lambda: self._outgoing.empty and not self._in_flight)
        farewell = replace(self._status, payload=b"offline")
        self._publish(farewell)
        self._until(wake, FAREWELL_SECONDS, lambda: farewell not in self._in_flight.values())
        if farewell in self._in_flight.values():
            self._connection.abandon()
        else:
            self._connection.leave()
        self._connection.wait_for_end(FAREWELL_SECONDS)

    def _until(self, wake: threading.Event, seconds: float, finished: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        self._turn()
        while self._connection.alive and not finished() and (left := deadline - time.monotonic()) > 0:
            wake.wait(min(left, 0.05))
            wake.clear()
            self._turn()
