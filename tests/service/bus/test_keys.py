"""Key files: what is written, what is read, and what is refused without telling what it held."""

import logging
import os
import stat
from pathlib import Path

import pytest
import zmq
import zmq.auth
from hypothesis import given
from hypothesis import strategies as st

from mgcld.errors import ConfigError
from mgcld.service.bus import keys
from mgcld.service.bus.clients import Clients
from mgcld.service.bus.keys import CurveKeys


def allow(folder: Path, name: str) -> bytes:
    public, _ = zmq.curve_keypair()
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.key").write_bytes(keys.file_text(public))
    return public


def test_a_new_pair_is_what_pyzmq_reads_and_nobody_else_may_read_the_secret(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        pair = keys.create(tmp_path / "keys", "attic")
    finally:
        os.umask(old)
    secret = tmp_path / "keys" / "attic.key_secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert zmq.auth.load_certificate(secret) == (pair.public, pair.secret)
    assert zmq.auth.load_certificate(secret.with_suffix(".key")) == (pair.public, None)
    assert CurveKeys.load(secret) == pair
    assert pair.secret.decode() not in repr(pair)


def test_the_files_of_pyzmq_itself_are_read(tmp_path: Path) -> None:
    public, secret = zmq.auth.create_certificates(tmp_path, "theirs", metadata={"name": "theirs"})
    Path(secret).chmod(0o600)
    assert CurveKeys.load(Path(secret)).public == keys.public(Path(public))


@pytest.mark.parametrize("ending", [keys.PUBLIC, keys.SECRET])
def test_nothing_is_overwritten_and_nothing_left_beside_what_is_there(tmp_path: Path, ending: str) -> None:
    there = tmp_path / f"attic{ending}"
    there.write_text("precious")
    with pytest.raises(FileExistsError):
        keys.create(tmp_path, "attic")
    assert [*tmp_path.iterdir()] == [there]
    assert there.read_text() == "precious"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    pair = keys.create(tmp_path, "attic")
    path = tmp_path / "attic.key_secret"
    path.chmod(mode)
    with pytest.raises(ConfigError, match="others can read") as refusal:
        CurveKeys.load(path)
    assert refusal.value.help == f"chmod 600 {path}"
    path.chmod(0o600)
    assert CurveKeys.load(path) == pair


def test_a_credential_of_systemd_may_be_readable_for_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.create(tmp_path, "attic")
    path = tmp_path / "attic.key_secret"
    path.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert CurveKeys.load(path).public == keys.public(tmp_path / "attic.key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "another"))
    with pytest.raises(ConfigError, match="others can read"):
        CurveKeys.load(path)


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_public_file_given_as_the_secret_is_explained(tmp_path: Path, mode: int) -> None:
    keys.create(tmp_path, "attic")
    path = tmp_path / "attic.key"
    path.chmod(mode)
    with pytest.raises(ConfigError, match="holds no secret key") as refusal:
        CurveKeys.load(path)
    assert "ends in .key_secret" in refusal.value.help
    assert str(tmp_path / "attic.key_secret") in refusal.value.help


def test_a_secret_file_given_as_the_public_one_is_refused(tmp_path: Path) -> None:
    pair = keys.create(tmp_path, "attic")
    with pytest.raises(ConfigError, match="holds a secret key") as refusal:
        keys.public(tmp_path / "attic.key_secret")
    assert pair.secret.decode() not in f"{refusal.value} {refusal.value.help}"


def test_two_keys_that_are_no_pair_are_refused_untold(tmp_path: Path) -> None:
    path = tmp_path / "mixed.key_secret"
    path.write_bytes(keys.file_text(zmq.curve_keypair()[0], secret := zmq.curve_keypair()[1]))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no pair") as refusal:
        CurveKeys.load(path)
    assert secret.decode() not in str(refusal.value)


@given(st.binary(max_size=300) | st.text("publicsecret-key =\"'\n#", max_size=200).map(str.encode))
def test_whatever_a_file_holds_it_is_a_key_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, held: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.key"
    path.write_bytes(held)
    with pytest.raises(ConfigError, match="no key file"):
        keys.read(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "endless"])
def test_what_is_no_file_is_a_named_error_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero") if kind == "endless" else tmp_path / "it.key"
    if kind == "folder":
        path.mkdir()
    if kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(ConfigError) as refusal:
        CurveKeys.load(path) if kind == "missing" else keys.read(path)
    assert "mgcld keys new" in refusal.value.help


def test_the_folder_of_clients_is_read_anew_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "clients"
    clients = Clients(folder, "bus")
    assert not clients.look()
    assert "nobody may connect" in caplog.text
    phone = allow(folder, "phone")
    clients.reload()
    assert clients.look()
    assert clients.names == {phone: "phone"}
    assert not clients.look()
    (folder / "phone.key").unlink()
    clients.reload()
    assert clients.look()
    assert not clients.names


def test_a_bad_file_among_the_clients_is_named_and_the_others_hold(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    phone = allow(tmp_path, "phone")
    (tmp_path / "broken.key").write_text("curve\n")
    (tmp_path / "gone.key").symlink_to(tmp_path / "nowhere")
    keys.create(tmp_path / "elsewhere", "hub")
    (tmp_path / "elsewhere" / "hub.key_secret").rename(tmp_path / "hub.key")
    clients = Clients(tmp_path, "bus")
    clients.look()
    assert clients.names == {phone: "phone"}
    for name in ("broken.key", "gone.key", "hub.key"):
        assert f"bus: left out: {tmp_path / name}: " in caplog.text


def test_without_a_folder_nobody_may_listen_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    clients = Clients(None, "bus")
    clients.look()
    assert not clients.names
    assert "nobody may connect: publish.curve.clients" in caplog.text
