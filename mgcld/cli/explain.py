"""`mgcld explain`: what each class sounds like, in sentences beside the shots that people can change."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mgcld import registry
from mgcld.cli.bars import bars
from mgcld.cli.logs import configure_logs
from mgcld.cli.report import counted, shown
from mgcld.config import Part, explainer_part, options_of
from mgcld.errors import ConfigError
from mgcld.interfaces import Explainer
from mgcld.training.explain import Explained, Progress, Writer, explain_classes
from mgcld.training.support import SupportSet, find_support


def explain(
    shots: Annotated[Path, typer.Option(help="A folder with a folder of recordings for each class.")],
    writer: Annotated[
        str, typer.Option("--with", help="bank, chat, template, or a YAML file with `type` and its options.")
    ] = "bank",
    count: Annotated[int | None, typer.Option(min=1, help="How many sentences about each class; 8 is usual.")] = None,
    classes: Annotated[str, typer.Option(help='Only these: "smoke alarm,kettle". All, if left out.')] = "",
    again: Annotated[bool, typer.Option("--again", help="Replace sentences, those of people too.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="For chat: base_url=http://127.0.0.1:11434/v1, model=..."),
    ] = None,
) -> None:
    """Write sentences about how each class sounds into explanations.yaml beside the shots, for training."""
    configure_logs("info")
    support = find_support(shots)
    chosen = _chosen(classes, list(support.classes))
    part = explainer_part(writer, count, settings or ())
    who = _writer(part)
    with bars() as progress:
        done = explain_classes(support, who, classes=chosen, again=again, progress=progress)
    show(*done)


def kept(support: SupportSet, part: Part, progress: Progress) -> SupportSet:
    """The support set with what a chat model says of classes without sentences: written down, and asked for once.

    Raises:
        ExplanationError: it cannot be asked; what it said before is kept.
    """
    if part.type != "chat":
        return support
    explain_classes(support, _writer(part), classes=list(support.classes), again=False, progress=progress)
    return find_support(support.folder)


def _writer(part: Part) -> Writer:
    return Writer(part.type, _built(part), _built(Part(type="template")))


def _built(part: Part) -> Explainer:
    """Not by `assemble`, which brings torch: seconds."""
    constructor = registry.load("explainer", part.type)
    try:
        options = options_of(constructor, part.options, where="explainer", base=part.base)
    except ConfigError as error:
        raise ConfigError(str(error), help="write --set OPTION=VALUE, or a YAML file: --with FILE.yaml") from error
    explainer: Explainer = constructor(**options)
    return explainer


def show(path: Path, explained: Sequence[Explained]) -> None:
    """One line a class, and where it was written."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("class", overflow="fold", min_width=12)
    table.add_column("from", no_wrap=True)
    table.add_column("sentences", justify="right", no_wrap=True)
    table.add_column("the first of them", overflow="ellipsis", no_wrap=True)
    for row in explained:
        by = f"{row.by}, kept" if row.kept else row.by
        table.add_row(shown(row.name), shown(by), str(len(row.sentences)), shown(row.sentences[0]))
    console.print(table)
    new = [row for row in explained if not row.kept]
    said = f"wrote {counted(len(new), 'class', 'classes')} into" if new else "nothing is new in"
    console.print(f"\n{said} {shown(str(path))}", soft_wrap=True)


def _chosen(wish: str, classes: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in wish.split(",") if name.strip()))
    for name in names:
        if name not in classes:
            near = difflib.get_close_matches(name, classes, n=1)
            help = f"did you mean {near[0]!r}?" if near else f"classes: {', '.join(classes)}"
            raise ConfigError(f"--classes: there is no class {name!r}", help=help)
    return names or list(classes)
