"""Features are made once, kept whole, and made again where the file or the encoder is another."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mgcld_plugins.captioners.file import FileCaptioner
from mgcld_plugins.captioners.tags import TagsCaptioner
from recordings import RATE, record

from mgcld.assemble import file_at_full_speed
from mgcld.errors import ConfigError
from mgcld.evaluation.features import SHARD, Ear, default_cache
from mgcld.evaluation.shards import Heard, read_shards, write_shard
from mgcld.model.listen import Listener
from mgcld.training.shots import hear, read

Files = list[tuple[str, Path]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return [("siren", record(tmp_path / f"{k}.wav", "siren", k, 1.0 + 3 * k)) for k in range(3)]


def ear(listener: Listener, cache: Path, told: list[tuple[str, int, int]] | None = None) -> Ear:
    def progress(what: str, done: int, of: int) -> None:
        if told is not None:
            told.append((what, done, of))

    return Ear(listener, "tags", file_at_full_speed, 5.0, cache, progress)


def same(a: Heard, b: Heard) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in Heard.__slots__)


def test_a_recording_is_heard_as_training_hears_it(files: Files, listener: Listener, tmp_path: Path) -> None:
    heard = ear(listener, tmp_path / "cache").recordings(files)
    recordings, _ = read(files, file_at_full_speed, sample_rate=RATE, window_seconds=5.0, progress=lambda: None)
    shots = hear(recordings, listener, lambda: None)
    for i, row in enumerate(heard):
        assert isinstance(row, Heard)
        segments = len(row.fine)
        torch.testing.assert_close(row.fine, shots.audio.fine[i, :segments])
        assert not shots.audio.weights[i, segments:].any()
        torch.testing.assert_close(row.coarse, shots.audio.coarse[i])
        torch.testing.assert_close(row.caption, shots.caption[i])


def test_the_second_time_everything_is_there(files: Files, listener: Listener, tmp_path: Path) -> None:
    first = ear(listener, tmp_path / "cache").recordings(files)
    told: list[tuple[str, int, int]] = []
    second = ear(listener, tmp_path / "cache", told).recordings([*files, files[0]])
    assert told == [("listening", 4, 4)]
    assert all(same(a, b) for a, b in zip([*first, first[0]], second, strict=True))


def test_a_changed_file_and_another_captioner_are_heard_again(files: Files, listener: Listener, tmp_path: Path) -> None:
    here = ear(listener, tmp_path / "cache")
    here.recordings(files)
    record(files[0][1], "rain", 5, 2.0)
    os.utime(files[0][1], ns=(time.time_ns(), time.time_ns() + 10**9))
    told: list[tuple[str, int, int]] = []
    ear(listener, tmp_path / "cache", told).recordings(files)
    assert told == [("listening", 2, 3), ("listening", 3, 3)]
    wordy = Listener(listener.encoder, TagsCaptioner(listener.encoder, most=2))
    assert replace(here, listener=wordy).folder != here.folder
    assert replace(here, captioner="tags?batch=7").folder == here.folder  # not what decides the words
    assert replace(here, window_seconds=4.0).folder != here.folder


@pytest.mark.parametrize("where", ["0.txt", "../captions.yaml"])
def test_another_caption_beside_a_recording_is_read_again(
    files: Files, listener: Listener, tmp_path: Path, where: str
) -> None:
    path = files[0][1].parent / where
    text = "{}" if where == "0.txt" else f"{tmp_path.name}/0.wav: {{}}"
    rows = []
    for caption in ("a loud siren", "heavy rain falls"):
        path.write_text(text.format(caption))
        reading = Listener(listener.encoder, FileCaptioner(listener.encoder))
        (row,) = ear(reading, tmp_path / "cache").recordings(files[:1])
        assert isinstance(row, Heard)
        torch.testing.assert_close(row.caption, listener.encoder.embed_text([caption])[0])
        rows.append(row)
    path.unlink()
    assert not torch.equal(rows[0].caption, rows[1].caption)


def test_what_cannot_be_heard_is_remembered_with_its_reason(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_text("no sound")
    files = [("x", tmp_path / "broken.wav"), ("x", record(tmp_path / "a.wav", "rain", 1))]
    for _ in range(2):
        broken, good = ear(listener, tmp_path / "cache").recordings(files)
        assert isinstance(broken, str)
        assert isinstance(good, Heard)


def test_the_same_audio_in_two_classes_is_the_data_sets_affair(listener: Listener, tmp_path: Path) -> None:
    files = [(name, record(tmp_path / name / "a.wav", "rain", 1)) for name in ("x", "y")]
    one, two = ear(listener, tmp_path / "cache").recordings(files)
    assert isinstance(one, Heard)
    assert isinstance(two, Heard)
    assert same(one, two)


def test_a_broken_shard_is_heard_again(files: Files, listener: Listener, tmp_path: Path) -> None:
    here = ear(listener, tmp_path / "cache")
    first = here.recordings(files)
    (shard,) = here.folder.iterdir()
    whole = shard.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"nothing of the kind"):
        shard.write_bytes(content)
        assert all(same(a, b) for a, b in zip(first, here.recordings(files), strict=True))
    assert shard.read_bytes() == whole


def test_many_recordings_are_written_shard_by_shard(listener: Listener, tmp_path: Path) -> None:
    files = [("x", record(tmp_path / "many" / f"{k}.wav", "siren", k, 0.4)) for k in range(SHARD + 2)]
    here = ear(listener, tmp_path / "cache")
    assert len(here.recordings(files)) == SHARD + 2
    assert len(list(here.folder.iterdir())) == 2


def test_a_shard_gives_back_what_was_put_in(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    rows = {
        f"clip {n}": Heard(*(torch.rand(*shape, generator=random) for shape in ((n, 5), (n,), (5,), (3,))))
        for n in (1, 4, 2)
    }
    write_shard(tmp_path, {**rows, "broken": "no sound in it"})
    found = read_shards(tmp_path)
    assert found.pop("broken") == "no sound in it"
    assert found.keys() == rows.keys()
    assert all(same(rows[name], what) for name, what in found.items() if isinstance(what, Heard))


def test_a_cache_that_cannot_be_written_is_told(files: Files, listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands there")
    with pytest.raises(ConfigError, match="cannot write"):
        ear(listener, tmp_path / "cache").recordings(files)


def test_the_cache_is_where_the_desktop_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "mgcld" / "features"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the XDG specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "mgcld" / "features"
