"""Recordings as they will sound in the place where the daemon listens: each once more, over `_background`.

Few shots are recorded where they will be heard: in five seconds of a street, of rain or of a restaurant a short sound
is a small part of the window. Heard over the place as well, a class has keys like such windows, and what the place
changes counts less (see `mgcld.model.within`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from mgcld.audio.levels import rms
from mgcld.audio.windows import made_window
from mgcld.data import Window
from mgcld.training.shots import Recording

ABOVE_DB = 10.0
"""How far a sound is above the place: fainter it is told by few, louder the place hardly matters."""
FRAME, LOUD = 320, 0.9
"""A sound is as loud as its frames of so many samples are, at this quantile: a click in it is not what is meant."""
PIECES = 10
"""Of a window, to see whether it is steady."""
QUIET, STEADY_DB = 0.2, 9.0
"""A place is heard all the time: no piece of its window is louder than the quiet ones by more. A bark is no place.

Of the windows of 37 places 81 % are such, each place has some; of whole windows of 68 everyday sounds 73 %."""
SEED = 13


def in_place(recordings: Sequence[Recording], background: Sequence[Recording]) -> list[Recording]:
    """Every recording over windows of the background in turn, alike at each call; none where no background is a place.

    Of a long recording the last window, where little is in it, is left out.
    """
    places = [window.samples for recording in background for window in recording.windows if is_place(window)]
    if not places:
        return []
    order = np.random.default_rng(SEED).permutation(len(places))
    return [
        replace(
            recording,
            windows=tuple(
                over(window, places[order[(i + j) % len(order)]], [SEED, i, j])
                for j, window in enumerate(_filled(recording.windows))
            ),
        )
        for i, recording in enumerate(recordings)
    ]


def _filled(windows: Sequence[Window]) -> Sequence[Window]:
    return [window for window in windows if 2 * window.valid_samples >= len(window.samples)] or windows[:1]


def is_place(window: Window) -> bool:
    """Whether a window holds what is heard all the time, from its first sample to its last."""
    if window.valid_samples < len(window.samples):
        return False
    levels = np.array([rms(piece) for piece in np.array_split(window.samples, PIECES)])
    return bool(0 < levels.max() <= np.quantile(levels, QUIET) * 10 ** (STEADY_DB / 20))


def over(window: Window, place: Float32[np.ndarray, " window"], seed: list[int], above_db: float = ABOVE_DB) -> Window:
    """A window's sound somewhere within a window of the place, which is made so much fainter than the sound."""
    random = np.random.default_rng(seed)
    sound = window.samples[: window.valid_samples]
    frames = np.array_split(sound, max(1, len(sound) // FRAME))
    level = float(np.quantile([rms(frame) for frame in frames], LOUD)) * 10 ** (-above_db / 20)
    samples = place * np.float32(level / rms(place))
    begins = int(random.integers(len(samples) - len(sound) + 1))
    samples[begins : begins + len(sound)] += sound
    samples /= max(1.0, float(np.abs(samples).max()))
    return replace(made_window(window.source, samples, window.sample_rate), recording=window.recording)
