"""`mgcld eval`: how well it recognises, beside everything simpler, on recordings that it never learned from."""

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperCommand

from mgcld.cli.bars import bars
from mgcld.cli.logs import configure_logs
from mgcld.config import encoder_part, explainer_part, named_part
from mgcld.errors import ConfigError

if TYPE_CHECKING:
    from mgcld.evaluation.account import Account

LISTS = ("--ways", "--shots", "--support-folds", "--query-fold")


class Listing(TyperCommand):
    """A command whose lists may be written with blanks, `--shots 1 5 10`, as well as with commas."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the numbers that follow the name of a list."""
        joined: list[str] = []
        taking = False
        for argument in args:
            number = re.fullmatch(r"[\d,-]*\d[\d,-]*", argument) is not None
            if taking and number and joined[-1] not in LISTS:
                joined[-1] += f",{argument}"
                continue
            taking = argument in LISTS or (taking and number)
            joined.append(argument)
        return super().parse_args(ctx, joined)


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="ESC-50, FSDKaggle2018, UrbanSound8K, or a folder of classes.")],
    protocol: Annotated[
        Literal["auto", "paper", "strict"],
        typer.Option(help="paper: its label folds; strict: no shared source recording. auto: paper for --table."),
    ] = "auto",
    ways: Annotated[str, typer.Option(help="Numbers of classes, for instance 5 10; 0 is all of them.")] = "",
    shots: Annotated[str, typer.Option(help="Numbers of recordings to learn a class from: 1 5 10.")] = "",
    episodes: Annotated[int, typer.Option(min=1, help="Draws of each way and number of shots.")] = 200,
    queries: Annotated[int, typer.Option(min=0, help="Questions a class in each draw; 0 is all there are.")] = 5,
    query_fold: Annotated[str, typer.Option(help="Folds that the questions come from.")] = "",
    support_folds: Annotated[str, typer.Option(help="Folds that the shots come from: 1-3, or 1,2.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    table: Annotated[int | None, typer.Option(min=1, max=5, help="The rows of this table of the paper.")] = None,
    open_set: Annotated[bool, typer.Option("--open-set", help="How well the unknown is told from the known.")] = False,
    as_json: Annotated[str, typer.Option("--json", help="Write the figures there; - is stdout.", metavar="FILE")] = "",
    as_markdown: Annotated[
        str, typer.Option("--markdown", help="Write the tables there; - is stdout.", metavar="FILE")
    ] = "",
    plots: Annotated[Path | None, typer.Option(help="Write plots and a page that shows them there.")] = None,
    encoder: Annotated[str, typer.Option(help="The frozen audio-language model: NAME or NAME=MODEL.")] = "mini",
    device: Annotated[str, typer.Option(help="Where the encoder runs: auto, cpu, cuda or cuda:<number>.")] = "auto",
    captioner: Annotated[
        str | None,
        typer.Option(help="Who captions each recording: NAME, NAME=MODEL, NAME?option=value; tags, or else retrieval."),
    ] = None,
    explainer: Annotated[
        str | None,
        typer.Option(help="Who writes what a class sounds like: bank (with mini: template), or a YAML file."),
    ] = None,
    explanations: Annotated[int | None, typer.Option(min=1, help="How many sentences about each class; 8.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where features are kept; ~/.cache/mgcld/features.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 is one a core.")] = 0,
) -> None:
    """Measure on a data set, with every simpler method beside it on the same episodes."""
    configure_logs("warning")
    learned, asked = _listed("--support-folds", support_folds), _listed("--query-fold", query_fold)
    chosen = _protocol(protocol, table is not None, bool(learned or asked))
    widths, counts = _numbers("--ways", ways, 0), _numbers("--shots", shots, 1)
    from mgcld.assemble import build_ear, usual_explainer  # torch: seconds, so only where it is needed
    from mgcld.evaluation.files import check_writable
    from mgcld.evaluation.report import Outputs, evaluated
    from mgcld.evaluation.study import Question, settled

    outputs = Outputs(_file(as_json), _file(as_markdown), plots)
    for path in outputs.files:
        check_writable(path)
    question = Question(dataset, chosen, widths, counts, episodes, queries, seed, learned, asked)
    if table and open_set:
        raise ConfigError("--table and --open-set are two runs", help="ask for one of them")
    found, question = settled(question, table=table is not None)
    chosen_encoder = encoder_part(encoder, device)
    with bars() as progress:
        parts = {
            "encoder": chosen_encoder,
            "explainer": explainer_part(explainer or usual_explainer(chosen_encoder), explanations),
        }
        speaker = None if captioner is None else named_part(captioner)
        ear, writer = build_ear(**parts, captioner=speaker, cache=cache, progress=progress)
        processes = jobs or os.cpu_count() or 1
        account = evaluated(question, found, ear, writer, table=table or 0, open_set=open_set, jobs=processes)
    outputs.write(account)
    _print(account, as_json == "-", as_markdown == "-")


def _file(name: str) -> Path | None:
    return None if name in ("", "-") else Path(name)


def _print(account: "Account", as_json: bool, as_markdown: bool) -> None:
    if as_json:
        print(json.dumps(account.as_json(), indent=2))
    if as_markdown:
        print(account.as_markdown(), end="")
    if not as_json and not as_markdown:
        show(account)


def show(account: "Account") -> None:
    """The tables for a person."""
    wide = None if sys.stdout.isatty() else 160
    console = Console(highlight=False, width=wide)
    for sheet in account.sheets:
        table = Table(title=escape(sheet.title), title_justify="left", title_style="bold", box=None, pad_edge=False)
        for i, column in enumerate(sheet.columns):
            table.add_column(escape(column), justify="right" if i else "left")
        for row in sheet.rows:
            table.add_row(*map(escape, row), style="bold" if row[0].startswith("mgcl+") else "")
        console.print(table)
        for note in sheet.notes:
            console.print(escape(note), style="dim")
        console.print()
    console.print(escape(account.summary), soft_wrap=True)
    for note in account.notes:
        console.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True)


def _protocol(wish: str, table: bool, folds: bool) -> Literal["paper", "strict"]:
    if folds and wish == "paper":
        help = "leave out --query-fold and --support-folds, or write --protocol strict"
        raise ConfigError("the paper's protocol knows no folds of recordings", help=help)
    return "paper" if wish == "paper" or (wish == "auto" and table and not folds) else "strict"


def _numbers(option: str, text: str, least: int) -> tuple[int, ...]:
    items = _listed(option, text)
    if not all(item.isdigit() and int(item) >= least for item in items):
        raise ConfigError(f"{option} {text}: not whole numbers of at least {least}", help=f"for instance {option} 5 10")
    return tuple(dict.fromkeys(int(item) for item in items))


def _listed(option: str, text: str) -> tuple[str, ...]:
    """`1-3,5` is 1, 2, 3 and 5; names stay as they are."""
    items: list[str] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        ends = re.fullmatch(r"(\d+)-(\d+)", item)
        items += map(str, range(int(ends[1]), int(ends[2]) + 1)) if ends else [item]
    if text and not items:
        raise ConfigError(f"{option} {text}: nothing in it", help=f"for instance {option} 1-3")
    return tuple(dict.fromkeys(items))
