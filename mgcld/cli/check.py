"""`mgcld check`: would it run? Every source opened, the model tried, the address bound; and nothing left behind."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from mgcld.cli.logs import configure_logs
from mgcld.cli.run import ADAPTER, overrides
from mgcld.cli.sheet import sheet
from mgcld.cli.verdict import KINDS, exit_code, plain, waited_for
from mgcld.config import Config, load_config

if TYPE_CHECKING:
    from mgcld.service.findings import Finding

INTERRUPTED = 130
PLAIN_WIDTH = 120


def check(
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The configuration, a YAML file.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="name=address: rtsp://..., http://..., microphone:default, -, path.wav. Repeat it for more."),
    ] = None,
    adapter: Annotated[Path | None, typer.Option(help="The adapter, instead of the configuration's.")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="NAME or NAME=MODEL, that of the adapter's training, instead of the configuration's."),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Where to publish, instead of the configuration's.")] = None,
    hop: Annotated[float | None, typer.Option(help="Seconds between two windows' starts.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON on stdout.")] = False,
) -> None:
    """Try everything that `run` would use, once: open each source for 3 s, load the model, bind the address.

    Nothing is published, and nothing stays open. An mgcld that runs on the same address is a warning, no error: so a
    changed configuration can be checked before a restart.

    Exit code: 0 when all is well or there are warnings only; otherwise that of the first error in the order shown:
    66 a source, 74 the adapter's file, 70 encoder, captioner, or an adapter of another encoder, 69 the address,
    78 the configuration, 1 anything else; 130 interrupted.
    """
    _on_signals(lambda *_: os._exit(INTERRUPTED))  # libraries that load make other things of an exception
    chosen = adapter or (None if config else ADAPTER)
    wishes = load_config(config, overrides(source or [], chosen, endpoint, hop, encoder))
    configure_logs("warning")
    try:
        found = _found(wishes)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        os._exit(INTERRUPTED)  # a thread may be deep in a library that loads
    if as_json:
        print(json.dumps(plain(found), indent=2, default=str))
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
        console.print(sheet(found, console.width))
    raise typer.Exit(exit_code(found))


def _found(wishes: Config) -> "list[Finding]":
    from mgcld.assemble import build_checkup  # torch: seconds, so only where it is needed

    _on_signals(signal.default_int_handler)
    found = []
    with contextlib.closing(build_checkup(wishes).findings()) as findings, _progress(wishes) as show:
        for finding in findings:
            found.append(finding)
            show(found)
    order = {"source": [*wishes.sources], "sink": [*wishes.sinks]}
    return sorted(found, key=lambda one: (KINDS.index(one.kind), one.kind in order and order[one.kind].index(one.name)))


@contextlib.contextmanager
def _progress(wishes: Config) -> "Iterator[Callable[[list[Finding]], None]]":
    """What is waited for, on a terminal; nothing anywhere else."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda _: None
        return

    def line(found: "list[Finding]") -> Text:
        text = Text(waited_for(wishes.sources, found))
        text.truncate(console.width - 2, overflow="ellipsis")  # the spinner stands before it
        return text

    with console.status(line([])) as status:
        yield lambda found: status.update(line(found))


def _on_signals(handler: "Callable[[int, FrameType | None], object]") -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
