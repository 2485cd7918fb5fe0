"""What goes to the broker, and what waits for it: bounded, whatever the broker does."""

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

WAITING_EVENTS = 4096
"""So many events wait for a broker that is away (some 3 MB); then the oldest goes, and is counted."""
WAITING_OTHERS = 64
"""So many messages that nobody waits for wait for a slow network."""


@dataclass(frozen=True, slots=True)
class Post:
    """What is published at once."""

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
    """Posts that wait, in the order in which they should go. For one thread at a time."""

    def __init__(self) -> None:
        self._newest: dict[str, Post] = {}
        self._changed: dict[str, None] = {}
        self._each: deque[Post] = deque()
        self._now: deque[Post] = deque()
        self.dropped = 0
        """Posts that were given up."""

    def __len__(self) -> int:
        return len(self._changed) + len(self._each) + len(self._now)

    @property
    def waiting(self) -> int:
        """Events and others that wait, without what only its newest counts of."""
        return len(self._each) + len(self._now)

    def put(self, post: Post) -> None:
        """Let it wait."""
        if post.way == "newest":
            self._newest[post.topic] = post
            self._changed[post.topic] = None
            return
        queue, most = (self._each, WAITING_EVENTS) if post.way == "each" else (self._now, WAITING_OTHERS)
        queue.append(post)
        while len(queue) > most:
            queue.popleft()
            self.dropped += 1

    def begin(self) -> None:
        """Another connection: the newest of every topic goes again."""
        self._changed = dict.fromkeys(self._newest)

    def again(self, topic: str) -> None:
        """Somebody has overwritten what stands there."""
        if topic in self._newest:
            self._changed[topic] = None

    def next(self, congested: bool) -> Post | None:
        """What goes next; to a network that is congested, nothing that nobody waits for."""
        if self._changed:
            topic = next(iter(self._changed))
            del self._changed[topic]
            return self._newest[topic]
        if self._each:
            return self._each.popleft()
        return self._now.popleft() if self._now and not congested else None

    def delivered(self, post: Post) -> None:
        """The broker has it: of what it should forget nothing is left to say, and the rest has been counted."""
        if self._newest.get(post.topic) is not post:
            return
        if post.payload:
            self._newest[post.topic] = replace(post, message=False)
        elif post.topic not in self._changed:
            del self._newest[post.topic]

    def returned(self, posts: list[Post]) -> None:
        """The connection ended before these, in order, were delivered."""
        self._each.extendleft(post for post in reversed(posts) if post.way == "each")
        self.dropped += sum(post.way == "now" for post in posts)

    def give_up(self, way: Literal["each", "now"]) -> int:
        """Drop what waits that way; how many."""
        queue = self._each if way == "each" else self._now
        given_up = len(queue)
        queue.clear()
        self.dropped += given_up
        return given_up
