"""What a service manager hears: a real datagram socket in its place."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from manager import Manager

from mgcld.service.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path / "notify") as listening:
        yield listening


def environment(manager: Manager, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.socket.getsockname(), **more}


def test_the_facts_of_a_service_s_life_arrive_in_order(manager: Manager) -> None:
    notifier = Notifier.from_environment(environment(manager))
    notifier.ready()
    notifier.status("3/4 sources live,\nreal-time factor 0.12")
    notifier.stopping()
    assert manager.heard() == ["READY=1", "STATUS=3/4 sources live, real-time factor 0.12", "STOPPING=1"]


def test_a_reload_says_when_it_began_in_the_same_datagram(manager: Manager) -> None:
    """Without the time, or with one before the signal, `systemctl reload` of Type=notify-reload waits in vain."""
    notifier = Notifier.from_environment(environment(manager))
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.ready()
    begun, done = manager.heard()
    what, _, when = begun.partition("\nMONOTONIC_USEC=")
    assert (what, done) == ("RELOADING=1", "READY=1")
    assert before <= int(when) <= after


def test_time_is_asked_for_as_long_as_loading_goes_on_and_no_longer(manager: Manager) -> None:
    notifier = Notifier.from_environment(environment(manager))
    with notifier.extending(step_seconds=0.3):
        time.sleep(0.5)
    notifier.ready()
    *asked, done = manager.heard()
    assert set(asked) == {"EXTEND_TIMEOUT_USEC=300000"}
    assert len(asked) >= 2
    assert done == "READY=1"
    assert manager.within(0.4) == []


def test_loading_that_hangs_is_not_waited_for_for_ever(manager: Manager, caplog: pytest.LogCaptureFixture) -> None:
    """What was asked for in all ends with what may be asked for, to the last request."""
    notifier = Notifier.from_environment(environment(manager))
    began = time.monotonic()
    with notifier.extending(most_seconds=0.5, step_seconds=0.3):
        asked = manager.within(1.5)
    assert 2 <= len(asked) <= 8, "the last requests are short"
    times = [int(fact.removeprefix("EXTEND_TIMEOUT_USEC=")) for fact in asked]
    assert times[0] == 300_000
    assert times[-1] < 300_000
    assert time.monotonic() - began < 10
    assert "still loading" in caplog.text


def test_loading_that_fails_asks_no_more(manager: Manager) -> None:
    notifier = Notifier.from_environment(environment(manager))
    with pytest.raises(OSError, match="no weights"), notifier.extending(step_seconds=0.2):
        raise OSError("no weights")
    manager.heard()
    assert manager.within(0.3) == []


def test_a_loop_that_stands_still_feeds_no_watchdog(manager: Manager) -> None:
    """Nothing else does: no thread of the notifier's own."""
    notifier = Notifier.from_environment(environment(manager, WATCHDOG_USEC="200000"))
    with notifier.extending(step_seconds=0.2):
        notifier.watchdog()
        facts = manager.within(0.6)
    assert facts.count("WATCHDOG=1") == 1


def test_an_abstract_socket_is_heard_too() -> None:
    name = f"mgcld-test-{os.getpid()}"
    with Manager("\0" + name) as manager:
        Notifier.from_environment({"NOTIFY_SOCKET": "@" + name}).ready()
        assert manager.heard() == ["READY=1"]


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
    notifier.reloading()
    with notifier.extending():
        pass
    notifier.stopping()


def test_a_manager_that_died_is_logged_and_never_raises(manager: Manager, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier.from_environment(environment(manager))
    manager.socket.close()
    notifier.ready()
    assert "cannot say READY" in caplog.text
