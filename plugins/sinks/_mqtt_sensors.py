"""Home Assistant's view: for each class at each source a binary sensor that is on while an event is open.

Its configuration stands retained below the discovery prefix, its state retained below the daemon's own topic.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mgcld.data import Message

from ._mqtt_post import Post
from ._mqtt_topics import Topics, source_of
from ._names import as_identifier, as_label

SETTLED_SECONDS = 30.0
"""All sources have told their health by then; what nobody has named is a leftover of an earlier run."""


class Sensors:
    """Follows the messages; each call answers with what to publish now."""

    def __init__(self, topics: Topics, prefix: str, attributes: bool) -> None:
        """`attributes`: events are published too, and give the sensors their attributes."""
        self._topics = topics
        self._below = f"{prefix}/binary_sensor/{as_identifier('mgcl', topics.node)}"
        self._attributes = attributes
        self._classes: Sequence[str] | None = None
        self._sources: dict[str, None] = {}
        self._named = False
        self._since = 0.0
        self._meta: Mapping[str, Any] = {}
        self._open: dict[tuple[str, str], set[str]] = {}
        self._known: dict[tuple[str, str], bytes] = {}
        self._strangers: dict[str, bytes] = {}

    @property
    def pattern(self) -> str:
        """Where all their configurations stand."""
        return f"{self._below}/+/config"

    def heard(self, topic: str, payload: bytes) -> None:
        """A configuration stands at the broker: ours, or one of an earlier run."""
        if payload:
            self._strangers[topic] = payload

    def follow(self, message: Message) -> list[Post]:
        """What changes by this message."""
        posts = [*self._changes()] if self._learn(message) else []
        posts += self._leftovers()
        return [*posts, *self._event(message)] if message.kind == "event" else posts

    def _learn(self, message: Message) -> bool:
        """Whether it names classes or sources that may be new."""
        if message.kind == "meta":
            self._learn_meta(message.body)
            return True
        source = source_of(message)
        if source is None or self._named or source in self._sources:
            return False
        self._sources[source] = None
        return True

    def _learn_meta(self, meta: Mapping[str, Any]) -> None:
        if self._classes is None:
            self._since = time.monotonic()
        self._meta = meta
        self._classes = [*meta["classes"]]
        self._named = "sources" in meta
        if self._named:
            self._sources = dict.fromkeys(meta["sources"])

    def _event(self, message: Message) -> Iterator[Post]:
        sensor = (message.header["source"], message.body["class"])
        before = bool(self._open.get(sensor))
        ids = self._open.setdefault(sensor, set())
        (ids.discard if message.body["phase"] == "end" else ids.add)(message.body["id"])
        if not ids:
            del self._open[sensor]
        if sensor in self._known and bool(ids) != before:
            yield self._state(sensor)

    def _changes(self) -> Iterator[Post]:
        wanted = [(source, name) for source in self._sources for name in self._classes or ()]
        for sensor in self._known.keys() - set(wanted):
            del self._known[sensor]
            yield _retained(self._config_topic(sensor), b"")
            yield _retained(self._topics.state(*sensor), b"")
        for sensor in wanted:
            config = self._config(sensor)
            if self._known.get(sensor) == config:
                continue
            yield _retained(self._config_topic(sensor), config)
            if sensor not in self._known:
                yield self._state(sensor)
            self._known[sensor] = config

    def _leftovers(self) -> Iterator[Post]:
        settled = self._named or time.monotonic() > self._since + SETTLED_SECONDS
        if self._classes is None or not settled or not self._strangers:
            return
        ours = {self._config_topic(sensor) for sensor in self._known}
        for topic, payload in self._strangers.items():
            if topic not in ours:
                yield _retained(topic, b"")
                state = _state_topic(payload)
                if state.startswith(self._topics.states):
                    yield _retained(state, b"")
        self._strangers.clear()

    def _state(self, sensor: tuple[str, str]) -> Post:
        return _retained(self._topics.state(*sensor), b"ON" if self._open.get(sensor) else b"OFF")

    def _config_topic(self, sensor: tuple[str, str]) -> str:
        return f"{self._below}/{as_identifier(*sensor)}/config"

    def _config(self, sensor: tuple[str, str]) -> bytes:
        source, name = sensor
        version, node = str(self._meta.get("mgcld", "")), self._topics.node
        fields: dict[str, Any] = {
            "name": f"{as_label(source)} {as_label(name)}",
            "unique_id": f"{as_identifier('mgcl', node)}_{as_identifier(*sensor)}",
            "device_class": "sound",
            "state_topic": self._topics.state(*sensor),
            "availability_topic": self._topics.status,
            "device": {"identifiers": [f"mgcld_{node}"], "name": f"mgcld {node}", "sw_version": version},
            "origin": {"name": "mgcld", "sw_version": version},
        }
        if self._attributes:
            fields["json_attributes_topic"] = self._topics.event(*sensor)
            fields["json_attributes_template"] = "{{ value_json.body | tojson }}"
        return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _retained(topic: str, payload: bytes) -> Post:
    return Post(topic, payload, 1, True, "newest", message=False)


def _state_topic(payload: bytes) -> str:
    try:
        return str(json.loads(payload)["state_topic"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
