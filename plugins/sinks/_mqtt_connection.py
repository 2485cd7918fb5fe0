"""One connection to a broker, from its opening to its end; paho's thread serves the network."""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR, socket
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ._mqtt_options import Address
from ._mqtt_post import Post
from ._mqtt_refusal import of_answer, of_error

KEEPALIVE_SECONDS = 15
"""A broker that says nothing for so long is asked, and given up when it still says nothing."""
CONNECT_SECONDS = 5.0
"""For the socket and the TLS handshake, each."""
ANSWER_SECONDS = 10.0
"""Then for the broker's first answer."""


class Connection:
    """Publishing is for one thread; `wake` is called from paho's when something has happened."""

    def __init__(self, address: Address, client_id: str, will: Post, wake: Callable[[], None]) -> None:
        """Not open yet. `will` is what the broker publishes when this ends without a farewell."""
        self._address = address
        self._wake = wake
        self._answer: ReasonCode | None = None
        self._answered = threading.Event()
        self._ended = threading.Event()
        self._done: deque[int] = deque()
        self._heard: deque[tuple[str, bytes]] = deque(maxlen=4096)
        client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv311, reconnect_on_failure=False)
        client.connect_timeout = CONNECT_SECONDS
        client.will_set(will.topic, will.payload, will.qos, will.retain)
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        if address.context is not None:
            client.tls_set_context(address.context)
            client.tls_insecure_set(not address.verify)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        self._client = client

    def open(self, given_up: threading.Event) -> None:
        """Connect; up to 20 s, less when `given_up`.

        Raises:
            NoConnection: it cannot be had, and why.
        """
        self._connect()
        self._client.loop_start()
        waited = 0.0
        while not self._answered.wait(0.1) and waited < ANSWER_SECONDS and not given_up.is_set():
            waited += 0.1
        if self._answer is None:
            self.leave()
            raise of_error(ConnectionResetError() if self._ended.is_set() else TimeoutError())
        if self._answer.is_failure:
            self.leave()
            raise of_answer(self._answer.value, str(self._answer))

    def _connect(self) -> None:
        try:
            self._client.connect(self._address.host, self._address.port, KEEPALIVE_SECONDS)
        except (OSError, ValueError) as error:  # UnicodeError is a ValueError
            refusal = of_error(error)
        else:
            return
        raise refusal  # outside, so that it holds on to nothing of the attempt

    @property
    def alive(self) -> bool:
        """Whether it still stands, as far as anybody knows."""
        return not self._ended.is_set()

    @property
    def congested(self) -> bool:
        """Whether the network has not yet taken what was published before."""
        return self._client.want_write()

    def publish(self, post: Post) -> int | None:
        """Hand it to the network; its number, which `done` tells later, or None where the connection has ended.

        Raises:
            ValueError: MQTT knows no such topic, or no payload of that size.
        """
        info = self._client.publish(post.topic, post.payload, post.qos, post.retain)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def subscribe(self, *topics: str) -> None:
        """What is published there comes by `heard`."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def done(self) -> list[int]:
        """The numbers of what has been delivered since the last call (QoS 0: what the network took)."""
        return [self._done.popleft() for _ in range(len(self._done))]

    def heard(self) -> list[tuple[str, bytes]]:
        """(topic, payload) of what came since the last call."""
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def leave(self) -> None:
        """Say farewell, so that there is no will; not waited for."""
        self._client.disconnect()

    def abandon(self) -> None:
        """Go without a farewell: the broker publishes the will."""
        opened = self._client.socket()
        if isinstance(opened, socket):  # one that speaks TLS is one too
            with suppress(OSError):
                opened.shutdown(SHUT_RDWR)

    def forget(self) -> None:
        """Nothing is told any more: then all of it goes as soon as paho's thread has ended."""
        client = self._client
        client.on_connect = client.on_disconnect = client.on_publish = client.on_message = None

    def wait_for_end(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        return self._ended.wait(seconds)

    def _on_connect(self, _: Client, __: Any, ___: ConnectFlags, answer: ReasonCode, ____: Properties | None) -> None:
        self._answer = answer
        self._answered.set()

    def _on_disconnect(
        self, _: Client, __: Any, ___: DisconnectFlags, ____: ReasonCode, _____: Properties | None
    ) -> None:
        self._ended.set()
        self._answered.set()
        self._wake()

    def _on_publish(self, _: Client, __: Any, number: int, ___: ReasonCode, ____: Properties) -> None:
        self._done.append(number)  # paho holds a lock here that `publish` wants: take none, and leave
        self._wake()

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        self._heard.append((message.topic, bytes(message.payload)))
        self._wake()
