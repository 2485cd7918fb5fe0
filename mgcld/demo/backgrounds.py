"""What a place sounds like when nothing happens in it; these have their own, low levels."""

import numpy as np

from mgcld.demo.synthesis import Random, Samples, at_level, band, harmonics, noise, times, tone


def silence(random: Random, samples: int, rate: int) -> Samples:
    """Nothing but the faint hiss of the microphone."""
    return at_level(noise(random, samples, rate), random.uniform(-80, -66))


def room_tone(random: Random, samples: int, rate: int) -> Samples:
    """A quiet room that breathes: distant traffic, deep and slow."""
    swell = 1 + 0.4 * np.sin(2 * np.pi * (random.uniform(0.1, 0.3) * times(samples, rate) + random.uniform()))
    air = band(noise(random, samples, rate, slope=1.5), rate, 40, 900)
    return at_level(air * swell, random.uniform(-60, -45))


def white_noise(random: Random, samples: int, rate: int) -> Samples:
    """All frequencies alike, as from a radio between stations."""
    return at_level(noise(random, samples, rate), random.uniform(-50, -36))


def fan(random: Random, samples: int, rate: int) -> Samples:
    """Moving air, with a trace of the blades."""
    air = band(noise(random, samples, rate, slope=1), rate, 80, random.uniform(600, 1500))
    return at_level(air * (1 + 0.08 * tone(random.uniform(20, 45), samples, rate)), random.uniform(-50, -38))


def pink_noise(random: Random, samples: int, rate: int) -> Samples:
    """A soft rush."""
    return at_level(noise(random, samples, rate, slope=1), random.uniform(-50, -34))


def mains_hum(random: Random, samples: int, rate: int) -> Samples:
    """What a transformer makes of 50 or 60 hertz."""
    mains = 50.0 if random.uniform() < 0.5 else 60.0
    hum = harmonics(2 * mains, random.uniform(0.2, 1, 4) / np.arange(1, 5) ** 2, samples, rate)
    return at_level(hum + 0.1 * noise(random, samples, rate, slope=1), random.uniform(-55, -42))


def brown_noise(random: Random, samples: int, rate: int) -> Samples:
    """A deep rush."""
    return at_level(noise(random, samples, rate, slope=2), random.uniform(-50, -34))
