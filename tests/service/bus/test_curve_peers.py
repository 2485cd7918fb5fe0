"""Connections seen from below, and the guard of any other socket than the bus's."""

import socket
from pathlib import Path

import zmq

from mgcld.service.bus import keys
from mgcld.service.bus.guard import Guard
from mgcld.service.bus.keys import CurveKeys
from mgcld.service.bus.peers import accepted


def connected() -> tuple[socket.socket, socket.socket]:
    """(the side of who accepts, the other side)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = socket.create_connection(server.getsockname(), timeout=10)
        return server.accept()[0], caller


def test_a_connection_is_cut_off_by_its_number() -> None:
    ours, caller = connected()
    with ours, caller:
        connection = accepted(ours.fileno())
        assert connection.peer == f"127.0.0.1:{caller.getsockname()[1]}"
        connection.sever()
        assert caller.recv(1) == b""


def test_a_number_that_is_another_connection_s_by_now_is_left_alone() -> None:
    ours, caller = connected()
    with ours, caller:
        connection = accepted(ours.fileno())
    ours, caller = connected()
    with ours, caller:
        connection.descriptor = ours.fileno()
        connection.sever()
        ours.sendall(b"still here")
        assert caller.recv(100) == b"still here"


def test_what_was_gone_before_anybody_looked_has_no_name_and_is_not_cut() -> None:
    with socket.socket() as unconnected:
        connection = accepted(unconnected.fileno())
        connection.sever()
        assert connection.peer == "somebody who left at once"
    accepted(10_000_000).sever()


def test_a_local_peer_is_told_by_its_process() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert accepted(ours.fileno()).peer.startswith("process ")


def test_another_socket_is_guarded_the_same_way_and_knows_who_asks(tmp_path: Path) -> None:
    keys.create(tmp_path, "mgcld")
    (tmp_path / "clients").mkdir()
    public, secret = zmq.curve_keypair()
    (tmp_path / "clients" / "phone.key").write_bytes(keys.file_text(public))
    own = CurveKeys.load(tmp_path / "mgcld.key_secret", tmp_path / "clients")
    with zmq.Context() as theirs, zmq.Context() as ours, theirs.socket(zmq.DEALER) as dealer:
        guard = Guard(ours, own, "control")
        with ours.socket(zmq.ROUTER) as router:
            router.linger = dealer.linger = 0
            guard.protect(router, encrypted=True)
            router.bind("tcp://127.0.0.1:*")
            dealer.curve_publickey, dealer.curve_secretkey, dealer.curve_serverkey = public, secret, own.public
            dealer.connect(router.last_endpoint.decode())
            dealer.send(b"status")
            frame = _asked(guard, router)
            asker = guard.sender(frame)
            assert (frame.bytes, asker and asker.user) == (b"status", public.decode())
            assert guard.failed == 0
            guard.close()


def _asked(guard: Guard, router: "zmq.Socket[bytes]") -> zmq.Frame:
    """The last frame of a request, as the owner of the socket waits for it."""
    poller = zmq.Poller()
    for known in (router, *guard.sockets):
        poller.register(known, zmq.POLLIN)
    for _ in range(100):
        ready = dict(poller.poll(1000))
        guard.turn()
        if router in ready:
            return router.recv_multipart(copy=False)[-1]
    raise AssertionError("nobody asked")
