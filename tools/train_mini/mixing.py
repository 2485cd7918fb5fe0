"""Windows to learn from: clips cut, sped up, coloured, put into rooms and mixed with others, noise and synthesis."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from mgcld_plugins.encoders._mini_audio import SAMPLE_RATE

from .clips import Clip
from .hybrids import apart, crossed
from .signals import WINDOW, Random, Samples, colour, decibels, filtered, noise, rms, room
from .synthesis import synthesise

NO_CLIP = -1
AS_THEY_ARE, MADE = 0.2, 0.14
"""Shares of the windows: clips as they are, and synthesised ones."""
ALONE = 0.5
"""How many of the synthesised and crossed ones are left as they are."""


@dataclass(frozen=True)
class Mixture:
    """A window (WINDOW,), the clip that is loudest in it (or NO_CLIP) and that clip's share of the energy."""

    window: Samples
    clip: int
    share: float


def chances(clips: list[Clip]) -> np.ndarray:
    """How often each clip is drawn: rare texts more often than their share, very short clips less."""
    texts = Counter(clip.text or clip.original for clip in clips)
    lengths = np.array([min(1.0, 0.35 + len(clip.samples) / (3 * SAMPLE_RATE)) for clip in clips])
    weights = lengths * np.array([texts[clip.text or clip.original] ** -0.5 for clip in clips])
    return np.asarray(weights / weights.sum())


class Mixer:
    """Draws mixtures without end."""

    def __init__(self, clips: list[Clip], random: Random, hybrids: float = 0.0) -> None:
        """`hybrids` is their share of the windows."""
        self._clips, self._chances, self._random, self._crossed = clips, chances(clips), random, hybrids

    def __call__(self) -> Mixture:
        """Some are clips as they are, synthesised or crossed (`hybrids`), the rest is worked on and mixed."""
        random, kind = self._random, self._random.random()
        if kind < AS_THEY_ARE:
            clip = self._drawn()
            return Mixture(_cut(self._clips[clip].samples, random, hard=False), clip, 1.0)
        clip, sound = self._main(kind)
        if clip == NO_CLIP and random.random() < ALONE:
            return Mixture(_levelled(sound, random), clip, 1.0)
        sound, share = self._accompanied(self._placed(sound, 0.45))
        if random.random() < 0.3:
            sound = sound + noise(random) * np.float32(max(rms(sound), 1e-3) * decibels(-random.uniform(3, 35)))
        return Mixture(_levelled(self._placed(sound, 0.15), random), clip, share)

    def _main(self, kind: float) -> tuple[int, Samples]:
        """The sound that others accompany, and its clip."""
        if kind < AS_THEY_ARE + MADE:
            return NO_CLIP, synthesise(self._random)
        if kind < AS_THEY_ARE + MADE + self._crossed:
            return NO_CLIP, self._hybrid()
        clip = self._drawn()
        return clip, self._worked_on(clip)

    def _worked_on(self, clip: int) -> Samples:
        return _cut(self._clips[clip].samples, self._random, hard=True)

    def _hybrid(self) -> Samples:
        """Of two clips, or of one; sometimes twice."""
        random, sound = self._random, self._worked_on(self._drawn())
        for _ in range(2 if random.random() < 0.25 else 1):
            if random.random() < 0.7:
                other = synthesise(random) if random.random() < 0.15 else self._worked_on(self._drawn())
                sound = crossed(sound, other, random)
            else:
                sound = apart(sound, random)
        return sound

    def _drawn(self) -> int:
        return int(self._random.choice(len(self._clips), p=self._chances))

    def _placed(self, sound: Samples, chance: float) -> Samples:
        """Through a device and a room, sometimes."""
        random = self._random
        if random.random() >= chance:
            return sound
        gain = colour(random) if random.random() < 0.8 else None
        return filtered(sound, gain, room(random) if random.random() < 0.5 else None)

    def _accompanied(self, sound: Samples) -> tuple[Samples, float]:
        """With 0 to 2 further sounds, 4 dB above to 18 dB below it."""
        random, share = self._random, 1.0
        for _ in range(int(random.choice(3, p=(0.5, 0.35, 0.15)))):
            if random.random() < 0.12:
                other = synthesise(random)
            else:
                other = _cut(self._clips[self._drawn()].samples, random, hard=True)
            below = random.uniform(-4, 18)
            sound = sound + other * np.float32(min(rms(sound) / max(rms(other), 1e-4) * decibels(-below), 60))
            share /= 1 + decibels(-below) ** 2
        return sound, share


def _levelled(sound: Samples, random: Random) -> Samples:
    peak = float(np.abs(sound).max())
    if random.random() < 0.6:
        sound = _at_peak(sound, decibels(random.uniform(-30, 0)))
    elif peak > 1:
        sound = sound / np.float32(peak)
    return np.clip(sound, -1, 1).astype(np.float32)


def _at_peak(sound: Samples, peak: float) -> Samples:
    """The sound with so large a peak."""
    return sound * np.float32(peak / max(float(np.abs(sound).max()), 1e-4))


def _cut(samples: np.ndarray, random: Random, *, hard: bool) -> Samples:
    """A window out of a clip (int16); `hard` changes speed and direction, repeats short clips and drops stretches."""
    speed = float(2 ** np.clip(random.normal(0, 0.5), -1, 1)) if hard and random.random() < 0.6 else 1.0
    wanted = int(WINDOW * speed) + 2
    if len(samples) > wanted:
        samples = samples[int(random.integers(0, len(samples) - wanted + 1)) :][:wanted]
    sound = samples.astype(np.float32) / 32767
    if speed != 1.0:
        sound = _faster(sound, speed)
    if hard and random.random() < 0.15:
        sound = sound[::-1]
    sound = sound[:WINDOW] if len(sound) >= WINDOW else _laid_out(sound, random, repeat=hard)
    return _interrupted(sound, random) if hard and random.random() < 0.12 else sound.copy()


def _faster(sound: Samples, speed: float) -> Samples:
    """By straight lines between samples, smoothed first where the pitch rises."""
    if speed > 1.05:
        taps = np.hanning(round(speed) + 3)
        sound = np.convolve(sound, taps / taps.sum(), "same")
    places = np.arange(max(int(len(sound) / speed), 1)) * speed
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def _laid_out(sound: Samples, random: Random, *, repeat: bool) -> Samples:
    """A short sound in a silent window: at its start, anywhere, or again and again."""
    window, kind, last = np.zeros(WINDOW, np.float32), random.random(), WINDOW - len(sound)
    if not repeat or len(sound) > 0.7 * WINDOW or kind < 0.5:
        start = 0 if kind < 0.25 else int(random.integers(0, last + 1))
        window[start : start + len(sound)] = sound
        return window
    start, pause, even = int(random.integers(0, WINDOW // 4)), int(random.integers(400, 32000)), random.random() < 0.3
    while start < WINDOW:
        heard = sound[: WINDOW - start]
        window[start : start + len(heard)] += heard * np.float32(random.uniform(0.4, 1))
        start += len(sound) + (pause if even else int(random.integers(400, 32000)))
    return window


def _interrupted(sound: Samples, random: Random) -> Samples:
    start, end = sorted(int(edge) for edge in random.integers(0, WINDOW, 2))
    gate = np.ones(WINDOW, np.float32)
    gate[start:end] = 0
    return (sound * np.convolve(gate, np.full(161, 1 / 161), "same")).astype(np.float32)
