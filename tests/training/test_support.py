"""The support set on disk."""

import os
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


STRANGE = {
    "rain\nERROR": r"U\+000A",
    "\x1b[2Jrain": r"U\+001B",
    "gnis\u202er": r"U\+202E",
    "a" * 201: "longer than 200 bytes",
    "rain ": "begins or ends with a blank",
    "UNKNOWN": "the answer for none",
    os.fsdecode(b"caf\xe9"): "no Unicode text",
}


@pytest.mark.parametrize("name", STRANGE, ids=map(ascii, STRANGE))
def test_a_folder_whose_name_is_no_class_s_is_to_be_renamed(tmp_path: Path, name: str) -> None:
    make(tmp_path, "bell/1.wav", f"{name}/1.wav")
    with pytest.raises(SupportSetError, match=STRANGE[name]) as caught:
        find_support(tmp_path)
    assert str(caught.value).isprintable()
    assert "rename its folder" in caught.value.help


def test_folders_that_are_called_alike_are_one_class_or_another_name(tmp_path: Path) -> None:
    make(tmp_path, "Türklingel/1.wav", "tu\u0308rklingel/1.wav")
    with pytest.raises(
        SupportSetError, match=r"'T\\xfcrklingel' .* called alike|'tu\\u0308rklingel' .* called alike"
    ) as caught:
        find_support(tmp_path)
    assert "into one folder" in caught.value.help


def test_names_of_any_script_make_classes(tmp_path: Path) -> None:
    names = sorted(["पक्षी\u200d", "جرس", "پرنده\u200cها", "👩\u200d🚒", "Türklingel", "犬"])
    make(tmp_path, *(f"{name}/1.wav" for name in names))
    assert list(find_support(tmp_path).classes) == names


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((), "no class"),
        (("1.wav", "2.wav"), "holds recordings, but no folder of a class"),
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
