import numpy as np
import pytest
from sounds import noise, tone

from mgcld.audio.levels import flags, level_dbfs, peak_dbfs


def test_a_square_wave_of_full_scale_is_zero_and_a_sine_three_decibels_less() -> None:
    assert level_dbfs(np.array([1, -1] * 100, np.float32)) == pytest.approx(0.0)
    assert level_dbfs(tone(100, 1, 8000, amplitude=1.0)) == pytest.approx(-3.01, abs=0.01)


def test_the_peak_is_that_of_the_largest_sample_to_either_side() -> None:
    assert peak_dbfs(tone(100, 1, 8000, amplitude=1.0)) == pytest.approx(0.0, abs=0.01)
    assert peak_dbfs(np.array([0.1, -0.5, 0.2], np.float32)) == pytest.approx(-6.02, abs=0.01)
    assert peak_dbfs(np.array([1e-40], np.float32)) == pytest.approx(-800, abs=0.1)


def test_digital_silence_has_no_level() -> None:
    for level in (level_dbfs, peak_dbfs):
        assert level(np.zeros(100, np.float32)) is None
        assert level(np.empty(0, np.float32)) is None


def test_what_hardly_moves_is_silent() -> None:
    assert flags(np.zeros(100, np.float32)) == {"silent"}
    assert flags(np.empty(0, np.float32)) == {"silent"}
    assert flags(np.full(100, 8 / 32768, np.float32)) == {"silent"}  # a muted microphone in A-law
    assert flags(noise(100) * np.float32(1e-4)) == {"silent"}


def test_a_quiet_room_is_not_silent() -> None:
    assert flags(noise(1000) * np.float32(1e-3)) == frozenset()


def test_a_click_makes_a_window_heard() -> None:
    samples = np.zeros(16_000, np.float32)
    samples[5000] = 0.01
    assert flags(samples) == frozenset()


def test_an_overdriven_tone_is_clipped_and_a_normalised_one_is_not() -> None:
    assert flags(np.clip(tone(100, 1, 8000, amplitude=2.0), -1, 1)) == {"clipped"}
    assert flags(np.clip(tone(100, 1, 8000, amplitude=2.0), -0.981, 0.981)) == {"clipped"}  # the top of µ-law
    loud = noise(8000)
    assert flags(loud / np.abs(loud).max() * np.where(np.abs(loud) == np.abs(loud).max(), 1, 0.97)) == frozenset()
