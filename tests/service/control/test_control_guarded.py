"""Control over tcp, with real keys and their guard."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from controlled import SmallDaemon

from mgcld.cli.reach import reached
from mgcld.errors import ControlError
from mgcld.service.bus import guard, keys
from mgcld.service.control.controller import Controller
from mgcld.service.control.server import Control


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, name in (("daemon", "server"), ("allowed", "ours"), ("others", "theirs")):
        keys.create(tmp_path / place, name)
    return tmp_path


@pytest.fixture
def control(folder: Path) -> Iterator[Control]:
    own = keys.CurveKeys.load(folder / "daemon" / "server.key_secret", folder / "allowed")
    with SmallDaemon() as daemon:
        with Control(
            "tcp://127.0.0.1:*", daemon, guard=lambda context: guard.Guard(context, own, "control")
        ) as started:
            yield started
        assert started.failed is None


def with_key(control: Control, secret: Path) -> Controller:
    return reached(control.endpoint, str(secret.parents[1] / "daemon" / "server.key"), secret)


def test_whose_key_is_known_may_give_orders(control: Control, folder: Path) -> None:
    with with_key(control, folder / "allowed" / "ours.key_secret") as known:
        assert known.ask("pause", source="kitchen")["state"] == "paused"


def test_nobody_else_is_answered(control: Control, folder: Path) -> None:
    secret = folder / "others" / "theirs.key_secret"
    with with_key(control, secret) as stranger, pytest.raises(ControlError, match="nothing answers"):
        stranger.ask("status", timeout_seconds=0.5)
    with Controller(control.endpoint) as unencrypted, pytest.raises(ControlError, match="nothing answers"):
        unencrypted.ask("status", timeout_seconds=0.5)


def test_a_key_that_is_taken_away_gives_no_more_orders(control: Control, folder: Path) -> None:
    with with_key(control, folder / "allowed" / "ours.key_secret") as known:
        assert known.ask("status")
        (folder / "allowed" / "ours.key").unlink()
        deadline = time.monotonic() + 20
        with pytest.raises(ControlError):
            while time.monotonic() < deadline:
                known.ask("classes", timeout_seconds=0.5)
                time.sleep(0.1)


def test_without_keys_only_this_machine_s_sockets_are_served(folder: Path) -> None:
    with (
        SmallDaemon() as daemon,
        Control(
            f"ipc://{folder}/c.ipc", daemon, guard=lambda context: guard.Guard(context, None, "control")
        ) as control,
        Controller(control.endpoint) as controller,
    ):
        assert controller.ask("status")
