import time
from itertools import pairwise

import pytest
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
