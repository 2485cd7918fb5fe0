"""The control socket: real sockets, and a small daemon behind it."""

import contextlib
import json
import logging
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from children import Child
from controlled import HISTORY, SmallDaemon
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgcld.errors import CheckpointError, ConfigError, ControlError, MessageError, MgcldError, PublishError
from mgcld.service.control import orders
from mgcld.service.control.controller import Controller
from mgcld.service.control.requests import (
    ID_BYTES,
    KEYS,
    REQUEST_BYTES,
    Busy,
    InternalError,
    Timeout,
)
from mgcld.service.control.router import MESSAGE_BYTES, PEER_MESSAGES
from mgcld.service.control.server import REST, Control, started_control

PATIENCE_MS = 20_000


@pytest.fixture
def daemon() -> Iterator[SmallDaemon]:
    with SmallDaemon() as started:
        yield started


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/control.ipc"


@pytest.fixture
def control(daemon: SmallDaemon, endpoint: str) -> Iterator[Control]:
    with Control(endpoint, daemon) as started:
        yield started
    assert started.failed is None


@pytest.fixture
def controller(control: Control) -> Iterator[Controller]:
    with Controller(control.endpoint) as connected:
        yield connected


@contextlib.contextmanager
def connected(endpoint: str, kind: int = zmq.DEALER) -> "Iterator[zmq.Socket[bytes]]":
    with zmq.Context() as context, context.socket(kind) as asking:
        asking.linger = 0
        asking.rcvtimeo = asking.sndtimeo = PATIENCE_MS
        asking.connect(endpoint)
        yield asking


def asked(asking: "zmq.Socket[bytes]", frame: bytes) -> dict[str, Any]:
    asking.send(frame)
    reply: dict[str, Any] = json.loads(asking.recv())
    return reply


def test_what_can_be_asked_is_answered(controller: Controller, daemon: SmallDaemon) -> None:
    status = controller.ask("status")
    assert (status["node"], status["boot_id"], status["ready"], status["stuck"]) == ("attic", "b007", True, False)
    assert (status["realtime_factor"], status["adapter"], status["alarms"]) == (0.12, "0a1b", ["yard"])
    assert status["sources"] == {"live": 1, "lost": 1}
    assert [event["class"] for event in status["events"]] == ["siren"]
    assert controller.ask("snapshot") == json.loads(json.dumps(daemon.snapshot().as_json()))
    assert controller.ask("classes") == {"adapter": "0a1b", "classes": ["siren", "dog"], "thresholds": [0.5, 0.25]}


def test_sources_come_with_their_whole_history(controller: Controller) -> None:
    sources = controller.ask("sources")["sources"]
    assert [*sources] == ["kitchen", "yard"]
    assert sources["yard"]["history"] == [[step.at_ns, step.state, step.reason] for step in HISTORY]


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.REQ])
def test_any_asking_socket_will_do_and_gets_its_id_back(control: Control, kind: int) -> None:
    with connected(control.endpoint, kind) as asking:
        for id in (7, "seven", None, [1, {"a": 2}]):
            reply = asked(asking, json.dumps({"do": "classes", "id": id}).encode())
            assert (reply["id"], reply["ok"], reply["result"]["adapter"]) == (id, True, "0a1b")
        assert asked(asking, b'{"do": "classes"}')["id"] is None
        assert asked(asking, b"")["error"]["name"] == "BadRequest"


def test_orders_are_carried_out(controller: Controller, daemon: SmallDaemon, tmp_path: Path) -> None:
    assert controller.ask("pause", source="kitchen") == {"source": "kitchen", "state": "paused"}
    assert daemon.statuses["kitchen"].state == "paused"
    controller.ask("resume", source="kitchen")
    assert daemon.statuses["kitchen"].state == "connecting"
    assert controller.ask("reload") == {"changed": ["sources.yard"], "restart_needed": ["encoder"]}
    (tmp_path / "other").touch()
    assert controller.ask("swap", adapter=str(tmp_path / "other"))["adapter"] == "other"
    assert controller.ask("swap", adapter=None)["adapter"] == "0a1b"


def test_an_error_keeps_its_class_its_help_and_its_exit_code(controller: Controller) -> None:
    with pytest.raises(ConfigError, match="no source is called attic") as told:
        controller.ask("pause", source="attic")
    assert (told.value.help, told.value.exit_code) == ("there are kitchen, yard", 78)
    with pytest.raises(CheckpointError, match="no adapter"):
        controller.ask("swap", adapter="/nowhere/adapter.safetensors")


def test_no_password_comes_with_an_error(control: Control) -> None:
    with connected(control.endpoint) as asking:
        reply = asked(asking, b'{"do": "pause", "source": "leak"}')
    assert "camera/1" in reply["error"]["message"] and "camera/1" in reply["error"]["help"]
    assert "secret" not in json.dumps(reply)


def test_a_bug_is_named_and_its_traceback_stays_in_the_log(
    control: Control, daemon: SmallDaemon, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "TRACEBACKS", orders.Limit(3, 60.0))
    with Controller(control.endpoint) as controller:
        with pytest.raises(InternalError, match="ZeroDivisionError") as told:
            controller.ask("pause", source="oops")
        assert "secret" not in str(told.value)
        daemon.facts = {"level": float("nan")}
        with pytest.raises(InternalError, match="ValueError"):
            controller.ask("sources")
        assert controller.ask("classes")
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("frame", "name", "words"),
    [
        (b"", "BadRequest", "no JSON"),
        (b"\xff\xfe", "BadRequest", "no JSON"),
        (b"status", "BadRequest", "no JSON"),
        (b'{"do": "status", "id": NaN}', "BadRequest", "NaN"),
        (b'{"do": "status", "id": 1e999}', "BadRequest", "id"),
        (b'{"do": "status", "id": "' + b"x" * ID_BYTES + b'"}', "BadRequest", "id"),
        (b"[" * 8000 + b"]" * 8000, "BadRequest", "deep"),
        (b'{"do": "status", "id": ' + b"9" * 9000 + b"}", "BadRequest", "no JSON"),
        (b'{"do": "status", "x": "' + b"x" * REQUEST_BYTES + b'"}', "BadRequest", "too many"),
        (b'["status"]', "BadRequest", "object"),
        (b"{}", "BadRequest", "`do`"),
        (b'{"do": ["status"]}', "BadRequest", "`do`"),
        (b'{"do": "\\ud800\\u001b[2J"}', "UnknownRequest", "nothing is called"),
        (b'{"do": "shutdown"}', "UnknownRequest", "shutdown"),
        (b'{"do": "status", "source": "kitchen"}', "BadRequest", "no key"),
        (b'{"do": "pause"}', "BadRequest", "source"),
        (b'{"do": "pause", "source": 7}', "BadRequest", "source"),
        (b'{"do": "pause", "source": null}', "BadRequest", "source"),
        (b'{"do": "pause", "source": ""}', "BadRequest", "source"),
        (b'{"do": "swap"}', "BadRequest", "adapter"),
        (b'{"do": "swap", "adapter": "relative"}', "BadRequest", "absolute"),
        (b'{"do": "swap", "adapter": "/a\\u0000b"}', "BadRequest", "absolute"),
        (b'{"do": "swap", "adapter": "/\\ud800"}', "BadRequest", "absolute"),
    ],
)
def test_what_is_no_request_gets_a_named_error(control: Control, frame: bytes, name: str, words: str) -> None:
    with connected(control.endpoint) as asking:
        error = asked(asking, frame)["error"]
        assert (error["name"], error["exit_code"]) == (name, 76)
        assert words in error["message"] and error["message"].isprintable() and error["help"]
        assert asked(asking, b'{"do": "status"}')["ok"]


def test_who_errs_still_learns_in_which_request(control: Control) -> None:
    with connected(control.endpoint) as asking:
        assert asked(asking, b'{"do": "dance", "id": "me"}')["id"] == "me"
        asking.send_multipart([b"a", b"b", b"c", b"d", b"e"])
        assert json.loads(asking.recv())["error"]["name"] == "BadRequest"


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[zmq.Socket[bytes]]":
    """A connection to one control for many examples."""
    endpoint = f"ipc://{tmp_path_factory.mktemp('lasting')}/control.ipc"
    with SmallDaemon() as daemon, Control(endpoint, daemon) as control, connected(control.endpoint) as asking:
        yield asking
        assert control.failed is None


KEY = st.one_of(st.sampled_from(["do", "id", "source", "adapter"]), st.text(max_size=5))
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from([*KEYS])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEY, inner, max_size=4)),
    max_leaves=10,
)


@given(
    frame=st.one_of(st.binary(max_size=200), st.dictionaries(KEY, VALUE).map(lambda value: json.dumps(value).encode()))
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_asked_gets_one_reply(lasting: "zmq.Socket[bytes]", frame: bytes) -> None:
    reply = asked(lasting, frame)
    assert reply["ok"] is True or reply["error"]["name"] in {
        *("BadRequest", "UnknownRequest", "ConfigError", "CheckpointError"),
    }


@given(frames=st.lists(st.binary(max_size=20), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_any_frames_get_one_reply(lasting: "zmq.Socket[bytes]", frames: list[bytes]) -> None:
    lasting.send_multipart(frames)
    *delimiter, reply = lasting.recv_multipart()
    assert delimiter == ([b""] if len(frames) > 1 and not frames[0] else [])
    assert json.loads(reply)["ok"] is False


def test_whoever_sends_more_than_a_mebibyte_is_disconnected(control: Control, controller: Controller) -> None:
    with connected(control.endpoint) as asking:
        events = asking.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        assert asked(asking, b"x" * MESSAGE_BYTES)["error"]["name"] == "BadRequest"
        asking.send(b"x" * (MESSAGE_BYTES + 1))
        assert events.poll(PATIENCE_MS)
        asking.disable_monitor()
        events.close()
    assert controller.ask("status")


def test_noise_and_half_handshakes_harm_nobody(control: Control, controller: Controller) -> None:
    path = control.endpoint.removeprefix("ipc://")
    with contextlib.ExitStack() as open_ones:
        for noise in (b"", b"\xff\x00\x00\x00\x00", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 40):
            peer = open_ones.enter_context(socket.socket(socket.AF_UNIX))
            peer.connect(path)
            with contextlib.suppress(OSError):
                peer.sendall(noise)
        assert controller.ask("status")
    assert controller.ask("status")


def test_a_slow_order_keeps_nobody_waiting(control: Control, daemon: SmallDaemon) -> None:
    daemon.going.clear()
    with connected(control.endpoint) as slow, Controller(control.endpoint) as quick:
        slow.send(b'{"do": "reload", "id": 1}')
        assert not slow.poll(100)
        assert quick.ask("status")["ready"]
        slow.send(b'{"do": "status", "id": 2}')
        assert json.loads(slow.recv())["id"] == 2
        daemon.going.set()
        assert json.loads(slow.recv())["id"] == 1


def test_of_too_many_orders_the_last_are_told_that_it_is_busy(control: Control, daemon: SmallDaemon) -> None:
    daemon.going.clear()
    with connected(control.endpoint) as asking, Controller(control.endpoint) as other:
        for id in range(orders.MOST_ORDERS):
            asking.send(json.dumps({"do": "reload", "id": id}).encode())
        assert asked(asking, b'{"do": "reload", "id": "more"}')["error"]["name"] == "Busy"
        with pytest.raises(Busy) as told:
            other.ask("pause", source="kitchen")
        assert (told.value.exit_code, "stuck" in told.value.help) == (71, True)
        daemon.going.set()
        assert {json.loads(asking.recv())["id"] for _ in range(orders.MOST_ORDERS)} == {*range(orders.MOST_ORDERS)}
        assert other.ask("pause", source="kitchen")


def test_an_order_that_takes_too_long_is_given_up_but_not_undone(daemon: SmallDaemon, endpoint: str) -> None:
    daemon.going.clear()
    with Control(endpoint, daemon, order_seconds=0.1), Controller(endpoint) as controller:
        with pytest.raises(Timeout, match="may still be"):
            controller.ask("pause", source="kitchen")
        assert daemon.statuses["kitchen"].state == "live"
        daemon.going.set()
        assert controller.ask("swap", adapter=None)
        assert daemon.statuses["kitchen"].state == "paused"


def test_what_was_given_up_keeps_its_place_until_it_is_done(daemon: SmallDaemon, endpoint: str) -> None:
    daemon.going.clear()
    with Control(endpoint, daemon, order_seconds=0.1), connected(endpoint) as asking:
        for _ in range(orders.MOST_ORDERS):
            asking.send(b'{"do": "reload"}')
        names = [json.loads(asking.recv())["error"]["name"] for _ in range(orders.MOST_ORDERS)]
        assert names == ["Timeout"] * orders.MOST_ORDERS
        assert asked(asking, b'{"do": "reload"}')["error"]["name"] == "Busy"
        daemon.going.set()
        deadline = time.monotonic() + 20
        while not asked(asking, b'{"do": "reload"}')["ok"]:
            assert time.monotonic() < deadline


def test_who_waits_is_told_when_it_ends(daemon: SmallDaemon, endpoint: str) -> None:
    daemon.going.clear()
    control = Control(endpoint, daemon)
    control.start()
    with connected(endpoint) as asking:
        asking.send(b'{"do": "reload"}')
        assert not asking.poll(200)
        control.close()
        assert json.loads(asking.recv())["error"]["name"] == "Stopping"
    daemon.going.set()
    assert not Path(endpoint.removeprefix("ipc://")).exists()


def test_who_never_reads_costs_nothing(control: Control, controller: Controller) -> None:
    before = psutil.Process().memory_info().rss
    with connected(control.endpoint) as deaf:
        for _ in range(3000):
            with contextlib.suppress(zmq.Again):
                deaf.send(b'{"do": "sources"}', zmq.NOBLOCK)
            time.sleep(0.0002)
        assert controller.ask("status")
    assert psutil.Process().memory_info().rss - before < 30e6


def test_memory_is_flat_over_many_requests(control: Control) -> None:
    frames = [b'{"do": "classes", "id": 1}', b'{"do": "dance"}', b"{", b'{"do": "pause", "source": "attic"}']
    with connected(control.endpoint) as asking:
        resident = []
        for _ in range(2):
            for number in range(10_000):
                asking.send(frames[number % len(frames)])
                if number >= 10:
                    asking.recv()
            for _ in range(10):
                asking.recv()
            resident.append(psutil.Process().memory_info().rss)
    assert resident[1] - resident[0] < 3e6


def test_a_flood_takes_a_part_of_one_core_and_others_are_heard(control: Control, daemon: SmallDaemon) -> None:
    ended = threading.Event()

    def flood() -> None:
        with connected(control.endpoint) as asking:
            while not ended.is_set():
                with contextlib.suppress(zmq.Again):
                    asking.send(b'{"do": "snapshot"}', zmq.NOBLOCK)
                    continue
                time.sleep(0.001)

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        assert control._thread is not None and control._thread.ident is not None
        clock = time.pthread_getcpuclockid(control._thread.ident)
        with Controller(control.endpoint) as controller:
            assert controller.ask("status")
            began, spent = time.monotonic(), time.clock_gettime(clock)
            time.sleep(1.0)
            share = (time.clock_gettime(clock) - spent) / (time.monotonic() - began)
            assert controller.ask("pause", source="kitchen")["state"] == "paused"
    finally:
        ended.set()
        flooding.join()
    assert share < 2 / (1 + REST), share


def test_only_its_user_can_use_it_and_nothing_is_left_behind(daemon: SmallDaemon, endpoint: str) -> None:
    path = Path(endpoint.removeprefix("ipc://"))
    with Control(endpoint, daemon):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(PublishError, match="a process listens there"):
            Control(endpoint, daemon).start()
        assert path.exists()
    assert not path.exists()


def test_the_socket_of_a_dead_process_is_replaced_and_no_other_file(daemon: SmallDaemon, endpoint: str) -> None:
    path = Path(endpoint.removeprefix("ipc://"))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with Control(endpoint, daemon), Controller(endpoint) as controller:
        assert controller.ask("status")
    path.write_text("precious")
    with pytest.raises(PublishError, match="no socket"):
        Control(endpoint, daemon).start()
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("tcp://127.0.0.1:*", "nobody would be asked for a key"),
        ("tcp://0.0.0.0:5767", "nobody would be asked for a key"),
        ("ipc://@mgcld", "every user of this machine"),
        ("ipc:///nowhere/control.ipc", "No such file"),
        ("ipc://" + "/x" * 60, "at most 107 bytes"),
        ("inproc://x", "no such kind"),
        ("", "no such kind"),
    ],
)
def test_what_others_could_reach_or_nobody_can_bind_is_refused(daemon: SmallDaemon, endpoint: str, words: str) -> None:
    with pytest.raises(PublishError, match=words) as told:
        Control(endpoint, daemon).start()
    assert told.value.help


def test_tcp_is_for_those_with_a_key(daemon: SmallDaemon) -> None:
    public, secret = zmq.curve_keypair()

    class Guard:
        """Lets in whoever knows the daemon's key."""

        sockets = ()

        def protect(self, protected: "zmq.Socket[bytes]", *, encrypted: bool) -> None:
            protected.curve_secretkey, protected.curve_server = secret, encrypted

        def sender(self, frame: zmq.Frame) -> object:
            return frame

        def turn(self) -> None:
            pass

        def close(self) -> None:
            pass

    def key(dealer: "zmq.Socket[bytes]") -> None:
        dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
        dealer.curve_serverkey = public

    with Control("tcp://localhost:*", daemon, guard=lambda _: Guard()) as control:
        with Controller(control.endpoint, protect=key) as controller:
            assert controller.ask("status")["node"] == "attic"
        with Controller(control.endpoint) as stranger, pytest.raises(ControlError, match="nothing answers"):
            stranger.ask("status", timeout_seconds=0.3)


def test_a_default_place_that_cannot_be_had_is_a_warning(
    daemon: SmallDaemon, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "nowhere"))
    assert started_control(daemon, publish_endpoint="tcp://127.0.0.1:5765") is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    with pytest.raises(PublishError):
        started_control(daemon, publish_endpoint="tcp://127.0.0.1:5765", endpoint=f"ipc://{tmp_path}/no/x")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    control = started_control(daemon, publish_endpoint="tcp://127.0.0.1:5765")
    assert control is not None and control.endpoint == f"ipc://{tmp_path}/control.ipc"
    control.close()


def answering(endpoint: str, *frames: bytes) -> threading.Thread:
    """A server that answers one request with these frames, or not at all."""
    bound = threading.Event()

    def serve() -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            router.linger = 10_000
            router.bind(endpoint)
            bound.set()
            if router.poll(PATIENCE_MS):
                peer = router.recv_multipart()[0]
                if frames:
                    router.send_multipart([peer, *frames])
                else:
                    time.sleep(0.5)

    serving = threading.Thread(target=serve)
    serving.start()
    assert bound.wait(20)
    return serving


@pytest.mark.parametrize(
    "frames",
    [
        (b"hello",),
        (b"[]",),
        (b"[" * 100_000,),
        (b'{"id": 1}',),
        (b'{"id": 1, "ok": true}',),
        (b'{"id": 1, "ok": false, "error": "x"}',),
        (b'{"id": 1, "ok": false, "error": {"name": "X"}}',),
        (b"{}", b"{}"),
    ],
)
def test_what_is_no_reply_is_named(endpoint: str, frames: tuple[bytes, ...]) -> None:
    serving = answering(endpoint, *frames)
    with Controller(endpoint) as controller, pytest.raises(MessageError, match="no reply"):
        controller.ask("status")
    serving.join()


def test_a_server_that_is_silent_is_not_waited_for(endpoint: str) -> None:
    serving = answering(endpoint)
    with Controller(endpoint) as controller, pytest.raises(ControlError, match="has not answered status"):
        controller.ask("status", timeout_seconds=0.2)
    serving.join()


def test_an_error_of_a_newer_daemon_is_told_too(endpoint: str) -> None:
    error = {"name": "Tired\0", "message": "not now", "help": "wait", "exit_code": 99}
    serving = answering(endpoint, json.dumps({"id": 1, "ok": False, "error": error}).encode())
    with Controller(endpoint) as controller, pytest.raises(MgcldError, match="not now") as told:
        controller.ask("status")
    assert (told.value.exit_code, told.value.help) == (99, "wait")
    serving.join()


def test_there_must_be_a_socket(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="there is no socket"):
        Controller(f"ipc://{tmp_path}/nothing")
    (tmp_path / "file").touch()
    with pytest.raises(ControlError, match="is no socket"):
        Controller(f"ipc://{tmp_path}/file")
    with pytest.raises(ControlError, match="cannot connect"):
        Controller("kitchen")


BUSY = """
import sys, time, zmq
from mgcld.service.control.router import bound, made
router = made(zmq.Context())
print(bound(router, sys.argv[1]))
time.sleep(8)
count = 0
while router.poll(1000):
    router.recv_multipart()
    count += 1
print(count)
"""


def test_whoever_leaves_with_many_requests_unanswered_does_no_harm(endpoint: str) -> None:
    """Where libzmq has a heartbeat it would abort the daemon."""
    with Child(BUSY, endpoint) as daemon:
        with connected(daemon.line()) as asking:
            for _ in range(2000):
                asking.send(b'{"do": "status"}')
            time.sleep(1.0)
        assert int(daemon.line()) > PEER_MESSAGES
        assert daemon.wait() == 0
