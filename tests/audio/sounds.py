"""Sound for the tests of this folder: blocks, cuts, and windows compared field by field."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

import numpy as np

from mgcld.data import AudioBlock, Window

START_NS = 1_700_000_000_123_456_789


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def tone(frequency: float, seconds: float, sample_rate: int, amplitude: float = 0.5) -> np.ndarray:
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def frequency_of(samples: np.ndarray, sample_rate: int) -> float:
    """The loudest frequency (Hz)."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * sample_rate / len(samples)


def block(samples: np.ndarray, rate: int, first: int = 0, epoch: int = 0, start_ns: int = START_NS) -> AudioBlock:
    """A block whose capture time follows from its index."""
    captured_ns = start_ns + first * 1_000_000_000 // rate
    return AudioBlock(samples, rate, first, captured_ns, epoch=epoch, clock="adc", clock_uncertainty_ns=1000)


def cut(whole: AudioBlock, places: Iterable[int]) -> list[AudioBlock]:
    """The same sound in several blocks, cut before the samples at `places`."""
    size = len(whole.samples)
    ends = [*sorted(place % (size + 1) for place in places), size]
    starts = [0, *ends[:-1]]
    return [
        replace(
            whole,
            samples=whole.samples[start:end],
            first_sample=whole.first_sample + start,
            captured_ns=whole.captured_ns + start * 1_000_000_000 // whole.sample_rate,
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def assert_same(some: Sequence[Window], others: Sequence[Window]) -> None:
    """Bit for bit, in all fields."""
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        for field in fields(Window):
            ours, theirs = getattr(one, field.name), getattr(other, field.name)
            if field.name == "samples":
                assert ours.dtype == theirs.dtype == np.float32
                assert ours.tobytes() == theirs.tobytes()
            else:
                assert ours == theirs, field.name
