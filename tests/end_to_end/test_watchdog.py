"""What feeds systemd's watchdog, in a real daemon: the inference loop's progress, and nothing else."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from children import Child
from commands import mgcld_child
from manager import Manager
from test_daemon import endpoint_of, heard, subscriber

ENCODER = """
import time
from pathlib import Path

from mgcld_plugins.encoders.mini import MiniEncoder

class Hanging(MiniEncoder):
    def __init__(self, device: str = "auto", sign: str = "") -> None:
        super().__init__(device)
        self.sign = Path(sign)
    def embed_audio(self, *arguments):
        while self.sign.exists():
            time.sleep(0.1)
        return super().embed_audio(*arguments)
"""
WATCHDOG_SECONDS = 4.0
"""Much longer than a turn of the loop takes on a machine that does other things as well."""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """The service manager of every daemon that the test starts."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(round(WATCHDOG_SECONDS * 1e6)))
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")  # as in mgcld.service
    with Manager(tmp_path / "notify") as listening:
        yield listening


def daemon(demo: Path, folder: Path, source: str, encoder: str = "mini") -> Child:
    (folder / "config.yaml").write_text(
        f"""
adapter: {demo}/adapter.safetensors
encoder: {encoder}
sources: {{room: "{source}"}}
hop_seconds: 0.5
publish: {{endpoint: "tcp://127.0.0.1:*"}}
"""
    )
    return mgcld_child("run", "-c", folder / "config.yaml", "--quiet")


def fed(times: int, facts: list[str]) -> bool:
    return facts.count("WATCHDOG=1") >= times


def test_a_loop_that_hangs_is_not_fed_and_tells_where_it_hung(
    demo: Path, tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher goes on and answers a new subscriber, but feeds nothing. Then SIGABRT, as from systemd."""
    (tmp_path / "elsewhere.py").write_text(ENCODER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    sign = tmp_path / "hang"
    encoder = f'{{type: "elsewhere:Hanging", sign: "{sign}"}}'
    with daemon(demo, tmp_path, f"{demo}/soundscape.flac?loop=true", encoder) as hanging:
        endpoint = endpoint_of(hanging)
        manager.until(lambda facts: fed(2, facts))
        with subscriber(endpoint, "mgcl/v1/prob/") as ear:
            heard(ear, "prob")  # from here on a window comes every half second
        sign.touch()
        manager.within(WATCHDOG_SECONDS / 2)  # what was on its way
        assert not fed(1, manager.within(WATCHDOG_SECONDS))
        with subscriber(endpoint, "mgcl/v1/meta/") as late:
            heard(late, "meta")
        hanging.process.send_signal(signal.SIGABRT)
        assert hanging.wait() == -signal.SIGABRT
        assert "in embed_audio" in hanging.errors


def test_a_dead_camera_is_no_reason_to_starve(demo: Path, tmp_path: Path, manager: Manager) -> None:
    """Nobody listens on port 9. Not a window comes, and the loop turns."""
    with daemon(demo, tmp_path, "rtsp://127.0.0.1:9/live") as deaf:
        manager.until(lambda facts: "READY=1" in facts and any("0/1 sources live" in fact for fact in facts))
        before = manager.facts.count("WATCHDOG=1")
        manager.until(lambda facts: fed(before + 2, facts))
        assert "STOPPING=1" not in manager.facts
        deaf.process.send_signal(signal.SIGTERM)
        manager.until(lambda facts: facts[-1] == "STOPPING=1")
        assert deaf.wait() == 0


def test_a_life_with_a_reload_is_told_in_order(demo: Path, tmp_path: Path, manager: Manager) -> None:
    with daemon(demo, tmp_path, f"{demo}/soundscape.flac?loop=true") as living:
        manager.until(lambda facts: "READY=1" in facts and fed(1, facts))
        before = manager.facts[: manager.facts.index("READY=1")]
        assert before
        assert all(fact.startswith("EXTEND_TIMEOUT_USEC=") for fact in before)
        asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        living.process.send_signal(signal.SIGHUP)
        manager.until(lambda facts: facts.count("READY=1") == 2)
        (reload,) = [fact for fact in manager.facts if fact.startswith("RELOADING=1")]
        assert int(reload.partition("MONOTONIC_USEC=")[2]) >= asked
        assert manager.facts.index(reload) < len(manager.facts) - 1 - manager.facts[::-1].index("READY=1")
        living.process.send_signal(signal.SIGTERM)
        manager.until(lambda facts: facts[-1] == "STOPPING=1")
        assert living.wait() == 0
