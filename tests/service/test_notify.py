"""What a service manager hears: a real datagram socket in its place."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mgcld.service.notify import Notifier


class Manager:
    """A socket as systemd holds it."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(10)

    def heard(self) -> list[str]:
        """Everything that has come; at least one."""
        facts = [self.socket.recv(4096).decode()]
        self.socket.setblocking(False)
        while True:
            try:
                facts.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                self.socket.settimeout(10)
                return facts


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    listening = Manager(str(tmp_path / "notify"))
    yield listening
    listening.socket.close()


def environment(manager: Manager, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.socket.getsockname(), **more}


def test_the_facts_of_a_service_s_life_arrive_in_order(manager: Manager) -> None:
    notifier = Notifier.from_environment(environment(manager))
    notifier.ready()
    notifier.status("3/4 sources live,\nreal-time factor 0.12")
    notifier.stopping()
    assert manager.heard() == ["READY=1", "STATUS=3/4 sources live, real-time factor 0.12", "STOPPING=1"]


def test_an_abstract_socket_is_heard_too() -> None:
    name = f"mgcld-test-{os.getpid()}"
    manager = Manager("\0" + name)
    Notifier.from_environment({"NOTIFY_SOCKET": "@" + name}).ready()
    assert manager.heard() == ["READY=1"]
    manager.socket.close()


def test_the_watchdog_is_fed_at_most_twice_in_its_time(manager: Manager) -> None:
    notifier = Notifier.from_environment(environment(manager, WATCHDOG_USEC="200000", WATCHDOG_PID=str(os.getpid())))
    assert notifier.watchdog_seconds == 0.2
    began = time.monotonic()
    while time.monotonic() - began < 0.55:
        notifier.watchdog()
        time.sleep(0.01)
    elapsed = time.monotonic() - began
    fed = manager.heard()
    assert set(fed) == {"WATCHDOG=1"}
    assert 2 <= len(fed) <= 1 + elapsed / 0.1


@pytest.mark.parametrize(
    "watch",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": str(os.getpid() + 1)},
    ],
)
def test_nobody_feeds_a_watchdog_that_is_not_ours(manager: Manager, watch: dict[str, str]) -> None:
    notifier = Notifier.from_environment(environment(manager, **watch))
    assert notifier.watchdog_seconds is None
    notifier.watchdog()
    notifier.ready()
    assert manager.heard() == ["READY=1"]


def test_a_watchdog_for_nobody_in_particular_is_ours(manager: Manager) -> None:
    Notifier.from_environment(environment(manager, WATCHDOG_USEC="30000000")).watchdog()
    assert manager.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize("path", [None, "", "/nowhere/notify", "@nobody-listens-here", "/" + "x" * 300])
def test_a_manager_that_is_not_there_never_raises(path: str | None) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": path} if path is not None else {})
    notifier.ready()
    notifier.status("alone")
    notifier.watchdog()
    notifier.stopping()


def test_a_manager_that_died_is_logged_and_never_raises(manager: Manager, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier.from_environment(environment(manager))
    manager.socket.close()
    notifier.ready()
    assert "cannot say READY" in caplog.text
