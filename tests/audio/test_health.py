import logging
import time
from itertools import pairwise

import pytest
from clocks import HandClock
from sounds import block, noise

from mgcld.audio import health
from mgcld.audio.health import Health
from mgcld.audio.windows import Windower
from mgcld.data import SourceStatus
from mgcld.errors import SourceError


def followed(*, live: bool = True, drops: int = 0) -> tuple[Health, list[SourceStatus]]:
    seen: list[SourceStatus] = []
    return Health("mic", live=live, longest_seconds=1.0, on_status=seen.append, drops=lambda: drops), seen


def test_a_fault_shows_its_reason_until_there_is_sound_again() -> None:
    kept, seen = followed()
    kept.turn("connecting")
    before = time.time_ns()
    kept.turn("lost", error=SourceError("x", reason="refused", help="turn it on"), retry_in=2.0)
    kept.turn("connecting")
    kept.turn("live")
    assert [status.state for status in seen] == ["connecting", "lost", "connecting", "live"]
    assert [status.reason for status in seen] == [None, "refused", "refused", None]
    assert [status.hint for status in seen] == [None, "turn it on", "turn it on", None]
    assert seen[1].next_retry_ns == pytest.approx(before + 2_000_000_000, abs=1_000_000_000)
    assert seen[2].next_retry_ns is None
    assert all(a.since_ns <= b.since_ns for a, b in pairwise(seen))


def test_a_source_that_neither_delivers_nor_fails_shows_as_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _ = followed()
    kept.turn("live")
    assert kept.status.state == "live"
    monkeypatch.setattr(health, "STALL_SECONDS", -1.0)
    stalled = kept.status
    assert (stalled.state, stalled.reason) == ("stalled", "timeout")
    assert stalled.hint


def test_a_source_that_may_be_quiet_for_long_is_stalled_only_when_its_thread_hangs() -> None:
    clock = HandClock()
    kept = Health("mic", live=True, longest_seconds=1.0, on_status=lambda _: None, clock=clock)
    kept.turn("live")
    for _ in range(60):
        clock.on(1)
        kept.look()  # the supervisor has more patience, and lives
        assert kept.status.state == "live"
    clock.on(health.STALL_SECONDS + 1)
    assert kept.status.state == "stalled"


def test_a_source_of_which_a_thread_broke_does_not_come_alive_again() -> None:
    kept, seen = followed()
    kept.turn("failed", error=SourceError("x", help="a bug"))
    kept.turn("live")
    assert (kept.status.state, kept.status.hint, len(seen)) == ("failed", "a bug", 1)


def test_a_file_that_waits_for_the_encoder_is_not_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _ = followed(live=False)
    kept.turn("live")
    monkeypatch.setattr(health, "STALL_SECONDS", -1.0)
    assert kept.status.state == "live"


def test_a_lost_source_stays_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _ = followed()
    kept.turn("lost", error=SourceError("x", reason="dns"))
    monkeypatch.setattr(health, "STALL_SECONDS", -1.0)
    assert (kept.status.state, kept.status.reason, kept.status.hint) == ("lost", "dns", None)


def test_the_status_tells_bytes_level_restarts_and_drops() -> None:
    kept, _ = followed(drops=3)
    kept.turn("live")
    for first in range(0, 8000, 400):
        kept.heard(block(noise(400), 8000, first=first))
    (window,) = Windower("mic", 8000, 0.05, 0.05).push(block(noise(400), 8000))
    kept.cut(window)
    kept.reopened()
    status = kept.status
    assert status.bytes_per_s == pytest.approx(32_000, rel=0.5)  # a mean over the time since it went live
    assert status.level_dbfs == window.level_dbfs
    assert (status.restarts, status.drops) == (1, 3)


def test_the_rate_falls_to_nothing_when_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _ = followed()
    kept.turn("live")
    kept.heard(block(noise(400), 8000))
    monkeypatch.setattr(health, "RATE_SECONDS", 0)
    assert kept.status.bytes_per_s == 0.0


def test_a_source_that_never_starts_is_an_alarm_for_people_and_for_programs(caplog: pytest.LogCaptureFixture) -> None:
    clock, seen = HandClock(), list[SourceStatus]()
    kept = Health("door", live=True, longest_seconds=5.0, on_status=seen.append, clock=clock)
    kept.turn("lost", error=SourceError("x", reason="dns", help="look up"), retry_in=1.0)
    clock.on(29)
    kept.look()
    assert seen[-1].alarm_since_ns is None
    clock.on(1)
    kept.look()
    assert seen[-1].alarm_since_ns == pytest.approx(time.time_ns() - 30e9, abs=5e9)
    assert "door: ALARM: no lasting sound for 30 s (dns)" in caplog.text
    kept.turn("live")
    clock.on(30)
    kept.look()
    assert (seen[-1].alarm_since_ns, kept.status.alarm_since_ns) == (None, None)
    assert "alarm over" in caplog.text


def test_alarms_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    kept = Health("door", live=True, longest_seconds=5.0, on_status=lambda _: None, clock=clock)
    for _ in range(50):  # half a minute with sound, half a minute without
        for state in ("lost", "live"):
            kept.turn(state)  # type: ignore[arg-type]
            clock.on(31)
            kept.look()
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) < 25


def test_a_recording_that_is_over_is_no_alarm() -> None:
    clock, seen = HandClock(), list[SourceStatus]()
    kept = Health("take", live=False, longest_seconds=5.0, on_status=seen.append, clock=clock)
    kept.turn("ended")
    clock.on(100)
    kept.look()
    assert [status.alarm_since_ns for status in seen] == [None]


def test_silence_is_told_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    kept, seen = followed()
    kept.turn("live")
    for window in Windower("mic", 1000, 1.0, 1.0).push(block(noise(65_000) * 0, 1000)):
        kept.cut(window)
        kept.look()
    assert "digital silence" in (seen[-1].hint or "")
    assert seen[-1].silent_since_ns is not None
    kept.cut(Windower("mic", 1000, 1.0, 1.0).push(block(noise(1000), 1000))[0])
    kept.look()
    assert (seen[-1].hint, seen[-1].silent_since_ns) == (None, None)
    assert [record.getMessage()[:12] for record in caplog.records] == ["mic: all tha", "mic: what wa"]
    assert len(seen) == 3


def test_the_last_hundred_changes_are_remembered() -> None:
    kept, _ = followed()
    for _ in range(80):
        kept.turn("live")
        kept.turn("lost", error=SourceError("x", reason="ended"))
    history = kept.status.history
    assert len(history) == 100
    assert [(step.state, step.reason) for step in history[-2:]] == [("live", None), ("lost", "ended")]
    assert all(a.at_ns <= b.at_ns for a, b in pairwise(history))


def test_openings_are_counted_by_the_reason_why() -> None:
    kept, _ = followed()
    for reason in ("dns", "timeout", "dns"):
        kept.turn("lost", error=SourceError("x", reason=reason))
        kept.reopened()
        kept.turn("connecting")
    assert (kept.status.restarts, kept.status.restarts_by_reason) == (3, {"dns": 2, "timeout": 1})


def test_all_that_was_received_is_counted_and_when_the_last_of_it_came() -> None:
    kept, _ = followed()
    assert (kept.status.received_bytes, kept.status.received_ns) == (0, None)
    kept.turn("live")
    before = time.time_ns()
    for _ in range(3):
        kept.heard(block(noise(1000), 1000))
    assert kept.status.received_bytes == 12_000
    assert before <= (kept.status.received_ns or 0) <= time.time_ns()
