"""The sound of each event is a file, sample for sample, never across a gap; within bounds, whatever it is called."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile
from children import Child
from hypothesis import given
from hypothesis import strategies as st
from mgcld_plugins.sinks import _clip_shelf, clips
from mgcld_plugins.sinks._clip import Clip
from mgcld_plugins.sinks._clip_name import as_file_name, clip_path, stamped_at
from mgcld_plugins.sinks._clip_ring import Ring
from mgcld_plugins.sinks.clips import ClipsSink
from sink_events import Events

from mgcld.audio.pipeline import Pipeline
from mgcld.audio.windows import Windower
from mgcld.config import options_of
from mgcld.data import AudioBlock, Window
from mgcld.errors import ConfigError
from mgcld.interfaces import Describing, Hearing, Sink
from mgcld.registry import load

RATE = 8000
START_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def noise(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.1, 1.1, round(seconds * rate)).astype(np.float32)


def rounded(samples: np.ndarray) -> np.ndarray:
    """To 16 bits, as written in the README."""
    return np.array([min(max(round(float(x) * 32768), -32768), 32767) for x in samples], np.int16)


def block(samples: np.ndarray, first: int = 0, epoch: int = 0, at_ns: int = START_NS, rate: int = RATE) -> AudioBlock:
    return AudioBlock(samples, rate, first, at_ns, clock="file", epoch=epoch)


def windows_of(blocks: Sequence[AudioBlock], hop: float, source: str = "yard") -> list[Window]:
    """As the daemon has them: through the real pipeline, in blocks of a quarter of a second."""
    pipeline = Pipeline(source, sample_rate=RATE, window_seconds=5.0, hop_seconds=hop)
    return [
        window
        for whole in blocks
        for at in range(0, len(whole.samples), 2000)
        for window in pipeline.push(
            replace(
                whole,
                samples=whole.samples[at : at + 2000],
                first_sample=whole.first_sample + at,
                captured_ns=whole.captured_ns + at * SECOND // RATE,
            )
        )
    ]


@dataclass
class Written:
    """A clip as it lies there."""

    path: Path
    samples: np.ndarray = field(init=False)
    told: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.samples, rate = soundfile.read(self.path, dtype="int16")
        self.told = json.loads(self.path.with_suffix(".json").read_text())
        assert (rate, len(self.samples)) == (self.told["sample_rate"], self.told["samples"])

    def is_of(self, sound: np.ndarray, begin: float, end: float) -> None:
        """Exactly these seconds of the sound."""
        first = self.told["first_sample"]
        assert (first / RATE, (first + len(self.samples)) / RATE) == (begin, end)
        np.testing.assert_array_equal(self.samples, rounded(sound[first : first + len(self.samples)]))
        assert self.told["t_end_ns"] - self.told["t_start_ns"] == round(len(self.samples) * SECOND / RATE)


def written(folder: Path) -> list[Written]:
    assert not [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".flac", ".json")]
    return [Written(path) for path in sorted(folder.rglob("*.flac"))]


@pytest.fixture
def event() -> Events:
    return Events()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "clips"


def sink(folder: Path, **options: Any) -> ClipsSink:
    usual = {"pre_seconds": 3.0, "post_seconds": 2.0, "min_free_megabytes": 0.0, "max_age_days": 36_500.0}
    return ClipsSink(folder, **{**usual, **options})


def play(
    sink: ClipsSink, event: Events, windows: Sequence[Window], first: int, last: int, known: int, over: int, **more: Any
) -> None:
    """An event of the windows `first` to `last`, that is known after window `known` and over after window `over`."""
    times = {"t_on_ns": windows[first].start_ns, "source": windows[first].source, **more}
    id = times.pop("id", "A")
    for number, window in enumerate(windows):
        sink.hear(window)
        if number == known:
            sink.take(event(id, t_heard_ns=window.end_ns, **times))
        if number == over:
            sink.take(event(id, "end", t_heard_ns=windows[last].end_ns, **times))
    sink.close()


# What is in a clip


@pytest.mark.parametrize("hop", [0.5, 1.0, 5.0])
def test_a_clip_is_the_event_with_what_was_before_and_after_it(folder: Path, event: Events, hop: float) -> None:
    sound = noise(70)
    windows = windows_of([block(sound)], hop)
    first, last = round(10 / hop), round(30 / hop)
    taker = sink(folder)
    assert isinstance(taker, Sink)
    assert isinstance(taker, Hearing)
    assert isinstance(taker, Describing)
    play(taker, event, windows, first, last, first, last + max(1, round(5 / hop)))
    (clip,) = written(folder)
    clip.is_of(sound, 10 - 3, 30 + 5 + 2)
    assert clip.path == folder / "yard" / "2023-11-14" / "20231114T221327.000Z_dog_A.flac"
    assert clip.told["event"]["phase"] == "end"
    wanted = {"source": "yard", "epoch": 0, "part": 1, "parts": 1, "gap_samples": 0, "cut": None, "adapter": "abc"}
    assert {name: clip.told[name] for name in wanted} == wanted
    assert clip.told["t_start_ns"] == START_NS + 7 * SECOND
    facts = dict(taker.facts)
    size = clip.path.stat().st_size + clip.path.with_suffix(".json").stat().st_size
    assert facts.pop("oldest") == "2023-11-14T22:13:27+00:00"
    assert facts == {"delivered": 1, "failed": 0, "dropped": 0, "bytes": size, "reason": None}


def test_where_the_hop_is_longer_than_the_window_each_window_is_a_file(folder: Path, event: Events) -> None:
    sound = noise(70)
    play(sink(folder), event, windows_of([block(sound)], 7.0), 2, 4, 2, 6)
    parts = written(folder)
    for part, begin in zip(parts, (14, 21, 28), strict=True):
        part.is_of(sound, begin, begin + 5)
    assert [part.told["part"] for part in parts] == [1, 2, 3]
    assert [part.told["gap_samples"] for part in parts] == [0, 2 * RATE, 2 * RATE]
    assert {part.told["cut"] for part in parts} == {"gap"}  # of what was to come behind it


def test_an_event_that_is_known_late_has_its_beginning(folder: Path, event: Events) -> None:
    sound = noise(100)
    play(sink(folder), event, windows_of([block(sound)], 1.0), 5, 60, 55, 70)
    (clip,) = written(folder)
    clip.is_of(sound, 2, 67)


def test_of_an_event_that_is_known_too_late_there_is_what_is_still_kept(
    folder: Path, event: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "DECISION_SECONDS", 7.0)
    sound = noise(100)
    play(sink(folder), event, windows_of([block(sound)], 1.0), 5, 60, 55, 70)
    (clip,) = written(folder)
    clip.is_of(sound, 50, 67)


def test_a_clip_that_is_long_enough_is_cut_and_says_so(folder: Path, event: Events) -> None:
    sound = noise(60)
    play(sink(folder, max_seconds=12.25), event, windows_of([block(sound)], 1.0), 10, 40, 12, 48)
    (clip,) = written(folder)
    clip.is_of(sound, 7, 19.25)
    assert clip.told["cut"] == "max_seconds"
    assert clip.told["event"]["phase"] == "start"


def test_sound_before_the_first_window_is_not_made_up(folder: Path, event: Events) -> None:
    sound = noise(30)
    play(sink(folder), event, windows_of([block(sound)], 1.0), 1, 4, 1, 12)
    (clip,) = written(folder)
    clip.is_of(sound, 0, 11)


def test_two_classes_at_once_have_a_clip_each(folder: Path, event: Events) -> None:
    sound = noise(60)
    taker, windows = sink(folder), windows_of([block(sound)], 0.5)
    plan = {"dog": (20, 40), "cat": (30, 60)}
    for number, window in enumerate(windows):
        taker.hear(window)
        for name, (first, last) in plan.items():
            about = {"name": name, "t_on_ns": windows[first].start_ns}
            if number == first:
                taker.take(event(name, t_heard_ns=window.end_ns, **about))
            if number == last + 12:
                taker.take(event(name, "end", t_heard_ns=windows[last].end_ns, **about))
    dog, cat = written(folder)
    dog.is_of(sound, 7, 27)
    cat.is_of(sound, 12, 37)


def test_two_sources_do_not_mix(folder: Path, event: Events) -> None:
    yard, hall = noise(30, seed=1), noise(30, seed=2)
    taker = sink(folder)
    both = zip(windows_of([block(yard)], 1.0), windows_of([block(hall)], 1.0, "hall"), strict=True)
    for number, (one, other) in enumerate(both):
        taker.hear(one)
        taker.hear(other)
        if number == 8:
            taker.take(event("A", t_on_ns=one.start_ns))
            taker.take(event("B", t_on_ns=other.start_ns, source="hall"))
    taker.close()
    in_hall, in_yard = written(folder)
    in_hall.is_of(hall, 5, 30)
    in_yard.is_of(yard, 5, 30)
    assert in_yard.told["cut"] == "shutdown"


# Gaps


@pytest.mark.parametrize("hop", [0.5, 1.0])
def test_after_a_gap_within_the_event_there_is_another_file(folder: Path, event: Events, hop: float) -> None:
    sound = noise(60)
    lost = [block(sound[: 20 * RATE]), block(sound[22 * RATE :], 22 * RATE, at_ns=START_NS + 22 * SECOND)]
    windows = windows_of(lost, hop)
    first = round(8 / hop)
    last = next(number for number, window in enumerate(windows) if window.first_sample == 30 * RATE)
    play(sink(folder), event, windows, first, last, first, last + 12)
    one, other = written(folder)
    one.is_of(sound, 5, 20)
    other.is_of(sound, 22, 37)
    assert (other.told["gap_samples"], other.told["parts"]) == (2 * RATE, 2)


def test_a_gap_before_and_one_after_the_event_are_its_borders(folder: Path, event: Events) -> None:
    sound = noise(60)
    cuts = [(0, 10), (11, 25), (26, 60)]
    blocks = [block(sound[a * RATE : b * RATE], a * RATE, at_ns=START_NS + a * SECOND) for a, b in cuts]
    windows = windows_of(blocks, 1.0)
    inner = [number for number, window in enumerate(windows) if 11 * RATE <= window.first_sample < 26 * RATE]
    play(sink(folder), event, windows, inner[0], inner[-1], inner[0], inner[-1] + 2, reason="gap")
    (clip,) = written(folder)
    clip.is_of(sound, 11, 25)
    assert clip.told["cut"] == "gap"


def test_another_epoch_is_another_file_although_its_index_goes_on(folder: Path, event: Events) -> None:
    """A source that was opened again counts from 0: here up to the very sample at which the other one ended."""
    first, second = noise(20, seed=1), noise(40, seed=2)
    again = block(second[20 * RATE :], 20 * RATE, epoch=1, at_ns=START_NS + 25 * SECOND)
    windows = windows_of([block(first), again], 1.0)
    last = next(number for number, window in enumerate(windows) if window.epoch == 1) + 3
    play(sink(folder), event, windows, 12, last, 12, last + 8)
    one, other = written(folder)
    one.is_of(first, 9, 20)
    other.is_of(second, 20, 20 + 3 + 5 + 2)
    assert other.told["epoch"] == 1


def test_windows_that_were_dropped_are_a_gap_only_where_sound_is_missing(folder: Path, event: Events) -> None:
    sound = noise(60)
    windows = windows_of([block(sound)], 1.0)
    folder.mkdir()
    overlapping = [window for number, window in enumerate(windows) if number not in (14, 15, 16, 17)]
    play(sink(folder / "some"), event, overlapping, 10, 20, 10, 30)
    (clip,) = written(folder / "some")
    clip.is_of(sound, 7, 31)
    apart = [window for number, window in enumerate(windows) if not 14 <= number < 20]
    play(sink(folder / "many"), event, apart, 10, 20, 10, 30)
    one, other = written(folder / "many")
    one.is_of(sound, 7, 18)
    other.is_of(sound, 20, 33)


def test_a_leap_of_the_clock_is_never_inside_a_file(folder: Path, event: Events) -> None:
    sound = noise(40)
    windows = windows_of([block(sound)], 5.0)
    leapt = [
        replace(window, start_ns=window.start_ns + 3600 * SECOND, flags=frozenset({"clock_step"} if at == 4 else ()))
        if at >= 4
        else window
        for at, window in enumerate(windows)
    ]
    play(sink(folder), event, leapt, 2, 5, 2, 7)
    one, other = written(folder)
    one.is_of(sound, 7, 20)
    other.is_of(sound, 20, 32)
    assert other.told["t_start_ns"] == START_NS + 3620 * SECOND


@given(
    hop=st.sampled_from([25, 50, 100, 500, 700]),
    pieces=st.lists(st.tuples(st.integers(1, 2500), st.integers(1, 900), st.booleans()), min_size=1, max_size=5),
    places=st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(0, 40), st.integers(0, 40)),
    skipped=st.sets(st.integers(0, 200), max_size=40),
    lengths=st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(13, 60)),
)
def test_whatever_is_missing_each_part_is_the_sound_that_was_heard(
    hop: int,
    pieces: list[tuple[int, int, bool]],
    places: tuple[int, int, int, int],
    skipped: set[int],
    lengths: tuple[int, int, int],
) -> None:
    rate, windows, sounds = 100, [], {}
    windower = Windower("yard", rate, 5.0, hop / rate)
    epoch, first, at = 0, 0, START_NS
    for length, gap, again in pieces:
        epoch, first = (epoch + 1, 0) if again else (epoch, first + gap)
        at += gap * SECOND // rate
        samples = noise(length / rate, seed=len(sounds), rate=rate)
        sounds[epoch, first] = rounded(samples)
        windows += windower.push(block(samples, first, epoch, at, rate))
        first, at = first + length, at + length * SECOND // rate
    windows = [window for number, window in enumerate(windows) if number not in skipped]
    if not windows:
        return
    begin, length, wait, late = places
    begin %= len(windows)
    last = min(begin + length, len(windows) - 1)
    pre, post, most = lengths
    clip, ring = None, Ring(pre + 60.0)
    header = {"source": "yard"}
    body = {"t_on_ns": windows[begin].start_ns, "t_off_ns": windows[last].end_ns, "reason": "quiet"}
    for number, window in enumerate(windows):
        chunk = ring.hear(window)
        if clip is not None and chunk is not None:
            clip.add([chunk])
        if number == begin + wait or (number == len(windows) - 1 and clip is None):
            clip = Clip(header, body, most)
            clip.begin(ring, pre)
        if number == max(begin + wait, last) + late and clip is not None:
            clip.end(body, ring, post)
    assert clip is not None
    assert clip.seconds <= most
    for part in clip.parts:
        axis = [(chunk.epoch, chunk.first_sample) for chunk in part.chunks]
        assert {epoch for epoch, _ in axis} == {part.first.epoch}
        samples = part.samples
        (sound,) = [
            sound[part.first.first_sample - first :][: len(samples)]
            for (epoch, first), sound in sounds.items()
            if epoch == part.first.epoch and first <= part.first.first_sample < first + len(sound)
        ]
        np.testing.assert_array_equal(samples, sound)  # all of it in one piece of what was heard


# When no more comes


def test_a_source_that_falls_silent_ends_its_clips(
    folder: Path, event: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = noise(30)
    taker = sink(folder)
    windows = windows_of([block(sound)], 1.0)
    for window in windows[:10]:
        taker.hear(window)
    taker.take(event("A", t_on_ns=windows[5].start_ns))
    assert written(folder) == []
    monkeypatch.setattr(clips, "IDLE_SECONDS", 0.01)
    time.sleep(0.05)
    taker.take(event("B", source="hall", t_on_ns=1))  # whatever comes
    (clip,) = written(folder)
    clip.is_of(sound, 2, 14)
    assert clip.told["cut"] == "no_sound"


@pytest.mark.parametrize("reason", ["source_lost", "source_ended", "paused", "removed", "shutdown"])
def test_an_end_behind_which_nothing_comes_is_written_at_once(folder: Path, event: Events, reason: str) -> None:
    sound = noise(30)
    taker, windows = sink(folder), windows_of([block(sound)], 1.0)
    for window in windows:
        taker.hear(window)
    taker.take(event("A", t_on_ns=windows[20].start_ns))
    taker.take(event("A", "end", t_on_ns=windows[20].start_ns, t_heard_ns=windows[-1].end_ns, reason=reason))
    (clip,) = written(folder)
    clip.is_of(sound, 17, 30)
    assert clip.told["cut"] == "no_sound"


def test_memory_is_bounded_by_cutting_the_longest(
    folder: Path, event: Events, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clips, "MOST_BYTES", 2 * 40 * RATE)
    monkeypatch.setattr(clips, "MOST_OPEN", 2)
    sound = noise(50)
    taker, windows = sink(folder), windows_of([block(sound)], 1.0)
    for number, window in enumerate(windows):
        taker.hear(window)
        if number in (5, 15, 16):
            taker.take(event(f"E{number}", t_on_ns=window.start_ns))
    taker.close()
    first, second = written(folder)
    assert (first.told["cut"], second.told["cut"]) == ("memory", "shutdown")
    first.is_of(sound, 2, 28)  # 26 and 16 seconds are more than 40
    second.is_of(sound, 12, 50)
    assert taker.facts["dropped"] == 1
    assert "more than 2 events at once" in caplog.text


def test_a_ring_holds_little_more_than_it_must() -> None:
    ring = Ring(10.0)
    for window in windows_of([block(noise(120))], 0.5):
        ring.hear(window)
    assert 10 * RATE <= sum(len(chunk.samples) for chunk in ring.since(None)) <= 15 * RATE
    assert len(ring._anchors) < 40


def test_only_the_classes_that_are_wanted_have_clips(folder: Path, event: Events) -> None:
    sound = noise(30)
    play(sink(folder, classes=["cat"]), event, windows_of([block(sound)], 1.0), 5, 10, 5, 20)
    assert written(folder) == []
    play(sink(folder, classes=["cat"]), event, windows_of([block(sound)], 1.0), 5, 10, 5, 20, name="cat")
    assert len(written(folder)) == 1


def test_an_event_of_which_nothing_was_heard_is_counted(
    folder: Path, event: Events, caplog: pytest.LogCaptureFixture
) -> None:
    taker = sink(folder)
    taker.take(event("A"))
    taker.take(event("A", "end"))
    taker.take(event("B", "end"))  # its start was before us
    assert taker.facts["dropped"] == 1
    assert "none of its sound was heard" in caplog.text


# Bounds of the disk


def some_clips(folder: Path, event: Events, count: int, **options: Any) -> ClipsSink:
    taker, windows = sink(folder, **options), windows_of([block(noise(40))], 1.0)
    for window in windows[:20]:
        taker.hear(window)
    for number in range(count):
        about = {"t_on_ns": windows[3 + number].start_ns, "t_heard_ns": windows[-30].end_ns}
        taker.take(event(f"E{number}", **about))
        taker.take(event(f"E{number}", "end", **about, reason="source_ended"))
    return taker


def test_the_oldest_go_when_there_are_too_many(folder: Path, event: Events) -> None:
    (folder / "yard" / "2000-01-01").mkdir(parents=True)
    mine = folder / "yard" / "2000-01-01" / "my own.flac"
    mine.write_bytes(b"x" * 3_000_000)
    taker = some_clips(folder, event, 9, max_megabytes=1.0)
    mine.unlink()
    left = written(folder)
    assert taker.facts["delivered"] == 9
    assert 0 < len(left) < 9
    assert [clip.told["event"]["id"] for clip in left] == [f"E{number}" for number in range(9 - len(left), 9)]
    assert taker.facts["bytes"] == sum(path.stat().st_size for path in folder.rglob("*.*")) <= 1_000_000
    assert len(list(folder.rglob("*.json"))) == len(left)


def test_a_clip_that_is_larger_than_all_may_be_is_not_made(folder: Path, event: Events) -> None:
    taker, windows = sink(folder, max_megabytes=1.0), windows_of([block(noise(100))], 5.0)
    some_clips(folder, event, 1)
    for window in windows:
        taker.hear(window)
    taker.take(event("A", t_on_ns=windows[2].start_ns))
    taker.close()
    assert taker.facts["dropped"] == 1
    assert "larger than max_megabytes" in taker.facts["reason"]
    assert len(written(folder)) == 1  # the older one stays


def test_old_clips_go_at_the_start_and_nothing_else_does(folder: Path, event: Events) -> None:
    some_clips(folder, event, 2)
    stranger = folder / "yard" / "notes.txt"
    stranger.write_text("mine")
    outside = folder.parent / "outside" / "2000-01-01"
    outside.mkdir(parents=True)
    (outside / "20000101T000000.000Z_dog_A.flac").write_text("not ours")
    (folder / "link").symlink_to(outside.parent)
    taker = sink(folder, max_age_days=1.0)
    assert len(list(folder.rglob("*.flac"))) >= 2  # building it touches nothing
    taker.take(event("A", "update"))
    assert list((folder / "yard").iterdir()) == [stranger]
    assert len(list(outside.iterdir())) == 1
    assert taker.facts["bytes"] == 0
    assert taker.facts["oldest"] is None


def test_a_disk_that_is_almost_full_gets_no_clip_and_keeps_those_it_has(
    folder: Path, event: Events, caplog: pytest.LogCaptureFixture
) -> None:
    some_clips(folder, event, 2)
    taker = some_clips(folder, Events(), 3, min_free_megabytes=1e9)
    assert (taker.facts["delivered"], taker.facts["dropped"]) == (0, 3)
    assert caplog.text.count("of the disk would be free") == 1
    assert len(written(folder)) == 2


def test_a_full_disk_is_called_so(folder: Path, event: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_clip_shelf.shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    assert some_clips(folder, event, 1, min_free_megabytes=0.0).facts["reason"] == "the disk is full"


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from sink_events import Events
from test_clips_sink import some_clips
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
taker = some_clips(Path(sys.argv[1]), Events(), 3)
print(taker.facts["failed"], taker.facts["reason"])
"""
FOLDERS = [str(Path(__file__).parent), str(Path(__file__).parents[2])]


def test_a_full_disk_is_counted_said_once_and_leaves_nothing(folder: Path) -> None:
    with Child(FULL_DISK, str(folder), *FOLDERS) as child:
        assert child.line() == "3 it cannot be written: File too large"
        assert child.wait() == 0
        assert child.errors.count("cannot be written") == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from sink_events import Events
from test_clips_sink import some_clips
print("begun", flush=True)
while True:
    some_clips(Path(sys.argv[1]), Events(), 5)
    print("written", flush=True)
"""


def test_after_a_kill_each_clip_is_whole_and_the_next_start_leaves_no_rest(folder: Path, event: Events) -> None:
    for life in range(3):
        with Child(KILLED, str(folder), *FOLDERS) as child:
            assert [child.line() for _ in range(2)] == ["begun", "written"]
            time.sleep(0.01 + 0.013 * life)
            child.process.kill()
            child.wait()
        for sound in folder.rglob("*.flac"):
            Written(sound)
    day = next(folder.glob("*/*"))
    rest = day / _clip_shelf.BESIDE.format("killed")
    rest.write_bytes(b"half a cl")
    (day / "20231114T221327.000Z_dog_A.json").write_text("{}")  # killed between the two
    sink(folder).take(event("A", "update"))
    assert written(folder)
    assert len(list(folder.rglob("*.json"))) == len(list(folder.rglob("*.flac")))


def test_what_another_process_is_writing_is_no_rest(folder: Path, event: Events) -> None:
    script = """
import fcntl, sys, time
file = open(sys.argv[1], "wb")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""
    some_clips(folder, event, 1)
    beside = next(folder.glob("*/*")) / _clip_shelf.BESIDE.format("other")
    with Child(script, str(beside)) as other:
        assert other.line() == "locked"
        sink(folder).take(event("A", "update"))
        assert beside.exists()
    sink(folder).take(event("A", "update"))
    assert not beside.exists()


def test_clips_are_for_their_group_only(folder: Path, event: Events) -> None:
    before = os.umask(0)
    try:
        some_clips(folder, event, 1)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o640}
    assert {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*")) if path.is_dir()} == {0o750}


# Names

NASTY = ["../../etc/passwd", "/", "..", ".", "", "CON", "nul.txt", "a\x00b\nc", "\u202egpj.exe", "ä" * 2048, "a" * 4096]
NASTY += ["-rf", "~", "_", "dog_A", "%41", "Dog", "dog", "dog.", "dog ", "\ud800", "🐕" * 100, "a" * 79 + "ü", "İ"]


@given(st.lists(st.text() | st.sampled_from(NASTY), min_size=2, max_size=2, unique=True), st.integers(-1, 1 << 62))
def test_whatever_things_are_called_their_files_are_plain_and_apart(names: list[str], start_ns: int) -> None:
    for name in names:
        encoded = as_file_name(name)
        assert 0 < len(encoded) <= 80
        assert all(sign.isascii() and (sign.isalnum() or sign in "-.%~") for sign in encoded)
        assert encoded[0] not in ".-"
        assert encoded[-1] not in ". "
        assert "~" in encoded or encoded == "%" or unquote(encoded, errors="surrogatepass") == name
    one, other = (as_file_name(name) for name in names)
    assert one != other
    place = clip_path(names[0], names[1], "01J0", start_ns, 2)
    assert len(place.parts) == 3
    assert not {".", ".."} & set(place.parts)
    assert max(len(part) for part in place.parts) < 200
    assert stamped_at(place.name) is not None
    assert place.name.endswith("_01J0_2.flac")


@pytest.mark.parametrize("name", [name for name in NASTY if name.isascii() or name.isprintable() or "\u202e" in name])
def test_a_nasty_class_at_a_nasty_source_stays_in_the_folder(tmp_path: Path, event: Events, name: str) -> None:
    sound = noise(12)
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    windows = windows_of([block(sound)], 5.0, source=name)
    play(sink(folder), event, windows, 0, 0, 0, 1, name=name)
    (clip,) = written(folder)
    clip.is_of(sound, 0, 7)
    assert (clip.told["event"]["class"], clip.told["source"]) == (name, name)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents] == []


def test_names_that_differ_by_capitals_do_not_meet_where_capitals_do_not_count() -> None:
    some = [str(clip_path(name, name, id, START_NS, 1)).lower() for name, id in (("Dog", "A"), ("dog", "B"))]
    assert len(set(some)) == 2


# Options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pre_seconds": -1.0}, "pre_seconds"),
        ({"post_seconds": 61.0}, "post_seconds"),
        ({"max_seconds": 2.0}, "max_seconds"),
        ({"max_seconds": float("nan")}, "max_seconds"),
        ({"max_megabytes": 0.0}, "max_megabytes"),
        ({"max_age_days": 0.0}, "max_age_days"),
        ({"min_free_megabytes": -1.0}, "min_free_megabytes"),
        ({"folder": Path("/nowhere/at/all")}, "is no folder"),
        ({"folder": Path("/dev/null")}, "is no folder"),
    ],
)
def test_a_mistake_in_the_options_is_told(folder: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        sink(**{"folder": folder, **options})
    assert caught.value.help


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(
    folder: Path, caplog: pytest.LogCaptureFixture, event: Events
) -> None:
    folder.mkdir()
    nowhere = sink(folder / "inner")
    folder.rmdir()
    folder.write_text("in the way")
    nowhere.take(event("A"))
    nowhere.close()
    (said,) = (text for text in caplog.messages if "the folder cannot be used" in text)
    assert said.startswith(f"{folder / 'inner'}: no clip: ")
    assert "write another one in folder" in said


def test_the_configuration_names_it(tmp_path: Path) -> None:
    constructor = load("sink", "clips")
    checked = options_of(constructor, {"folder": "clips", "classes": ["dog"]}, where="sinks.clips", base=tmp_path)
    assert checked["folder"] == tmp_path / "clips"
    assert constructor(**checked).facts["delivered"] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(autouse=True)
def no_rest(folder: Path) -> Iterator[None]:
    yield
    assert not list(folder.rglob("*.part"))
