"""`mgcld ctl`: ask a running daemon, and give it orders."""

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from mgcld.cli import ctl_views as views
from mgcld.cli.reach import reached
from mgcld.errors import CheckpointError

INTERRUPTED = 130
PLAIN_WIDTH = 160

At = Annotated[
    str | None,
    typer.Option("--at", help="Its control.endpoint: ipc://PATH or tcp://HOST:PORT. Else the one that runs here."),
]
ServerKey = Annotated[str | None, typer.Option(help="Over tcp: its public key, or its .key file.")]
KeyFile = Annotated[Path | None, typer.Option(help="Over tcp: our .key_secret file.")]
AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON on stdout.")]
Source = Annotated[str, typer.Argument(help="Its name in the configuration.")]

ctl = typer.Typer(help="Ask a running mgcld how it is doing, or give it an order.", no_args_is_help=True)


@ctl.command()
def status(at: At = None, server_key: ServerKey = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """How it is doing, in short; also while its loop is stuck."""
    _tell(_asked(at, server_key, key_file, "status"), views.status, as_json)


@ctl.command()
def sources(at: At = None, server_key: ServerKey = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """How each source is doing, why, and what can be done; with --json its history too."""
    _tell(_asked(at, server_key, key_file, "sources"), views.sources, as_json)


@ctl.command()
def classes(at: At = None, server_key: ServerKey = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """The classes in their order, and the probability from which each counts as heard."""
    _tell(_asked(at, server_key, key_file, "classes"), views.classes, as_json)


@ctl.command()
def snapshot(
    at: At = None,
    server_key: ServerKey = None,
    key_file: KeyFile = None,
    as_json: AsJson = True,  # noqa: ARG001 (there is no other form; whoever asks all commands for it may do so here)
) -> None:
    """Everything that is known at this moment, as JSON."""
    _tell(_asked(at, server_key, key_file, "snapshot"), views.status, as_json=True)


@ctl.command()
def reload(at: At = None, server_key: ServerKey = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Let it read its configuration again; a file with a mistake changes nothing."""
    _tell(_asked(at, server_key, key_file, "reload"), views.reload, as_json)


@ctl.command()
def swap(
    adapter: Annotated[Path | None, typer.Argument(help="The file; without it the configured one, read anew.")] = None,
    at: At = None,
    server_key: ServerKey = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Let another adapter judge, from one window to the next; one that cannot be used changes nothing."""
    path = None if adapter is None else Path.cwd() / adapter
    try:
        answer = _asked(at, server_key, key_file, "swap", adapter=None if path is None else str(path))
    except CheckpointError as error:
        unseen = any(sign in str(error) for sign in ("there is no adapter", os.strerror(errno.EACCES)))
        if unseen and path is not None and os.access(path, os.R_OK):
            error.help += f"\n{_readable(path)}"
        raise
    _tell(answer, views.swap, as_json)


@ctl.command()
def pause(
    source: Source,
    at: At = None,
    server_key: ServerKey = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Close a source until it is resumed."""
    _tell(_asked(at, server_key, key_file, "pause", source=source), views.said(f"{source} is paused"), as_json)


@ctl.command()
def resume(
    source: Source,
    at: At = None,
    server_key: ServerKey = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Open a paused source again."""
    _tell(_asked(at, server_key, key_file, "resume", source=source), views.said(f"{source} is resumed"), as_json)


def _asked(at: str | None, server_key: str | None, key_file: Path | None, do: str, **keys: Any) -> dict[str, Any]:
    try:
        with reached(at, server_key, key_file) as daemon:
            return daemon.ask(do, **keys)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None  # an order that was given is carried out all the same


def _tell(answer: dict[str, Any], view: Callable[[dict[str, Any]], RenderableType], as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer, indent=2))
    else:
        Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(view(answer))


def _readable(path: Path) -> str:
    return (
        f"{path} is here for you, but the daemon may not see it: as a service it has a user of its own, no /home and "
        "a /tmp of its own. Put the file where it can read it, as in /etc/mgcld"
    )
