"""`mgcld keys`: key pairs, and whose key may listen."""

import re
import stat
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mgcld.errors import ConfigError
from mgcld.files import write_whole
from mgcld.service.bus import keys

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
FOLDER = Path("keys")
CLIENTS = FOLDER / "clients"

app = typer.Typer(help="Key pairs for an encrypted bus, and whose key may listen.", no_args_is_help=True)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Whose keys they are: this daemon's, or one listener's.")] = "mgcld",
    folder: Annotated[Path, typer.Option(help="Where they are written.")] = FOLDER,
) -> None:
    """Write NAME.key, which others may know, and NAME.key_secret, which only you can read."""
    checked = _name(name)
    try:
        pair = keys.create(folder, checked)
    except FileExistsError as error:
        raise ConfigError(
            f"{error.filename} is there already", help="choose another name: no key is replaced"
        ) from None
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}", help="choose another --folder") from error
    secret = folder / f"{checked}{keys.SECRET}"
    _say(f"{folder / checked}{keys.PUBLIC}: public, {pair.public.decode()}")
    _say(f"{secret}: secret; never hand it on")
    _say(f"\nfor the daemon: write into its configuration\n\npublish:\n  curve:\n    key_file: {secret}")
    _say(f"    clients: {folder / 'clients'}")
    _say(f"\nfor a listener: send {folder / checked}{keys.PUBLIC} to the daemon's machine, and there")
    _say(f"\nmgcld keys allow {checked}{keys.PUBLIC}")
    _say(f"\nthen listen with --key-file {secret} --server-key <the daemon's {keys.PUBLIC}>")


@app.command()
def allow(
    key: Annotated[
        str, typer.Argument(metavar="FILE_OR_KEY", help="A listener's .key file, or the public key itself.")
    ],
    folder: Annotated[Path, typer.Option(help="The daemon's publish.curve.clients.")] = CLIENTS,
    name: Annotated[str, typer.Option("--as", help="What it is called; needed with a key itself.")] = "",
) -> None:
    """Let a listener in; a running daemon knows it within seconds. To shut it out again, delete its file."""
    public = _public(key)
    checked = _name(name or _named(key))
    known = {found["public"]: path for path, found in _readable(folder)}
    if public in known:
        _say(f"{known[public]}: may listen already")
        return
    path = folder / f"{checked}{keys.PUBLIC}"
    if path.exists():
        raise ConfigError(f"{path} is there already, with another key", help="choose another name with --as")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, keys.file_text(public))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", help="choose another --folder") from error
    _say(f"{path}: may listen, {public.decode()}")


@app.command("list")
def show(
    folder: Annotated[Path, typer.Option(help="Where the keys are; those in its `clients` are shown too.")] = FOLDER,
) -> None:
    """Show key files: whose, the public key, and what is wrong with them."""
    paths = [path for place in (folder, folder / "clients") for path in _files(place)]
    if not paths:
        _say(f"{folder}: no key is there")
        return
    rows = [("public key", "", "file", "remark"), *map(_described, paths)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _say("  ".join(map(str.ljust, row, widths)).rstrip())


def _public(text: str) -> bytes:
    if keys.is_key(text.encode()) and not Path(text).exists():
        return text.encode()
    return keys.public(Path(text))


def _named(text: str) -> str:
    if keys.is_key(text.encode()) and not Path(text).exists():
        raise ConfigError("a key has no name", help="say whose it is: --as NAME")
    return Path(text).name


def _name(text: str) -> str:
    name = text.removesuffix(keys.PUBLIC)
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name", help="letters, digits, '_', '-' and '.', at most 64")
    return name


def _files(folder: Path) -> list[Path]:
    return sorted(path for ending in (keys.PUBLIC, keys.SECRET) for path in folder.glob(f"*{ending}"))


def _readable(folder: Path) -> list[tuple[Path, dict[str, bytes]]]:
    found = []
    for path in _files(folder):
        try:
            found.append((path, dict(keys.read(path))))
        except ConfigError:
            continue  # `mgcld keys list` tells
    return found


def _described(path: Path) -> tuple[str, str, str, str]:
    """Public key, what it is, its file, and what is wrong."""
    try:
        found = keys.read(path)
    except ConfigError as error:
        return "", "", str(path), str(error).removeprefix(f"{path}: ")
    public = found["public"].decode()
    kind = "secret" if "secret" in found else "may listen" if path.parent.name == "clients" else "public"
    mode = stat.S_IMODE(path.stat().st_mode)
    if kind == "secret" and path.suffix == keys.PUBLIC:
        return public, kind, str(path), "a secret key under a public name: remove it"
    if kind == "secret" and mode & keys.OTHERS:
        return public, kind, str(path), f"others can read it ({mode:03o}): chmod 600"
    return public, kind, str(path), ""


def _say(text: str) -> None:
    """As it stands, and no line broken in two: a key is there to be copied."""
    Console(soft_wrap=True, highlight=False, markup=False, emoji=False).print(text)
