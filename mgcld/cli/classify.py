"""`mgcld classify`: files through the same pipeline, at full speed."""

import csv
import itertools
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mgcld.audio.capture import windows_of
from mgcld.cli.logs import configure_logs
from mgcld.config import encoder_part, named_part
from mgcld.errors import SourceError
from mgcld.interfaces import AudioSource

if TYPE_CHECKING:
    from mgcld.data import Prediction, Window
    from mgcld.model.recogniser import Recogniser

BATCH = 32


def classify(
    files: Annotated[list[Path], typer.Argument(help="Recordings, of any format.")],
    adapter: Annotated[Path, typer.Option(help="What `mgcld train` wrote.")] = Path("adapter.safetensors"),
    format: Annotated[Literal["jsonl", "csv"], typer.Option(help="How the answers are printed.")] = "jsonl",
    hop: Annotated[float, typer.Option(help="Seconds between two windows' starts.", min=0.01)] = 5.0,
    encoder: Annotated[str, typer.Option(help="The encoder of its training: NAME or NAME=MODEL.")] = "mini",
    device: Annotated[str, typer.Option(help="Where it runs: auto, cpu, cuda or cuda:<number>.")] = "auto",
    captioner: Annotated[str | None, typer.Option(help="Another captioner than the adapter's, or none.")] = None,
) -> None:
    """Say what recordings hold, a line for each window."""
    configure_logs("warning")
    from mgcld.assemble import build_recogniser, file_at_full_speed  # torch: seconds, so only where it is needed

    other = None if captioner is None else named_part(captioner)
    recogniser = build_recogniser(adapter, encoder_part(encoder, device), other)
    write = _jsonl if format == "jsonl" else _csv(recogniser.classes)
    failed: list[SourceError] = []
    for path in files:
        try:
            if path.is_dir():
                every = f"mgcld classify {shlex.quote(str(path))}/*"
                raise SourceError(f"{path} is a folder", reason="not_found", help=f"name its recordings: {every}")
            answered = False
            for window, prediction in _answers(recogniser, file_at_full_speed(path), hop):
                write(path, window, prediction)
                answered = True
            if not answered:
                raise SourceError(f"{path} holds no sound", reason="no_audio", help="is it whole?")
        except SourceError as error:
            print(f"error: {error}", file=sys.stderr)
            failed.append(error)
    if failed:
        raise SourceError(f"{len(failed)} of {len(files)} files could not be heard", help=failed[0].help)


def _answers(recogniser: "Recogniser", source: AudioSource, hop: float) -> "Iterator[tuple[Window, Prediction]]":
    windows = windows_of(
        source,
        name="file",
        sample_rate=recogniser.sample_rate,
        window_seconds=recogniser.window_seconds,
        hop_seconds=hop,
    )
    while batch := list(itertools.islice(windows, BATCH)):
        yield from zip(batch, recogniser(batch), strict=True)


def _jsonl(path: Path, window: "Window", prediction: "Prediction") -> None:
    answer = {
        "file": str(path),
        "start_seconds": round(window.start_seconds, 6),
        "end_seconds": round(window.end_seconds, 6),
        "p": {name: round(p, 6) for name, p in prediction.named.items()},
        "top": [[name, round(p, 6)] for name, p in prediction.top[:5]],
        "caption": prediction.caption,
    }
    print(json.dumps(answer, ensure_ascii=False), flush=True)


def _csv(classes: tuple[str, ...]) -> "Callable[[Path, Window, Prediction], None]":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "start_seconds", "end_seconds", "top", *classes, "unknown", "caption"])

    def write(path: Path, window: "Window", prediction: "Prediction") -> None:
        times = (round(window.start_seconds, 6), round(window.end_seconds, 6))
        p = [round(value, 6) for value in prediction.named.values()]
        writer.writerow([path, *times, prediction.top[0][0], *p, prediction.caption])

    return write
