"""Clips from folders with a manifest: 16 kHz mono, with their licence and what is known of their content."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from mgcld_plugins.encoders._mini_audio import SAMPLE_RATE

LONGEST_SECONDS = 60
Samples = np.ndarray


@dataclass(frozen=True)
class Clip:
    """One stretch of a recording; `original` names the recording: what shares it stays on one side of a split."""

    original: str
    licence: str
    text: str
    samples: Samples  # int16


def read(folders: list[Path], wanted: Callable[[dict[str, str]], bool]) -> list[Clip]:
    """The wanted clips of several folders, in the order of their manifests.

    A folder holds `manifest.csv` with the columns file, source_repo, original_path, license and text. A folder without
    a manifest is read as ESC-10's layout: `<class>/<fold>-<recording>-<take>.<ending>` (its licence is CC BY 3.0).
    """
    rows = [(folder, row) for folder in folders for row in _rows(folder)]
    return [decoded(folder, row) for folder, row in rows if wanted(row)]


def _rows(folder: Path) -> Iterator[dict[str, str]]:
    manifest = folder / "manifest.csv"
    if manifest.exists():
        with manifest.open(newline="") as file:
            yield from csv.DictReader(file)
        return
    for path in sorted(folder.glob("*/*-*-*.*")):
        fold, recording, _ = path.stem.split("-")
        yield {
            "file": str(path.relative_to(folder)),
            "source_repo": folder.name,
            "original_path": recording,
            "license": "CC-BY-3.0",
            "text": path.parent.name,
            "fold": fold,
        }


def decoded(folder: Path, row: dict[str, str]) -> Clip:
    """A manifest line's clip, its first minute."""
    samples, rate = soundfile.read(folder / row["file"], dtype="float32", always_2d=True)
    mono = samples[: LONGEST_SECONDS * rate].mean(1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    whole = np.round(np.clip(mono, -1, 1) * 32767).astype(np.int16)
    return Clip(f"{row['source_repo']}/{row['original_path']}", row["license"], row["text"].strip().lower(), whole)
