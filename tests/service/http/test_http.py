"""Health and metrics over HTTP, asked on real sockets by the polite and by the rude."""

import contextlib
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from snapshots import SNAPSHOT

from mgcld.errors import PublishError
from mgcld.service.http import server as server_module
from mgcld.service.http.metrics import CONTENT_TYPE, Metrics
from mgcld.service.http.server import HttpServer
from mgcld.service.snapshot import Snapshot

ANSWER_SECONDS = 20.0


class Told:
    """The daemon's state, as a test sets it."""

    def __init__(self) -> None:
        self.snapshot = SNAPSHOT

    def __call__(self) -> Snapshot:
        return self.snapshot


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def server(told: Told) -> Iterator[HttpServer]:
    running = HttpServer("127.0.0.1:0", insecure=False, snapshot=told, metrics=Metrics())
    running.start()
    yield running
    running.close()


def port_of(server: HttpServer) -> int:
    return int(server.address.rpartition(":")[2])


def ask(server: HttpServer, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, http.client.HTTPMessage]:
    """Status, body (what JSON says, if it is that), headers."""
    host = server.address.rpartition(":")[0].strip("[]")
    connection = http.client.HTTPConnection(host, port_of(server), timeout=ANSWER_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    is_json = answer.headers["Content-Type"] == "application/json" and body
    return answer.status, json.loads(body) if is_json else body.decode(), answer.headers


def raw(server: HttpServer, data: bytes) -> bytes:
    """What comes back for these bytes, until the other side closes."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=ANSWER_SECONDS) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def until(condition: Callable[[], bool], seconds: float = ANSWER_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_it_is_alive_while_the_loop_turns(server: HttpServer, told: Told) -> None:
    assert ask(server, "/healthz")[:2] == (200, {"alive": True, "turned_seconds": 0.1})
    told.snapshot = replace(SNAPSHOT, stuck=True, turned_seconds=61.2)
    status, body, _ = ask(server, "/healthz")
    assert status == 503
    assert body == {"alive": False, "error": "the inference loop has not turned for 61 s"}


def test_it_is_ready_once_it_is_and_says_why_not(server: HttpServer, told: Told) -> None:
    assert ask(server, "/readyz")[:2] == (200, {"ready": True})
    told.snapshot = replace(SNAPSHOT, ready=False)
    assert ask(server, "/healthz")[0] == 200
    assert ask(server, "/readyz")[:2] == (503, {"ready": False, "error": "it is warming up, or on its way out"})
    told.snapshot = replace(SNAPSHOT, stuck=True)
    assert ask(server, "/readyz")[:2] == (503, {"ready": False, "error": "the inference loop hangs"})


def test_metrics_status_and_each_source_can_be_asked_for(server: HttpServer) -> None:
    status, page, headers = ask(server, "/metrics")
    assert (status, headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert 'mgcld_source_state{source="mic",state="live"} 1.0' in page
    status, everything, _ = ask(server, "/api/status")
    assert (status, everything) == (200, json.loads(json.dumps(SNAPSHOT.as_json())))
    status, source, _ = ask(server, "/api/sources/mic")
    assert status == 200
    assert source["history"] == [[1, "connecting", None], [1000, "live", None]]
    assert source["restarts_by_reason"] == {"dns": 1, "timeout": 2}
    status, index, headers = ask(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    for line in index.splitlines():
        if line.startswith("/") and "NAME" not in line:
            assert ask(server, line.split()[0])[0] == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/metrics/", "/api/sources/", "/api/sources/cellar", "/%2e%2e/etc/passwd"]
)
def test_what_is_not_there_is_told(server: HttpServer, path: str) -> None:
    status, body, headers = ask(server, path)
    assert status == 404
    assert "see /" in body["error"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_can_be_changed(server: HttpServer) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
        status, body, headers = ask(server, "/healthz", method)
        assert (status, headers["Allow"], body["error"]) == (405, "GET, HEAD", "nothing can be changed here: use GET")
        assert "Access-Control-Allow-Origin" not in headers
    assert b" 413 " in raw(server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
    assert b" 413 " in raw(server, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")


def test_a_head_is_an_answer_without_its_body(server: HttpServer) -> None:
    status, body, headers = ask(server, "/api/status", "HEAD")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) > 100


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.8.8:99", "[::1]", "[::1]:5766"])
def test_it_is_asked_under_this_machines_own_names(server: HttpServer, host: str) -> None:
    assert ask(server, "/healthz", Host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:80", "192.168.1.5:5766", "[fe80::1]", "]", "a b"]
)
def test_a_strangers_page_that_makes_its_name_lead_here_learns_nothing(
    server: HttpServer, told: Told, host: str
) -> None:
    status, body, _ = ask(server, "/api/status", Host=host)
    assert status == 403
    assert body.keys() == {"error"}
    allowed = HttpServer("127.0.0.1:0", insecure=True, snapshot=told, metrics=Metrics())
    allowed.start()
    assert ask(allowed, "/api/status", Host=host)[0] == 200
    allowed.close()


def test_one_answer_is_given_and_the_connection_closed(server: HttpServer) -> None:
    one = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    answers = raw(server, one * 100)
    assert answers.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in answers
    assert raw(server, one.replace(b"1.1", b"1.0")).count(b" 200 OK") == 1


# Who is rude


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 10_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe%00%ff HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_garbage_is_refused_without_a_word_too_many(
    server: HttpServer, garbage: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTION_SECONDS", 1.0)  # one of them waits for an answer that never comes
    answer = raw(server, garbage)
    assert b" 200 " not in answer
    assert b"Traceback" not in answer
    assert ask(server, "/healthz")[0] == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_hundreds_of_connections_keep_nobody_out(server: HttpServer) -> None:
    with contextlib.ExitStack() as crowd:
        many = [crowd.enter_context(socket.socket()) for _ in range(400)]
        for number, each in enumerate(many):
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port_of(server)))
            if number % 50 == 0:
                assert ask(server, "/healthz")[0] == 200
        for each in many[::2]:
            with contextlib.suppress(OSError):
                each.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        for _ in range(5):
            assert ask(server, "/healthz")[0] == 200
        channels = server._server.active_channels
        until(lambda: len(channels) <= server_module.MOST_CONNECTIONS)


def test_a_request_that_drips_is_cut_off(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CONNECTION_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=ANSWER_SECONDS) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        deadline, closed = time.monotonic() + ANSWER_SECONDS, False
        while not closed:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            try:
                slow.sendall(b"a")
            except ConnectionError:
                closed = True
    assert ask(server, "/healthz")[0] == 200


def test_whoever_does_not_read_the_answer_holds_no_thread(server: HttpServer, told: Told) -> None:
    many = [replace(SNAPSHOT.sources[0], source=f"mic{number}") for number in range(400)]
    told.snapshot = replace(SNAPSHOT, sources=many)  # a page that no socket's buffer holds
    with contextlib.ExitStack() as crowd:
        for _ in range(2 * server_module.THREADS):
            deaf = crowd.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.connect(("127.0.0.1", port_of(server)))
            deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(5):
            assert ask(server, "/healthz")[0] == 200


def test_a_state_that_cannot_be_had_is_an_error_of_ours_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Snapshot:
        raise RuntimeError("no state")

    server = HttpServer("127.0.0.1:0", insecure=False, snapshot=broken, metrics=Metrics())
    server.start()
    for _ in range(20):
        status, body, _ = ask(server, "/api/status")
        assert status == 500
        assert "no state" not in str(body)
    server.close()
    told = [record for record in caplog.records if record.exc_info]
    assert 1 <= len(told) <= server_module.COMPLAINTS


# Where it listens


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.0.0.1:70000", "http://127.0.0.1:80", ":80", "a:b", "[::1:80", ""]
)
def test_an_address_that_is_none_is_refused(told: Told, address: str) -> None:
    with pytest.raises(PublishError) as caught:
        HttpServer(address, insecure=True, snapshot=told, metrics=Metrics())
    assert "http.address" in str(caught.value)
    assert caught.value.help == "write 127.0.0.1:5766"


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.168.1.5:5766", "mgcld.example:80"])
def test_other_machines_may_ask_only_where_that_is_allowed(told: Told, address: str) -> None:
    with pytest.raises(PublishError, match="other machines could ask") as caught:
        HttpServer(address, insecure=False, snapshot=told, metrics=Metrics())
    assert "insecure" in caught.value.help
    HttpServer(address, insecure=True, snapshot=told, metrics=Metrics())


def test_a_port_that_is_taken_is_told_with_what_to_do(server: HttpServer, told: Told) -> None:
    second = HttpServer(server.address, insecure=False, snapshot=told, metrics=Metrics())
    with pytest.raises(PublishError, match="Address already in use") as caught:
        second.start()
    assert "another mgcld" in caught.value.help
    second.close()


def test_localhost_and_the_sixth_version_do_too(told: Told) -> None:
    addresses = ["localhost:*", *(["[::1]:0"] if _has_ipv6() else [])]
    for address in addresses:
        server = HttpServer(address, insecure=False, snapshot=told, metrics=Metrics())
        server.start()
        assert ask(server, "/healthz")[0] == 200
        server.close()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_it_closes_at_once_lets_go_of_its_port_and_leaves_no_thread(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = set(threading.enumerate())
    server = HttpServer("127.0.0.1:0", insecure=False, snapshot=told, metrics=Metrics())
    server.start()
    with socket.create_connection(("127.0.0.1", port_of(server))) as idle:
        assert ask(server, "/healthz")[0] == 200
        began = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - began < 5
        idle.settimeout(ANSWER_SECONDS)
        assert received(idle) == b""
    until(lambda: set(threading.enumerate()) <= before)
    with socket.create_server(("127.0.0.1", port_of(server))):
        pass
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("mgcld.")]
    assert ours == [f"http: answers on http://{server.address}"]  # another server's last answers may still be told
