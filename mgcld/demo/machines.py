"""What machines say: siren, smoke alarm, telephone, engine, helicopter."""

import numpy as np

from mgcld.demo.synthesis import (
    Random,
    Samples,
    band,
    bump,
    bursts,
    decay,
    harmonics,
    noise,
    place,
    ring,
    times,
    tone,
)


def siren(random: Random, samples: int, rate: int) -> Samples:
    """A wail that climbs and falls, with the harmonics of a horn."""
    low, high = random.uniform(450, 650), random.uniform(1100, 1600)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * (times(samples, rate) / random.uniform(1.6, 3.5) + random.uniform()))
    return harmonics(low * (high / low) ** swing, 1 / np.arange(1, 5), samples, rate)


def smoke_alarm(random: Random, samples: int, rate: int) -> Samples:
    """Three piercing beeps, a pause, three again."""
    seconds = random.uniform(0.35, 0.55)
    size = round(seconds * rate)
    beep = harmonics(random.uniform(2900, 3400), np.array([1, 0.3]), size, rate) * np.minimum(1, 200 * bump(size))
    sound = np.zeros(samples)
    for start in bursts(random, samples / rate, count=(3, 3), step=2 * seconds, pause=random.uniform(0.6, 1.0)):
        place(sound, beep, start, rate)
    return sound


def phone_ringing(random: Random, samples: int, rate: int) -> Samples:
    """An old telephone: two bells under a fast hammer, on and off."""
    bells, hammer = random.uniform(1100, 1500) * np.array([1, 1.19]), random.uniform(18, 24)
    on, off = random.uniform(1.0, 1.6), random.uniform(0.5, 0.9)
    partials = np.outer(bells, [1, 2.71, 4.3]).ravel()
    stroke = ring(partials, np.tile([1, 0.6, 0.4], 2), np.tile([0.15, 0.08, 0.05], 2), round(0.4 * rate), rate)
    sound = np.zeros(samples)
    for start in np.arange(random.uniform(0, 1 / hammer), samples / rate, 1 / hammer):
        if start % (on + off) < on:
            place(sound, stroke * random.uniform(0.7, 1), start, rate)
    return sound


def engine_idling(random: Random, samples: int, rate: int) -> Samples:
    """A motor at rest: one small explosion after another, never quite even."""
    firings, size = random.uniform(26, 45), round(0.12 * rate)
    body = random.uniform(90, 180) * np.array([1, 1.7, 2.6, 4.1, 6.5, 9.0]) * random.uniform(0.9, 1.1, 6)
    stroke = ring(body, 1 / np.arange(1, 7), random.uniform(0.012, 0.03, 6), size, rate)
    sound, start = 0.1 * band(noise(random, samples, rate), rate, 300, 3000), 0.0
    while start < samples / rate:
        place(sound, stroke * random.uniform(0.6, 1), start, rate)
        place(sound, 0.4 * random.standard_normal(size) * decay(size, rate, 0.004), start, rate)
        start += random.uniform(0.94, 1.06) / firings
    return sound


def helicopter(random: Random, samples: int, rate: int) -> Samples:
    """Blades that chop the air ten to sixteen times a second, and a turbine above them."""
    chop = np.maximum(tone(random.uniform(10, 16), samples, rate), 0) ** 4
    air = band(noise(random, samples, rate, slope=0.7), rate, 80, random.uniform(900, 1800))
    turbine = tone(random.uniform(1800, 2600), samples, rate)
    return np.asarray(air * (0.06 + chop) + 0.01 * turbine)
