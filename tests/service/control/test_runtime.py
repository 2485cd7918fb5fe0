"""Where the control socket is when the configuration does not say."""

import os
import socket
import stat
from pathlib import Path

import pytest

from mgcld.errors import PublishError
from mgcld.service.control import runtime
from mgcld.service.control.runtime import default_endpoint, listening, name_of

PUBLISHES = "tcp://127.0.0.1:5765"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Neither the machine's folders, nor daemons that run on it."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(runtime, "SYSTEM", tmp_path / "run")
    monkeypatch.setattr(runtime, "TEMPORARY", tmp_path / "tmp")
    return tmp_path


def user(folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    return {"XDG_RUNTIME_DIR": str(folder)}


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        (PUBLISHES, "5765.control"),
        ("tcp://0.0.0.0:5765", "0.0.0.0-5765.control"),
        ("tcp://[::1]:5765", "1-5765.control"),
        ("ipc:///run/user/1000/bus.ipc", "bus.ipc.control"),
        ("ipc://@abstract", "ipc-abstract.control"),
        ("ipc:///tmp/..", "mgcld.control"),
    ],
)
def test_several_daemons_of_a_machine_have_different_names(endpoint: str, name: str) -> None:
    assert name_of(endpoint) == name


def test_a_long_name_is_cut_and_still_its_own() -> None:
    names = {name_of(f"ipc:///run/{'x' * 90}{end}") for end in "ab"}
    assert len(names) == 2
    assert all(len(name) < 60 for name in names)


def test_a_service_has_its_runtime_directory(tmp_path: Path) -> None:
    assert default_endpoint(PUBLISHES, {"RUNTIME_DIRECTORY": "/run/mgcld:/run/more"}) == "ipc:///run/mgcld/control.ipc"


def test_a_user_has_a_folder_that_nobody_else_can_enter(tmp_path: Path) -> None:
    environ = user(tmp_path / "mine")
    folder = tmp_path / "mine" / "mgcld"
    folder.mkdir()
    folder.chmod(0o777)
    assert default_endpoint(PUBLISHES, environ) == f"ipc://{folder}/5765.control"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("runtime_directory", ["relative", "/nowhere/at/all"])
def test_without_one_it_is_in_tmp(tmp_path: Path, runtime_directory: str) -> None:
    folder = tmp_path / "tmp" / f"mgcld-{os.geteuid()}"
    environ = {"XDG_RUNTIME_DIR": runtime_directory}
    assert default_endpoint(PUBLISHES, environ) == f"ipc://{folder}/5765.control"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_path_that_is_too_long_is_not_tried(tmp_path: Path) -> None:
    environ = user(tmp_path / ("x" * 90))
    assert default_endpoint(PUBLISHES, environ).startswith(f"ipc://{tmp_path}/tmp/")
    with pytest.raises(PublishError, match="at most 107 bytes"):
        default_endpoint(PUBLISHES, {"RUNTIME_DIRECTORY": "/run/" + "x" * 100})


def test_a_folder_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path / "nowhere")}
    (tmp_path / "theirs").mkdir()
    ours = tmp_path / "tmp" / f"mgcld-{os.geteuid()}"
    ours.symlink_to(tmp_path / "theirs")
    with pytest.raises(PublishError, match="a link") as told:
        default_endpoint(PUBLISHES, environ)
    assert told.value.help
    ours.unlink()
    ours.touch()
    with pytest.raises(PublishError, match="cannot make"):
        default_endpoint(PUBLISHES, environ)
    if os.geteuid() == 0:
        ours.unlink()
        ours.mkdir()
        os.chown(ours, 12345, 12345)
        with pytest.raises(PublishError, match="another user's"):
            default_endpoint(PUBLISHES, environ)
        assert listening(environ) == []


def test_only_sockets_at_which_somebody_listens_are_found(tmp_path: Path) -> None:
    environ = user(tmp_path / "mine")
    places = [
        tmp_path / "mine" / "mgcld" / "5765.control",
        tmp_path / "mine" / "mgcld" / "one" / "control.ipc",
        tmp_path / "tmp" / f"mgcld-{os.geteuid()}" / "5766.control",
        tmp_path / "run" / "mgcld" / "control.ipc",
        tmp_path / "run" / "mgcld-two" / "control.ipc",
    ]
    assert listening(environ) == []
    open_ones = []
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        open_ones.append(socket.socket(socket.AF_UNIX))
        open_ones[-1].bind(str(place))
        open_ones[-1].listen()
    try:
        assert listening(environ) == [f"ipc://{place}" for place in places]
        for one in open_ones[1:]:
            one.close()
        (tmp_path / "mine" / "mgcld" / "7.control").write_text("no socket")
        assert listening(environ) == [f"ipc://{places[0]}"]
    finally:
        open_ones[0].close()
