"""What is left of connections to a broker that came to nothing: no socket, no thread."""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mgcld_plugins.sinks._mqtt_connection import Connection
from mgcld_plugins.sinks._mqtt_options import Address, tls_context
from mgcld_plugins.sinks._mqtt_post import Post
from mgcld_plugins.sinks._mqtt_refusal import NoConnection
from servers.mosquitto import free_port, until

WILL = Post("mgcl/attic/status", b"offline", 1, True, "newest")


@pytest.fixture
def rude() -> Iterator[int]:
    """The port of a server that hangs up on everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                listening.settimeout(0.1)
                try:
                    listening.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listening.getsockname()[1])
        over.set()
        thread.join(10)


def attempt(port: int, context: ssl.SSLContext | None) -> str:
    address = Address("127.0.0.1", port, "me", "secret", context, True)
    connection = Connection(address, "mgcld-attic", WILL, lambda: None)
    try:
        connection.open(threading.Event())
    except NoConnection as trouble:
        return trouble.reason
    finally:
        connection.forget()
    return ""


@pytest.mark.parametrize("port_of", [lambda rude: rude, lambda _: free_port()], ids=["hangs up", "refuses"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_attempts_in_vain_leave_nothing_behind(rude: int, port_of: Callable[[int], int], tls: bool) -> None:
    port, context = port_of(rude), tls_context(tls, True, None, None, None)
    files, threads = open_files(), threading.active_count()
    reasons = {attempt(port, context) for _ in range(20)}
    assert reasons <= {"ended", "refused", "tls"}
    until(lambda: threading.active_count() <= threads)
    until(lambda: open_files() <= files)


def open_files() -> int:
    return len([*Path(f"/proc/{os.getpid()}/fd").iterdir()])
