"""Free sounds out of unpacked packages: which are kept, where they are found, what is dropped."""

import csv
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

pytest.importorskip("soxr", reason="the recipe needs soxr")

from train_mini import more
from train_mini.licences import may_be_published
from train_mini.more_names import SOUNDS


def wav(path: Path, seconds: float, loudness: float = 0.5, seed: int = 1) -> bytes:
    """A stereo recording of noise at 8 kHz, as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-loudness, loudness, (int(8000 * seconds), 2))
    soundfile.write(path, noise, 8000, subtype="PCM_16")
    return path.read_bytes()


def resource_file(name: str, content: bytes) -> bytes:
    """A Qt resource file that holds one folder with one deflated file."""
    names = b"".join(struct.pack(">HI", len(word), 0) + word.encode("utf-16-be") for word in ("resource", name))
    second = 6 + 2 * len("resource")
    tree = struct.pack(">IHIIQ", 0, 2, 1, 1, 0) + struct.pack(">IHIIQ", 0, 2, 1, 2, 0)
    tree += struct.pack(">IHHHIQ", second, 1, 0, 0, 0, 0)
    packed = struct.pack(">I", len(content)) + zlib.compress(content)
    data = struct.pack(">I", len(packed)) + packed
    return b"qres" + struct.pack(">4I", 2, 20, 20 + len(tree), 20 + len(tree) + len(data)) + tree + data + names


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, *wish: str) -> list[dict[str, str]]:
    """What the command writes into the manifest."""
    monkeypatch.setattr(sys, "argv", ["more", str(folder), *wish])
    more.main()
    with (folder / "manifest.csv").open() as file:
        return list(csv.DictReader(file))


def test_keeps_free_sounds_only_and_none_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unlisted, the silent, the tiny and the repeated stay out; the long one is cut; every axis is as promised."""
    sounds = tmp_path / "package/usr/data/Sound"
    wav(sounds / "stairs.wav", 0.7)
    wav(sounds / "fire.wav", 61, seed=2)
    wav(sounds / "axe.wav", 0.7)
    wav(sounds / "gold.wav", 0.7, seed=3)
    wav(sounds / "burn.wav", 0.7, loudness=0.005)
    wav(sounds / "save.wav", 0.05, seed=4)
    lines = made(tmp_path / "out", monkeypatch, "--freedink-data", str(tmp_path / "package"))
    assert [(line["original_path"], line["license"], line["text"], line["seconds"]) for line in lines] == [
        ("usr/data/Sound/axe.wav", "Public-Domain", "throwing axe hit", "0.70"),
        ("usr/data/Sound/fire.wav", "CC-BY-3.0", "fire crackling", "60.00"),
    ]
    sound, rate = soundfile.read(tmp_path / "out" / lines[0]["file"])
    assert rate == 16000
    assert sound.shape == (11200,)
    assert {line["source_repo"] for line in lines} == {"freedink-data"}


def test_looks_into_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sounds in a zip archive and in a Qt resource file are found by their paths inside."""
    wind, arrow = wav(tmp_path / "wind.wav", 0.5, seed=5), wav(tmp_path / "arrow.wav", 0.3, seed=6)
    for package in ("rally", "children"):
        (tmp_path / package).mkdir()
    with zipfile.ZipFile(tmp_path / "rally/data.zip", "w") as packed:
        packed.writestr("sounds/wind.wav", wind)
        packed.writestr("sounds/engine.wav", arrow)
    (tmp_path / "children/slides.rcc").write_bytes(resource_file("slide.wav", arrow))
    lines = made(tmp_path / "out", monkeypatch, "--trigger-rally-data", str(tmp_path / "rally"),
                 "--gcompris-qt-data", str(tmp_path / "children"))  # fmt: skip
    assert {(line["original_path"], line["text"], line["seconds"]) for line in lines} == {
        ("data.zip/sounds/wind.wav", "wind", "0.50"),
        ("slides.rcc/resource/slide.wav", "slide", "0.30"),
    }


def test_every_licence_may_be_published() -> None:
    """No table names a licence that published weights may not use."""
    assert all(may_be_published(licence) for names in SOUNDS.values() for licence in names)


def test_the_first_pattern_says_what_it_is() -> None:
    """Music and other people's work beside the effects are not taken."""
    assert more.known("gunroar-data", "games/sounds/chunks/ship_destroyed.wav") == (
        "BSD-2-Clause", "video game explosion")  # fmt: skip
    assert more.known("gunroar-data", "games/sounds/musics/gr0.ogg") is None
    assert more.known("endless-sky-data", "sounds/explosion small.wav") == ("Public-Domain", "explosion")
    assert more.known("endless-sky-data", "sounds/explosion huge.wav") is None
    assert more.known("endless-sky-data", "sounds/heavy rocket hit.wav") is None
