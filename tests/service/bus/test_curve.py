"""The encrypted bus: who knows the keys hears, and nobody else; heard by plain pyzmq in other processes."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq
from children import Child

from mgcld.data import Message
from mgcld.errors import PublishError
from mgcld.service import wire
from mgcld.service.bus import guard, keys
from mgcld.service.bus.keys import CurveKeys
from mgcld.service.bus.publisher import Publisher

LOOPBACK = "tcp://127.0.0.1:*"
SUBSCRIBER = """
import sys, zmq
sub = zmq.Context().socket(zmq.SUB)
if len(sys.argv) > 2:
    own, secret, server = (key.encode() for key in sys.argv[2:])
    sub.curve_publickey, sub.curve_secretkey, sub.curve_serverkey = own, secret, server
sub.subscribe("mgcl/v1/")
sub.connect(sys.argv[1])
print("connecting")
while True:
    print(sub.recv_multipart()[0].decode())
"""


@dataclass
class Encrypted:
    """A bus, its folder of clients, and its log."""

    bus: Publisher
    own: CurveKeys
    clients: Path
    log: pytest.LogCaptureFixture

    def allow(self, name: str) -> list[bytes]:
        """The keys of a new listener that may listen."""
        public, secret = zmq.curve_keypair()
        (self.clients / f"{name}.key").write_bytes(keys.file_text(public))
        self.bus.reload_keys()
        return [public, secret, self.own.public]

    def listener(self, *them: bytes) -> Child:
        """Somebody with these keys."""
        return Child(SUBSCRIBER, self.bus.endpoint, *(key.decode() for key in them))


@pytest.fixture
def encrypted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Encrypted]:
    caplog.set_level(logging.INFO)
    keys.create(tmp_path, "mgcld")
    clients = tmp_path / "clients"
    clients.mkdir()
    own = CurveKeys.load(tmp_path / "mgcld.key_secret", clients)
    with Publisher(LOOPBACK, beside=f"ipc://{tmp_path}/beside", curve=own) as bus:
        bus.publish(wire.Stamper("attic").stamp(meta()))
        yield Encrypted(bus, own, clients, caplog)


def meta() -> Message:
    return wire.meta(wire.Meta(["siren"], [0.5], "mini", None, "0a1b", 5.0, 5.0))


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def refused(encrypted: Encrypted, *them: bytes) -> str:
    """What the log says of somebody who must hear nothing."""
    before = encrypted.bus.handshakes_failed
    with encrypted.listener(*them) as child:
        assert child.line() == "connecting"
        until(lambda: encrypted.bus.handshakes_failed > before)
        time.sleep(0.3)
        assert not child.waiting()
    return encrypted.log.text


def test_whose_key_is_in_the_folder_hears(encrypted: Encrypted) -> None:
    with encrypted.listener(*encrypted.allow("phone")) as child:
        assert [child.line(), child.line()] == ["connecting", "mgcl/v1/meta/"]
    assert encrypted.bus.handshakes_failed == 0


def test_nobody_may_listen_at_first_and_the_log_says_so(encrypted: Encrypted) -> None:
    assert any("nobody may connect" in record.getMessage() for record in encrypted.log.get_records("setup"))
    stranger = zmq.curve_keypair()
    told = refused(encrypted, *stranger, encrypted.own.public)
    assert f"refused 127.0.0.1: its key {stranger[0].decode()} is not among the clients'" in told
    assert stranger[1].decode() not in told


def test_who_has_another_server_s_key_hears_nothing(encrypted: Encrypted) -> None:
    own, secret, _ = encrypted.allow("phone")
    assert "does not have this daemon's public key" in refused(encrypted, own, secret, zmq.curve_keypair()[0])


def test_who_does_not_encrypt_hears_nothing(encrypted: Encrypted) -> None:
    assert "publisher: refused" in refused(encrypted)


def test_who_is_no_zeromq_at_all_is_told_with_its_address(encrypted: Encrypted) -> None:
    port = int(encrypted.bus.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        until(lambda: bool(encrypted.bus._guard and encrypted.bus._guard.connections))
        caller.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: encrypted.bus.handshakes_failed == 1)
        assert f"refused 127.0.0.1:{caller.getsockname()[1]}: it speaks no ZeroMQ" in encrypted.log.text


def test_refusals_are_counted_all_and_told_a_few_times(encrypted: Encrypted) -> None:
    port = int(encrypted.bus.endpoint.rpartition(":")[2])
    for _ in range(40):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
            caller.sendall(b"nonsense" * 20)
    until(lambda: encrypted.bus.handshakes_failed == 40)
    assert encrypted.log.text.count("publisher: refused") == guard.LINES


def test_a_key_that_is_added_while_it_runs_lets_its_owner_in(encrypted: Encrypted) -> None:
    public, secret = zmq.curve_keypair()
    with encrypted.listener(public, secret, encrypted.own.public) as child:
        assert child.line() == "connecting"
        until(lambda: encrypted.bus.handshakes_failed > 0)
        assert not child.waiting()
        (encrypted.clients / "late.key").write_bytes(keys.file_text(public))  # nobody tells: the folder is looked at
        until(lambda: "publisher: 1 may connect: late" in encrypted.log.text)
        with encrypted.listener(public, secret, encrypted.own.public) as again:
            assert [again.line(), again.line()] == ["connecting", "mgcl/v1/meta/"]


def test_a_key_that_is_taken_away_ends_its_connection_and_no_other(encrypted: Encrypted) -> None:
    stamper = wire.Stamper("attic")
    with encrypted.listener(*encrypted.allow("phone")) as phone, encrypted.listener(*encrypted.allow("hub")) as hub:
        for child in (phone, hub):
            assert [child.line(), child.line()] == ["connecting", "mgcl/v1/meta/"]
        (encrypted.clients / "phone.key").unlink()
        encrypted.bus.reload_keys()
        until(lambda: "among the clients' any more" in encrypted.log.text)
        time.sleep(0.3)
        phone.waiting()
        encrypted.bus.publish(stamper.stamp(meta()))
        assert hub.line() == "mgcl/v1/meta/"
        until(lambda: "refused 127.0.0.1" in encrypted.log.text)  # it tries again
        assert not phone.waiting()


def test_programs_of_this_machine_need_no_key_beside(encrypted: Encrypted) -> None:
    with Child(SUBSCRIBER, encrypted.bus._beside or "") as child:
        assert [child.line(), child.line()] == ["connecting", "mgcl/v1/meta/"]


def test_an_encrypted_bus_may_be_reached_from_other_machines(tmp_path: Path) -> None:
    pair = keys.create(tmp_path, "mgcld")
    with Publisher("tcp://0.0.0.0:*", curve=pair):
        pass
    with pytest.raises(PublishError, match="other machines") as refusal:
        Publisher("tcp://0.0.0.0:*").start()
    assert "mgcld keys" in refusal.value.help


def test_an_ipc_address_is_encrypted_too(tmp_path: Path) -> None:
    pair = keys.create(tmp_path, "mgcld")
    with Publisher(f"ipc://{tmp_path}/bus", curve=pair) as bus, Child(SUBSCRIBER, bus.endpoint) as child:
        assert child.line() == "connecting"
        until(lambda: bus.handshakes_failed > 0)


def test_old_protocols_in_which_nobody_is_asked_for_a_key_are_refused_also_without_keys() -> None:
    with Publisher(LOOPBACK) as bus:
        port = int(bus.endpoint.rpartition(":")[2])
        for greeting in (b"\x01\x00\x06\x00\x01mgcl", b"\xff\0\0\0\0\0\0\0\1\x7f\1\2\0\0\0\x05\x01mgcl"):
            before = bus.handshakes_failed
            with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
                caller.sendall(greeting)
                until(lambda before=before: bus.handshakes_failed > before)  # type: ignore[misc]


def test_no_secret_reaches_the_log(encrypted: Encrypted) -> None:
    encrypted.log.set_level(logging.DEBUG)
    _, secret, _ = them = encrypted.allow("phone")
    with encrypted.listener(*them) as child:
        child.line()
        assert child.line()
    for each in (encrypted.own.secret, secret):
        assert each.decode() not in encrypted.log.text
