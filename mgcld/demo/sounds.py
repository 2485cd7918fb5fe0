"""Sounds that anyone tells apart, by name, each different with every seed.

The demo's support set and soundscape are made of them, and so are the tests': no recording of anybody is needed.
"""

import numpy as np
from jaxtyping import Float32

from mgcld.demo import backgrounds, machines, nature, objects
from mgcld.demo.synthesis import Random, Recipe, Samples, at_level, noise, rms, room, shaped

_SOUNDS: dict[str, Recipe] = {
    "smoke alarm": machines.smoke_alarm,
    "siren": machines.siren,
    "clock ticking": objects.clock_ticking,
    "dog barking": nature.dog_barking,
    "knocking on a door": objects.knocking_on_a_door,
    "bird chirping": nature.bird_chirping,
    "engine idling": machines.engine_idling,
    "phone ringing": machines.phone_ringing,
    "church bell": objects.church_bell,
    "glass clinking": objects.glass_clinking,
    "helicopter": machines.helicopter,
    "rain": nature.rain,
}
_BACKGROUNDS: dict[str, Recipe] = {
    "silence": backgrounds.silence,
    "room tone": backgrounds.room_tone,
    "white noise": backgrounds.white_noise,
    "fan": backgrounds.fan,
    "pink noise": backgrounds.pink_noise,
    "mains hum": backgrounds.mains_hum,
    "brown noise": backgrounds.brown_noise,
}
NAMES = tuple(_SOUNDS)
"""Classes, in words that say how they sound; the demo takes the first ones."""
BACKGROUNDS = tuple(_BACKGROUNDS)
"""What is none of the classes."""


def synthesise(name: str, seed: int, seconds: float, sample_rate: int = 16_000) -> Float32[np.ndarray, " samples"]:
    """One variation of a sound or background: the same samples for the same arguments, on every run.

    Pitch, tempo, timbre, onset, room, tone colour, level and the noise of the microphone vary with `seed` (0 or more).
    """
    random = np.random.default_rng([seed, *name.encode()])
    samples = round(seconds * sample_rate)
    if name in _BACKGROUNDS:
        sound = _BACKGROUNDS[name](random, samples, sample_rate)
    else:
        sound = _recorded(random, _SOUNDS[name](random, samples, sample_rate), sample_rate)
    return np.clip(sound, -1, 1).astype(np.float32)


def _recorded(random: Random, sound: Samples, sample_rate: int) -> Samples:
    """What a microphone makes of a sound: it starts late, in a room, coloured, at some level, with hiss."""
    silence = np.zeros(round(random.uniform(0, 0.4) * sample_rate))
    sound = np.concatenate([silence, sound])[: len(sound)]
    tilt = random.uniform(-0.25, 0.25)
    sound = shaped(sound, sample_rate, lambda f: (np.maximum(f, 50) / 1000) ** tilt)
    sound = room(random, sound, sample_rate, seconds=random.uniform(0.2, 0.6), wet=random.uniform(0, 0.15))
    sound = at_level(sound, random.uniform(-30, -18))
    sound *= min(1.0, 0.7 / max(1e-12, np.max(np.abs(sound))))
    hiss = noise(random, len(sound), sample_rate, slope=random.uniform(0, 2))
    return sound + hiss * rms(sound) * 10 ** (-random.uniform(30, 50) / 20)
