"""What a few seconds of a source tell, each in a real capture process."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from mgcld_plugins.sources.file import FileSource

from mgcld.audio.probe import Heard, probe
from mgcld.audio.remote import RemoteSource

SECONDS = 1.5
WAYS = (
    "plays",
    "ahead",
    "is_silent",
    "is_too_loud",
    "loses_some",
    "comes_at_once",
    "trickles",
    "ends",
    "stalls",
    "breaks",
    "is_refused",
)


def probed(way: str) -> Heard:
    seconds = 2 * SECONDS if way == "trickles" else SECONDS  # a busy machine must not look like a stall
    return probe(RemoteSource(way, "strange:Strange", {"way": way}), stop=threading.Event(), listen_seconds=seconds)


@pytest.fixture(scope="module")
def heard() -> Iterator[dict[str, Heard]]:
    """All of them, side by side."""
    tests = str(Path(__file__).parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]))
        with ThreadPoolExecutor(len(WAYS)) as pool:
            yield dict(zip(WAYS, pool.map(probed, WAYS), strict=True))


def test_sound_is_measured(heard: dict[str, Heard]) -> None:
    tone = heard["plays"]
    assert tone.error is None
    assert tone.sample_rate == 8000
    assert tone.level_dbfs == pytest.approx(-9.03, abs=0.1)  # a sine of 0.5
    assert tone.peak_dbfs == pytest.approx(-6.02, abs=0.1)
    assert SECONDS - 0.3 <= tone.sound_seconds <= SECONDS + 1
    assert (tone.gaps, tone.flags) == (0, frozenset())
    assert tone.facts["codec"] == "pcm_s16le"


def test_times_are_told(heard: dict[str, Heard]) -> None:
    tone = heard["plays"]
    assert (tone.clock, tone.clock_uncertainty_ns) == ("adc", 20_000_000)
    assert tone.age_seconds is not None
    assert 0.04 <= tone.age_seconds <= 1.0  # 0.15 s by its stamps, less the block, and the way here
    assert tone.first_seconds is not None
    assert tone.first_seconds >= 0.1
    assert heard["ahead"].facts["sender_clock_offset_seconds"] == 3600.0


def test_digital_silence_has_no_level(heard: dict[str, Heard]) -> None:
    mute = heard["is_silent"]
    assert (mute.error, mute.level_dbfs, mute.peak_dbfs, mute.flags) == (None, None, None, {"silent"})


def test_distortion_and_gaps_are_seen(heard: dict[str, Heard]) -> None:
    assert heard["is_too_loud"].flags == {"clipped"}
    assert heard["loses_some"].gaps >= 1


@pytest.mark.parametrize(
    ("way", "reason", "said"),
    [
        ("trickles", "slow", "% of the sound"),
        ("ends", "ended", "ended after 0.2 s"),
        ("stalls", "timeout", "nothing more came"),
        ("breaks", "unknown", "ZeroDivisionError"),
        ("is_refused", "refused", "nobody there"),
    ],
)
def test_what_is_wrong_is_told(heard: dict[str, Heard], way: str, reason: str, said: str) -> None:
    error = heard[way].error
    assert error is not None
    assert error.reason == reason
    assert said in str(error)
    assert error.help


def test_sound_that_comes_at_once_and_ends_is_enough(heard: dict[str, Heard]) -> None:
    assert heard["comes_at_once"].error is None
    assert heard["comes_at_once"].sound_seconds == pytest.approx(10.0)


@pytest.mark.usefixtures("heard")
def test_no_capture_process_stays() -> None:
    assert [child for child in psutil.Process().children() if "mgcld.audio.child" in child.cmdline()] == []


def test_it_ends_early_when_asked_and_takes_the_process_with_it() -> None:
    stop = threading.Event()
    source = RemoteSource("mic", "strange:Strange", {"way": "plays"})
    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
        began = time.monotonic()
        running = pool.submit(probe, source, stop=stop, listen_seconds=600.0)
        while source.pid is None:
            assert time.monotonic() - began < 30
            time.sleep(0.01)
        pid = source.pid
        stop.set()
        running.result(30)
    assert not psutil.pid_exists(pid)


def test_of_a_recording_its_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.full(60 * 8000, 0.5), 8000)
    heard = probe(FileSource(path, pace="max"), stop=threading.Event(), listen_seconds=SECONDS)
    assert (heard.error, heard.sample_rate, heard.clock, heard.age_seconds) == (None, 8000, "file", None)
    assert SECONDS <= heard.sound_seconds < 60


def test_a_recording_without_sound_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    heard = probe(FileSource(tmp_path / "empty.wav", pace="max"), stop=threading.Event())
    assert heard.error is not None
