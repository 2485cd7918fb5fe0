"""Sounds that are none of a data set's classes, generated: other things, and places where nothing happens."""

from collections.abc import Sequence
from dataclasses import dataclass

from mgcld.audio.windows import made_window
from mgcld.data import Window
from mgcld.demo.sounds import BACKGROUNDS, NAMES, synthesise
from mgcld.evaluation.bank import spoken

FIRST_SEED = 50_000
"""Seeds that neither the demo nor the tests use."""
THINGS, PLACES = 8, 40
"""Variations of each other sound and of each background."""


@dataclass(frozen=True, slots=True)
class Others:
    """Windows of generated sound."""

    things: tuple[Window, ...]
    """Sounds of the demo whose name shares no word with a class."""
    places: tuple[Window, ...]
    """Backgrounds: hiss, rooms, fans, hum."""


def others_for(classes: Sequence[str], sample_rate: int, window_seconds: float) -> Others:
    """The same windows at every call. A stem of four letters counts as a word: `dog bark` rules out `dog barking`."""
    taken = {stem for name in classes for stem in _stems(name)}
    free = [name for name in NAMES if not taken & _stems(name)]

    def windows(names: Sequence[str], variations: int) -> tuple[Window, ...]:
        return tuple(
            made_window(name, synthesise(name, FIRST_SEED + k, window_seconds, sample_rate), sample_rate)
            for name in names
            for k in range(variations)
        )

    return Others(windows(free, THINGS), windows(BACKGROUNDS, PLACES))


def _stems(name: str) -> set[str]:
    return {word[:4] for word in spoken(name).split() if len(word) > 2}
