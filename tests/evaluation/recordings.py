"""Tiny data sets in the layouts of the real ones, made of generated sounds."""

import csv
from collections.abc import Sequence
from pathlib import Path

import soundfile

from mgcld.demo.sounds import synthesise

RATE = 16_000
ESC50_COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
FSD_TRAIN_COLUMNS = ("fname", "label", "manually_verified", "freesound_id", "license")
FSD_TEST_COLUMNS = ("fname", "label", "usage", "freesound_id", "license")
URBAN_COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")


def record(path: Path, name: str, seed: int, seconds: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, synthesise(name, seed, seconds, RATE), RATE)
    return path


def table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def esc50(folder: Path, classes: Sequence[tuple[int, str, str]], sources: int = 2) -> Path:
    """classes: (target, category, demo sound); in each of five folds so many sources, the first one cut twice."""
    rows = []
    for target, category, sound in classes:
        for fold in range(1, 6):
            for k in range(sources + 1):
                source, take = fold * 1000 + target * 10 + max(k - 1, 0), "B" if k == 1 else "A"
                name = f"{fold}-{source}-{take}-{target}.wav"
                record(folder / "audio" / name, sound, 100 * fold + k)
                rows.append((name, fold, target, category, target in (0, 1, 10), source, take))
    table(folder / "meta" / "esc50.csv", ESC50_COLUMNS, rows)
    return folder


def fsdkaggle18(folder: Path, classes: Sequence[tuple[str, str]], clips: int = 3) -> Path:
    """classes: (label, demo sound); the first training clip of each is not verified."""
    train, test = [], []
    for c, (label, sound) in enumerate(classes):
        for k in range(clips):
            name = f"{c:04d}{k:04d}.wav"
            record(folder / "FSDKaggle2018.audio_train" / name, sound, k)
            train.append((name, label, int(k > 0), 10_000 + 100 * c + k, "CC0"))
            record(folder / "FSDKaggle2018.audio_test" / f"t{name}", sound, 50 + k)
            test.append((f"t{name}", label, "Private", 20_000 + 100 * c + k, "CC0"))
    meta = folder / "FSDKaggle2018.meta"
    table(meta / "train_post_competition.csv", FSD_TRAIN_COLUMNS, train)
    table(meta / "test_post_competition_scoring_clips.csv", FSD_TEST_COLUMNS, test)
    return folder


def urbansound8k(folder: Path, classes: Sequence[tuple[int, str, str]], folds: int = 3) -> Path:
    """classes: (classID, class, demo sound); two slices of one recording in each fold."""
    rows = []
    for number, name, sound in classes:
        for fold in range(1, folds + 1):
            source = 7000 + 10 * fold + number
            for slice_number in range(2):
                file = f"{source}-{number}-0-{slice_number}.wav"
                record(folder / "audio" / f"fold{fold}" / file, sound, 10 * fold + slice_number)
                rows.append((file, source, 0.0, 1.0, 1, fold, number, name))
    table(folder / "metadata" / "UrbanSound8K.csv", URBAN_COLUMNS, rows)
    return folder
