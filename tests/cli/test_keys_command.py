"""`mgcld keys`, as its users run it."""

import stat
from pathlib import Path

import pytest
import zmq
from commands import is_polite, mgcld, refused
from typer.testing import CliRunner

from mgcld.cli import app
from mgcld.service.bus import keys
from mgcld.service.bus.keys import CurveKeys


def said(*arguments: object) -> str:
    """What a command prints, in a terminal that is narrow."""
    result = CliRunner(env={"COLUMNS": "30"}).invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "keys"


def test_from_a_new_pair_to_a_listener_that_is_let_in(folder: Path) -> None:
    made = mgcld("keys", "new", folder=folder.parent)
    assert made.returncode == 0, made.stderr
    pair = CurveKeys.load(folder / "mgcld.key_secret")
    assert pair.public.decode() in made.stdout
    assert pair.secret.decode() not in made.stdout
    assert "key_file: keys/mgcld.key_secret" in made.stdout
    assert "clients: keys/clients" in made.stdout
    said("keys", "new", "phone")
    assert "may listen" in said("keys", "allow", "keys/phone.key")
    assert keys.public(folder / "clients" / "phone.key") == keys.public(folder / "phone.key")
    listed = said("keys", "list")
    assert pair.public.decode() in listed
    assert pair.secret.decode() not in listed
    assert listed.count("phone") == 3


def test_a_pair_that_is_there_is_not_replaced(folder: Path) -> None:
    said("keys", "new")
    before = (folder / "mgcld.key_secret").read_bytes()
    assert is_polite(mgcld("keys", "new", folder=folder.parent), 78)
    assert (folder / "mgcld.key_secret").read_bytes() == before


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "-x", "a\nb", "x" * 65, "\u202ekey"])
def test_hostile_names_are_refused(folder: Path, name: str) -> None:
    code, text = refused("keys", "new", "--", name)
    assert (code, "is no name" in text) == (78, True)
    public = zmq.curve_keypair()[0].decode()
    assert refused("keys", "allow", f"--as={name or '..'}", "--", public)[0] == 78
    assert not folder.exists()


def test_a_key_itself_is_let_in_under_a_name(folder: Path) -> None:
    public = zmq.curve_keypair()[0]
    assert "has no name" in refused("keys", "allow", "--", public.decode())[1]
    said("keys", "allow", "--as", "hub", "--", public.decode())
    assert keys.public(folder / "clients" / "hub.key") == public
    assert "already" in said("keys", "allow", "--as", "other", "--", public.decode())
    other = zmq.curve_keypair()[0].decode()
    assert "another key" in refused("keys", "allow", "--as", "hub", "--", other)[1]
    assert [path.name for path in (folder / "clients").iterdir()] == ["hub.key"]


def test_a_secret_key_is_not_let_in_and_not_copied(folder: Path) -> None:
    said("keys", "new", "phone")
    code, text = refused("keys", "allow", "keys/phone.key_secret")
    assert (code, "secret key" in text) == (78, True)
    assert not (folder / "clients").exists()


@pytest.mark.parametrize("text", ["nowhere.key", "not a key", "x" * 39])
def test_what_is_no_key_is_a_named_error(folder: Path, text: str) -> None:
    assert refused("keys", "allow", "--as", "it", text)[0] == 78
    assert not folder.exists()


def test_the_list_tells_what_is_wrong(folder: Path) -> None:
    assert "no key is there" in said("keys", "list")
    said("keys", "new", "open")
    (folder / "open.key_secret").chmod(0o644)
    (folder / "broken.key").write_text("nothing")
    said("keys", "new", "misnamed")
    (folder / "misnamed.key_secret").rename(folder / "misnamed.key")
    lines = said("keys", "list").splitlines()
    assert "chmod 600" in next(line for line in lines if "open.key_secret" in line)
    assert "no key file" in next(line for line in lines if "broken.key" in line)
    assert "remove it" in next(line for line in lines if "misnamed.key" in line)


def test_a_key_is_never_broken_or_changed_on_its_way_to_the_screen(folder: Path) -> None:
    said("keys", "new", "a-name-that-is-longer-than-a-terminal-is-wide")
    smiling = b"aaaaa" * 7 + b":x:aa"  # a part of it is also the name of a picture
    (folder / "smiling.key").write_bytes(keys.file_text(smiling))
    shown = {line.split()[0] for line in said("keys", "list").splitlines()}
    assert shown == {"public", smiling.decode(), *(keys.read(path)["public"].decode() for path in folder.iterdir())}
    assert smiling.decode() in said("keys", "allow", "keys/smiling.key")


def test_a_new_pair_is_the_daemon_s_or_a_listener_s_and_each_is_told_what_to_do(folder: Path) -> None:
    daemon, listener = said("keys", "new", "phone").split("\nfor a listener: ")
    assert "\nfor the daemon: " in daemon
    assert "curve:\n    key_file: keys/phone.key_secret\n" in daemon
    assert "allow" not in daemon
    assert listener.startswith("send keys/phone.key to the daemon's machine")
    assert "\nmgcld keys allow phone.key\n" in listener
    assert "listen with --key-file keys/phone.key_secret --server-key <the daemon's .key>" in listener


def test_what_others_need_is_readable_for_them(folder: Path) -> None:
    said("keys", "new", "phone")
    said("keys", "allow", "keys/phone.key")
    for path in (folder / "phone.key", folder / "clients" / "phone.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
