"""Frames -> messages, with what was missed before each: the same for every way to listen."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mgcld.client.connecting import several
from mgcld.client.received import Received
from mgcld.errors import MessageError

logger = logging.getLogger(__name__)


class Reader:
    """What was heard so far of one daemon; it knows no socket."""

    def __init__(self, classes: Sequence[str] | None = None) -> None:
        """Hear all, but events of these classes only."""
        self.malformed = 0
        """Messages that were skipped because they were none."""
        self._classes = None if classes is None else {*several(classes)}
        self._boot_id: str | None = None
        self._restarted = False  # and nobody was told yet
        self._seen: dict[str, int] = {}

    def take(self, frames: Sequence[bytes]) -> Received | None:
        """The message; None where it is none, nobody wants it, or it was heard before and replayed for others."""
        try:
            message = self._placed(*_parsed(frames))
        except MessageError as error:
            self.malformed += 1
            logger.warning("client: skipped a message: %s", error)
            return None
        if message is None or not self._is_wanted(message):
            return None
        self._restarted = False
        return message

    def _is_wanted(self, message: Received) -> bool:
        return message.kind != "event" or self._classes is None or message.name in self._classes

    def _placed(self, topic: str, header: Mapping[str, Any], body: Mapping[str, Any]) -> Received | None:
        boot_id, seq = header["boot_id"], header["seq"]
        if self._boot_id not in (None, boot_id):
            self._restarted = True
            self._seen = dict.fromkeys(self._seen, -1)  # every topic begins at 0 again
        self._boot_id = boot_id
        last = self._seen.get(topic, seq - 1)
        if seq <= last:
            return None
        self._seen[topic] = seq
        return Received(topic.split("/")[2], topic, header, body, seq - last - 1, self._restarted)


def _parsed(frames: Sequence[bytes]) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    try:
        topic, header, body = frames[0].decode(), *map(json.loads, frames[1:])
        kind = topic.split("/")[2]
        if not (header["schema"] == f"mgcl.{kind}/1" and isinstance(header["boot_id"], str) and isinstance(body, dict)):
            raise ValueError(f"{topic[:80]} is not of version 1")
        if not isinstance(header["seq"], int):
            raise ValueError(f"{topic[:80]} has no seq")
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise MessageError(f"{len(frames)} frames are no message: {error!r}") from error
    return topic, header, body
