"""Sounds that no one recorded: tones, chirps, noises, struck things, bursts, motors, voices, crackle.

They carry no name; the teacher says what they sound like.
"""

from collections.abc import Callable

import numpy as np
from mgcld_plugins.encoders._mini_audio import SAMPLE_RATE
from scipy import signal

from .signals import WINDOW, Random, Samples, between, colour, decibels, filtered, noise, rms, scaled, wander

_TIME = np.arange(WINDOW, dtype=np.float32) / SAMPLE_RATE
_LONGEST = 60  # events in a window


def synthesise(random: Random) -> Samples:
    """(WINDOW,) of one or two of the kinds below."""
    sound = _KINDS[int(random.integers(len(_KINDS)))](random)
    if random.random() < 0.3:
        other = _KINDS[int(random.integers(len(_KINDS)))](random)
        sound = sound + scaled(other, rms(sound) * decibels(random.uniform(-15, 10)))
    return scaled(sound.astype(np.float32), 0.1)


def _tone(random: Random) -> Samples:
    pitch = between(random, 50, 5000)
    depth = random.uniform(0, 0.3) * random.random()
    swing = 1 + depth * np.sin(2 * np.pi * between(random, 0.2, 60) * _TIME + 6 * random.random())
    if random.random() < 0.4:
        swing = swing * 2 ** wander(random, 1, -0.8, 0.8)
    phase = 2 * np.pi * np.cumsum(pitch * swing) / SAMPLE_RATE
    roll, step = random.uniform(0.2, 2), 2 if random.random() < 0.25 else 1
    partials = [k for k in range(1, int(random.integers(2, 15)), step) if pitch * k < 7600]
    sound = sum((np.sin(k * phase) * (k**-roll * random.uniform(0.3, 1)) for k in partials), np.zeros(WINDOW))
    return np.asarray(sound * _gate(random), np.float32)


def _gate(random: Random) -> Samples:
    kind, rate = random.random(), 2 * np.pi * _TIME
    if kind < 0.4:
        return np.clip(wander(random, between(random, 0.4, 12), -0.3, 1), 0, 1)
    if kind < 0.7:
        return 0.5 + 0.5 * np.sin(rate * between(random, 0.5, 80))
    if kind < 0.85:
        return (np.sin(rate * between(random, 0.4, 8)) > random.uniform(-0.6, 0.6)).astype(np.float32)
    return np.ones(WINDOW, np.float32)


def _chirp(random: Random) -> Samples:
    size = int(between(random, 0.02, 0.8) * SAMPLE_RATE)
    t = np.linspace(0, 1, size, dtype=np.float32)
    start, end = between(random, 200, 7000), between(random, 200, 7000)
    trill = 1 + random.uniform(0, 0.15) * np.sin(2 * np.pi * random.uniform(1, 20) * t)
    phase = 2 * np.pi * np.cumsum(start * (end / start) ** (t ** random.uniform(0.4, 2.5)) * trill) / SAMPLE_RATE
    envelope = np.clip(np.sin(np.pi * t), 0, 1) ** random.uniform(0.3, 2)
    return (np.sin(phase) + random.uniform(0, 0.5) * np.sin(2 * phase)) * envelope


def _strike(random: Random) -> Samples:
    size = int(between(random, 0.03, 1.5) * SAMPLE_RATE)
    t = np.arange(size, dtype=np.float32) / SAMPLE_RATE
    pitch, sound = between(random, 80, 4000), np.zeros(size, np.float32)
    for _ in range(int(random.integers(1, 9))):
        partial = np.sin(2 * np.pi * pitch * random.uniform(1, 6) * t) * np.exp(-t * between(random, 4, 150))
        sound += partial * np.float32(random.uniform(0.1, 1))
    if random.random() < 0.6:
        click = random.standard_normal(size) * np.exp(-t * between(random, 30, 600))
        sound += (click * random.uniform(0.1, 2)).astype(np.float32)
    return sound


def _burst(random: Random) -> Samples:
    t = np.linspace(0, 1, int(between(random, 0.01, 1) * SAMPLE_RATE), dtype=np.float32)
    return random.standard_normal(len(t)) * t ** random.uniform(0.05, 1) * np.exp(-t * random.uniform(0, 8))


def _events(event: Callable[[Random], Samples]) -> Callable[[Random], Samples]:
    """A window with many of an event: even or not, all alike or not."""

    def many(random: Random) -> Samples:
        sound, same = np.zeros(WINDOW, np.float32), event(random) if random.random() < 0.6 else None
        for start in _starts(random)[:_LONGEST]:
            clip = event(random) if same is None else same
            heard = clip[: WINDOW - start]
            sound[start : start + len(heard)] += heard * np.float32(random.uniform(0.4, 1))
        return sound

    return many


def _starts(random: Random) -> list[int]:
    if random.random() < 0.5:
        step = between(random, 0.05, 2) * SAMPLE_RATE
        return [int(start) for start in np.arange(random.uniform(0, step), WINDOW, step)]
    count = int(random.integers(1, max(2, int(between(random, 2, 60)))))
    return sorted(int(start) for start in random.integers(0, WINDOW, count))


def _hiss(random: Random) -> Samples:
    sound, kind = filtered(noise(random), colour(random)), random.random()
    if kind < 0.4:
        return sound * np.clip(wander(random, between(random, 0.3, 15), -0.2, 1), 0, 1) ** 1.5
    if kind < 0.6:
        return sound * (0.5 + 0.5 * np.sin(2 * np.pi * between(random, 0.3, 40) * _TIME)) ** 2
    return sound


def _motor(random: Random) -> Samples:
    turns = between(random, 15, 200) * wander(random, random.uniform(0.2, 2), 0.7, 1.4)
    phase = 2 * np.pi * np.cumsum(turns) / SAMPLE_RATE
    roll, sound = random.uniform(0.2, 1.2), np.zeros(WINDOW)
    for k in range(1, 25):
        sound += np.sin(k * phase + 6 * random.random()) * random.uniform(0, 1) * k**-roll
    if random.random() < 0.5:
        sound = np.tanh(sound * random.uniform(0.5, 4))
    return sound + noise(random) * rms(sound) * random.uniform(0, 1.5) * (1 + 0.8 * np.sin(phase))


def _voice(random: Random) -> Samples:
    """Pulses through three resonances that change four times a second."""
    pitch = between(random, 80, 500) * wander(random, random.uniform(1, 5), 0.8, 1.25)
    pulses = np.diff(np.floor(np.cumsum(pitch) / SAMPLE_RATE), prepend=0) > 0
    source = pulses + 0.02 * random.standard_normal(WINDOW)
    sound, state = np.zeros(WINDOW), np.zeros(6)
    for start in range(0, WINDOW, SAMPLE_RATE // 4):
        part = slice(start, start + SAMPLE_RATE // 4)
        sound[part], state = signal.lfilter([1.0], _resonances(random), source[part], zi=state)
    return sound * np.clip(wander(random, random.uniform(2, 8), -0.5, 1), 0, 1)


def _resonances(random: Random) -> Samples:
    poles = np.ones(1)
    for low, high, width in ((250, 900, 90), (700, 2500, 120), (2200, 3400, 180)):
        radius, angle = np.exp(-np.pi * width / SAMPLE_RATE), 2 * np.pi * random.uniform(low, high) / SAMPLE_RATE
        poles = np.convolve(poles, [1, -2 * radius * np.cos(angle), radius**2])
    return poles


def _crackle(random: Random) -> Samples:
    count, sound = int(between(random, 20, 8000)), np.zeros(WINDOW)
    sound[random.integers(0, WINDOW, count)] = random.standard_t(2, count).clip(-30, 30)
    return filtered(sound, colour(random)) + noise(random) * rms(sound) * random.uniform(0, 0.6)


def _bursts(random: Random) -> Samples:
    return filtered(_events(_burst)(random), colour(random))


_KINDS = (_tone, _events(_chirp), _hiss, _events(_strike), _bursts, _motor, _voice, _crackle)
