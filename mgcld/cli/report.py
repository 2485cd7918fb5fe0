"""The training report in a terminal."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mgcld.cli.line import bar, printable

if TYPE_CHECKING:
    from mgcld.training.reporting.alarms import FalseAlarms
    from mgcld.training.reporting.records import ClassReport, Share
    from mgcld.training.reporting.report import Report

MOST_LINES = 8
"""Of one kind: the page and the JSON have them all."""


def show(report: "Report", output: Path, page: Path | None) -> None:
    """The report for a person."""
    console = Console(highlight=False)
    console.print(_table(report))
    for line in _lines(report):
        console.print(line, soft_wrap=True)
    name, made = shown(str(output)), report.made
    background = counted(report.background_shots, "background shot") if report.background_shots else "no background"
    counts = f"{counted(len(report.classes), 'class', 'classes')}, {background}, {made.mode}, {made.seconds:.1f} s"
    console.print(f"\nwrote {name}: {counts}", soft_wrap=True)
    if page is not None:
        console.print(f"wrote {shown(str(page))}: open it in a browser", soft_wrap=True)
    encoder = "" if made.encoder == "mini" else f" --encoder {shown(shlex.quote(made.encoder))}"
    console.print(f"next: mgcld run --adapter {name}{encoder} --source mic=microphone:default", soft_wrap=True)


def shown(text: str) -> str:
    """Text from elsewhere: nothing in it steers the terminal or rich."""
    return escape(printable(text))


def counted(count: int, one: str, many: str = "") -> str:
    """`1 shot`, `2 shots`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _table(report: "Report") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("class", overflow="fold", min_width=12)
    for title in ("shots", "seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("right when left out", no_wrap=True)
    table.add_column("threshold", justify="right", no_wrap=True)
    for row in report.classes:
        threshold = f"{row.threshold.value:.2f}" + ("" if row.threshold.fitted else "*")
        table.add_row(shown(row.name), str(row.shots), f"{row.seconds:.1f}", _accuracy(row), threshold)
    return table


def _accuracy(row: "ClassReport") -> str:
    if not row.left_out:
        return "- (one shot)"
    said = f"{bar(row.right / row.left_out, 10)} {row.right} of {row.left_out}"
    return said + (f", {row.unknown} unknown" if row.unknown else "")


def _alarms(alarms: "FalseAlarms") -> str:
    low, high = alarms.interval(alarms.any)
    rate = f"{alarms.per_hour(alarms.any):.0f} ({low:.0f}-{high:.0f})" if alarms.any else f"below {high:.0f}"
    heard = f"{alarms.any} of {counted(alarms.windows, 'window')}"
    names = ", ".join(f"{shown(name)} {count}" for name, count in alarms.worst[:3])
    return f"false alarms in {shown(alarms.source)}: {rate} an hour ({heard}{': ' + names if names else ''})"


def _lines(report: "Report") -> Iterator[str]:
    if report.share.asked:
        yield f"\nleave-one-out accuracy {_percent(report.share)} (taken for unknown counts as wrong)"
    if report.in_place.asked:
        yield f"the same recordings over _background/: {_percent(report.in_place)}"
    if any(not row.threshold.fitted for row in report.classes):
        yield "\n* nothing could be left out: the default"
    for alarms in report.alarms:
        yield _alarms(alarms)
    for part in report.parts:
        yield f"  {part.part.replace('_', ' '):<16} alone {_percent(part.alone)}, without it {_percent(part.without)}"
    for pair in report.pairs[:MOST_LINES]:
        back = f", and {pair.back} back" if pair.back else ""
        yield f"  {shown(pair.name)} was taken for {shown(pair.said)}: {pair.count} of {pair.of}{back}"
    for shot in report.suspects[:MOST_LINES]:
        for trouble in shot.troubles:
            yield f"[yellow]listen to[/] {shown(f'{shot.path}: {trouble.why}')}"
    if len(report.suspects) > MOST_LINES:
        yield f"[yellow]listen to[/] {len(report.suspects) - MOST_LINES} more: see --report or --json"
    for item in report.skipped:
        yield f"[yellow]skipped[/] {shown(f'{item.path}: {item.why}')}"
    for line in report.advice:
        yield f"[yellow]advice[/] {shown(line)}"


def _percent(share: "Share") -> str:
    if share.value is None or share.interval is None:
        return "-"
    low, high = share.interval
    return f"{100 * share.value:.0f} % ({100 * low:.0f}-{100 * high:.0f})"
