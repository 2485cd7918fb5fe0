import itertools
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from clocks import HandClock
from sounds import assert_same, block, cut, noise

from mgcld.audio.capture import Capture, windows_of
from mgcld.audio.inbox import Inbox
from mgcld.audio.windows import made_window
from mgcld.data import AudioBlock, SourceStatus, Window
from mgcld.errors import ConfigError, SourceError

RATE = 8000
Opening = Callable[[], Iterator[AudioBlock]]


class Script:
    """A source whose openings are written out; after the last one it stays silent until it is closed."""

    def __init__(self, *openings: Opening, live: bool = True) -> None:
        self.live = live
        self.closed = 0
        self._openings = iter(openings)

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        return {"address": address}

    def blocks(self) -> Iterator[AudioBlock]:
        try:
            yield from next(self._openings, quiet)()
        finally:
            self.closed += 1


def quiet() -> Iterator[AudioBlock]:
    while True:
        time.sleep(0.02)
        yield block(np.empty(0, np.float32), RATE)


def sound(seconds: float, *, epochs: int = 1, endless: bool = False) -> Opening:
    def opening() -> Iterator[AudioBlock]:
        for epoch in range(epochs):
            yield from cut(block(noise(round(seconds * RATE), seed=epoch), RATE, epoch=epoch), range(0, 10**6, 800))
        if endless:
            yield from quiet()

    return opening


def broken(reason: Any, after: Opening | None = None) -> Opening:
    def opening() -> Iterator[AudioBlock]:
        yield from after() if after else ()
        raise SourceError(f"it is {reason}", reason=reason, help="mend it")

    return opening


class Listener:
    """A capture with its inbox and all that it told."""

    def __init__(self, source: Script, capacity: int = 100, seconds: float = 0.5, stall_seconds: float = 10.0) -> None:
        self.told: list[SourceStatus] = []
        self.inbox = Inbox(capacity)
        self.capture = Capture(
            "mic",
            source,
            sample_rate=16_000,
            window_seconds=seconds,
            hop_seconds=seconds,
            inbox=self.inbox,
            on_status=self.told.append,
            stall_seconds=stall_seconds,
        )

    def __enter__(self) -> "Listener":
        self.capture.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.capture.stop()
        assert self.capture.join(10)

    def take(self, count: int) -> list[Window]:
        taken: list[Window] = []
        deadline = time.monotonic() + 20
        while len(taken) < count and time.monotonic() < deadline:
            taken += self.inbox.take(count - len(taken), 0.1)
        assert len(taken) == count
        return taken

    def until(self, *states: str) -> list[SourceStatus]:
        """All changes up to the last of `states`, which must come in this order."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            seen = iter(self.told)
            if all(any(status.state == state for status in seen) for state in states):
                return list(self.told)
            time.sleep(0.01)
        raise AssertionError([status.state for status in self.told])


def test_how_long_the_model_took_to_load_is_no_outage() -> None:
    clock, told = HandClock(), list[SourceStatus]()
    capture = Capture(
        "mic",
        Script(sound(0.1, endless=True)),
        sample_rate=16_000,
        window_seconds=0.5,
        hop_seconds=0.5,
        inbox=Inbox(10),
        on_status=told.append,
        clock=clock,
    )
    clock.on(120)
    capture.start()
    deadline = time.monotonic() + 20
    while capture.status.state != "live" and time.monotonic() < deadline:
        time.sleep(0.01)
    capture.stop()
    assert capture.join(10)
    assert [(status.state, status.alarm_since_ns) for status in told] == [("connecting", None), ("live", None)]


def test_a_live_source_delivers_windows() -> None:
    with Listener(Script(sound(1.6, endless=True))) as heard:
        first, second, third = heard.take(3)
        assert [window.first_sample for window in (first, second, third)] == [0, 8000, 16_000]
        assert {window.source for window in (first, second, third)} == {"mic"}
        assert 0 < first.ready_ns <= second.ready_ns <= time.monotonic_ns()
        assert [status.state for status in heard.told] == ["connecting", "live"]
        status = heard.capture.status
        assert (status.state, status.level_dbfs, status.drops) == ("live", third.level_dbfs, 0)
        assert status.bytes_per_s > 0


def test_a_source_is_not_live_before_its_first_sample() -> None:
    with Listener(Script(quiet)) as heard:
        time.sleep(0.2)
        assert [status.state for status in heard.told] == ["connecting"]
        assert heard.capture.status.state == "connecting"


def test_a_lost_source_comes_back_as_a_new_epoch() -> None:
    script = Script(broken("decode", after=sound(0.8)), sound(1.1, endless=True))
    with Listener(script) as heard:
        windows = heard.take(3)
        assert [(w.epoch, w.first_sample, w.gap_samples) for w in windows] == [(0, 0, 0), (1, 0, None), (1, 8000, 0)]
        *_, lost, again, live = heard.until("connecting", "live", "lost", "connecting", "live")
        assert (lost.reason, lost.hint, again.reason, live.reason) == ("decode", "mend it", "decode", None)
        assert (lost.restarts, again.restarts) == (0, 1)
        assert lost.next_retry_ns is not None and lost.next_retry_ns > lost.since_ns
        assert script.closed == 1


def test_what_was_heard_before_a_fault_does_not_wait_for_the_next_opening() -> None:
    for fault in (broken("ended", after=sound(1.0)), sound(1.0)):
        with Listener(Script(fault, quiet)) as heard:
            assert [window.first_sample for window in heard.take(2)] == [0, 8000]


def test_a_live_source_that_ends_is_opened_again() -> None:
    with Listener(Script(sound(0.6), sound(0.6, endless=True))) as heard:
        assert [window.epoch for window in heard.take(2)] == [0, 1]
        assert [status.reason for status in heard.told] == [None, None, "ended", "ended", None]


def test_a_source_that_is_absent_says_so() -> None:
    with Listener(Script(broken("absent"))) as heard:
        *_, absent = heard.until("connecting", "absent")
        assert absent.reason == "absent"


def test_a_source_that_never_delivers_shows_why() -> None:
    with Listener(Script(*[broken("refused")] * 10)) as heard:
        heard.until("connecting", "lost", "connecting", "lost")
        assert "live" not in [status.state for status in heard.told]
        assert (heard.capture.status.reason, heard.capture.status.hint) == ("refused", "mend it")


def paced(seconds: float) -> Opening:
    """Sound that takes its time."""

    def opening() -> Iterator[AudioBlock]:
        for piece in sound(seconds)():
            time.sleep(len(piece.samples) / piece.sample_rate)
            yield piece

    return opening


def waits(*openings: Opening) -> list[float]:
    """Seconds from each loss to the next try."""
    with Listener(Script(*openings)) as heard:
        statuses = heard.until(*["lost"] * len(openings))
        return [((status.next_retry_ns or 0) - status.since_ns) / 1e9 for status in statuses if status.state == "lost"]


def test_waits_grow_until_the_source_has_proved_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgcld.audio.capture.PROOF_SECONDS", 0.3)
    first, second, third = waits(broken("ended"), broken("ended"), broken("ended", after=paced(0.5)))
    assert first < second
    assert third < second


def test_much_sound_in_no_time_proves_nothing() -> None:
    first, second, third = waits(broken("ended"), broken("ended"), broken("ended", after=sound(31)))
    assert first < second < third


def test_a_source_that_falls_silent_is_stalled_and_opened_again() -> None:
    script = Script(sound(0.8, endless=True), sound(1.1, endless=True))
    with Listener(script, stall_seconds=0.5) as heard:
        windows = heard.take(3)
        statuses = heard.until("connecting", "live", "stalled", "connecting", "live")
    assert [window.epoch for window in windows] == [0, 1, 1]
    stalled = next(status for status in statuses if status.state == "stalled")
    assert (stalled.reason, stalled.restarts) == ("timeout", 0)
    assert stalled.next_retry_ns is not None
    assert stalled.hint
    steps = [(step.state, step.reason) for step in statuses[4].history]
    assert steps == [
        ("connecting", None), ("live", None), ("stalled", "timeout"), ("connecting", "timeout"), ("live", None)
    ]  # fmt: skip


def test_what_is_missing_is_counted() -> None:
    def broken_off() -> Iterator[AudioBlock]:
        for first in (0, 8000, 20_000):
            yield block(noise(8000), RATE, first=first)
        yield from quiet()

    with Listener(Script(broken_off)) as heard:
        heard.take(5)
        status = heard.capture.status
    assert (status.gaps, status.gap_seconds) == (1, pytest.approx(0.5, abs=0.01))


def test_a_patient_source_is_given_its_time() -> None:
    class Slow(Script):
        patience_seconds = 2.0

    def pausing() -> Iterator[AudioBlock]:
        yield from sound(0.6)()
        for _ in range(40):
            time.sleep(0.02)
            yield block(np.empty(0, np.float32), RATE)
        yield block(noise(8000), RATE, first=4800)
        yield from quiet()

    with Listener(Slow(pausing), stall_seconds=0.3) as heard:
        assert [window.epoch for window in heard.take(3)] == [0, 0, 0]
        assert [status.state for status in heard.told] == ["connecting", "live"]


def test_a_recording_may_take_its_time() -> None:
    def slow() -> Iterator[AudioBlock]:
        yield from sound(0.6)()
        time.sleep(0.7)
        yield block(np.empty(0, np.float32), RATE)

    with Listener(Script(slow, live=False), stall_seconds=0.5) as heard:
        heard.until("connecting", "live", "ended")


def test_each_epoch_within_an_opening_is_a_new_one() -> None:
    with Listener(Script(broken("ended", after=sound(0.6, epochs=2)), sound(0.6, endless=True))) as heard:
        windows = heard.take(3)
        assert [(window.epoch, window.gap_samples) for window in windows] == [(0, 0), (1, None), (2, None)]


def test_a_recording_ends_with_its_tail_and_loses_nothing() -> None:
    with Listener(Script(sound(5.2), live=False), capacity=1) as heard:
        windows = heard.take(11)
        heard.until("connecting", "live", "ended")
    assert [window.first_sample for window in windows] == [8000 * index for index in range(11)]
    assert (windows[-1].valid_samples, windows[-1].flags) == (3200, {"partial"})
    assert heard.capture.status.drops == 0


def test_a_recording_that_fails_is_not_opened_again() -> None:
    script = Script(broken("decode"), sound(1), live=False)
    with Listener(script) as heard:
        *_, failed = heard.until("connecting", "failed")
        assert (failed.reason, failed.hint) == ("decode", "mend it")
        assert heard.capture.join(10)
    assert script.closed == 1


def test_a_live_source_drops_the_oldest_and_counts() -> None:
    with Listener(Script(sound(5.0, endless=True)), capacity=2) as heard:
        deadline = time.monotonic() + 20
        while heard.capture.status.drops < 7 and time.monotonic() < deadline:  # the resampler holds the tenth back
            time.sleep(0.01)
        kept = heard.take(2)
    assert [(window.first_sample, window.dropped_windows) for window in kept] == [(7 * 8000, 7), (8 * 8000, 0)]


def test_stopping_does_not_wait_for_the_next_try() -> None:
    listener = Listener(Script(*[broken("refused")] * 10))
    with listener:
        listener.until("lost", "connecting", "lost")
        began = time.monotonic()
        listener.capture.stop()
        assert listener.capture.join(10)
        assert time.monotonic() - began < 0.9


def test_stopping_does_not_wait_for_room_in_the_inbox() -> None:
    script = Script(sound(5), live=False)
    with Listener(script, capacity=1) as heard:
        heard.until("live")
    assert script.closed == 1
    assert len(heard.inbox) <= 1


def test_a_capture_that_never_started_has_ended() -> None:
    assert Listener(Script()).capture.join(0)


def test_a_bug_in_a_source_is_logged_and_the_source_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    def buggy() -> Iterator[AudioBlock]:
        yield from sound(0.1)()
        raise ZeroDivisionError

    with caplog.at_level(logging.INFO), Listener(Script(buggy, sound(1, endless=True))) as heard:
        statuses = heard.until("live", "lost", "connecting", "live")
    assert next(status for status in statuses if status.state == "lost").reason == "unknown"
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


def test_the_log_says_what_an_operator_wants_to_know(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Listener(Script(broken("refused"), sound(1, endless=True))) as heard:
        heard.until("lost", "live")
    lines = [record.getMessage() for record in caplog.records if record.name == "mgcld.audio.capture"]
    assert re.fullmatch(r"mic: it is refused; again in [01]\.\d s", lines.pop(0))
    assert lines == ["mic: live, 8000 Hz, clock adc", "mic: stopped"]


def test_a_source_that_hangs_does_not_keep_the_process() -> None:
    script = """
import threading, time
from mgcld.audio.capture import Capture
from mgcld.audio.inbox import Inbox
class Hung:
    live = True
    def blocks(self):
        threading.Event().wait()
        yield
capture = Capture("mic", Hung(), sample_rate=16000, window_seconds=1, hop_seconds=1, inbox=Inbox(1), on_status=print)
capture.start(); capture.stop()
raise SystemExit(7 if capture.join(0.2) else 3)
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60).returncode == 3


def test_the_thread_carries_the_name_of_its_source() -> None:
    with Listener(Script(quiet)) as heard:
        heard.until("connecting")
        assert "capture-mic" in [thread.name for thread in threading.enumerate()]


def test_windows_of_a_file_are_those_of_its_capture() -> None:
    straight = list(
        windows_of(Script(sound(2.2), live=False), name="mic", sample_rate=16_000, window_seconds=0.5, hop_seconds=0.5)
    )
    with Listener(Script(sound(2.2), live=False)) as heard:
        threaded = heard.take(5)
    for window in threaded:
        assert window.ready_ns > 0
        object.__setattr__(window, "ready_ns", 0)
    assert_same(straight, threaded)


def test_windows_of_a_broken_source_raise_and_close_it() -> None:
    script = Script(broken("decode", after=sound(0.6)), live=False)
    windows = windows_of(script, name="x", sample_rate=16_000, window_seconds=0.5, hop_seconds=0.5)
    with pytest.raises(SourceError, match="it is decode"):
        list(windows)
    assert script.closed == 1


def test_windows_of_a_live_source_can_be_left_at_any_time() -> None:
    script = Script(sound(2, endless=True))
    windows = windows_of(script, name="x", sample_rate=16_000, window_seconds=0.5, hop_seconds=0.5)
    assert len(list(itertools.islice(windows, 3))) == 3
    windows.close()  # type: ignore[attr-defined]
    assert script.closed == 1


def test_a_hop_that_is_no_whole_number_of_samples_is_refused_at_once() -> None:
    with pytest.raises(ConfigError):
        Capture("mic", Script(), sample_rate=16_000, window_seconds=1, hop_seconds=0.33333, inbox=Inbox(1))


def test_the_log_never_ends_with_a_loss_that_is_over(caplog: pytest.LogCaptureFixture) -> None:
    comings = [broken("ended", after=sound(0.1)) for _ in range(7)]
    with caplog.at_level(logging.INFO), Listener(Script(*comings, sound(1, endless=True))) as heard:
        monotone = heard.capture._backoff
        monotone.next = lambda *_: 0.01  # type: ignore[method-assign]
        heard.until(*["lost"] * 7, "live")
        time.sleep(0.1)
        lines = [record.getMessage() for record in caplog.records if record.name == "mgcld.audio.capture"]
    assert ["lost" if "it is ended" in line else "live" for line in lines] == ["live", "lost"] * 4 + ["live"]


def test_a_window_that_found_no_room_at_the_end_lets_none_behind_it_pass() -> None:
    """The one behind it would go out, and its spool would take both for heard."""

    class Emptied(Inbox):
        """Somebody takes a window just after there was no room."""

        def __init__(self) -> None:
            super().__init__(1)
            self.placed: list[bool] = []

        def put(self, window: Window, **how: Any) -> bool:
            self.placed.append(super().put(window, **how))
            self.take(1, 0)
            return self.placed[-1]

    inbox = Emptied()
    windows = [replace(made_window("tape", np.ones(RATE, np.float32), RATE), first_sample=k * RATE) for k in range(2)]
    capture = Capture("tape", Script(live=False), sample_rate=RATE, window_seconds=1.0, hop_seconds=1.0, inbox=inbox)
    Inbox.put(inbox, windows[0], wait=True, stop=threading.Event())
    capture.stop()
    capture._send(windows)
    assert inbox.placed == [False]
