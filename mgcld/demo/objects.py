"""What is struck: a clock's escapement, a door, glasses, a bell."""

import numpy as np

from mgcld.demo.synthesis import Random, Samples, band, bursts, decay, place, ring


def clock_ticking(random: Random, samples: int, rate: int) -> Samples:
    """Tick and tock in turn."""
    step = 1 / random.uniform(1.6, 2.6)
    strokes = [_escapement(random, pitch, rate) for pitch in random.uniform(3000, 5000, 2)]
    sound = np.zeros(samples)
    for k, start in enumerate(np.arange(random.uniform(0, step), samples / rate, step)):
        place(sound, strokes[k % 2] * random.uniform(0.8, 1), start, rate)
    return sound


def _escapement(random: Random, pitch: float, rate: int) -> Samples:
    """One tick: three tiny strikes within 25 ms."""
    size = round(0.05 * rate)
    tick = np.zeros(size)
    for k in range(3):
        snap = band(random.standard_normal(size), rate, 0.7 * pitch, 1.3 * pitch)
        snap *= decay(size, rate, random.uniform(0.001, 0.003)) * random.uniform(0.4, 1)
        place(tick, snap, k * random.uniform(0.006, 0.012), rate)
    return tick


def knocking_on_a_door(random: Random, samples: int, rate: int) -> Samples:
    """Knuckles on wood, three to five at a time."""
    size, modes = round(0.15 * rate), random.uniform(110, 200) * np.array([1, 2.2, 3.7])
    knock = ring(modes, np.array([0.5, 0.3, 0.2]), random.uniform(0.015, 0.03, 3), size, rate)
    thud = band(random.standard_normal(size), rate, 150, random.uniform(500, 1100))
    knock += thud * decay(size, rate, random.uniform(0.008, 0.016))
    sound = np.zeros(samples)
    for start in bursts(random, samples / rate, count=(3, 5), step=random.uniform(0.16, 0.26), pause=0.7):
        place(sound, knock * random.uniform(0.6, 1), start, rate)
    return sound


def glass_clinking(random: Random, samples: int, rate: int) -> Samples:
    """Glasses that touch: bright partials that ring on."""
    body, start = random.uniform(1900, 2500), random.uniform(0, 0.3)
    sound = np.zeros(samples)
    while start < samples / rate:
        modes = body * random.uniform(0.92, 1.08) * np.array([1, 1.52, 2.32, 2.85])
        clink = ring(modes, random.uniform(0.3, 1, 4), random.uniform(0.08, 0.3, 4), round(0.9 * rate), rate)
        place(sound, clink * random.uniform(0.4, 1), start, rate)
        start += random.uniform(0.08, 0.2) if random.uniform() < 0.5 else random.uniform(0.4, 0.9)
    return sound


def church_bell(random: Random, samples: int, rate: int) -> Samples:
    """A great bell: a hum, a prime, a minor third, a long decay."""
    partials = random.uniform(300, 480) * np.array([0.5, 1, 1.19, 1.5, 2, 2.6, 3, 4.1, 5.4])
    decays = np.array([3, 2, 1.6, 1.2, 1.2, 0.7, 0.5, 0.3, 0.2]) * random.uniform(0.8, 1.2)
    levels = np.array([0.3, 0.7, 0.9, 0.5, 1, 0.7, 0.7, 0.6, 0.5]) * random.uniform(0.7, 1.2, 9)
    stroke = ring(partials, levels, decays, 4 * rate, rate)
    sound = np.zeros(samples)
    for start in np.arange(random.uniform(0, 0.3), samples / rate, random.uniform(1.2, 2.0)):
        place(sound, stroke * random.uniform(0.8, 1), start, rate)
    return sound
