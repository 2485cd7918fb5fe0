"""The page: whole, alone, escaped, and written whole or not at all."""

import base64
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from reports import RATE, recording, report, shot, window

from mgcld.errors import ReportError
from mgcld.training.reporting.alarms import FalseAlarms
from mgcld.training.reporting.page import NAME, check_folder, page, write_page
from mgcld.training.reporting.pictures import size_for, spectrogram
from mgcld.training.reporting.records import PartWorth, Share, Trouble
from mgcld.training.reporting.report import Report

VOID = {"meta", "img", "br", "link", "input"}
SECTIONS = ["next", "listen", "recognised", "confused", "thresholds", "parts", "shots", "made"]
PIXEL = "data:image/png;base64,AAAA"


class Page(HTMLParser):
    """Checks the nesting, keeps every tag and the text of each section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self._section = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self._section = str(dict(attrs)["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.sections[self._section] = self.sections.get(self._section, "") + data


def parsed(made: Report) -> Page:
    read = Page(page(made, [PIXEL] * len(made.shots)))
    assert read.open == []
    assert [attrs["id"] for tag, attrs in read.tags if tag == "section"] == SECTIONS
    return read


def usual() -> Report:
    """Two classes with everything that a report can say."""
    share = Share(3, 4)
    parts = (PartWorth("coarse_cache", share, share, 0.4), PartWorth("fine_contrast", share, share, -0.1))
    odd = replace(shot("dog", "odd.wav", "bell"), troubles=(Trouble("label", "perhaps mislabelled"),))
    alarms = FalseAlarms("_background", 2, 9, 5.0, {"dog": 0, "bell": 1}, 1, (), {"dog": (0.1,), "bell": (0.9,)})
    shots = [shot("dog", "1.wav", "dog"), odd, shot("bell", "1.wav", "bell"), shot("bell", "2.wav", "bell")]
    made = report(*shots, background=2, parts=parts, among_classes=share, alarms=(alarms,))
    return replace(made, classes=tuple(replace(row, parts=parts) for row in made.classes))


def test_every_section_says_what_the_report_says() -> None:
    read = parsed(usual())
    assert "dog/odd.wav" in read.sections["listen"]
    assert "perhaps mislabelled" in read.sections["listen"]
    assert re.search(r"1 of 2\s+\(9–91 %\)", read.sections["recognised"])
    assert "does it belong there?" in read.sections["confused"]
    assert re.search(r"80\s+\(2\.0–446", read.sections["thresholds"])  # 1 of 9 windows: 80 of 720
    assert "coarse cache alone" in read.sections["parts"]
    assert "steps" in read.sections["made"]
    assert sum(tag == "img" for tag, _ in read.tags) == 5  # four shots, and the suspicious one again


def test_the_page_needs_nothing_but_itself() -> None:
    text = page(usual(), [PIXEL] * 4)
    read = Page(text)
    links = [value for _, attrs in read.tags for name, value in attrs.items() if name in ("src", "href", "srcset")]
    assert links
    assert all(str(link).startswith(("data:image/png", "#")) for link in links)
    assert not {tag for tag, _ in read.tags} & {"script", "link", "iframe", "object", "form"}
    assert not re.search(r"url\(|@import|https?:", text)
    targets = {attrs["id"] for _, attrs in read.tags if "id" in attrs}
    assert {str(link)[1:] for link in links if str(link).startswith("#")} == targets


def test_it_is_readable_in_the_dark_on_a_phone_and_on_paper() -> None:
    text = page(usual(), [PIXEL] * 4)
    for asked in ("prefers-color-scheme: dark", "@media print", "max-width: 42rem", 'name="viewport"'):
        assert asked in text


def test_with_one_shot_each_every_section_says_so_and_shows_no_empty_chart() -> None:
    read = parsed(report(shot("dog", "1.wav", None), shot("bell", "1.wav", None)))
    for section in ("listen", "recognised", "confused", "thresholds", "parts"):
        assert "could be left out" in read.sections[section], section
    classes = {str(attrs.get("class")) for _, attrs in read.tags}
    assert not classes & {"track", "strip", "fill", "matrix"}


def test_one_class_alone_says_that_there_is_nothing_to_tell_apart() -> None:
    read = parsed(report(shot("dog", "1.wav", "dog"), shot("dog", "2.wav", "unknown")))
    assert "no other" in read.sections["parts"]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "{{ 7 * 7 }}", '"><img src=x>', "猫 🐈 שלום", "x" * 255])
def test_names_are_text(name: str) -> None:
    made = report(shot(name, "<b>1</b>.wav", name), shot(name, "2.wav", "dog"), shot("dog", "1.wav", "dog"))
    read = parsed(made)
    assert name in read.sections["recognised"]
    assert "<b>1</b>.wav" in read.sections["shots"]
    assert not {tag for tag, _ in read.tags} & {"script"}
    assert all(attrs.get("src") == PIXEL for tag, attrs in read.tags if tag == "img")


def noise(seed: int, seconds: float = 5.0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def test_a_picture_is_a_small_png_of_the_asked_size() -> None:
    uri = spectrogram([window(noise(1)), window(noise(2))], (240, 64))
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (240, 64)


def test_a_tone_is_bright_at_its_pitch_and_later_sound_is_to_the_right() -> None:
    import torch

    from mgcld.training.reporting.pictures import shades

    tone = torch.sin(2 * torch.pi * 3000 * torch.arange(RATE) / RATE)
    image = shades(torch.cat([torch.zeros(RATE), tone]), RATE, (40, 32))
    row = int(image[:, 30].argmax())
    assert image[row, 30] == image.max()
    assert image[:, 5].max() == 0
    assert row < 16  # 3 kHz of 8 kHz lies in the upper half of the mel scale


@pytest.mark.parametrize("seconds", [0.01, 0.5])
def test_a_very_short_sound_has_a_picture(seconds: float) -> None:
    assert spectrogram([window(noise(3, seconds))], (96, 32)).startswith("data:image/png")


def test_a_thousand_noisy_shots_stay_a_few_megabytes() -> None:
    picture = spectrogram([window(noise(4))], size_for(1000))  # noise: the hardest to compress
    shots = [shot(f"class {i % 50}", f"{i}.wav", f"class {i % 50}") for i in range(1000)]
    assert len(page(report(*shots), [picture] * 1000)) < 6e6


def test_many_classes_come_worst_first_and_only_those_with_false_alarms_are_listed() -> None:
    names = [f"class {i:02}" for i in range(20)]
    shots = [shot(name, "1.wav", name if i else "unknown") for i, name in enumerate(reversed(names))]
    counts = {name: int(name == "class 07") for name in names}
    alarms = FalseAlarms("_background", 2, 9, 5.0, counts, 1, (), dict.fromkeys(names, ()))
    read = parsed(report(*shots, background=2, alarms=(alarms,)))
    assert min(names, key=read.sections["recognised"].index) == "class 19"  # the only one that was not recognised
    after = read.sections["thresholds"].split("windows an hour_background")[1]
    assert [name for name in names if name in after] == ["class 07"]
    assert "The other 19 classes: none" in after


def test_a_page_is_written_where_it_was_asked_for_and_readable(tmp_path: Path) -> None:
    made = report(shot("dog", "1.wav", None))
    seen: list[tuple[str, int, int]] = []
    path = write_page(
        made, [recording("dog", "1.wav", noise(5))], tmp_path / "new" / "folder", lambda *at: seen.append(at)
    )
    assert path == tmp_path / "new" / "folder" / NAME
    assert [entry.name for entry in path.parent.iterdir()] == [NAME]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert seen == [("drawing", 1, 1)]


def test_a_file_s_name_that_is_no_text_does_not_spoil_the_page(tmp_path: Path) -> None:
    strange = os.fsdecode(b"caf\xe9.wav")
    made = report(shot("dog", strange, None))
    write_page(made, [recording("dog", strange, noise(6))], tmp_path, lambda *_: None)
    assert "caf?.wav" in (tmp_path / NAME).read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_told_before_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("-")
    (tmp_path / "taken" / NAME).mkdir(parents=True)
    for folder in (file, file / "below", tmp_path / "taken", Path("/proc/report")):
        with pytest.raises(ReportError) as told:
            check_folder(folder)
        assert "--report" in told.value.help
    check_folder(tmp_path / "not" / "there")
    assert not (tmp_path / "not").exists()


def test_what_stood_there_stays_where_the_page_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / NAME / "x").mkdir(parents=True)
    with pytest.raises(ReportError):
        write_page(report(shot("dog", "1.wav", None)), [recording("dog", "1.wav", noise(7))], tmp_path, lambda *_: None)
    assert [entry.name for entry in tmp_path.iterdir()] == [NAME]
