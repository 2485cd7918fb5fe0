import numpy as np
from sounds import block, noise

from mgcld.audio.troubles import BROKEN, SILENT, Troubles
from mgcld.audio.windows import Windower
from mgcld.data import AudioBlock, Window

RATE = 1000


def windows_of(sound: AudioBlock) -> list[Window]:
    return Windower("mic", RATE, 5.0, 5.0).push(sound)


def test_a_minute_of_digital_silence_is_told_until_there_is_sound() -> None:
    troubles = Troubles(5.0)
    silence = windows_of(block(np.zeros(70 * RATE, np.float32), RATE))
    said = []
    for window in silence:
        troubles.heard(block(window.samples, RATE))
        troubles.cut(window)
        said.append(troubles.now)
    assert said == [None] * 11 + [SILENT] * 3
    assert troubles.silent_since_ns == silence[0].start_ns
    (sounding,) = windows_of(block(noise(5 * RATE), RATE))
    troubles.cut(sounding)
    assert (troubles.now, troubles.silent_since_ns) == (None, None)


def test_sound_that_fills_no_window_is_told() -> None:
    troubles = Troubles(5.0)
    said = []
    for _ in range(40):
        troubles.heard(block(noise(RATE), RATE))
        said.append(troubles.now)
    assert said == [None] * 15 + [BROKEN] * 25
    (window,) = windows_of(block(noise(5 * RATE), RATE))
    troubles.cut(window)
    assert troubles.now is None
