"""Sounds that are none of anybody's classes, generated: noise of several colours, hum, clicks and tones.

They show the calibration how near a foreign sound can come, also where a support set has one class and no background.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32

from mgcld.audio.levels import rms
from mgcld.audio.windows import made_window
from mgcld.data import Window

SEED = 11
LEVELS_DBFS = (-45.0, -25.0)


def foreign_windows(sample_rate: int, window_seconds: float) -> list[Window]:
    """About a dozen windows, the same at every call."""
    samples = round(sample_rate * window_seconds)
    sounds = list(_sounds(np.random.default_rng(SEED), samples, sample_rate))
    return [_window(sound, level, sample_rate) for sound in sounds for level in LEVELS_DBFS]


def _sounds(rng: np.random.Generator, samples: int, sample_rate: int) -> Iterator[np.ndarray]:
    seconds = np.arange(samples) / sample_rate
    for slope in (0.0, 0.5, 1.0):  # white, pink, brown: amplitude over frequency
        yield coloured_noise(rng, samples, slope)
    yield np.sum([np.sin(2 * np.pi * 50 * k * seconds) / k for k in range(1, 9)], axis=0)  # mains hum
    yield coloured_noise(rng, samples, 1.0) + 3 * np.sin(2 * np.pi * 120 * seconds)  # a fan
    yield np.where(rng.random(samples) < 2 / sample_rate, 1.0, 0.0)  # rare clicks
    yield np.sin(2 * np.pi * 1000 * seconds)  # a test tone


def coloured_noise(rng: np.random.Generator, samples: int, slope: float) -> np.ndarray:
    """Noise whose amplitude falls with frequency to the power of `slope`."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** slope
    return np.fft.irfft(spectrum, samples)


def _window(sound: np.ndarray, level_dbfs: float, sample_rate: int) -> Window:
    loud = rms(sound) or 1.0
    samples: Float32[np.ndarray, " window"] = np.clip(sound / loud * 10 ** (level_dbfs / 20), -1, 1).astype(np.float32)
    return made_window("foreign", samples, sample_rate)
