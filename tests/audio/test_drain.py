"""A live source with a spool: windows in order, none lost while nobody takes them, nor over a restart."""

import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import assert_same, block, cut, noise

from mgcld.audio import capture, drain
from mgcld.audio.capture import Capture
from mgcld.audio.inbox import Inbox
from mgcld.audio.pipeline import Pipeline
from mgcld.audio.segment import Amount
from mgcld.audio.spool import Spool
from mgcld.data import AudioBlock, Window
from mgcld.errors import SourceError

RATE = 8000
SECOND = 10**9


class Feed:
    """A live source that delivers what it is fed, and fails when it is fed an error."""

    live = True

    def __init__(self) -> None:
        self._fed: queue.Queue[AudioBlock | SourceError] = queue.Queue()

    def feed(self, *sound: AudioBlock | SourceError) -> None:
        for each in sound:
            self._fed.put(each)

    def blocks(self) -> Iterator[AudioBlock]:
        while True:
            try:
                found = self._fed.get(timeout=0.02)
            except queue.Empty:
                found = block(np.empty(0, np.float32), RATE)
            if isinstance(found, SourceError):
                raise found
            yield found


class Life:
    """One process: a capture with a spool that an earlier one may have left."""

    def __init__(
        self,
        folder: Path,
        *,
        rate: int = RATE,
        seconds: float = 0.5,
        hop: float = 0.5,
        capacity: int = 2,
        max_bytes: int = 1 << 24,
    ) -> None:
        self.source, self.inbox = Feed(), Inbox(capacity)
        self.capture = Capture(
            "mic",
            self.source,
            sample_rate=rate,
            window_seconds=seconds,
            hop_seconds=hop,
            inbox=self.inbox,
            spool=Spool(folder / "mic", max_bytes=max_bytes),
        )

    def __enter__(self) -> "Life":
        self.capture.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.capture.stop()
        assert self.capture.join(20)

    def take(self, count: int, done: int | None = None) -> list[Window]:
        """So many windows, of which the first `done` go out; all, unless told otherwise."""
        taken: list[Window] = []
        deadline = time.monotonic() + 20
        while len(taken) < count and time.monotonic() < deadline:
            (window,) = self.inbox.take(1, 20)
            taken.append(window)
            if done is None or len(taken) <= done:
                self.inbox.done([window])
        assert len(taken) == count
        return taken

    def until_backlog(self, least: float, most: float) -> float:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            seconds = self.capture.status.backlog_seconds
            assert seconds is not None
            if least - 1e-6 <= seconds <= most + 1e-6:
                return seconds
            time.sleep(0.01)
        raise AssertionError(self.capture.status)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "TICK_SECONDS", 0.01)


def blocks(seconds: float, *, rate: int = RATE, every: int = 800, first: int = 0, seed: int = 0) -> list[AudioBlock]:
    whole = block(noise(round(seconds * rate), seed), rate, first=first)
    return cut(whole, range(every, len(whole.samples), every))


def undisturbed(sound: Sequence[AudioBlock], rate: int = RATE, seconds: float = 0.5, hop: float = 0.5) -> list[Window]:
    pipeline = Pipeline("mic", sample_rate=rate, window_seconds=seconds, hop_seconds=hop)
    return [window for each in sound for window in pipeline.push(each)]


def plain(windows: Sequence[Window]) -> list[Window]:
    """Without when they were ready, and whether they were late."""
    return [replace(window, ready_ns=0, flags=window.flags - {"late"}) for window in windows]


def test_nothing_is_lost_while_nobody_takes_a_window(tmp_path: Path) -> None:
    sound = blocks(30)
    with Life(tmp_path) as life:
        life.source.feed(*sound)
        life.until_backlog(30, 30)
        assert len(life.inbox) <= 2
        windows = life.take(60)
        assert_same(plain(windows), undisturbed(sound))
        assert life.until_backlog(0, 0) == 0
        status = life.capture.status
        assert (status.lost_seconds, status.drops, status.state) == (0.0, 0, "live")
        deadline = time.monotonic() + 20
        while list((tmp_path / "mic").glob("*.segment")) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert list((tmp_path / "mic").glob("*.segment")) == []  # no audio is kept that has been heard


def test_a_window_that_waited_long_is_late_and_its_wait_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "LATE_SECONDS", 1.0)
    with Life(tmp_path) as life:
        life.source.feed(*blocks(2))
        life.until_backlog(2, 2)
        time.sleep(1.0)
        life.source.feed(*blocks(1, first=2 * RATE))
        life.until_backlog(3, 3)
        windows = life.take(6)
        assert ["late" in window.flags for window in windows] == [True] * 4 + [False] * 2
        assert time.monotonic_ns() - windows[0].ready_ns >= SECOND > time.monotonic_ns() - windows[-1].ready_ns


def test_without_a_spool_a_window_that_waited_long_is_late_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "LATE_SECONDS", 0.3)
    source, inbox = Feed(), Inbox(9)
    heard = Capture("mic", source, sample_rate=RATE, window_seconds=0.1, hop_seconds=0.1, inbox=inbox)
    heard.start()
    source.feed(*blocks(0.1))
    deadline = time.monotonic() + 20
    while not len(inbox) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    (window,) = inbox.take(9, 0)
    assert window.flags == {"late"}
    assert (heard.status.backlog_seconds, heard.status.lost_seconds) == (None, 0.0)
    heard.stop()
    assert heard.join(10)


def test_after_a_restart_the_next_window_is_the_next_and_what_is_new_is_another_epoch(tmp_path: Path) -> None:
    sound = blocks(5.3)
    with Life(tmp_path) as life:
        life.source.feed(*sound)
        life.until_backlog(5.3, 5.3)
        before = life.take(5, done=4)
    with Life(tmp_path) as life:
        life.source.feed(*blocks(1.2, seed=1))
        after = life.take(8)
    assert_same(plain([*before[:4], *after[:6]]), undisturbed(sound))
    assert [window.flags for window in after] == [{"late"}] * 6 + [frozenset()] * 2
    assert [(window.epoch, window.first_sample, window.gap_samples) for window in after[6:]] == [
        (1, 0, None),
        (1, 4000, 0),
    ]
    with Life(tmp_path) as life:
        life.source.feed(*blocks(0.6, seed=2))
        assert [(window.epoch, window.gap_samples) for window in life.take(1)] == [(2, None)]


@pytest.mark.parametrize("ending", [[], [SourceError("gone", reason="absent")]], ids=["killed", "lost"])
def test_an_epoch_without_a_window_is_not_used_again(tmp_path: Path, ending: list[SourceError]) -> None:
    for seconds in (0.3, 0.4):
        with Life(tmp_path) as life:
            life.source.feed(*blocks(seconds), *ending)
            while ending and life.capture.status.state != "absent":
                time.sleep(0.01)
            life.until_backlog(0 if ending else seconds, seconds)
    with Life(tmp_path) as life:
        life.source.feed(*blocks(0.5))
        assert [window.epoch for window in life.take(1)] == [2]


def test_sound_that_no_window_was_made_of_is_given_up_with_its_opening(tmp_path: Path) -> None:
    with Life(tmp_path) as life:
        life.source.feed(*blocks(0.7), SourceError("gone", reason="absent"))
        life.until_backlog(0.7, 0.7)
        life.take(1)
        life.until_backlog(0, 0)


def test_the_end_of_an_opening_is_not_given_up_while_its_last_windows_are_made(tmp_path: Path) -> None:
    """All that were made before go out at that very moment."""
    first, last = undisturbed(blocks(1))
    stop = threading.Event()
    with Spool(tmp_path / "mic", max_bytes=1 << 20) as spool:

        def flush() -> list[Window]:
            drained.sent(first)
            return [last]

        def send(windows: list[Window]) -> None:
            if any(window.first_sample == last.first_sample for window in windows):
                stop.set()  # and this one does not go out any more

        drained = drain.Drain(
            "mic", spool, hop_samples=RATE // 2, cut=lambda _: [first], flush=flush, send=send, stop=stop
        )
        drained.keep(block(noise(RATE), RATE))
        drained.end_opening()
        drained.run()
    with Life(tmp_path) as life:
        assert_same(plain(life.take(1)), plain([last]))


def test_what_no_window_fits_into_does_not_fill_the_spool(tmp_path: Path) -> None:
    with Life(tmp_path) as life:
        for index in range(20):
            life.source.feed(block(noise(1000), RATE, first=2000 * index))
        life.until_backlog(0, 0.2)


def test_a_full_ring_is_a_gap_that_is_counted(tmp_path: Path) -> None:
    with Life(tmp_path, max_bytes=400_000) as life:
        sound = blocks(60)
        life.source.feed(*sound[:20])
        deadline = time.monotonic() + 20
        while len(life.inbox) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        life.source.feed(*sound[20:])
        while life.capture.status.lost_seconds < 30 and time.monotonic() < deadline:
            time.sleep(0.01)
        life.until_backlog(60, 60)
        lost = life.capture.status.lost_seconds
        windows = life.take(3)  # two waited in the inbox, one at its door
        while windows[-1].first_sample < 59 * RATE:
            windows += life.take(1)
        gaps = [window.gap_samples for window in windows]
        (gap,) = (gap for gap in gaps if gap)
        assert gap == round(lost * RATE)
        assert life.capture.status.lost_seconds == lost


def test_a_gap_that_a_full_ring_left_over_a_restart_is_counted(tmp_path: Path) -> None:
    sound = blocks(60)
    with Life(tmp_path) as life:
        life.source.feed(*sound[: 2 * 10])
        life.take(2)
        life.until_backlog(1, 1)
    with Spool(tmp_path / "mic", max_bytes=400_000) as spool:  # a smaller one now
        for each in sound[20:]:
            spool.append(packed(each), sound_ns=SECOND // 10)
    with Life(tmp_path, max_bytes=400_000) as life:
        first, second = life.take(2)
        lost = life.capture.status.lost_seconds
        assert lost > 30
        assert first.gap_samples == first.first_sample - RATE == round(lost * RATE)
        assert (second.gap_samples, first.epoch) == (0, 0)


def packed(sound: AudioBlock) -> bytes:
    """As a drain keeps it."""
    kept: list[bytes] = []

    class Keeper:
        note, before, begin, end = b"", None, Amount(), Amount()

        def append(self, data: bytes, **_: int) -> None:
            kept.append(data)

    nothing = threading.Event()
    drain.Drain(
        "mic",
        Keeper(),
        hop_samples=1,
        cut=lambda _: [],
        flush=list,
        send=lambda _: None,
        stop=nothing,  # type: ignore[arg-type]
    ).keep(sound)
    return kept[0]


def test_a_record_of_another_version_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Spool(tmp_path / "mic", max_bytes=1 << 20) as spool:
        spool.append(b"\x07 what a later version writes")
        spool.append(b"")
        spool.done(spool.end, b"\x07 what a later version notes")
        spool.append(b"\x01")
    with Life(tmp_path) as life:
        life.source.feed(*blocks(0.5))
        assert len(life.take(1)) == 1
    assert "passed over" in caplog.text


def test_a_drain_that_breaks_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(tmp_path)
    monkeypatch.setattr(life.capture._pipeline, "cut", None)
    with life:
        life.source.feed(*blocks(0.5))
        deadline = time.monotonic() + 20
        while life.capture.status.state != "failed" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert life.capture.status.state == "failed"
        assert life.capture.join(10)


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([RATE, 16_000, 11_025]),
    hop=st.sampled_from([0.2, 0.4, 0.8]),
    every=st.integers(100, 4000),
    lives=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=4),
)
def test_over_any_restarts_each_window_goes_out_exactly_once_if_it_is_noted_at_once(
    rate: int, hop: float, every: int, lives: list[tuple[int, int]]
) -> None:
    sound = blocks(4, rate=rate, every=every)
    expected = undisturbed(sound, 16_000, 0.4, hop)
    sent: list[Window] = []
    with tempfile.TemporaryDirectory() as name:
        for number, (taken, done) in enumerate([*lives, (99, 99)]):
            with Life(Path(name), rate=16_000, seconds=0.4, hop=hop) as life:
                if not number:
                    life.source.feed(*sound)
                    life.until_backlog(3.99, 4.01)
                left = len(expected) - len(sent)
                sent += life.take(min(taken, left), done)[:done]
    assert len(sent) == len(expected)
    assert {window.gap_samples for window in sent} == {0}
    if rate == 16_000:
        assert_same(plain(sent), expected)
    for one, other in zip(sent, expected, strict=True):
        assert abs(one.first_sample - other.first_sample) <= 2 * len(lives)  # rounded at each restart
        assert abs(one.start_ns - other.start_ns) < SECOND // rate
        assert np.abs(one.samples - other.samples)[800:].max() < 0.01  # where the filter began anew it rings


def test_drift_and_steps_of_the_clock_are_kept_and_the_steps_count_on(tmp_path: Path) -> None:
    heard: list[AudioBlock] = []
    for life in (0, 1):
        stop = threading.Event()

        def take(sound: AudioBlock) -> list[Window]:
            heard.append(sound)
            return []

        kept = drain.Drain(
            "mic",
            Spool(tmp_path / "mic", max_bytes=1 << 20),
            hop_samples=1,
            cut=take,
            flush=list,
            send=lambda _: None,
            stop=stop,
        )
        for first, steps in ((0, 0), (10, 2)):
            kept.keep(replace(block(noise(10), RATE, first=20 * life + first), drift=1e-5, clock_steps=steps))
        thread = threading.Thread(target=kept.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while len(heard) < (2, 6)[life] and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        thread.join(10)
    assert {sound.drift for sound in heard} == {1e-5}
    assert [sound.clock_steps for sound in heard] == [0, 2, 0, 2, 2, 4]
