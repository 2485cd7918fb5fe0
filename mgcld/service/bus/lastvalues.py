"""The last message of each topic that tells a state: what those hear at once who come late."""

from collections.abc import Iterable, Sequence

CACHED_TOPICS = 10_000
"""So many topics; then the one that was told longest ago is left out."""

Frames = Sequence[bytes]


class LastValues:
    """Topic -> its last message."""

    def __init__(self) -> None:
        self._frames: dict[bytes, Frames] = {}

    def put(self, frames: Frames, *, keep: bool) -> None:
        """A message was sent; without `keep` its topic has no state any more."""
        self._frames.pop(frames[0], None)
        if keep:
            self._frames[frames[0]] = frames
        if len(self._frames) > CACHED_TOPICS:
            del self._frames[next(iter(self._frames))]

    def forget(self, prefix: bytes) -> None:
        """These topics are no more."""
        for topic in [topic for topic in self._frames if topic.startswith(prefix)]:
            del self._frames[topic]

    def matching(self, prefixes: Iterable[bytes]) -> list[Frames]:
        """The last messages of all topics that begin with one of them, in the order of their topics."""
        wanted = tuple(prefixes)
        return [self._frames[topic] for topic in sorted(self._frames) if topic.startswith(wanted)]
