"""A folder of clips out of packages, with its manifest."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

Found = tuple[str, str, str, np.ndarray, int]
"""Package, original, text, samples, sample rate."""


@contextmanager
def manifest(folder: Path) -> Iterator["csv.Writer"]:
    """The table of a new folder's clips, with its headings."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "seconds", "source_repo", "original_path", "license", "text", "kind"])
        yield table


def keep(folder: Path, table: "csv.Writer", licence: str, clips: Iterator[Found]) -> None:
    """Write clips and their lines; say how many minutes."""
    minutes, package = 0.0, ""
    for number, (package, original, text, samples, rate) in enumerate(clips):
        name = f"{package.replace('/', '-')}-{licence}-{number:04d}.wav"
        soundfile.write(folder / name, samples, rate, subtype="PCM_16")
        table.writerow([name, f"{len(samples) / rate:.2f}", package, original, licence, text, "extra"])
        minutes += len(samples) / rate / 60
    print(f"{package}: {minutes:.1f} minutes, {licence}")
