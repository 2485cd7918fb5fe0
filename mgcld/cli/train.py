"""`mgcld train`: from a folder of recordings to an adapter, and a report about it."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from mgcld.cli.bars import bars
from mgcld.cli.explain import kept
from mgcld.cli.logs import configure_logs
from mgcld.cli.report import show
from mgcld.config import encoder_part, explainer_part, named_part


def train(
    shots: Annotated[Path, typer.Option(help="A folder with a folder of recordings for each class.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write it.")] = Path("adapter.safetensors"),
    mode: Annotated[Literal["mgcl+", "paper"], typer.Option(help="The method's preset.")] = "mgcl+",
    encoder: Annotated[str, typer.Option(help="The frozen audio-language model: NAME or NAME=MODEL.")] = "mini",
    device: Annotated[str, typer.Option(help="Where the encoder runs: auto, cpu, cuda or cuda:<number>.")] = "auto",
    captioner: Annotated[
        str | None,
        typer.Option(help="Who captions each window: NAME, NAME=MODEL, NAME?option=value; tags, or else retrieval."),
    ] = None,
    explainer: Annotated[
        str | None,
        typer.Option(help="Who writes what a class sounds like: bank (with mini: template), or a YAML file."),
    ] = None,
    explanations: Annotated[int | None, typer.Option(min=1, help="How many sentences about each class; 8.")] = None,
    report: Annotated[Path | None, typer.Option(help="A folder for the report as a page, report.html.")] = None,
    background: Annotated[Path | None, typer.Option(help="A recording to count false alarms in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
) -> None:
    """Learn classes from a few recordings of each."""
    configure_logs("warning")
    from mgcld.assemble import build_trainer, usual_explainer  # torch: seconds, so only where it is needed
    from mgcld.model.checkpoint import check_writable, save_adapter
    from mgcld.training.reporting.page import check_folder, write_page
    from mgcld.training.reporting.plain import as_plain
    from mgcld.training.support import find_support

    support = find_support(shots)
    check_writable(output)
    if report is not None:
        check_folder(report)
    chosen_encoder = encoder_part(encoder, device)
    with bars() as progress:
        parts = {
            "encoder": chosen_encoder,
            "explainer": explainer_part(explainer or usual_explainer(chosen_encoder), explanations),
        }
        speaker = None if captioner is None else named_part(captioner)
        trainer = build_trainer(**parts, captioner=speaker, mode=mode, progress=progress)
        trained, told = trainer(kept(support, parts["explainer"], progress), background)
        save_adapter(trained.adapter, output)
        page = None if report is None else write_page(told, trained.recordings, report, progress)
    if as_json:
        pages = {} if page is None else {"report": str(page)}
        print(json.dumps({"adapter": str(output), **pages, **as_plain(told)}, indent=2))
    else:
        show(told, output, page)
