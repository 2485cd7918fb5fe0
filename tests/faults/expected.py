"""What must have been heard: the windows of a run that nobody disturbs, made without processes, pipes and servers."""

from collections.abc import Callable

import numpy as np
from servers.rtp import signal

from mgcld.audio.pipeline import Pipeline
from mgcld.data import AudioBlock, Window

RATE = 16_000
"""Of the windows (Hz)."""
WINDOW_SECONDS = 0.5
WINDOW = round(WINDOW_SECONDS * RATE)
LONGEST = 3600 * RATE

Check = Callable[[Window], bool]
"""Whether a window holds what it must."""


def played(first: int, count: int, rate: int = RATE) -> np.ndarray:
    """Full scale ±1."""
    return signal(first, count, rate).astype(np.float32) / 32768


def exact(window: Window) -> bool:
    """Bit for bit the signal that was played, of the windows' own rate."""
    return window.samples.tobytes() == played(window.first_sample, WINDOW).tobytes()


def exact_or_zero(window: Window) -> bool:
    """The same, where it is no digital silence."""
    return bool(np.all((window.samples == played(window.first_sample, WINDOW)) | (window.samples == 0)))


class Resampled:
    """Bit for bit what the pipeline makes of the signal at another rate, heard without a fault from sample 0 on."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._next = 0
        self._pipeline = Pipeline(
            "expected", sample_rate=RATE, window_seconds=WINDOW_SECONDS, hop_seconds=WINDOW_SECONDS
        )
        self._made: dict[int, bytes] = {}

    def __call__(self, window: Window) -> bool:
        while window.first_sample not in self._made and self._next < (window.first_sample // RATE + 3) * self._rate:
            block = AudioBlock(played(self._next, self._rate, self._rate), self._rate, self._next, 0)
            self._next += self._rate
            self._made |= {made.first_sample: made.samples.tobytes() for made in self._pipeline.push(block)}
        return self._made.get(window.first_sample) == window.samples.tobytes()


def pure_tone(frequency: float, share: float = 1e-3) -> Check:
    """One sine and nothing else but that share of it: wherever two pieces are joined, it is more.

    An opening's first tenth of a second is left out: there the resampler's filter begins.
    """

    def check(window: Window) -> bool:
        samples = window.samples[0 if window.first_sample else RATE // 10 :].astype(np.float64)
        times = 2 * np.pi * frequency * np.arange(len(samples)) / RATE
        parts = np.stack([np.sin(times), np.cos(times)], axis=1)
        fit, *_ = np.linalg.lstsq(parts, samples, rcond=None)
        amplitude = float(np.hypot(*fit))
        rest = float(np.sqrt(np.mean((samples - parts @ fit) ** 2)))
        return amplitude > 0.05 and rest < share * amplitude

    return check


def loudest(window: Window) -> float:
    """Its loudest frequency (Hz)."""
    spectrum = np.abs(np.fft.rfft(window.samples * np.hanning(WINDOW)))
    return float(np.argmax(spectrum)) / WINDOW_SECONDS
