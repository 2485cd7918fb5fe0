"""Tools for windows of sound: noise of any colour, filters, rooms, levels; all numbers are drawn from a generator."""

import numpy as np
from mgcld_plugins.encoders._mini_audio import SAMPLE_RATE
from scipy import fft, signal

WINDOW = 80_000  # 5 s
_LENGTH = 96_000  # of the transforms: a second of tail, cut off afterwards
FREQUENCIES = np.fft.rfftfreq(_LENGTH, 1 / SAMPLE_RATE).astype(np.float32)
_OCTAVES = np.log2(np.maximum(FREQUENCIES, 40))

Random = np.random.Generator
Samples = np.ndarray  # (samples,) float32


def rms(sound: Samples) -> float:
    """Root mean square, never zero."""
    return float(np.sqrt(np.mean(np.square(sound)) + 1e-12))


def scaled(sound: Samples, to: float) -> Samples:
    """The sound at a root mean square; silence stays silent."""
    return sound * np.float32(to / max(rms(sound), 1e-4))


def decibels(level: float) -> float:
    """The factor of an amplitude."""
    return float(10 ** (level / 20))


def between(random: Random, low: float, high: float) -> float:
    """Evenly drawn on a logarithmic scale."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def filtered(sound: Samples, gain: Samples | None, response: Samples | None = None) -> Samples:
    """(WINDOW,) through a gain over FREQUENCIES and through a room's response."""
    spectrum = fft.rfft(sound, _LENGTH)
    if gain is not None:
        spectrum *= gain
    if response is not None:
        spectrum *= fft.rfft(response, _LENGTH)
    return fft.irfft(spectrum, _LENGTH)[:WINDOW].astype(np.float32)


def noise(random: Random) -> Samples:
    """(WINDOW,) of unit level; power falls by 0 to 2 with frequency, or rises a little."""
    parts = random.standard_normal((2, len(FREQUENCIES)), dtype=np.float32)
    slope = np.float32(-random.uniform(-0.5, 2.2) / 2)
    spectrum = (parts[0] + 1j * parts[1]) * np.maximum(FREQUENCIES, 30) ** slope
    return scaled(fft.irfft(spectrum, _LENGTH)[:WINDOW].astype(np.float32), 1.0)


def colour(random: Random) -> Samples:
    """A gain over FREQUENCIES: an uneven response, and often a low, high or band pass."""
    gain = np.ones(len(FREQUENCIES), np.float32)
    if random.random() < 0.7:
        knots = int(random.integers(3, 9))
        levels = np.interp(_OCTAVES, np.linspace(np.log2(40), 13, knots), random.normal(0, 5, knots))
        gain *= 10 ** (levels / 20)
    kind, order = random.random(), 2 * int(random.integers(1, 5))
    if kind < 0.25:
        gain *= 1 / np.sqrt(1 + (FREQUENCIES / between(random, 800, 7000)) ** order)
    elif kind < 0.45:
        ratio = (np.maximum(FREQUENCIES, 1) / between(random, 60, 1500)) ** order
        gain *= np.sqrt(ratio / (1 + ratio))
    elif kind < 0.52:
        distance = (_OCTAVES - np.log2(between(random, 150, 5000))) / random.uniform(0.4, 1.5)
        gain *= np.exp(-0.5 * distance**2) + 0.01
    return gain.astype(np.float32)


def room(random: Random) -> Samples:
    """A response: the direct sound, a few early echoes and a decaying tail."""
    seconds = between(random, 0.08, 1.2)
    size = int(min(seconds, 1.0) * SAMPLE_RATE)
    tail = random.standard_normal(size) * np.exp(-6.9 * np.arange(size) / (seconds * SAMPLE_RATE))
    tail = signal.lfilter([1.0], [1.0, -random.uniform(0, 0.7)], tail)
    response = tail / np.sqrt(np.sum(tail**2) + 1e-9) * between(random, 0.1, 1.5)
    response[0] += 1
    for _ in range(int(random.integers(0, 7))):
        response[int(random.integers(20, min(size, 900)))] += random.uniform(-0.6, 0.6)
    return response.astype(np.float32)


def wander(random: Random, rate: float, low: float, high: float, size: int = WINDOW) -> Samples:
    """Straight lines between random values, `rate` of them a second."""
    knots = max(int(size / SAMPLE_RATE * rate) + 2, 3)
    line = np.interp(np.linspace(0, knots - 1, size), np.arange(knots), random.uniform(low, high, knots))
    return line.astype(np.float32)
