"""One message, with what people ask for most at hand."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Received:
    """One message. A convenience is None, or empty, where a message of its kind has no such thing."""

    kind: str
    """`prob`, `event`, `health` or `meta`."""
    topic: str
    header: Mapping[str, Any]
    body: Mapping[str, Any]
    lost: int = 0
    """Messages of this topic that were missed just before this one."""
    restarted: bool = False
    """True for the first message after the daemon was started anew."""

    @property
    def source(self) -> str | None:
        """The source that it is about; `node` is the daemon itself. None for `meta`."""
        return unquote(self.topic.split("/")[3]) or None

    @property
    def age_seconds(self) -> float:
        """Seconds since the daemon sent it, as far as its clock and ours agree; large where we are slow to read."""
        sent_ns: int = self.header["t_pub_ns"]
        return (time.time_ns() - sent_ns) / 1e9

    @property
    def top(self) -> list[tuple[str, float]]:
        """(class, probability) of a `prob`, most probable first, `unknown` among them."""
        return [(name, p) for name, p in self.body.get("top", [])]

    @property
    def unknown(self) -> float | None:
        """Probability that the window of a `prob` holds none of the classes."""
        return self.body.get("unknown")

    @property
    def id(self) -> str | None:
        """Which `event`: the same from its start to its end."""
        return self._event.get("id")

    @property
    def name(self) -> str | None:
        """The class of an `event`."""
        return self._event.get("class")

    @property
    def phase(self) -> str | None:
        """`start`, `update` or `end` of an `event`."""
        return self._event.get("phase")

    @property
    def start(self) -> datetime | None:
        """When the window of a `prob`, or an `event`, began (UTC)."""
        return _time(self.header.get("t_start_ns", self._event.get("t_on_ns")))

    @property
    def heard(self) -> datetime | None:
        """Until when the class of an `event` was heard so far (UTC)."""
        return _time(self._event.get("t_heard_ns"))

    @property
    def end(self) -> datetime | None:
        """When the window of a `prob` ended (UTC), or an `event` whose end this is."""
        return _time(self.header.get("t_end_ns", self._event.get("t_off_ns")))

    @property
    def _event(self) -> Mapping[str, Any]:
        return self.body if self.kind == "event" else {}


def _time(nanoseconds: int | None) -> datetime | None:
    return None if nanoseconds is None else datetime.fromtimestamp(nanoseconds / 1e9, UTC)
