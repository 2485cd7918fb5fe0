import itertools
import logging
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from mgcld_plugins.sources.file import FileSource
from tones import frequency_of, impurity_of, tone

from mgcld.audio.capture import windows_of
from mgcld.data import AudioBlock
from mgcld.errors import ConfigError, SourceError
from mgcld.interfaces import Describing

SECONDS = 2.0
LOSSLESS = ("wav", "flac")


def write(path: Path, rate: int, channels: int, sound: np.ndarray | None = None, **options: Any) -> Path:
    """A tone of 440 Hz; with two channels the second has half the amplitude of the first."""
    sound = tone(440, SECONDS, rate) if sound is None else sound
    both = np.stack([sound, sound / 2][:channels], axis=1)
    if path.suffix != ".m4a":
        soundfile.write(
            path, both, rate, **({"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else options)
        )
        return path
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono" if channels == 1 else "stereo")
        for start in range(0, len(both), 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(both[start : start + 1024].T), format="fltp", layout=stream.layout.name
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def heard(path: Path, **options: Any) -> tuple[np.ndarray, int]:
    """All samples of consecutive blocks, and their rate."""
    blocks = list(FileSource(path, pace="max", **options).blocks())
    for before, after in itertools.pairwise(blocks):
        assert after.first_sample == before.first_sample + len(before.samples)
    assert all(block.samples.dtype == np.float32 and block.samples.ndim == 1 for block in blocks)
    return np.concatenate([block.samples for block in blocks]), blocks[0].sample_rate


def fault_of(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(FileSource(path, pace="max").blocks())
    assert str(path) in str(caught.value)
    assert caught.value.help
    return caught.value


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        *itertools.product(LOSSLESS, (8000, 16_000, 22_050, 44_100, 48_000, 96_000)),
        *itertools.product(("ogg",), (8000, 44_100, 48_000, 96_000)),
        *itertools.product(("mp3",), (8000, 22_050, 44_100, 48_000)),
        *itertools.product(("m4a",), (8000, 44_100, 96_000)),
        ("opus", 48_000),
    ],
)
def test_any_recording_has_its_length_its_frequency_and_its_level(
    tmp_path: Path, kind: str, rate: int, channels: int
) -> None:
    samples, native = heard(write(tmp_path / f"tone.{kind}", rate, channels))
    assert native == rate
    assert len(samples) == pytest.approx(SECONDS * rate, abs=0 if kind in (*LOSSLESS, "ogg", "opus") else 2)
    middle = samples[rate // 2 : -rate // 2]
    assert frequency_of(middle, rate) == pytest.approx(440, abs=1)
    amplitude = 0.5 if channels == 1 else 0.375  # the mean of both channels
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(amplitude / np.sqrt(2), rel=1e-3 if kind in LOSSLESS else 0.1)
    assert impurity_of(middle, rate, 440) < (1e-3 if kind in LOSSLESS else 0.1)


@pytest.mark.parametrize(
    ("subtype", "error"),
    [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("PCM_32", 2**-24), ("FLOAT", 0), ("ULAW", 0.02)],
)
def test_no_bit_of_a_wav_is_lost(tmp_path: Path, subtype: str, error: float) -> None:
    sound = tone(440, 0.5, 8000)
    samples, _ = heard(write(tmp_path / "tone.wav", 8000, 1, sound, subtype=subtype))
    assert np.abs(samples - sound).max() <= error
    reference, _ = soundfile.read(tmp_path / "tone.wav", dtype="float32")
    assert np.array_equal(samples, reference)


@pytest.mark.parametrize(("kind", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("ogg", "vorbis"), ("m4a", "aac")])
def test_it_says_what_it_plays(tmp_path: Path, kind: str, codec: str) -> None:
    source = FileSource(write(tmp_path / f"tone.{kind}", 44_100, 2), pace="max")
    assert isinstance(source, Describing)
    assert source.facts == {}
    next(source.blocks())
    assert source.facts == {"codec": codec, "sample_rate": 44_100, "channels": 2}


def test_a_float_beyond_full_scale_is_kept(tmp_path: Path) -> None:
    samples, _ = heard(write(tmp_path / "loud.wav", 8000, 1, tone(440, 0.5, 8000, amplitude=2.0), subtype="FLOAT"))
    assert samples.max() == pytest.approx(2.0, abs=0.01)


def test_a_recording_of_exactly_one_window_is_one_window(tmp_path: Path) -> None:
    for kind in ("wav", "flac", "ogg", "opus", "mp3", "m4a"):
        path = write(tmp_path / f"tone.{kind}", 48_000, 1)
        windows = list(
            windows_of(FileSource(path, pace="max"), name=kind, sample_rate=16_000, window_seconds=2, hop_seconds=2)
        )
        assert [(window.valid_samples, window.gap_samples) for window in windows] == [(32_000, 0)], kind
        assert windows[0].clock == "file"


def test_times_count_from_the_opening(tmp_path: Path) -> None:
    before = time.time_ns()
    blocks = list(FileSource(write(tmp_path / "tone.wav", 8000, 1), pace="max").blocks())
    after = time.time_ns()
    assert before <= blocks[0].captured_ns <= after
    for block in blocks:
        assert block.captured_ns - blocks[0].captured_ns == block.first_sample * 125_000
        assert (block.clock, block.epoch) == ("file", 0)


def test_at_real_time_samples_come_when_they_would_sound(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.flac", 8000, 1, tone(440, 1.0, 8000))
    began = time.monotonic()
    blocks: list[AudioBlock] = []
    for block in FileSource(path).blocks():
        blocks.append(block)
        assert time.monotonic() - began >= (block.first_sample + len(block.samples)) / 8000 - 0.01
        assert len(block.samples) <= 800
    assert sum(len(block.samples) for block in blocks) == 8000


def test_a_loop_goes_on_without_a_seam(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.wav", 8000, 1, tone(500, 0.1, 8000))
    blocks, index = [], 0
    for block in itertools.islice(FileSource(path, pace="max", loop=True).blocks(), 20):
        assert block.first_sample == index
        index += len(block.samples)
        blocks.append(block.samples)
    sound = np.concatenate(blocks)
    assert len(sound) > 2 * 800
    assert impurity_of(sound, 8000, 500) < 1e-3


@pytest.mark.parametrize("name", ["12:30 kitchen.wav", "http:x.wav", "a?b#c%20d.wav", "-i.wav", "ünï.wav"])
def test_any_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "tone.wav", 8000, 1).rename(tmp_path / name)
    assert len(heard(Path(name))[0]) == 16_000


def test_a_missing_file(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "no.wav").reason == "not_found"


def test_a_folder(tmp_path: Path) -> None:
    assert fault_of(tmp_path).reason == "not_found"


def test_a_path_through_a_file(tmp_path: Path) -> None:
    assert fault_of(write(tmp_path / "tone.wav", 8000, 1) / "x.wav").reason in ("not_found", "refused")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert fault_of(tmp_path / "empty.wav").reason == "no_audio"


def test_a_recording_of_nothing(tmp_path: Path) -> None:
    assert fault_of(write(tmp_path / "nothing.wav", 8000, 1, np.empty(0, np.float32))).reason == "no_audio"


@pytest.mark.parametrize(
    "text",
    [
        "this is a text, not a recording\n" * 50,
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile tone.wav\n",
        "1\n00:00:01,000 --> 00:00:02,000\na subtitle\n\n" * 5,
    ],
)
def test_a_text_that_is_named_wav(tmp_path: Path, text: str) -> None:
    write(tmp_path / "tone.wav", 8000, 1)
    (tmp_path / "text.wav").write_text(text)
    assert fault_of(tmp_path / "text.wav").reason == "decode"


def test_a_film_without_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert fault_of(tmp_path / "film.mp4").reason == "no_audio"


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_of_a_truncated_recording_what_is_there_is_heard(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / f"tone.{kind}", 44_100, 1, tone(440, 10, 44_100))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 101])
    samples, _ = heard(path)
    assert 4 < len(samples) / 44_100 < 6
    assert frequency_of(samples, 44_100) == pytest.approx(440, abs=1)
    assert str(path) in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * len(caplog.records)


def test_of_a_truncated_m4a_nothing_can_be_heard(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.m4a", 44_100, 1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # what says where the samples are stands at its end
    assert fault_of(path).reason == "decode"


def test_a_damaged_place_is_a_gap_and_what_follows_stays_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * 16_000)
    path = write(tmp_path / "noise.flac", 16_000, 1, sound)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20_000] = bytes(20_000)
    path.write_bytes(content)
    blocks = list(FileSource(path, pace="max").blocks())
    gaps = [b.first_sample - a.first_sample - len(a.samples) for a, b in itertools.pairwise(blocks)]
    assert max(gaps) > 4000
    assert blocks[-1].first_sample + len(blocks[-1].samples) == len(sound)
    last = blocks[-1]
    assert np.allclose(last.samples, sound[last.first_sample :], atol=1e-4)
    assert "damaged" in caplog.text


def test_a_whole_recording_gives_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("wav", "flac", "ogg", "opus", "mp3", "m4a"):
        heard(write(tmp_path / f"tone.{kind}", 48_000, 2))
    assert caplog.text == ""


def test_ffmpeg_keeps_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.wav").write_text("no sound at all\n" * 100)
    fault_of(tmp_path / "text.wav")
    path = write(tmp_path / "tone.mp3", 44_100, 1)
    path.write_bytes(path.read_bytes()[:9000])
    heard(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("sound.wav", {"path": Path("sound.wav")}),
        ("file:sound.wav", {"path": Path("sound.wav")}),
        ("file:/a/b c.wav?pace=max", {"path": Path("/a/b c.wav"), "pace": "max"}),
        ("file:///a/b.wav", {"path": Path("/a/b.wav")}),
        ("FILE:a.wav?loop=true&pace=realtime", {"path": Path("a.wav"), "loop": True, "pace": "realtime"}),
        ("a.wav?loop=false", {"path": Path("a.wav"), "loop": False}),
    ],
)
def test_options_of_an_address(address: str, options: dict[str, Any]) -> None:
    assert FileSource.from_address(address) == options


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("a.wav?pcae=max", "pcae"),
        ("a.wav?pace=fast", "pace"),
        ("a.wav?pace", "pace"),
        ("a.wav?loop=maybe", "loop"),
        ("file:", "names no file"),
        ("?pace=max", "names no file"),
        ("what?.wav", "'.wav'"),
    ],
)
def test_an_address_that_makes_no_sense(address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        FileSource.from_address(address)
    assert caught.value.help
