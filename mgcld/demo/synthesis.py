"""The tools of the sounds: noise of any colour, filters, tones, decays, rooms."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

Samples: TypeAlias = Float[np.ndarray, " samples"]
Random: TypeAlias = np.random.Generator
Recipe: TypeAlias = Callable[[Random, int, int], Samples]
"""(random, samples, sample_rate) -> that many samples of some level; every draw of `random` is a variation."""


def times(samples: int, sample_rate: int) -> Samples:
    """When each sample sounds (seconds from the first)."""
    return np.arange(samples) / sample_rate


def shaped(sound: Samples, sample_rate: int, gain: Callable[[Samples], Samples]) -> Samples:
    """Filter in one piece; `gain` maps frequencies (hertz) to factors."""
    spectrum = np.fft.rfft(sound)
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(len(sound), 1 / sample_rate)), len(sound))


def band(sound: Samples, sample_rate: int, low: float, high: float) -> Samples:
    """Keep what lies between two frequencies (hertz), with slopes of 12 dB an octave."""
    return shaped(sound, sample_rate, lambda f: 1 / np.sqrt(1 + (low / np.maximum(f, 1e-3)) ** 4 + (f / high) ** 4))


def noise(random: Random, samples: int, sample_rate: int, *, slope: float = 0.0) -> Samples:
    """Noise with an RMS of 1 whose power falls as frequency to the `slope`: 0 white, 1 pink, 2 brown."""
    white = random.standard_normal(samples)
    sound = shaped(white, sample_rate, lambda f: np.where(f < 20, 0.0, np.maximum(f, 20) ** (-slope / 2)))
    return sound / rms(sound)


def tone(frequency: float | Samples, samples: int, sample_rate: int) -> Samples:
    """A sine whose frequency (hertz) may change from sample to sample."""
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(frequency, samples)) / sample_rate)


def harmonics(frequency: float | Samples, levels: Samples, samples: int, sample_rate: int) -> Samples:
    """Tones at once, twice, three times ... the frequency (hertz), each with its factor."""
    tones = (level * tone(k * frequency, samples, sample_rate) for k, level in enumerate(levels, 1))
    return sum(tones, np.zeros(samples))


def ring(frequencies: Samples, levels: Samples, decays: Samples, samples: int, sample_rate: int) -> Samples:
    """What was struck: one decaying sine a partial (hertz, factor, seconds to 1/e)."""
    partials = (
        level * tone(frequency, samples, sample_rate) * decay(samples, sample_rate, seconds)
        for frequency, level, seconds in zip(frequencies, levels, decays, strict=True)
    )
    return sum(partials, np.zeros(samples))


def decay(samples: int, sample_rate: int, seconds: float) -> Samples:
    """Falls from 1 to 1/e within so many seconds."""
    return np.exp(-times(samples, sample_rate) / seconds)


def bump(samples: int) -> Samples:
    """Rises from 0 to 1 and falls to 0 again."""
    return np.sin(np.pi * (np.arange(samples) + 0.5) / samples) ** 2


def bursts(random: Random, seconds: float, *, count: tuple[int, int], step: float, pause: float) -> Iterator[float]:
    """Start times (seconds): so many of them a step apart, a pause, and so on until the sound ends."""
    start = random.uniform(0, 0.3)
    while start < seconds:
        for _ in range(random.integers(count[0], count[1] + 1)):
            yield start
            start += step
        start += pause * random.uniform(0.8, 1.3)


def place(sound: Samples, clip: Samples, seconds: float, sample_rate: int) -> None:
    """Add a clip to a sound, in place, where it starts; cut off where the sound ends."""
    start = round(seconds * sample_rate)
    heard = clip[: max(0, len(sound) - start)]
    sound[start : start + len(heard)] += heard


def room(random: Random, sound: Samples, sample_rate: int, *, seconds: float, wet: float) -> Samples:
    """Put a sound into a room that rings for so many seconds (to -60 dB); `wet` is the echoes' share."""
    size = round(seconds * sample_rate)
    echo = noise(random, size, sample_rate, slope=1) * decay(size, sample_rate, seconds / 6.9)
    echo /= np.sqrt(np.sum(echo**2))
    length = 1 << (len(sound) + size).bit_length()  # a power of two: lengths with large prime factors are slow
    echoes = np.fft.irfft(np.fft.rfft(sound, length) * np.fft.rfft(echo, length), length)[: len(sound)]
    return (1 - wet) * sound + wet * echoes


def rms(sound: Samples) -> float:
    """Root mean square; digital silence counts as 1e-12, so that one can divide by it."""
    return max(1e-12, float(np.sqrt(np.mean(sound**2))))


def at_level(sound: Samples, dbfs: float) -> Samples:
    """Scale to a level (dB relative to full scale)."""
    return sound * (10 ** (dbfs / 20) / rms(sound))
