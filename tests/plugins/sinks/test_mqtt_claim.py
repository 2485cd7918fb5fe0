"""Two sinks of one client_id at one broker do not throw each other out."""

import gc
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from happenings import Daemon
from mgcld_plugins.sinks import _mqtt_courier
from mgcld_plugins.sinks.mqtt import MqttSink
from servers.mosquitto import Broker, free_port, until

from mgcld.errors import ConfigError

mosquitto = pytest.mark.system("mosquitto")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as started:
        yield started


@pytest.fixture
def sink_to() -> Iterator[Callable[..., MqttSink]]:
    """Sinks to a port of this machine, closed at the end."""
    made: list[MqttSink] = []

    def sink(port: int, **options: Any) -> MqttSink:
        made.append(MqttSink("127.0.0.1", port, **options))
        return made[-1]

    yield sink
    for each in made:
        each.close()


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


def is_connected(sink: MqttSink) -> bool:
    return bool(sink.facts["connected"])


def test_two_of_one_name_at_the_start_are_refused_with_what_to_do(sink_to: Callable[..., MqttSink]) -> None:
    port = free_port()
    sink_to(port)
    with pytest.raises(ConfigError, match=r"another mqtt sink has the client_id 'mgcld-\{node\}'") as refusal:
        sink_to(port)
    assert refusal.value.help == "give each mqtt sink a client_id of its own"
    sink_to(port, client_id="another")
    sink_to(free_port())


def test_one_that_was_closed_or_only_looked_at_is_in_nobody_s_way(sink_to: Callable[..., MqttSink]) -> None:
    port = free_port()
    sink_to(port).close()
    MqttSink("127.0.0.1", port)
    gc.collect()
    sink_to(port)


@mosquitto
def test_the_sink_of_before_lets_go_and_the_next_one_connects(
    broker: Broker, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    for _ in range(2):
        sink = sink_to(broker.port)
        sink.take(daemon.meta("dog"))
        until(lambda sink=sink: is_connected(sink))
        sink.close()
    sink = sink_to(broker.port)
    sink.take(daemon.event())
    until(lambda: sink.facts["delivered"] == 1)


@mosquitto
def test_one_of_the_same_name_waits_says_why_and_follows_when_the_other_goes(
    broker: Broker,
    daemon: Daemon,
    sink_to: Callable[..., MqttSink],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(_mqtt_courier, "CLAIM_SECONDS", 0.1)
    monkeypatch.setattr(_mqtt_courier, "LONGEST_SECONDS", 0.2)
    caplog.set_level(logging.INFO)
    first = sink_to(broker.port)
    first.take(daemon.meta("dog"))
    until(lambda: is_connected(first))
    second = sink_to(broker.port, client_id="mgcld-attic")  # written otherwise, and the same
    second.take(daemon.event())
    until(lambda: second.facts["retries"] >= 2)
    assert second.facts["reason"] == "refused"
    assert second.facts["hint"] == "give each mqtt sink a client_id of its own"
    assert is_connected(first)
    assert first.facts["retries"] == 0
    assert caplog.text.count("another mqtt sink is connected there as 'mgcld-attic'") == 1
    first.close()
    until(lambda: second.facts["delivered"] == 1)


def test_one_that_waits_for_its_name_can_be_closed(
    daemon: Daemon, sink_to: Callable[..., MqttSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_mqtt_courier, "CLAIM_SECONDS", 600.0)
    port = free_port()
    first = sink_to(port)
    first.take(daemon.meta("dog"))
    until(lambda: first.facts["retries"] >= 1)
    second = sink_to(port)
    second.take(daemon.event())
    second.close()
    assert second._courier is not None
    until(lambda courier=second._courier: not courier._thread.is_alive())
