"""The support set on disk."""

from pathlib import Path

import pytest

from mgcld.errors import SupportSetError
from mgcld.training.support import find_support


def make(folder: Path, *files: str) -> Path:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def test_classes_and_recordings_come_in_alphabetical_order(tmp_path: Path) -> None:
    make(tmp_path, "siren/b.wav", "siren/a.FLAC", "bell/x.m4a", "_background/room.ogg", "notes.txt", "bell/.hidden.wav")
    support = find_support(tmp_path)
    assert list(support.classes) == ["bell", "siren"]
    assert [path.name for path in support.classes["siren"]] == ["a.FLAC", "b.wav"]
    assert [path.name for path in support.background] == ["room.ogg"]
    assert [item.path.name for item in support.skipped] == ["notes.txt"]


def test_what_is_not_looked_at_is_named_with_its_reason(tmp_path: Path) -> None:
    make(tmp_path, "bell/1.wav", "bell/2.txt", "bell/more/3.wav", "loose.wav")
    reasons = {item.path.name: item.why for item in find_support(tmp_path).skipped}
    assert set(reasons) == {"2.txt", "more", "loose.wav"}
    assert "not one of" in reasons["2.txt"]
    assert "outside" in reasons["loose.wav"]


def test_captions_of_recordings_are_expected_and_others_are_not(tmp_path: Path) -> None:
    make(tmp_path, "bell/1.wav", "bell/1.txt", "bell/2.txt", "_background/a.wav", "_background/a.txt", "captions.yaml")
    assert [str(item.path.relative_to(tmp_path)) for item in find_support(tmp_path).skipped] == ["bell/2.txt"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((), "no class"),
        (("_background/a.wav",), "no class"),
        (("bell/1.wav", "empty/readme.txt"), "'empty' has no recordings"),
        (("unknown/1.wav",), "cannot be called 'unknown'"),
        (("_bakground/1.wav", "bell/1.wav"), "_bakground"),
    ],
)
def test_a_folder_that_makes_no_support_set_is_an_error_that_helps(
    tmp_path: Path, files: tuple[str, ...], said: str
) -> None:
    make(tmp_path, *files)
    with pytest.raises(SupportSetError, match=said) as caught:
        find_support(tmp_path)
    assert caught.value.help


def test_a_missing_folder_is_an_error_that_explains_the_layout(tmp_path: Path) -> None:
    with pytest.raises(SupportSetError, match="no folder") as caught:
        find_support(tmp_path / "absent")
    assert "<class name>" in caught.value.help


def test_explanations_of_ones_own_are_read(tmp_path: Path) -> None:
    make(tmp_path, "bell/1.wav", "siren/1.wav")
    (tmp_path / "explanations.yaml").write_text("bell:\n  - a clear metallic ring\n  - it fades slowly\n")
    assert find_support(tmp_path).sentences == {"bell": ("a clear metallic ring", "it fades slowly")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bel:\n  - a ring\n", "no class 'bel'"),
        ("bell: a ring\n", "not a list"),
        ("bell: []\n", "not a list"),
        ("bell:\n  - 3\n", "not a list"),
        ("- bell\n", "not a mapping"),
        ("bell: [\n", "cannot be read"),
        ("bell: [a ring]\nbell: [a clang]", "'bell' stands twice"),
    ],
)
def test_explanations_that_do_not_fit_are_an_error(tmp_path: Path, text: str, said: str) -> None:
    make(tmp_path, "bell/1.wav")
    (tmp_path / "explanations.yaml").write_text(text)
    with pytest.raises(SupportSetError, match=said) as caught:
        find_support(tmp_path)
    assert caught.value.help
