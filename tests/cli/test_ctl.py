"""`mgcld ctl` against a real control socket."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
import zmq.auth
from children import Terminal
from commands import MAIN, is_polite, mgcld, mgcld_child, refused
from controlled import SmallDaemon
from typer.testing import CliRunner

from mgcld.cli import app
from mgcld.service.control import runtime
from mgcld.service.control.server import Control

COMMANDS = ("status", "sources", "classes", "snapshot", "reload", "swap", "pause", "resume")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Daemons that run on this machine are not found."""
    monkeypatch.setattr(runtime, "SYSTEM", tmp_path / "run")
    monkeypatch.setattr(runtime, "TEMPORARY", tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "mgcld").mkdir()


@pytest.fixture
def daemon() -> Iterator[SmallDaemon]:
    with SmallDaemon() as started:
        yield started


@pytest.fixture
def control(daemon: SmallDaemon, tmp_path: Path) -> Iterator[Control]:
    with Control(f"ipc://{tmp_path}/mgcld/5765.control", daemon) as started:
        yield started


def told(*arguments: object) -> str:
    """What it prints, in this process: a start costs seconds."""
    result = CliRunner().invoke(app, ["ctl", *map(str, arguments)])
    assert result.exit_code == 0, result.exception or result.output
    return result.stdout


def test_the_only_daemon_of_this_user_is_found(control: Control) -> None:
    assert "attic" in told("status")
    assert json.loads(told("status", "--json"))["node"] == "attic"


def test_status_tells_what_works_what_is_wrong_and_what_is_heard(control: Control, daemon: SmallDaemon) -> None:
    text = told("status", "--at", control.endpoint)
    for words in ("ready", "tcp://127.0.0.1:5765", "mini", "2 classes", "adapter 0a1b", "real-time factor 0.12"):
        assert words in text
    assert "1 live, 1 lost" in text
    assert "ALARM: yard" in text
    assert "siren at kitchen since" in text
    assert "home: 5 dropped, refused" in text
    assert "log:" not in text
    daemon.stuck = True
    daemon.going.clear()
    assert "stuck: its loop has not turned for 34 s" in told("status")


def test_sources_tell_why_and_what_to_do(control: Control) -> None:
    kitchen, yard, why = (line for line in told("sources").splitlines() if "kitchen" in line or "yard" in line)
    assert kitchen.split()[1] == "live" and "-30.5 dBFS" in kitchen
    assert yard.split()[1] == "lost" and " 7 " in yard
    assert why == "yard: auth; the password is wrong"
    assert len(json.loads(told("sources", "--json"))["sources"]["yard"]["history"]) == 100


def test_classes_come_in_their_order(control: Control) -> None:
    text = told("classes")
    assert text.index("siren") < text.index("dog") and "0.250" in text
    assert json.loads(told("classes", "--json"))["thresholds"] == [0.5, 0.25]


def test_a_snapshot_is_everything(control: Control, daemon: SmallDaemon) -> None:
    assert json.loads(told("snapshot")) == json.loads(json.dumps(daemon.snapshot().as_json()))


def test_a_reload_tells_what_changed_and_what_needs_a_restart(control: Control) -> None:
    assert told("reload").splitlines() == ["changed: sources.yard", "needs a restart: encoder"]


def test_sources_are_paused_and_resumed(control: Control, daemon: SmallDaemon) -> None:
    assert told("pause", "kitchen") == "kitchen is paused\n"
    assert daemon.statuses["kitchen"].state == "paused"
    assert "paused" in told("sources")
    assert json.loads(told("resume", "kitchen", "--json")) == {"source": "kitchen", "state": "connecting"}


def test_an_adapter_is_named_from_where_we_are(
    control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").touch()
    assert told("swap", "other") == "adapter other judges now: siren, dog\n"
    assert told("swap") == "adapter 0a1b judges now: siren, dog\n"


def test_an_adapter_that_only_we_can_see_is_explained(
    control: Control, daemon: SmallDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").touch()
    monkeypatch.setattr(daemon, "swap", lambda path: SmallDaemon.swap(daemon, Path("/nowhere") / path.name))
    error = CliRunner().invoke(app, ["ctl", "swap", str(tmp_path / "other")]).exception
    assert "a user of its own, no /home" in getattr(error, "help", "")


def test_an_error_of_the_daemon_is_ours(control: Control) -> None:
    assert refused("ctl", "pause", "attic") == (78, "no source is called attic")
    assert refused("ctl", "swap", "/nowhere/x") == (74, "there is no adapter at /nowhere/x")


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_daemon_it_says_so(command: str, tmp_path: Path) -> None:
    source = ["kitchen"] if command in ("pause", "resume") else []
    assert refused("ctl", command, *source) == (71, "no mgcld of this user is running here")
    assert refused("ctl", command, *source, "--at", tmp_path / "x") == (71, f"there is no socket {tmp_path / 'x'}")


def test_a_service_is_root_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mgcld").symlink_to("private/mgcld")
    error = CliRunner().invoke(app, ["ctl", "status"]).exception
    assert "sudo mgcld ctl" in getattr(error, "help", "")


def test_of_several_one_must_be_chosen(control: Control, daemon: SmallDaemon, tmp_path: Path) -> None:
    with Control(f"ipc://{tmp_path}/mgcld/5766.control", daemon) as other:
        code, message = refused("ctl", "status")
        assert code == 71
        assert f"{control.endpoint} (attic, publishes on tcp://127.0.0.1:5765)" in message
        assert other.endpoint in message
        assert "attic" in told("status", "--at", other.endpoint)


def test_keys_must_be_keys(tmp_path: Path) -> None:
    _, secret = zmq.auth.create_certificates(tmp_path, "mine")
    key, tcp = "k" * 40, ("--at", "tcp://127.0.0.1:1")
    assert refused("ctl", "status", "--server-key", key)[1].startswith("--server-key and --key-file are for tcp")
    assert "belong together" in refused("ctl", "status", *tcp, "--server-key", key)[1]
    assert "no key file" in refused("ctl", "status", *tcp, "--server-key", "x.key", "--key-file", secret)[1]
    public = tmp_path / "mine.key"
    assert "holds no secret" in refused("ctl", "status", *tcp, "--server-key", key, "--key-file", public)[1]
    Path(secret).chmod(0o644)
    assert "read by others" in refused("ctl", "status", *tcp, "--server-key", key, "--key-file", secret)[1]
    Path(secret).chmod(0o600)
    assert "that is no key" in refused("ctl", "status", *tcp, "--server-key", "\0" * 40, "--key-file", secret)[1]


def test_over_tcp_it_brings_its_keys(daemon: SmallDaemon, tmp_path: Path) -> None:
    server, secret = zmq.auth.create_certificates(tmp_path, "server")
    _, ours = zmq.auth.create_certificates(tmp_path, "ours")
    Path(ours).chmod(0o600)

    class Guard:
        sockets = ()

        def protect(self, protected: "zmq.Socket[bytes]", *, encrypted: bool) -> None:
            protected.curve_secretkey, protected.curve_server = zmq.auth.load_certificate(secret)[1], encrypted

        def sender(self, frame: zmq.Frame) -> object:
            return frame

        def turn(self) -> None:
            pass

        def close(self) -> None:
            pass

    with Control("tcp://127.0.0.1:*", daemon, guard=lambda _: Guard()) as control:
        keys = ("--server-key", server, "--key-file", ours)
        assert "attic" in told("status", "--at", control.endpoint, *keys)


def test_as_a_process_it_is_polite(control: Control, tmp_path: Path) -> None:
    result = mgcld("ctl", "pause", "attic", "--at", control.endpoint)
    assert is_polite(result, 78) and "no source is called attic" in result.stderr
    result = mgcld("ctl", "status", "--at", control.endpoint.removeprefix("ipc://"), "--json")
    assert (result.returncode, json.loads(result.stdout)["adapter"]) == (0, "0a1b")


def test_ctrl_c_is_quiet(control: Control, daemon: SmallDaemon) -> None:
    daemon.going.clear()
    with mgcld_child("ctl", "pause", "kitchen", "--at", control.endpoint) as child:
        deadline = time.monotonic() + 30
        while not daemon.given:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.process.send_signal(signal.SIGINT)
        assert (child.wait(), child.errors) == (130, "")
    daemon.going.set()


def test_on_a_terminal_there_are_colours(control: Control) -> None:
    with Terminal(MAIN, "ctl", "sources", "--at", control.endpoint) as terminal:
        assert terminal.wait() == 0
        assert "\x1b[31m" in terminal.seen
        assert "yard" in terminal.seen
