"""What goes to the broker, and what waits for it: bounded, whatever the broker does."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

WAITING_EVENTS = 4096
"""So many events wait for a broker that is away (some 3 MB); then the oldest goes, and is counted."""
WAITING_OTHERS = 64
"""So many messages that nobody waits for wait for a slow network."""


@dataclass(frozen=True, slots=True, eq=False)
class Post:
    """What is published at once; the same words a second time are another one."""

    topic: str
    payload: bytes
    """Nothing, retained: the broker forgets what it has retained there."""
    qos: int
    retain: bool
    way: Literal["newest", "each", "now"]
    """`newest`: of each topic only the newest counts, and each connection begins with it. `each`: waits for the
    broker, in order. `now`: is dropped where it cannot go at once."""
    message: bool = True
    """Whether it is a message of the daemon's, and counts as one."""


class Outgoing:
    """Posts that wait, in the order in which they should go, and counts of messages so far. For any thread."""

    def __init__(self) -> None:
        self.delivered = 0
        self.dropped = 0
        """Given up: too old, or without a connection."""
        self.failed = 0
        """Refused by MQTT itself."""
        self._lock = threading.Lock()
        self._connected = False
        self._newest: dict[str, Post] = {}
        self._changed: dict[str, None] = {}
        self._each: deque[Post] = deque()
        self._now: deque[Post] = deque()
        self._away: set[Post] = set()
        """Those that the broker was given and has not answered for."""

    @property
    def waiting(self) -> int:
        """Messages that wait for the broker, or for its answer, without what only its newest counts of."""
        return len(self._each) + len(self._now) + len(self._away)

    @property
    def empty(self) -> bool:
        """Whether nothing is left that could go."""
        return not (self._changed or self._each or self._now)

    def put(self, post: Post) -> None:
        """Let it wait."""
        with self._lock:
            if post.way == "newest":
                self._newest[post.topic] = post
                self._changed[post.topic] = None
            elif post.way == "each":
                self._append(self._each, post, WAITING_EVENTS)
            else:
                self._append(self._now, post, WAITING_OTHERS if self._connected else 0)

    def begin(self) -> None:
        """A connection: the newest of every topic goes again."""
        with self._lock:
            self._connected = True
            self._changed = dict.fromkeys(self._newest)

    def end(self, posts: Sequence[Post]) -> None:
        """The connection ended before these, in order, were delivered."""
        with self._lock:
            self._connected = False
            again = [post for post in posts if post in self._away]
            self._each.extendleft(reversed(again))
            self.dropped += len(self._away) - len(again)
            self._away.clear()
            self.dropped += sum(post.way == "now" for post in posts) + len(self._now)
            self._now.clear()

    def next(self, congested: bool) -> Post | None:
        """What goes next; to a network that is congested, nothing that nobody waits for."""
        with self._lock:
            if self._changed:
                topic = next(iter(self._changed))
                del self._changed[topic]
                return self._newest[topic]
            if self._each:
                self._away.add(self._each[0])
                return self._each.popleft()
            return self._now.popleft() if self._now and not congested else None

    def again(self, topic: str) -> None:
        """Somebody has overwritten what stands there."""
        with self._lock:
            if topic in self._newest:
                self._changed[topic] = None

    def has_arrived(self, post: Post) -> None:
        """The broker has it: of what it should forget nothing is left to say, and the rest has been counted."""
        with self._lock:
            self.delivered += post.message
            self._is_answered(post)
            if self._newest.get(post.topic) is not post:
                return
            if post.payload:
                self._newest[post.topic] = replace(post, message=False)
            elif post.topic not in self._changed:
                del self._newest[post.topic]

    def is_refused(self, post: Post) -> None:
        """It can never be sent."""
        with self._lock:
            self.failed += post.message
            self._is_answered(post)

    def give_up(self) -> int:
        """Drop what waits for the broker; how many messages. What arrives after all was not dropped after all."""
        with self._lock:
            given_up = self.waiting
            self._away.clear()
            self._each.clear()
            self._now.clear()
            self.dropped += given_up
            return given_up

    def _is_answered(self, post: Post) -> None:
        if post in self._away:
            self._away.remove(post)
        elif post.way == "each":
            self.dropped -= 1  # it had been given up

    def _append(self, queue: deque[Post], post: Post, most: int) -> None:
        queue.append(post)
        while len(queue) > most:
            queue.popleft()
            self.dropped += 1
