"""Tones, and how to know them again."""

import numpy as np


def tone(frequency: float, seconds: float, sample_rate: int, amplitude: float = 0.5) -> np.ndarray:
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def frequency_of(samples: np.ndarray, sample_rate: int) -> float:
    """The loudest frequency (Hz)."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * sample_rate / len(samples)


def impurity_of(samples: np.ndarray, sample_rate: int, frequency: float) -> float:
    """How much of the sound is not that tone, relative to all (rms); a splice or a click shows here."""
    times = np.arange(len(samples)) / sample_rate
    basis = np.stack([np.sin(2 * np.pi * frequency * times), np.cos(2 * np.pi * frequency * times)], axis=1)
    rest = samples - basis @ np.linalg.lstsq(basis, samples, rcond=None)[0]
    return float(np.sqrt(np.mean(rest**2) / np.mean(samples**2)))
