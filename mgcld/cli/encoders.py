"""`mgcld encoders`: which encoders there are, and which of them could run here without a network."""

import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mgcld import registry
from mgcld.cli.logs import configure_logs
from mgcld.config import encoder_part
from mgcld.data import Checkpoint
from mgcld.errors import MgcldError
from mgcld.interfaces import Encoder

WINDOW_SECONDS = 5
REPEATS = 5
UNKNOWN = Checkpoint(model="")
HELP = """
use one with: --encoder NAME, or --encoder NAME=MODEL for any other model or folder that it can read
what is not on disk is downloaded at its first use; what brings it here beforehand is the `fetch` of each with --json"""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One encoder with one set of weights."""

    name: str
    """What `--encoder` takes."""
    checkpoint: Checkpoint
    speed_ms: float | None = None
    """Milliseconds for a window of five seconds, one at a time; None where it was not measured."""
    trouble: str = ""
    """Why it cannot be used here."""


def encoders(
    speed: Annotated[bool, typer.Option("--speed", help="Load and time each one that is on disk.")] = False,
    device: Annotated[str, typer.Option(help="Where to time it: auto, cpu, cuda or cuda:<number>.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON on stdout.")] = False,
) -> None:
    """List the encoders, with licence, rate, size, and whether they are on disk."""
    configure_logs("warning")
    rows = [row for name in registry.names("encoder") for row in _rows(name)]
    if speed:
        rows = [_timed(row, device) if row.checkpoint.here else row for row in rows]
    if as_json:
        print(json.dumps([_plain(row) for row in rows], indent=2))
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
        console.print(_table(rows))
        console.print(HELP, soft_wrap=True)


def _rows(name: str) -> list[Row]:
    """An encoder says what it knows of its checkpoints where it has `checkpoints`; nothing is loaded."""
    try:
        encoder = registry.load("encoder", name)
    except MgcldError as error:
        return [Row(name, UNKNOWN, trouble=f"{error}; {error.help}")]
    known: Sequence[Checkpoint] = encoder.checkpoints() if hasattr(encoder, "checkpoints") else [UNKNOWN]
    return [Row(f"{name}={each.model}" if each.model else name, each) for each in known]


def _timed(row: Row, device: str) -> Row:
    from mgcld.assemble import build_encoder  # torch: seconds, so only where it is needed

    try:
        return dataclasses.replace(row, speed_ms=_milliseconds(build_encoder(encoder_part(row.name, device))))
    except MgcldError as error:
        return dataclasses.replace(row, trouble=f"{error}; {error.help}")


def _milliseconds(encoder: Encoder) -> float:
    import torch

    samples = 0.1 * torch.randn(1, WINDOW_SECONDS * encoder.sample_rate)
    taken = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        encoder.embed_audio(samples, torch.tensor([samples.shape[1]])).coarse.tolist()  # which waits for a GPU
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken[1:])


def _plain(row: Row) -> dict[str, Any]:
    facts = dataclasses.asdict(row.checkpoint)
    speed = None if row.speed_ms is None else round(row.speed_ms, 2)
    return {"encoder": row.name, **facts, "speed_ms": speed, "trouble": row.trouble or None}


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("encoder", "licence", "Hz", "segment", "size", "a window", "on disk"):
        left = title in ("encoder", "licence", "on disk")
        table.add_column(title, justify="left" if left else "right", no_wrap=title != "encoder", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in _cells(row)), style="" if row.checkpoint.here else "dim")
    return table


def _cells(row: Row) -> list[str]:
    known = row.checkpoint
    here = row.trouble or ("yes" if known.here else "unknown" if known == UNKNOWN else "no")
    return [
        row.name,
        known.licence or "unknown",
        _or_unknown(known.sample_rate, "d"),
        _or_unknown(known.segment_seconds, ".3g", " s"),
        _or_unknown(known.megabytes, ".0f", " MB"),
        "" if row.speed_ms is None else f"{row.speed_ms:.0f} ms",
        here,
    ]


def _or_unknown(value: float | None, form: str, unit: str = "") -> str:
    return "unknown" if value is None else f"{value:{form}}{unit}"
