"""Sounds that nobody recorded: two clips crossed, or one taken apart, so that the student hears more than the clips."""

import numpy as np
from mgcld_plugins.encoders._mini_audio import SAMPLE_RATE
from scipy import fft, ndimage, signal

from .signals import WINDOW, Random, Samples, between, decibels, rms, scaled

BLOCK, HOP = 1024, 256
LOUDEST_GAIN = 30.0
"""No part of a sound is raised by more than so much (30 dB)."""


def crossed(one: Samples, other: Samples, random: Random) -> Samples:
    """(WINDOW,) of something between the two, at the level of the first."""
    ways = (_in_the_shape_of, _with_the_envelope_of, _in_the_colour_of, _through, _interleaved, _times)
    together = np.roll(other, _loudest(one) - _loudest(other))
    made = ways[int(random.integers(len(ways)))](one, together, random)
    return scaled(np.nan_to_num(made.astype(np.float32)), max(rms(one), 1e-3))


def apart(sound: Samples, random: Random) -> Samples:
    """(WINDOW,): in grains, moved in frequency, or with its level beaten."""
    ways = (_grains, _grains, _shifted, _beaten)
    made = ways[int(random.integers(len(ways)))](sound, random)
    return scaled(np.nan_to_num(made.astype(np.float32)), max(rms(sound), 1e-3))


def _loudest(sound: Samples, width: int = SAMPLE_RATE // 4) -> int:
    """The sample around which it is loudest."""
    return int(np.argmax(ndimage.uniform_filter1d(sound**2, width)))


def _spectrum(sound: Samples) -> np.ndarray:
    return np.asarray(signal.stft(sound, nperseg=BLOCK, noverlap=BLOCK - HOP)[2])


def _sound(spectrum: np.ndarray) -> Samples:
    made = signal.istft(spectrum, nperseg=BLOCK, noverlap=BLOCK - HOP)[1]
    return np.pad(made, (0, max(WINDOW - len(made), 0)))[:WINDOW].astype(np.float32)


def _in_the_shape_of(one: Samples, other: Samples, random: Random) -> Samples:
    """The fine structure of one under the moving spectrum of the other."""
    a, b = _spectrum(one), _spectrum(other)
    smooth = (between(random, 3, 60), between(random, 0.7, 12))  # bins, frames
    shape, own = (ndimage.gaussian_filter(np.abs(each), smooth) for each in (b, a))
    return _sound(a * _gain(shape, own) ** random.uniform(0.5, 1))


def _with_the_envelope_of(one: Samples, other: Samples, random: Random) -> Samples:
    """The level of the other, moment by moment."""
    width = between(random, 0.004, 0.15) * SAMPLE_RATE
    shape, own = (np.sqrt(ndimage.uniform_filter1d(each**2, max(int(width), 2)) + 1e-12) for each in (other, one))
    return np.asarray(one * _gain(shape, own))


def _in_the_colour_of(one: Samples, other: Samples, random: Random) -> Samples:
    """The mean spectrum of the other."""
    width = between(random, 5, 400)
    a = fft.rfft(one)
    shape, own = (ndimage.gaussian_filter1d(np.abs(each), width) for each in (fft.rfft(other), a))
    return np.asarray(fft.irfft(a * _gain(shape, own), len(one)))


def _through(one: Samples, other: Samples, random: Random) -> Samples:
    """The other's loudest moment as a room."""
    size = int(between(random, 0.01, 0.6) * SAMPLE_RATE)
    grain = other[max(_loudest(other, size) - size // 2, 0) :][:size]
    return np.asarray(signal.fftconvolve(one, grain * np.hanning(len(grain)))[:WINDOW])


def _interleaved(one: Samples, other: Samples, random: Random) -> Samples:
    """Here the one, there the other, in patches of time and frequency."""
    a, b = _spectrum(one), _spectrum(scaled(other, rms(one)))
    patches = ndimage.gaussian_filter(
        random.standard_normal(a.shape), (between(random, 2, 150), between(random, 1, 40))
    )
    mask = 1 / (1 + np.exp(-4 * patches / (patches.std() + 1e-9)))
    return _sound(a * mask + b * (1 - mask))


def _times(one: Samples, other: Samples, random: Random) -> Samples:
    """One's sound beaten by the other's slower parts."""
    low = signal.sosfiltfilt(signal.butter(2, between(random, 10, 800), fs=SAMPLE_RATE, output="sos"), other)
    return np.asarray(one * (low / (rms(low) + 1e-6)))


def _grains(sound: Samples, random: Random) -> Samples:
    """Grains of it, laid anew: slower or faster without another pitch, shuffled, each a little higher or lower."""
    size = int(between(random, 0.012, 0.3) * SAMPLE_RATE)
    pace, shuffle = 2 ** random.uniform(-2, 2), between(random, 0.001, 0.5) * SAMPLE_RATE
    bend, window = random.uniform(0, 0.4) * (random.random() < 0.5), np.hanning(size)
    made = np.zeros(WINDOW + size, np.float32)
    for at in range(0, WINDOW, max(int(size / random.uniform(1.5, 4)), 64)):
        speed = 2 ** random.normal(0, bend) if bend else 1.0
        start = (at * pace + random.normal(0, shuffle)) % (WINDOW - 1)
        places = (start + speed * np.arange(size)) % (WINDOW - 1)
        made[at : at + size] += np.interp(places, np.arange(WINDOW), sound) * window
    return made[:WINDOW]


def _shifted(sound: Samples, random: Random) -> Samples:
    """Every frequency moved by as much: harmonics are harmonics no longer."""
    by = between(random, 20, 2000) * random.choice((-1, 1))
    moved = signal.hilbert(sound) * np.exp(2j * np.pi * by * np.arange(len(sound)) / SAMPLE_RATE)
    return np.asarray(moved.real)


def _beaten(sound: Samples, random: Random) -> Samples:
    """Louder and softer at an even pace, or in hard strokes."""
    rate, depth = between(random, 0.5, 60), random.uniform(0.4, 1)
    phase = 2 * np.pi * (rate * np.arange(len(sound)) / SAMPLE_RATE + random.random())
    stroke = np.sin(phase) if random.random() < 0.5 else signal.square(phase, random.uniform(0.1, 0.9))
    return np.asarray(sound * (1 - depth / 2 + depth / 2 * stroke))


def _gain(shape: np.ndarray, own: np.ndarray) -> np.ndarray:
    """From one level to another, within reason."""
    floor = decibels(-50) * max(float(own.max()), 1e-9)
    gain = shape / (own + floor)
    return np.asarray(np.minimum(gain, LOUDEST_GAIN * max(float(np.median(gain)), 1e-9)))
