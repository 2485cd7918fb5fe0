"""Where everything stands at the broker: below one topic, with names encoded."""

from dataclasses import dataclass
from urllib.parse import unquote

from mgcld.data import Message
from mgcld.errors import ConfigError

from ._names import as_level

MOST_BYTES = 512
"""Of the topic that everything stands below."""


@dataclass(frozen=True, slots=True)
class Topics:
    """`<base>/status`, `<base>/event/<source>/<class>` and so on."""

    base: str
    node: str

    @property
    def status(self) -> str:
        """`online` or `offline`."""
        return f"{self.base}/status"

    @property
    def states(self) -> str:
        """What the topics of all states begin with."""
        return f"{self.base}/state/"

    def state(self, source: str, name: str) -> str:
        """`ON` or `OFF`."""
        return f"{self.states}{as_level(source)}/{as_level(name)}"

    def event(self, source: str, name: str) -> str:
        """A class's events at a source."""
        return f"{self.base}/event/{as_level(source)}/{as_level(name)}"

    def health(self, source: str) -> str:
        """A source's health, or the node's."""
        return f"{self.base}/health/{as_level(source)}"

    def of(self, message: Message) -> str:
        """Where a message belongs."""
        if message.kind == "event":
            return self.event(message.header["source"], message.body["class"])
        if message.kind == "health":
            return self.health(source_of(message) or "node")
        return (
            f"{self.base}/meta" if message.kind == "meta" else f"{self.base}/prob/{as_level(str(source_of(message)))}"
        )


def source_of(message: Message) -> str | None:
    """Whose message it is; None for the daemon's own."""
    if message.kind != "health":
        source = message.header.get("source")
        return None if source is None else str(source)
    name = unquote(message.topic.split("/")[3])
    return None if name == "node" else name


def checked_topic(topic: str, option: str) -> str:
    """A topic that others can stand below.

    Raises:
        ConfigError: brokers refuse it, or it means something else.
    """
    levels = topic.split("/")
    usable = topic.isprintable() and not any(sign in topic for sign in "+#") and not topic.startswith("$")
    if not usable or not all(levels) or len(topic.encode()) > MOST_BYTES:
        help = "levels with / between them, none empty, without + and #, and not beginning with $"
        raise ConfigError(f"{option}: {topic[:80]!r} is no topic to publish below", help=help)
    return topic
