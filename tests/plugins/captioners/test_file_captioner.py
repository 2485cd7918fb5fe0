"""Captions that stand beside the shots."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from heard import window_of
from mgcld_plugins.captioners.file import FileCaptioner
from mgcld_plugins.encoders.mini import MiniEncoder

from mgcld.data import AudioFeatures
from mgcld.errors import SupportSetError
from mgcld.interfaces import Captioner


@pytest.fixture(scope="module")
def encoder() -> MiniEncoder:
    return MiniEncoder("cpu")


@pytest.fixture
def support(tmp_path: Path) -> Path:
    for name in ("boiler alarm/1.wav", "boiler alarm/2.flac", "kettle/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def captions(encoder: MiniEncoder, *recordings: Path | None) -> Sequence[str | None]:
    captioner = FileCaptioner(encoder)
    assert isinstance(captioner, Captioner)
    count = len(recordings)
    features = AudioFeatures(torch.zeros(count, 1, 2), torch.ones(count, 1), torch.zeros(count, 2))
    return captioner.caption([window_of(recording) for recording in recordings], features)


def test_a_text_beside_a_recording_and_a_line_of_the_list_are_its_caption(encoder: MiniEncoder, support: Path) -> None:
    (support / "boiler alarm/1.txt").write_text("  a shrill alarm\n  beeps\n", encoding="utf-8")
    (support / "captions.yaml").write_text("boiler alarm/2.flac: an alarm far away\nkettle/1.wav: a kettle hisses\n")
    recordings = [support / name for name in ("kettle/1.wav", "boiler alarm/1.wav", "boiler alarm/2.flac")]
    assert captions(encoder, *recordings) == ["a kettle hisses", "a shrill alarm beeps", "an alarm far away"]


def test_the_text_wins_over_the_list(encoder: MiniEncoder, support: Path) -> None:
    (support / "kettle/1.txt").write_text("by hand")
    (support / "captions.yaml").write_text("kettle/1.wav: from the list\n")
    assert captions(encoder, support / "kettle/1.wav") == ["by hand"]


def test_a_stream_has_no_caption_and_nobody_is_warned(encoder: MiniEncoder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert captions(encoder, None, None) == [None, None]
    assert not caplog.records


def test_a_shot_without_a_caption_is_told_once_not_for_every_class(
    encoder: MiniEncoder, support: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (support / "kettle/1.txt").write_text("\n")
    names = ("boiler alarm/1.wav", "boiler alarm/2.flac", "boiler alarm/1.wav", "kettle/1.wav")
    with caplog.at_level(logging.WARNING):
        assert captions(encoder, *(support / name for name in names)) == [None] * 4
    assert len(caplog.records) == 1
    assert "boiler alarm/1.wav has no caption" in caplog.text
    assert "1.txt" in caplog.text
    assert str(support / "captions.yaml") in caplog.text


@pytest.mark.parametrize(
    ("content", "said", "help"),
    [
        (b"kettle/2.wav: x", "no recording 'kettle/2.wav'", "did you mean 'kettle/1.wav'"),
        (b"zzz: x", "no recording 'zzz'", "folder/file"),
        (b"7: x", "no recording 7", ""),
        (b"kettle/1.wav: 7", "kettle/1.wav is no sentence", "a sentence for each recording"),
        (b"kettle/1.wav: ' '", "kettle/1.wav is no sentence", "a sentence for each recording"),
        (b"- kettle", "is not a mapping", "a sentence for each recording"),
        (b"a: b: c", "cannot be read", "a sentence for each recording"),
        (b"\xff", "cannot be read", "UTF-8"),
    ],
)
def test_a_list_that_makes_no_sense_is_a_named_error(
    encoder: MiniEncoder, support: Path, content: bytes, said: str, help: str
) -> None:
    (support / "captions.yaml").write_bytes(content)
    with pytest.raises(SupportSetError, match=rf"captions\.yaml.* {said}") as caught:
        captions(encoder, support / "kettle/1.wav")
    assert help in caught.value.help


def test_a_text_that_is_none_is_a_named_error(encoder: MiniEncoder, support: Path) -> None:
    (support / "kettle/1.txt").write_bytes(b"\xff")
    with pytest.raises(SupportSetError, match=r"kettle/1\.txt cannot be read"):
        captions(encoder, support / "kettle/1.wav")
