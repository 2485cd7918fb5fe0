"""What lives and falls: birds, a dog, rain."""

import numpy as np

from mgcld.demo.synthesis import Random, Samples, band, bump, bursts, decay, harmonics, noise, place, times, tone


def bird_chirping(random: Random, samples: int, rate: int) -> Samples:
    """Fast whistled glides in short phrases."""
    pitch, step = random.uniform(3200, 5200), random.uniform(0.11, 0.2)
    sound = np.zeros(samples)
    for start in bursts(random, samples / rate, count=(3, 8), step=step, pause=random.uniform(0.2, 0.5)):
        size = round(random.uniform(0.4, 0.75) * step * rate)
        glide = np.linspace(random.uniform(-0.25, 0.25), random.uniform(-0.25, 0.25), size) + 0.12 * bump(size)
        chirp = tone(pitch * (1 + glide), size, rate) * bump(size)
        place(sound, chirp * random.uniform(0.5, 1), start, rate)
    return sound


def dog_barking(random: Random, samples: int, rate: int) -> Samples:
    """Short hoarse barks whose pitch jumps up and falls."""
    pitch, vowel = random.uniform(300, 520), random.uniform(900, 1500)
    sound = np.zeros(samples)
    for start in bursts(random, samples / rate, count=(1, 3), step=random.uniform(0.3, 0.42), pause=0.6):
        size = round(random.uniform(0.16, 0.24) * rate)
        glide = pitch * (0.75 + 0.6 * bump(size)) * (1 + 0.02 * noise(random, size, rate, slope=2))
        voice = harmonics(glide, np.arange(1, 11) ** -0.4, size, rate) + 1.2 * noise(random, size, rate)
        bark = band(voice, rate, 0.5 * vowel, 1.5 * vowel) * np.sqrt(bump(size))
        place(sound, bark * random.uniform(0.7, 1), start, rate)
    return sound


def rain(random: Random, samples: int, rate: int) -> Samples:
    """A broad hiss that breathes, full of drops."""
    wash = band(noise(random, samples, rate, slope=0.5), rate, 500, random.uniform(5000, 9000))
    sound = wash * (0.5 + 0.1 * np.sin(2 * np.pi * random.uniform(0.1, 0.4) * times(samples, rate)))
    for start in random.uniform(0, samples / rate, round(samples / rate * random.uniform(50, 120))):
        size = round(random.uniform(0.004, 0.02) * rate)
        drop = tone(random.uniform(1500, 6000), size, rate) * decay(size, rate, 0.003)
        place(sound, drop * random.uniform(1, 5), start, rate)
    return sound
