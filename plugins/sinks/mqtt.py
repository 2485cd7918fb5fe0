"""Messages to an MQTT broker, with sensors for Home Assistant."""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mgcld.data import Message, MessageKind
from mgcld.errors import ConfigError

from ._jsonl_line import as_json
from ._mqtt_claim import Claim
from ._mqtt_courier import Courier
from ._mqtt_options import Address, checked_host, password_from, tls_context
from ._mqtt_post import Post
from ._mqtt_sensors import Sensors
from ._mqtt_topics import Topics, checked_topic, source_of

WAYS: dict[MessageKind, Literal["newest", "each", "now"]] = {
    "event": "each",
    "health": "newest",
    "meta": "newest",
    "prob": "now",
}


class MqttSink:
    """Events wait for a broker that is away; of health and meta the newest counts; probabilities wait for nobody.

    An event can come twice, with the same id and the same `seq`: where a connection ends before the broker's answer.
    """

    def __init__(
        self,
        host: str,
        port: int | None = None,
        user: str | None = None,
        password_file: Path | None = None,
        password_env: str | None = None,
        tls: bool = False,
        verify: bool = True,
        ca_file: Path | None = None,
        cert_file: Path | None = None,
        key_file: Path | None = None,
        client_id: str = "mgcld-{node}",
        topic: str = "mgcl/{node}",
        kinds: Sequence[MessageKind] = ("event", "health", "meta"),
        qos: Literal[0, 1] = 1,
        retain: bool = True,
        discovery: bool = False,
        discovery_prefix: str = "homeassistant",
    ) -> None:
        """Nothing is sent before the first message, which says what the node is called.

        Raises:
            ConfigError: an option makes no sense, a file that it names cannot be used, or another sink of this process
                has the client_id at this broker.
        """
        self._address = Address(
            *checked_host(host, port, tls),
            user=user,
            password=password_from(user, password_file, password_env),
            context=tls_context(tls, verify, ca_file, cert_file, key_file),
            verify=verify,
        )
        self._client_id = client_id
        self._base = checked_topic(topic, "topic")
        self._prefix = checked_topic(discovery_prefix, "discovery_prefix") if discovery else None
        if not client_id or not client_id.isprintable() or len(client_id) > 256:
            raise ConfigError(f"{client_id[:80]!r} is no client_id", help="leave it out, or write a short name")
        if not kinds and not discovery:
            raise ConfigError("kinds is empty: nothing would be sent", help="kinds are prob, event, health and meta")
        self._kinds = frozenset(kinds)
        self._qos = qos
        self._retain = retain
        self._topics: Topics | None = None
        self._sensors: Sensors | None = None
        self._courier: Courier | None = None
        self._heard: deque[tuple[str, bytes]] = deque(maxlen=10_000)
        self._healthy: set[str] = set()
        self._claim = Claim(self._address.host, self._address.port, client_id)

    @property
    def facts(self) -> Mapping[str, Any]:
        """How the connection is, and how many messages were delivered, wait, and were given up."""
        facts = {} if self._courier is None else self._courier.facts
        return {"broker": str(self._address), "connected": False, **facts}

    def take(self, message: Message) -> None:
        """Hand it to the courier; never waits."""
        topics, courier = self._begun(str(message.header["node"]))
        if message.kind in self._kinds:
            courier.post(self._post(topics, message))
        if message.kind == "meta" and "sources" in message.body:
            courier.post(*self._forgotten(topics, message.body["sources"]))
        if self._sensors is not None:
            for _ in range(len(self._heard)):
                self._sensors.heard(*self._heard.popleft())
            courier.post(*self._sensors.follow(message))

    def close(self) -> None:
        """Deliver what waits, as far as that takes no longer than about half a second, and say farewell."""
        if self._courier is not None:
            self._courier.close()
        else:
            self._claim.release()

    def _begun(self, node: str) -> tuple[Topics, Courier]:
        if self._topics is None or self._courier is None:
            self._topics = topics = Topics(self._base.replace("{node}", node), node)
            pattern = None
            if self._prefix is not None:
                self._sensors = Sensors(topics, self._prefix.replace("{node}", node), "event" in self._kinds)
                pattern = self._sensors.pattern
            client_id = self._client_id.replace("{node}", node)
            heard = self._heard.append
            self._courier = Courier(
                self._address, client_id, self._claim, topics.status, pattern, lambda *what: heard(what)
            )
        return self._topics, self._courier

    def _post(self, topics: Topics, message: Message) -> Post:
        way, topic = WAYS[message.kind], topics.of(message)
        retained = self._retain and way == "newest"
        if retained and message.kind == "health" and source_of(message) is not None:
            self._healthy.add(str(source_of(message)))
        return Post(topic, as_json(message), self._qos if message.kind == "event" else 0, retained, way)

    def _forgotten(self, topics: Topics, sources: Sequence[str]) -> list[Post]:
        """What the broker should forget: the health of sources that are no more."""
        gone = self._healthy - set(sources)
        self._healthy -= gone
        return [Post(topics.health(source), b"", 1, True, "newest", message=False) for source in sorted(gone)]
