"""From recordings to shots."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mgcld.assemble import file_at_full_speed
from mgcld.demo.sounds import synthesise
from mgcld.errors import SupportSetError
from mgcld.model.listen import Listener
from mgcld.training.shots import Recording, evenly, hear, read
from mgcld.training.support import Skipped

RATE = 16_000


def recorded(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate)
    return path


def read_all(files: list[tuple[str, Path]]) -> tuple[list[Recording], list[Skipped]]:
    return read(files, file_at_full_speed, sample_rate=RATE, window_seconds=5.0, progress=lambda: None)


@pytest.mark.parametrize("length", [1, 5, 6, 7, 12, 13, 100, 1000])
def test_windows_of_a_long_recording_are_spaced_evenly(length: int) -> None:
    kept = evenly(iter(range(length)), 6)
    spaces = set(np.diff(kept))
    assert kept[0] == 0
    assert len(kept) <= 6
    assert len(spaces) <= 1
    assert len(kept) >= min(length, 3)
    assert kept[-1] + max(spaces, default=1) >= length  # the end is not forgotten


def test_a_short_recording_is_one_window_whose_padding_weighs_nothing(tmp_path: Path, listener: Listener) -> None:
    path = recorded(tmp_path / "a.wav", synthesise("siren", 3, 1.6, RATE))
    recordings, _ = read_all([("siren", path)])
    shots = hear(recordings, listener, lambda: None)
    assert recordings[0].seconds == pytest.approx(1.6)
    assert int((shots.audio.weights > 0).sum()) == 5  # of 0.32 s
    assert float(shots.audio.weights.sum()) == pytest.approx(1)


def test_shots_of_different_length_share_a_batch_unchanged(tmp_path: Path, listener: Listener) -> None:
    short = recorded(tmp_path / "a.wav", synthesise("siren", 3, 1.6, RATE))
    long = recorded(tmp_path / "b.wav", synthesise("bird chirping", 4, 12.0, RATE))
    together = hear(read_all([("a", short), ("b", long)])[0], listener, lambda: None)
    alone = hear(read_all([("a", short)])[0], listener, lambda: None)
    assert together.audio.fine.shape[1] == 48  # three windows of 16 segments
    assert int((together.audio.weights[1] > 0).sum()) == 39  # 16 + 16 + the 7 that 2 s begin
    torch.testing.assert_close(together.audio.coarse[:1], alone.audio.coarse, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.audio.fine[:1, :16], alone.audio.fine, atol=1e-4, rtol=0)
    assert torch.allclose(together.audio.weights.sum(1), torch.ones(2))


def test_what_cannot_be_used_is_skipped_with_its_reason(tmp_path: Path) -> None:
    good = recorded(tmp_path / "good.wav", synthesise("siren", 3, 2.0, RATE))
    again = recorded(tmp_path / "again.wav", synthesise("siren", 3, 2.0, RATE))
    silent = recorded(tmp_path / "silent.wav", np.zeros(2 * RATE))
    text = tmp_path / "text.wav"
    text.write_text("this is no sound\n" * 100)
    recordings, skipped = read_all([("siren", path) for path in (good, again, silent, text)])
    reasons = {item.path.name: item.why for item in skipped}
    assert [recording.path for recording in recordings] == [good]
    assert {window.recording for window in recordings[0].windows} == {good}
    assert reasons["again.wav"] == "the same audio as good.wav"
    assert "heard" in reasons["silent.wav"]
    assert "no recording" in reasons["text.wav"]


def test_the_same_audio_in_two_classes_is_an_error_that_names_both(tmp_path: Path) -> None:
    sound = synthesise("siren", 3, 2.0, RATE)
    one, two = recorded(tmp_path / "a/1.wav", sound), recorded(tmp_path / "b/2.wav", sound)
    with pytest.raises(SupportSetError, match=r"'a' and 'b' hold the same audio"):
        read_all([("a", one), ("b", two)])
