"""The layouts that are known: how each tells the class, the fold and the source recording of a clip."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mgcld.training.support import SUFFIXES


class LayoutError(Exception):
    """A table of the data set does not fit its files."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording of a data set."""

    path: Path
    name: str
    """Its class, as the data set writes it."""
    fold: str | None
    """The official fold, `train` or `test`; None where there is none."""
    source: str
    """What it was cut from: clips of one source are one recording, and never stand on both sides of a split."""
    verified: bool = True
    """Whether somebody listened to the label."""


ESC_NAME = re.compile(r"(?P<fold>\d)-(?P<source>\d+)-[A-Z]\b.*")
"""`<fold>-<freesound id>-<take>...`, as in ESC-50."""
URBAN_NAME = re.compile(r"(?:fold(?P<fold>\d+)_)?(?P<source>\d+)-\d+-\d+-\d+\b.*")
"""`<fsID>-<class>-<occurrence>-<slice>`, as in UrbanSound8K, perhaps with `fold<n>_` before it."""


def is_esc50(folder: Path) -> bool:
    """By its table."""
    return (folder / "meta" / "esc50.csv").is_file()


def esc50(folder: Path) -> list[Clip]:
    """`filename,fold,target,category,esc10,src_file,take`."""
    rows = _rows(folder / "meta" / "esc50.csv", ("filename", "fold", "category", "src_file"))
    return [Clip(_there(folder / "audio" / r["filename"]), r["category"], r["fold"], r["src_file"]) for r in rows]


FSD = "FSDKaggle2018"
_FSD_TABLES = {"train": "train_post_competition.csv", "test": "test_post_competition_scoring_clips.csv"}


def is_fsdkaggle18(folder: Path) -> bool:
    """By its table, in FSDKaggle2018.meta/ or beside the audio."""
    return _fsd_table(folder, "train").is_file()


def fsdkaggle18(folder: Path) -> list[Clip]:
    """Train (`fname,label,manually_verified,freesound_id,...`) and, where it is there, the scored test."""
    clips = []
    for part in _FSD_TABLES:
        table = _fsd_table(folder, part)
        if part == "test" and not table.is_file():
            continue
        for row in _rows(table, ("fname", "label")):
            path = _there(folder / f"{FSD}.audio_{part}" / row["fname"])
            source = row.get("freesound_id") or row["fname"]
            clips.append(Clip(path, row["label"], part, source, row.get("manually_verified", "1") != "0"))
    return clips


def _fsd_table(folder: Path, part: str) -> Path:
    inside = folder / f"{FSD}.meta" / _FSD_TABLES[part]
    return inside if inside.is_file() else folder / _FSD_TABLES[part]


def is_urbansound8k(folder: Path) -> bool:
    """By its table."""
    return (folder / "metadata" / "UrbanSound8K.csv").is_file()


def urbansound8k(folder: Path) -> list[Clip]:
    """`slice_file_name,fsID,start,end,salience,fold,classID,class`."""
    rows = _rows(folder / "metadata" / "UrbanSound8K.csv", ("slice_file_name", "fsID", "fold", "class"))
    return [
        Clip(_there(folder / "audio" / f"fold{r['fold']}" / r["slice_file_name"]), r["class"], r["fold"], r["fsID"])
        for r in rows
    ]


def is_folder_of_classes(folder: Path) -> bool:
    """At least two folders with recordings right inside."""
    return sum(any(_recordings(child)) for child in _class_folders(folder)) > 1


def folder_of_classes(folder: Path) -> list[Clip]:
    """`<class>/<recording>`; fold and source are read from the file's name where it is like ESC-50's or UrbanSound8K's.

    Any other file is its own source.
    """
    return [_named(path, child.name) for child in _class_folders(folder) for path in _recordings(child)]


def _named(path: Path, name: str) -> Clip:
    found = ESC_NAME.fullmatch(path.name) or URBAN_NAME.fullmatch(path.name)
    if found is None:
        return Clip(path, name, None, f"{name}/{path.name}")
    return Clip(path, name, found["fold"], found["source"])


def _class_folders(folder: Path) -> Iterator[Path]:
    """Not `_background`, nothing hidden."""
    return (child for child in sorted(folder.iterdir()) if child.is_dir() and child.name[0] not in "._")


def _recordings(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in SUFFIXES and p.name[0] != ".")


def _rows(table: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in needed if column not in (reader.fieldnames or ())]
            rows = [] if missing else list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise LayoutError(f"{table} is no table: {error}") from error
    if missing:
        raise LayoutError(f"{table} has no column {missing[0]!r}; it needs {', '.join(needed)}")
    if not rows or any(row[column] is None for row in rows for column in needed):
        raise LayoutError(f"{table} is empty or cut short")
    return rows


def _there(path: Path) -> Path:
    if not path.is_file():
        raise LayoutError(f"the table names {path}, which is not there")
    return path
