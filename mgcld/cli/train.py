"""`mgcld train`: from a folder of recordings to an adapter, and a report about it."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mgcld.cli.logs import configure_logs
from mgcld.config import Part, encoder_part

if TYPE_CHECKING:
    from mgcld.training.report import Report


def train(
    shots: Annotated[Path, typer.Option(help="A folder with a folder of recordings for each class.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write it.")] = Path("adapter.safetensors"),
    mode: Annotated[Literal["mgcl+", "paper"], typer.Option(help="The method's preset.")] = "mgcl+",
    encoder: Annotated[str, typer.Option(help="The frozen audio-language model.")] = "mini",
    device: Annotated[str, typer.Option(help="Where the encoder runs: auto, cpu, cuda or cuda:<number>.")] = "auto",
    captioner: Annotated[str, typer.Option(help="Who writes a sentence about each window, or none.")] = "tags",
    explainer: Annotated[str, typer.Option(help="Who writes what a class sounds like.")] = "template",
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
) -> None:
    """Learn classes from a few recordings of each."""
    configure_logs("warning")
    from mgcld.assemble import build_trainer  # torch: seconds, so only where it is needed
    from mgcld.model.checkpoint import check_writable, save_adapter
    from mgcld.training.support import find_support

    support = find_support(shots)
    check_writable(output)
    with _bars() as progress:
        parts = {
            "encoder": encoder_part(encoder, device),
            "captioner": Part(type=captioner),
            "explainer": Part(type=explainer),
        }
        adapter, report = build_trainer(**parts, mode=mode, progress=progress)(support)
    save_adapter(adapter, output)
    if as_json:
        print(json.dumps({"adapter": str(output), **report.as_json()}, indent=2))
    else:
        show(report, output)


def show(report: "Report", output: Path) -> None:
    """The report for a person."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    table.add_column("shots", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("right when left out")
    for row in report.classes:
        table.add_row(
            escape(row.name), str(row.shots), f"{row.seconds:.1f}", _accuracy(row.left_out, row.right, row.unknown)
        )
    console.print(table)
    if report.accuracy is not None:
        console.print(f"\nleave-one-out accuracy {100 * report.accuracy:.0f} % (taken for unknown counts as wrong)")
    for true, said, count in report.confused:
        console.print(escape(f"  {true} was taken for {said}: {count}"))
    for item in report.skipped:
        console.print(f"[yellow]skipped[/] {escape(f'{item.path}: {item.why}')}", soft_wrap=True)
    for line in report.advice:
        console.print(f"[yellow]advice[/] {escape(line)}", soft_wrap=True)
    background = f"{report.background_shots} background shots" if report.background_shots else "no background"
    counts = f"{_counted(len(report.classes), 'class', 'classes')}, {background}, {report.mode}, {report.seconds:.1f} s"
    name = escape(str(output))
    console.print(f"\nwrote {name}: {counts}", soft_wrap=True)
    console.print(f"next: mgcld run --adapter {name} --source mic=microphone:default", soft_wrap=True)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _accuracy(left_out: int, right: int, unknown: int) -> str:
    if not left_out:
        return "- (one shot)"
    bar = "█" * round(10 * right / left_out)
    return f"{bar:<10} {right} of {left_out}" + (f", {unknown} unknown" if unknown else "")


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    """Progress on stderr, one bar a stage."""
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {}

        def show_stage(stage: str, done: int, of: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=of)
            progress.update(tasks[stage], completed=done)

        yield show_stage
