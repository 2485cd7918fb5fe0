"""Clips out of packages: the list itself, and what is made from it."""

import csv
import struct
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from train_mini import packages, sound_font
from train_mini.licences import may_be_published


def test_every_package_of_the_list_may_be_published_and_no_file_is_there_twice() -> None:
    parts = yaml.safe_load(packages.LIST.read_text())
    assert all(may_be_published(part["licence"]) for part in parts)
    files = Counter((part["package"], name) for part in parts for names in part["sounds"].values() for name in names)
    assert len(files) > 500
    assert files.most_common(1)[0][1] == 1
    assert len({(part["package"], part["licence"]) for part in parts}) == len(parts)  # or their clips would share names
    assert not [name for _, name in files if name.startswith("/") or ".." in name]


def test_clips_are_what_the_list_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sounds = tmp_path / "unpacked" / "@some" / "game" / "sounds"
    sounds.mkdir(parents=True)
    for i, name in enumerate(("a.wav", "b.wav", "c.wav")):
        soundfile.write(sounds / name, np.full((300 + i, 2), [0.1, 0.3]), 8000)
    parts = [
        {"package": "@some/game", "licence": "CC0-1.0", "sounds": {"dog barking": ["sounds/b.wav", "sounds/a.wav"]}},
        {"package": "@some/game", "licence": "MIT", "sounds": {"": ["sounds/c.wav"]}},
        {"package": "away", "licence": "MIT", "sounds": {"cat": ["cat.wav"]}},
    ]
    monkeypatch.setattr(packages, "LIST", tmp_path / "list.yaml")
    packages.LIST.write_text(yaml.safe_dump(parts))
    monkeypatch.setattr(sys, "argv", ["packages", str(tmp_path / "unpacked"), str(tmp_path / "made")])
    packages.main()
    assert "away: not there" in capsys.readouterr().out
    with (tmp_path / "made" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["license"], row["text"]) for row in rows] == [
        ("CC0-1.0", "dog barking"),
        ("CC0-1.0", "dog barking"),
        ("MIT", ""),
    ]
    lengths = []
    for row in rows:
        samples, rate = soundfile.read(tmp_path / "made" / row["file"])
        assert rate == 8000
        assert samples.mean() == pytest.approx(0.2, abs=1e-3)
        lengths.append(len(samples))
    assert lengths == [301, 300, 302]


def test_a_sound_inside_a_zip_file_and_one_for_telephones_are_read(tmp_path: Path) -> None:
    wave, packed = tmp_path / "a.wav", tmp_path / "data.pk3"
    soundfile.write(wave, np.linspace(-0.5, 0.5, 400), 8000)
    with zipfile.ZipFile(packed, "w") as file:
        file.write(wave, "sounds/a.wav")
    inside, rate = packages.read(packed / "sounds" / "a.wav")
    plain, _ = packages.read(wave)
    assert rate == 8000
    assert np.array_equal(inside, plain)
    tone = 0.5 * np.sin(np.arange(1600) / 4)
    soundfile.write(tmp_path / "a.gsm", tone, 8000, format="RAW", subtype="GSM610")
    heard, rate = packages.read(tmp_path / "a.gsm")
    assert rate == 8000
    assert heard.shape == (1600, 1)
    assert np.corrcoef(heard[:, 0], tone)[0, 1] > 0.9


def test_a_midi_file_holds_one_track_of_the_length_that_it_names() -> None:
    score = sound_font.notes(bytes([0, 0xC0, 5]), 0, (60, 64), 1000)
    assert score[:4] == b"MThd"
    assert score[14:18] == b"MTrk"
    assert struct.unpack(">I", score[18:22])[0] == len(score) - 22
    assert score.endswith(b"\xff\x2f\0")
    assert sound_font.length(100) == bytes([100])
    assert sound_font.length(1000) == bytes([0x80 | 1000 >> 7, 1000 & 0x7F])


def test_a_package_of_another_version_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unpacked" / "game").mkdir(parents=True)
    part = {"package": "game", "version": "1.2-3", "licence": "MIT", "sounds": {"cat": ["cat.wav"]}}
    monkeypatch.setattr(packages, "LIST", tmp_path / "list.yaml")
    packages.LIST.write_text(yaml.safe_dump([part]))
    monkeypatch.setattr(sys, "argv", ["packages", str(tmp_path / "unpacked"), str(tmp_path / "made")])
    with pytest.raises(SystemExit, match=r"game is not version 1\.2-3"):
        packages.main()
