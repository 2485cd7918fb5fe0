"""Layouts are known by their files; what is missing or broken is told."""

from pathlib import Path

import pytest
from recordings import ESC50_COLUMNS, esc50, fsdkaggle18, record, table, urbansound8k

from mgcld.errors import DataSetError
from mgcld.evaluation.datasets import find_dataset
from mgcld.evaluation.labelsets import ESC50_NAMES, ESC50_TARGETS, FSDKAGGLE18_LABELS, label_folds


def test_esc50_has_folds_and_source_recordings(tmp_path: Path) -> None:
    dataset = find_dataset(esc50(tmp_path, [(0, "dog", "dog barking"), (10, "rain", "rain")]))
    assert (dataset.layout, dataset.classes, dataset.folds) == ("esc50", ("dog", "rain"), ("1", "2", "3", "4", "5"))
    assert len(dataset.clips) == 30
    twice = [clip.path.name for clip in dataset.clips if clip.source == "1000"]
    assert twice == ["1-1000-A-0.wav", "1-1000-B-0.wav"]


def test_fsdkaggle18_has_train_and_test_and_says_what_was_verified(tmp_path: Path) -> None:
    dataset = find_dataset(fsdkaggle18(tmp_path, [("Bark", "dog barking"), ("Bus", "engine idling")]))
    assert (dataset.layout, dataset.classes, dataset.folds) == ("fsdkaggle18", ("Bark", "Bus"), ("test", "train"))
    unverified = [clip.path.name for clip in dataset.clips if not clip.verified]
    assert unverified == ["00000000.wav", "00010000.wav"]
    assert len({clip.source for clip in dataset.clips}) == len(dataset.clips) == 12


def test_urbansound8k_has_folds_sorted_as_numbers_and_fsids(tmp_path: Path) -> None:
    classes = [(1, "car_horn", "phone ringing"), (8, "siren", "siren")]
    dataset = find_dataset(urbansound8k(tmp_path, classes, folds=11))
    assert (dataset.layout, dataset.classes) == ("urbansound8k", ("car_horn", "siren"))
    assert dataset.folds == tuple(str(fold) for fold in range(1, 12))
    assert dataset.clips[0].source == dataset.clips[1].source == "7011"


@pytest.mark.parametrize(
    ("file", "fold", "source"),
    [
        ("3-151206-A.ogg", "3", "151206"),
        ("1-100032-A-0.wav", "1", "100032"),
        ("fold10_119067-0-0-1.flac", "10", "119067"),
        ("119067-0-0-1.flac", None, "119067"),
        ("my recording.wav", None, "x/my recording.wav"),
        ("2024-06-01.wav", None, "x/2024-06-01.wav"),
    ],
)
def test_a_folder_of_classes_reads_fold_and_source_from_names_like_the_public_ones(
    tmp_path: Path, file: str, fold: str | None, source: str
) -> None:
    for path in (tmp_path / "x" / file, tmp_path / "y" / "1.wav", tmp_path / "_background" / "1.wav"):
        path.parent.mkdir()
        path.touch()
    (tmp_path / "x" / "notes.txt").touch()
    dataset = find_dataset(tmp_path)
    assert (dataset.layout, dataset.classes) == ("folder", ("x", "y"))
    assert (dataset.clips[0].fold, dataset.clips[0].source) == (fold, source)


def test_what_is_no_data_set_is_told_with_what_was_looked_for(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataSetError) as caught:
            find_dataset(folder)
        assert all(name in caught.value.help for name in ("esc50.csv", "FSDKaggle2018.meta", "UrbanSound8K.csv"))


@pytest.mark.parametrize(
    ("columns", "row", "said"),
    [
        (ESC50_COLUMNS[:3], ("a.wav", 1, 0), "no column 'category'"),
        (ESC50_COLUMNS, (), "is empty"),
        (ESC50_COLUMNS, ("a.wav", 1, 0), "cut short"),
        (ESC50_COLUMNS, ("a.wav", 1, 0, "dog", "True", 1, "A"), "which is not there"),
    ],
)
def test_a_table_that_does_not_fit_is_told(tmp_path: Path, columns: tuple[str, ...], row: tuple, said: str) -> None:
    table(tmp_path / "meta" / "esc50.csv", columns, [row] if row else [])
    with pytest.raises(DataSetError, match=said):
        find_dataset(tmp_path)


def test_the_label_folds_are_those_that_were_published() -> None:
    assert len(ESC50_NAMES) == len(set(ESC50_NAMES)) == 50
    assert [len(fold) for fold in ESC50_TARGETS] == [15] * 5
    assert len({target for fold in ESC50_TARGETS for target in fold}) == 40
    assert [len(fold) for fold in FSDKAGGLE18_LABELS] == [10] * 5
    assert len({label for fold in FSDKAGGLE18_LABELS for label in fold}) == 32


def test_other_data_sets_have_no_label_folds(tmp_path: Path) -> None:
    for name in ("a", "b"):
        record(tmp_path / name / "1.wav", "rain", 1)
    dataset = find_dataset(tmp_path)
    assert list(label_folds(dataset, 2)) == [("a", "b")]
