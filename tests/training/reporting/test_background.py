"""Background is heard as the daemon hears it, and never by an adapter that knows it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch
from commands import mgcld

from mgcld.assemble import file_at_full_speed
from mgcld.demo.sounds import synthesise
from mgcld.errors import SourceError
from mgcld.model.adapter import Adapter
from mgcld.model.cache import keys_of
from mgcld.model.checkpoint import load_adapter
from mgcld.model.listen import Listener
from mgcld.training.reporting.background import hear_file, judge, judge_each, without
from mgcld.training.shots import read

RATE = 16_000


@pytest.fixture
def adapter(demo: Path) -> Adapter:
    return load_adapter(demo / "adapter.safetensors")


def test_a_recording_is_judged_window_by_window_as_classify_does(
    demo: Path, adapter: Adapter, listener: Listener
) -> None:
    path = demo / "soundscape.flac"
    with torch.no_grad():
        judged = judge(hear_file(path, file_at_full_speed(path), listener, 5.0, lambda _: None), adapter)
    lines = mgcld("classify", path, "--adapter", demo / "adapter.safetensors").stdout.splitlines()
    answers = [json.loads(line) for line in lines]
    assert list(judged.starts) == [answer["start_seconds"] for answer in answers]
    expected = torch.tensor([[answer["p"][name] for name in adapter.classes] for answer in answers])
    torch.testing.assert_close(judged.p, expected, atol=1e-4, rtol=0)


def test_a_background_recording_is_judged_without_its_own_key(
    tmp_path: Path, adapter: Adapter, listener: Listener
) -> None:
    path = tmp_path / "siren.wav"  # background that sounds like a class
    soundfile.write(path, synthesise("siren", 77, 5.0, RATE), RATE)
    recordings, _ = read(
        [("_background", path)], file_at_full_speed, sample_rate=RATE, window_seconds=5.0, progress=lambda: None
    )
    with torch.no_grad():
        features = listener(recordings[0].windows)
        knows = replace(adapter, background=keys_of(features.audio, adapter.options))
        siren = adapter.classes.index("siren")
        ignorant = judge_each(recordings, listener, knows)[0].p[0, siren]
        knowing = knows.predict(features, torch.tensor([False]))[0].p[siren]
    assert ignorant > knowing + 0.2


def test_leaving_recordings_out_leaves_the_others(adapter: Adapter) -> None:
    assert adapter.background is not None
    count = len(adapter.background)
    rest = without(adapter, {1})
    assert rest.background is not None
    assert len(rest.background) == count - 1
    assert torch.equal(rest.background.coarse[0], adapter.background.coarse[0])
    assert torch.equal(rest.background.coarse[1], adapter.background.coarse[2])
    assert without(adapter, set(range(count))).background is None


def test_a_recording_without_sound_is_an_error(tmp_path: Path, listener: Listener) -> None:
    soundfile.write(tmp_path / "empty.wav", [], RATE)
    path = tmp_path / "empty.wav"
    with pytest.raises(SourceError, match=r"empty\.wav"):
        hear_file(path, file_at_full_speed(path), listener, 5.0, lambda _: None)
