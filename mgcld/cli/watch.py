"""`mgcld watch`: the live view of a running daemon, from another process."""

import json
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from mgcld.cli.table import LiveTable
from mgcld.client import DEFAULT_ENDPOINT, Received, Subscription, subscribe
from mgcld.data import Message, MessageKind
from mgcld.errors import ReceiveTimeout

KINDS = ("prob", "event", "health", "meta")
PATIENCE_SECONDS = 5.0
"""When nothing comes for so long, a person wants to know what to check."""
SILENCES = 3
"""A daemon tells its health every few seconds: after so many times the patience, it has probably stopped."""


def watch(
    endpoint: Annotated[str, typer.Argument(help="Where the daemon publishes.")] = DEFAULT_ENDPOINT,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a message, for machines.")] = False,
    server_key: Annotated[str | None, typer.Option(help="Where it encrypts: its public key, or its .key file.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="Where it asks who we are: our .key_secret file.")] = None,
) -> None:
    """Show what a running mgcld hears, until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal gets its cursor back
    table = LiveTable()
    notes = table.console if table.console.is_terminal and not json_lines else Console(stderr=True)
    try:
        with subscribe(
            endpoint,
            KINDS,
            [source] if source else None,
            PATIENCE_SECONDS,
            server_key=server_key,
            key_file=key_file,
        ) as messages:
            _say(notes, f"listening to {endpoint}; Ctrl-C ends")
            for message in _patiently(messages, endpoint, source, notes):
                if message.restarted:
                    table.forget()
                if json_lines:
                    print(json.dumps(asdict(message)), flush=True)
                else:
                    table.take(Message(cast(MessageKind, message.kind), message.topic, message.header, message.body))
    except KeyboardInterrupt:
        pass
    finally:
        table.close()


def _patiently(messages: Subscription, endpoint: str, source: str | None, notes: Console) -> Iterator[Received]:
    """The messages, with a word to the person where they do not come or were missed."""
    heard: set[str] = set()
    silences = 0
    while True:
        try:
            message = next(messages)
        except ReceiveTimeout:
            silences += 1
            _say(notes, advice(heard, silences, endpoint, source))
            continue
        silences = 0
        heard.add(message.kind)
        _say(notes, "mgcld was started anew" if message.restarted else "")
        _say(notes, f"{message.topic}: {message.lost} missed" if message.lost else "")
        yield message


def advice(heard: set[str], silences: int, endpoint: str, source: str | None) -> str:
    """What to check after so many silent whiles in a row, when these kinds of messages had come before."""
    if silences == 1 and not heard:
        return (
            f"nothing is heard on {endpoint} yet: is mgcld running, with this as its publish.endpoint, and, where it "
            "encrypts, are these its key and one that may listen?"
        )
    if silences == 1 and heard == {"meta"} and source:
        return f"mgcld is there, but nothing comes from {source}: is one of its sources called so?"
    if silences == SILENCES and heard > {"meta"}:
        return f"nothing for {SILENCES * PATIENCE_SECONDS:.0f} s: has mgcld stopped? Still listening"
    return ""


def _say(notes: Console, text: str) -> None:
    if text:
        notes.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)
