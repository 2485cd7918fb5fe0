"""Messages at a real broker, over its crashes, with and without TLS, and as Home Assistant sees them."""

import json
import logging
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from happenings import Daemon
from mgcld_plugins.sinks import _mqtt_courier, _mqtt_delivery
from mgcld_plugins.sinks.mqtt import MqttSink
from servers.mosquitto import Broker, Listener, Relay, free_port, until

from mgcld.config import options_of
from mgcld.errors import ConfigError
from mgcld.interfaces import Describing, Sink
from mgcld.registry import load

mosquitto = pytest.mark.system("mosquitto")
HOSTILE = ["a/b", "+", "#", "../../etc", "nul\0", "line\nbreak", "\u202egnp.exe", "x" * 4096, "$SYS", "ü", " "]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as started:
        yield started


@pytest.fixture
def relay(broker: Broker) -> Iterator[Relay]:
    """The way to the broker, which can be cut."""
    with Relay(broker.port) as opened:
        yield opened


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    with Listener(broker.port) as started:
        yield started


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


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


def fact(sink: MqttSink, name: str) -> Any:
    return sink.facts.get(name)


# Delivery


@mosquitto
def test_each_kind_of_message_stands_where_it_belongs(
    broker: Broker, listener: Listener, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(broker.port, kinds=["event", "health", "meta", "prob"])
    sent = {
        "mgcl/attic/meta": daemon.meta("dog"),
        "mgcl/attic/health/mic": daemon.health(),
        "mgcl/attic/health/node": daemon.node(),
        "mgcl/attic/event/mic/dog": daemon.event(),
    }
    for message in sent.values():
        sink.take(message)
    until(lambda: fact(sink, "delivered") == 4)
    sent["mgcl/attic/prob/mic"] = daemon.prob()
    sink.take(sent["mgcl/attic/prob/mic"])
    until(lambda: listener.payloads("mgcl/attic/prob/mic"))
    heard = {
        message.topic: json.loads(message.payload) for message in listener.messages if "status" not in message.topic
    }
    assert heard == {
        topic: {"topic": message.topic, "header": dict(message.header), "body": dict(message.body)}
        for topic, message in sent.items()
    }
    assert listener.payloads("mgcl/attic/status") == [b"online"]
    assert isinstance(sink, Sink)
    assert isinstance(sink, Describing)
    assert sink.facts["broker"] == f"mqtt://127.0.0.1:{broker.port}"


@mosquitto
def test_health_meta_and_status_are_retained_and_events_and_probabilities_are_not(
    broker: Broker, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(broker.port)
    for message in (daemon.meta("dog"), daemon.health(), daemon.event()):
        sink.take(message)
    until(lambda: fact(sink, "delivered") == 3)
    sink.close()
    with Listener(broker.port) as late:
        until(lambda: len(late.messages) == 3)
    assert all(message.retain for message in late.messages)
    assert late.retained.keys() == {"mgcl/attic/meta", "mgcl/attic/health/mic", "mgcl/attic/status"}
    assert late.retained["mgcl/attic/status"] == b"offline"


@mosquitto
def test_without_retain_and_under_another_topic_only_the_status_stays(
    broker: Broker, listener: Listener, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(broker.port, retain=False, topic="home/{node}/ears", kinds=["meta", "event"], qos=0)
    sink.take(daemon.meta("dog"))
    sink.take(daemon.event())
    sink.take(daemon.health())
    until(lambda: fact(sink, "delivered") == 2)
    until(lambda: len(listener.messages) == 3)
    with Listener(broker.port) as late:
        until(lambda: late.messages)
        assert late.retained == {"home/attic/ears/status": b"online"}
    topics = {message.topic: message.qos for message in listener.messages}
    assert topics == {"home/attic/ears/status": 1, "home/attic/ears/meta": 0, "home/attic/ears/event/mic/dog": 0}


@mosquitto
def test_events_of_a_killed_broker_s_absence_arrive_in_order_and_at_least_once(
    broker: Broker, relay: Relay, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(relay.port, kinds=["event", "prob", "meta"])
    sink.take(daemon.meta("dog"))
    until(lambda: fact(sink, "delivered") == 1)
    broker.kill()
    relay.shut()
    until(lambda: not fact(sink, "connected"))
    events = [daemon.event() for _ in range(50)]
    for message in events:
        sink.take(message)
    sink.take(daemon.prob())
    until(lambda: fact(sink, "waiting") == 50)
    assert fact(sink, "dropped") == 1, "nobody waits for a probability"
    broker.start()
    with Listener(broker.port) as listener:
        relay.open()
        until(lambda: fact(sink, "waiting") == 0)
        until(lambda: len(set(listener.payloads("mgcl/attic/event/mic/dog"))) == 50)
        heard = [json.loads(payload)["body"]["id"] for payload in listener.payloads("mgcl/attic/event/mic/dog")]
    assert list(dict.fromkeys(heard)) == [message.body["id"] for message in events]
    assert (fact(sink, "delivered"), fact(sink, "dropped"), fact(sink, "reason")) == (51, 1, None)


@mosquitto
def test_what_a_frozen_broker_was_sent_and_never_acknowledged_is_sent_again(
    broker: Broker, relay: Relay, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(relay.port, kinds=["event"])
    sink.take(daemon.event())
    until(lambda: fact(sink, "delivered") == 1)
    broker.freeze()
    events = [daemon.event() for _ in range(30)]
    for message in events:
        sink.take(message)
    time.sleep(0.3)
    assert (fact(sink, "delivered"), fact(sink, "waiting")) == (1, 30)
    broker.kill()
    relay.shut()
    broker.start()
    with Listener(broker.port) as listener:
        relay.open()
        until(lambda: fact(sink, "waiting") == 0)
        wanted = [message.body["id"] for message in events]
        until(lambda: len(listener.payloads("mgcl/attic/event/mic/dog")) >= 30)
        heard = [json.loads(payload)["body"]["id"] for payload in listener.payloads("mgcl/attic/event/mic/dog")]
    assert list(dict.fromkeys(heard)) == wanted


@mosquitto
def test_a_broker_that_comes_later_gets_what_waits_and_the_newest_of_health(
    tmp_path: Path, daemon: Daemon, sink_to: Callable[..., MqttSink], caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(tmp_path)
    sink = sink_to(broker.port)
    for message in (daemon.health(state="connecting"), daemon.health(state="live"), daemon.event()):
        sink.take(message)
    until(lambda: fact(sink, "reason") == "refused")
    assert "check host and port" in fact(sink, "hint")
    assert caplog.text.count("refuses the connection") == 1
    with broker:
        until(lambda: fact(sink, "connected"))
        until(lambda: fact(sink, "delivered") == 2)
        with Listener(broker.port) as listener:
            until(lambda: "mgcl/attic/health/mic" in listener.retained)
        assert json.loads(listener.retained["mgcl/attic/health/mic"])["body"]["state"] == "live"


def test_what_waits_is_bounded_and_the_oldest_goes(daemon: Daemon, sink_to: Callable[..., MqttSink]) -> None:
    from mgcld_plugins.sinks._mqtt_post import WAITING_EVENTS

    sink, message = sink_to(free_port()), daemon.event()
    for _ in range(WAITING_EVENTS + 10):
        sink.take(message)
    assert (fact(sink, "waiting"), fact(sink, "dropped")) == (WAITING_EVENTS, 10)
    began = time.monotonic()
    sink.close()
    assert time.monotonic() - began < 3
    assert (fact(sink, "waiting"), fact(sink, "dropped")) == (0, WAITING_EVENTS + 10)


# The end

DAEMON = """
import sys, time
sys.path.insert(0, sys.argv[2])
from happenings import Daemon
from mgcld_plugins.sinks.mqtt import MqttSink
sink, daemon = MqttSink("127.0.0.1", int(sys.argv[1]), discovery=True), Daemon()
for message in (daemon.meta("dog", sources=["mic"]), daemon.event()):
    sink.take(message)
time.sleep(100)
"""


@mosquitto
def test_the_will_of_a_killed_daemon_says_offline_and_the_next_one_begins_with_off(
    broker: Broker, listener: Listener, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    process = subprocess.Popen([sys.executable, "-c", DAEMON, str(broker.port), str(Path(__file__).parent)])
    try:
        until(lambda: listener.payloads("mgcl/attic/state/mic/dog")[-1:] == [b"ON"])
    finally:
        process.kill()
        process.wait(10)
    until(lambda: listener.retained["mgcl/attic/status"] == b"offline")
    sink = sink_to(broker.port, discovery=True)
    sink.take(daemon.meta("dog", sources=["mic"]))
    until(lambda: listener.retained["mgcl/attic/status"] == b"online")
    until(lambda: listener.retained["mgcl/attic/state/mic/dog"] == b"OFF")


@mosquitto
def test_closing_delivers_what_waits_and_says_offline(
    broker: Broker,
    listener: Listener,
    daemon: Daemon,
    sink_to: Callable[..., MqttSink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (_mqtt_courier, _mqtt_delivery):  # for a machine that does much else: what is delivered ends sooner
        monkeypatch.setattr(module, "FLUSH_SECONDS", 30.0)
    sink = sink_to(broker.port)
    sink.take(daemon.meta("dog"))
    until(lambda: fact(sink, "connected"))
    for _ in range(40):
        sink.take(daemon.event())
    sink.close()
    until(lambda: listener.payloads("mgcl/attic/status")[-1:] == [b"offline"])
    assert len(listener.payloads("mgcl/attic/event/mic/dog")) == 40
    assert listener.payloads("mgcl/attic/status") == [b"online", b"offline"]
    assert "mqtt" not in {thread.name for thread in threading.enumerate()}


def test_a_sink_that_took_nothing_connects_to_nobody(sink_to: Callable[..., MqttSink]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        rude.settimeout(0.3)
        sink = sink_to(rude.getsockname()[1])
        sink.close()
        with pytest.raises(TimeoutError):
            rude.accept()
    assert not fact(sink, "connected")


def test_a_server_that_accepts_and_says_nothing_delays_neither_messages_nor_the_end(
    daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        sink = sink_to(rude.getsockname()[1])
        began = time.monotonic()
        for _ in range(100):
            sink.take(daemon.event())
        connected, _ = rude.accept()
        with connected:
            assert (fact(sink, "connected"), fact(sink, "waiting")) == (False, 100)
            sink.close()
        assert time.monotonic() - began < 5
    assert fact(sink, "dropped") == 100


def test_a_server_that_hangs_up_at_once_is_told_with_a_hint(
    daemon: Daemon, sink_to: Callable[..., MqttSink], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        sink = sink_to(rude.getsockname()[1])
        sink.take(daemon.event())
        rude.accept()[0].close()
        until(lambda: fact(sink, "reason") == "ended")
        assert "tls: true" in fact(sink, "hint")
        sink.close()


def test_a_host_without_an_address_is_told(daemon: Daemon) -> None:
    sink = MqttSink("no-such-host.invalid")
    sink.take(daemon.event())
    until(lambda: fact(sink, "reason") is not None)
    sink.close()
    assert fact(sink, "reason") == "dns"


# Passwords and TLS

PASSWORD = "correct-horse-battery"


@pytest.fixture
def passwords(tmp_path: Path) -> str:
    """The broker's option: there is one user, `ear`."""
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "ear", PASSWORD], check=True, capture_output=True)
    file.chmod(0o600)
    return f"password_file {file}"


@mosquitto
def test_a_user_with_a_password_from_a_file_or_the_environment_is_let_in(
    tmp_path: Path, passwords: str, daemon: Daemon, sink_to: Callable[..., MqttSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("MQTT_SECRET", PASSWORD)
    with Broker(tmp_path, passwords) as broker:
        for where in ({"password_file": tmp_path / "secret"}, {"password_env": "MQTT_SECRET"}):
            sink = sink_to(broker.port, user="ear", **where)
            sink.take(daemon.event())
            until(lambda sink=sink: fact(sink, "delivered") == 1)
            assert PASSWORD not in f"{sink!r} {sink.facts} {sink._address!r} {sink._address}"
            sink.close()


@mosquitto
def test_a_wrong_password_is_told_plainly_and_not_tried_again_soon(
    tmp_path: Path,
    passwords: str,
    daemon: Daemon,
    sink_to: Callable[..., MqttSink],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MQTT_SECRET", "planted-and-wrong")
    with Broker(tmp_path, passwords) as broker, caplog.at_level(logging.DEBUG):
        sink = sink_to(broker.port, user="ear", password_env="MQTT_SECRET")
        sink.take(daemon.event())
        until(lambda: fact(sink, "reason") == "auth")
        time.sleep(2.5)
        assert broker.log.count("not authorised") == 1
        assert fact(sink, "waiting") == 1
    assert re.search(r"WARNING.*auth: it refuses user or password .*again in 60 s", caplog.text)
    assert "planted-and-wrong" not in f"{caplog.text} {sink.facts} {sink!r}"


@mosquitto
@pytest.mark.system("openssl")
def test_tls_is_spoken_with_an_authority_of_one_s_own_and_a_certificate_for_oneself(
    tmp_path: Path, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    authority = Authority(tmp_path)
    server, client = authority.signed("server", "IP:127.0.0.1"), authority.signed("client", "DNS:attic")
    options = [f"cafile {authority.file}", f"certfile {server.public}", f"keyfile {server.key}"]
    with Broker(tmp_path, *options, "require_certificate true") as broker:
        known = {"tls": True, "ca_file": authority.file, "cert_file": client.public, "key_file": client.key}
        sink = sink_to(broker.port, **known)
        sink.take(daemon.event())
        until(lambda: fact(sink, "delivered") == 1)
        assert sink.facts["broker"] == f"mqtts://127.0.0.1:{broker.port}"
        sink.close()


@mosquitto
@pytest.mark.system("openssl")
def test_a_broker_that_nobody_vouches_for_is_refused_unless_that_is_wished(
    tmp_path: Path, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    authority = Authority(tmp_path)
    server = authority.signed("server", "DNS:elsewhere.example")
    with Broker(tmp_path, f"certfile {server.public}", f"keyfile {server.key}") as broker:
        strict = sink_to(broker.port, tls=True)
        named = sink_to(broker.port, tls=True, ca_file=authority.file, client_id="named")
        for sink in (strict, named):
            sink.take(daemon.event())
            until(lambda sink=sink: fact(sink, "reason") == "tls")
            sink.close()
        trusting = sink_to(broker.port, tls=True, verify=False)
        trusting.take(daemon.event())
        until(lambda: fact(trusting, "delivered") == 1)


# Home Assistant

Configs = dict[str, dict[str, Any]]


def configs(listener: Listener) -> Configs:
    """What Home Assistant finds: topic -> configuration."""
    pattern = r"homeassistant/binary_sensor/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config"
    found = {topic: payload for topic, payload in listener.retained.items() if topic.startswith("homeassistant/")}
    assert all(re.fullmatch(pattern, topic) for topic in found)
    return {topic: json.loads(payload) for topic, payload in found.items()}


def states(listener: Listener) -> dict[str, str]:
    """The sensors as Home Assistant shows them: name -> state."""
    retained = listener.retained
    return {c["name"]: retained.get(c["state_topic"], b"").decode() for c in configs(listener).values()}


@mosquitto
def test_a_sensor_is_on_from_the_start_of_an_event_to_its_end(
    broker: Broker, listener: Listener, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(broker.port, discovery=True)
    sink.take(daemon.meta("dog", "doorbell"))
    sink.take(daemon.health("mic"))
    sink.take(daemon.health("yard"))
    wanted = {"mic dog": "OFF", "mic doorbell": "OFF", "yard dog": "OFF", "yard doorbell": "OFF"}
    until(lambda: states(listener) == wanted)
    sink.take(start := daemon.event("start", "dog", "yard"))
    until(lambda: states(listener) == wanted | {"yard dog": "ON"})
    sink.take(daemon.event("end", "dog", "yard", id=start.body["id"], reason="quiet"))
    until(lambda: states(listener) == wanted)
    (yard,) = [config for config in configs(listener).values() if config["name"] == "yard dog"]
    assert yard["device_class"] == "sound"
    assert listener.retained[yard["availability_topic"]] == b"online"
    assert yard["device"]["name"] == "mgcld attic"
    assert yard["device"]["sw_version"] == yard["origin"]["sw_version"] != ""
    assert len(listener.payloads(yard["json_attributes_topic"])) == 2
    assert len({config["unique_id"] for config in configs(listener).values()}) == 4
    assert len({json.dumps(config["device"]) for config in configs(listener).values()}) == 1


@mosquitto
def test_sensors_come_and_go_with_classes_and_sources(
    broker: Broker, listener: Listener, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(broker.port, discovery=True)
    sink.take(daemon.meta("dog", "cat", sources=["mic", "yard"]))
    sink.take(daemon.health("yard"))
    sink.take(daemon.event("start", "cat", "yard"))
    until(lambda: len(states(listener)) == 4)
    assert "mgcl/attic/health/yard" in listener.retained
    sink.take(daemon.meta("dog", "owl", sources=["mic"]))
    until(lambda: states(listener) == {"mic dog": "OFF", "mic owl": "OFF"})
    left = re.compile(r"mgcl/attic/(state|health)/.*(yard|cat)")
    until(lambda: not [topic for topic in listener.retained if left.match(topic)])


@mosquitto
def test_what_an_earlier_run_left_behind_is_removed_and_what_is_others_stays(
    broker: Broker, listener: Listener, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    before = sink_to(broker.port, discovery=True)
    before.take(daemon.meta("dog", "cat", sources=["mic"]))
    other = sink_to(broker.port, discovery=True)
    other.take(Daemon("attic2").meta("cat", sources=["mic"]))
    until(lambda: len(configs(listener)) == 3)
    before.close()
    after = sink_to(broker.port, discovery=True)
    after.take(daemon.meta("dog", sources=["mic"]))
    after.take(daemon.health())

    def cleaned() -> bool:
        after.take(daemon.health())
        return len(configs(listener)) == 2

    until(cleaned)
    assert {config["device"]["name"] for config in configs(listener).values()} == {"mgcld attic", "mgcld attic2"}
    assert "mgcl/attic/state/mic/cat" not in listener.retained
    assert listener.retained["mgcl/attic2/state/mic/cat"] == b"OFF"


@mosquitto
def test_after_a_restart_of_the_broker_every_sensor_stands_as_it_is(
    broker: Broker, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(broker.port, discovery=True)
    sink.take(daemon.meta("dog", "cat", sources=["mic"]))
    sink.take(daemon.event("start", "cat"))
    sink.take(over := daemon.event("start", "dog"))
    until(lambda: fact(sink, "delivered") == 3)
    broker.kill()
    sink.take(daemon.event("end", "dog", id=over.body["id"], reason="quiet"))
    broker.start()
    with Listener(broker.port) as listener:
        until(lambda: states(listener) == {"mic dog": "OFF", "mic cat": "ON"})
        until(lambda: listener.retained.get("mgcl/attic/status") == b"online")


@mosquitto
def test_a_status_that_somebody_else_set_to_offline_is_put_right(
    broker: Broker, listener: Listener, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(broker.port)
    sink.take(daemon.meta("dog"))
    until(lambda: listener.payloads("mgcl/attic/status") == [b"online"])
    listener.publish("mgcl/attic/status", b"offline")
    until(lambda: listener.payloads("mgcl/attic/status") == [b"online", b"offline", b"online"])


@mosquitto
def test_classes_of_any_name_have_a_topic_and_a_sensor_of_their_own(
    broker: Broker, listener: Listener, daemon: Daemon, sink_to: Callable[..., MqttSink]
) -> None:
    sink = sink_to(broker.port, discovery=True)
    sink.take(daemon.meta(*HOSTILE, sources=["mic"]))
    for name in HOSTILE:
        sink.take(daemon.event(name=name))
    events = re.compile(r"mgcl/attic/event/mic/[A-Za-z0-9_.~%-]+")

    def heard() -> dict[str, str]:
        received = [message for message in [*listener.messages] if "/event/" in message.topic]
        return {json.loads(message.payload)["body"]["class"]: message.topic for message in received}

    until(lambda: len(heard()) == len(HOSTILE))
    assert all(events.fullmatch(topic) for topic in heard().values())
    assert len(set(heard().values())) == len(HOSTILE)
    until(lambda: len(configs(listener)) == len(HOSTILE))
    for config in configs(listener).values():
        assert config["name"].isprintable()
        assert len(config["name"]) < 200
        until(lambda config=config: listener.retained.get(config["state_topic"]) == b"ON")
    assert {config["json_attributes_topic"] for config in configs(listener).values()} == set(heard().values())


# Options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"sinks\.home\.host: missing"),
        ({"host": ""}, "is no host"),
        ({"host": "mqtt://broker"}, "is no host"),
        ({"host": "me:secret@broker"}, "is no host"),
        ({"host": "b", "port": 70_000}, "is no port"),
        ({"host": "b", "user": "me", "password_env": "ABSENT_SECRET"}, "no password in the environment variable"),
        ({"host": "b", "user": "me", "password_file": "absent"}, "cannot be read"),
        ({"host": "b", "user": "me", "password_file": "a", "password_env": "B"}, "both given"),
        ({"host": "b", "password_env": "ABSENT_SECRET"}, "nobody whose it is"),
        ({"host": "b", "ca_file": "ca.pem"}, "without tls: true"),
        ({"host": "b", "verify": False}, "without tls: true"),
        ({"host": "b", "tls": True, "key_file": "key.pem"}, "without a cert_file"),
        ({"host": "b", "tls": True, "ca_file": "absent.pem"}, "TLS cannot use .*absent.pem: No such file"),
        ({"host": "b", "tls": True, "cert_file": "empty.pem"}, "TLS cannot use .*empty.pem"),
        ({"host": "b", "topic": "a/#"}, "is no topic"),
        ({"host": "b", "topic": "/a"}, "is no topic"),
        ({"host": "b", "topic": "$SYS/a"}, "is no topic"),
        ({"host": "b", "topic": "a\0b"}, "is no topic"),
        ({"host": "b", "topic": "ü" * 300}, "is no topic"),
        ({"host": "b", "discovery": True, "discovery_prefix": "+"}, "discovery_prefix: .* is no topic"),
        ({"host": "b", "kinds": []}, "kinds is empty"),
        ({"host": "b", "kinds": ["sound"]}, r"sinks\.home\.kinds"),
        ({"host": "b", "qos": 2}, r"sinks\.home\.qos"),
        ({"host": "b", "client_id": ""}, "is no client_id"),
        ({"host": "b", "password": "secret"}, r"sinks\.home\.password: unknown key"),
    ],
)
def test_options_that_make_no_sense_are_named_without_secrets(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    (tmp_path / "empty.pem").touch()
    sink = load("sink", "mqtt")
    with pytest.raises(ConfigError, match=said) as raised:
        sink(**options_of(sink, options, where="sinks.home", base=tmp_path))
    assert raised.value.help
    assert "secret@" not in str(raised.value)
