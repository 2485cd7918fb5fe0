"""Recordings as they sound in the place."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float32

from mgcld.audio.windows import made_window
from mgcld.data import Window
from mgcld.demo.sounds import synthesise
from mgcld.training.foreign import coloured_noise
from mgcld.training.place import ABOVE_DB, in_place, is_place, over
from mgcld.training.shots import Recording

RATE, SAMPLES = 16_000, 80_000


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def place(seed: int = 0, level: float = 0.01) -> Float32[np.ndarray, " window"]:
    noise = coloured_noise(np.random.default_rng(seed), SAMPLES, 0.5)
    return (noise / rms(noise) * level).astype(np.float32)


def window(sound: np.ndarray) -> Window:
    samples = np.zeros(SAMPLES, np.float32)
    samples[: len(sound)] = sound
    return replace(made_window("support", samples, RATE), valid_samples=len(sound), recording=Path("1.wav"))


def recording(name: str, *windows: Window) -> Recording:
    return Recording(Path(f"{name}.wav"), name, windows, 5.0, name)


def tone(seconds: float, size: float = 0.2) -> np.ndarray:
    return size * np.sin(np.arange(round(seconds * RATE)) * 0.7)


@given(seconds=st.floats(0.1, 5.0), size=st.floats(1e-3, 0.05), level=st.floats(1e-4, 0.3), seed=st.integers(0, 99))
def test_a_sound_is_as_far_above_the_place_as_is_said(seconds: float, size: float, level: float, seed: int) -> None:
    signs = np.sign(np.random.default_rng(7).standard_normal(round(seconds * RATE)))
    sound = (size * signs).astype(np.float32)
    found = over(window(sound), place(seed, level), [seed])
    assert found.valid_samples == len(found.samples) == SAMPLES
    begins = int(np.correlate(found.samples, sound[:1600], "valid").argmax())
    rest = found.samples.copy()
    rest[begins : begins + len(sound)] -= sound
    assert 20 * np.log10(rms(sound) / rms(rest)) == pytest.approx(ABOVE_DB, abs=0.1)
    assert float(np.dot(rest, place(seed, level))) > 0.99 * len(rest) * rms(rest) * rms(place(seed, level))


def test_the_whole_sound_is_somewhere_in_the_window() -> None:
    sound = synthesise("siren", 3, 1.6, RATE).astype(np.float32)
    there = place()
    begins = set()
    for seed in range(8):
        found = over(window(sound), there, [seed])
        at = int(np.correlate(found.samples, sound, "valid").argmax())
        left = found.samples[at : at + len(sound)] - sound
        assert rms(left) == pytest.approx(rms(np.delete(found.samples, np.s_[at : at + len(sound)])), rel=0.3)
        begins.add(at)
    assert len(begins) > 4


def test_a_click_does_not_say_how_loud_a_sound_is() -> None:
    sound = tone(2.0, 0.05)
    clicked = sound.copy()
    clicked[1000:1004] = 1.0
    plain, other = (over(window(each), place(), [3]) for each in (sound, clicked))
    rest = [rms(each.samples[-8000:]) for each in (plain, other)]
    assert rest[1] == pytest.approx(rest[0], rel=0.3)


def test_a_sound_too_loud_for_both_is_made_quieter_not_cut_off() -> None:
    found = over(window(tone(5.0, 1.0)), place(), [1])
    assert np.abs(found.samples).max() == pytest.approx(1)
    assert (np.abs(found.samples) > 0.999).sum() < 20


def test_every_recording_is_heard_once_more_alike_at_each_call_and_known_by_its_file() -> None:
    own = [recording("siren", window(tone(5.0)), window(tone(3.0))), recording("dog", window(tone(0.5)))]
    rest = [recording("_background", window(place(1)), window(place(2)))]
    found, again = in_place(own, rest), in_place(own, rest)
    assert [(one.path, one.name, one.digest, len(one.windows)) for one in found] == [
        (one.path, one.name, one.digest, len(one.windows)) for one in own
    ]
    heard = [one.samples for recorded in found for one in recorded.windows]
    same = [one.samples for recorded in again for one in recorded.windows]
    assert all(np.array_equal(one, other) for one, other in zip(heard, same, strict=True))
    assert len({one.tobytes() for one in heard}) == 3
    assert all(one.recording == Path("1.wav") for recorded in found for one in recorded.windows)
    assert not own[1].windows[0].samples[RATE:].any()  # what was recorded is as it was


def test_places_take_turns_and_the_rest_of_a_long_recording_is_left_out() -> None:
    long = recording("hum", window(tone(5.0)), window(tone(5.0)), window(tone(0.5)))
    rest = [recording("_background", *(window(place(seed)) for seed in range(3)))]
    found = in_place([long, long], rest)
    assert [len(one.windows) for one in found] == [2, 2]

    def which(heard: Window) -> int:
        return int(np.argmax([abs(np.dot(heard.samples, place(seed))) for seed in range(3)]))

    met = [which(heard) for one in found for heard in one.windows]
    assert len(set(met[:2])) == len(set(met[2:])) == 2
    assert len(set(met)) == 3


def test_what_is_heard_now_and_then_is_no_place() -> None:
    bark = window(synthesise("dog barking", 1, 5.0, RATE))
    short = window(place()[: 4 * RATE])
    assert is_place(window(place()))
    assert not is_place(bark)
    assert not is_place(short)
    assert not is_place(window(np.zeros(SAMPLES)))  # nothing at all
    assert in_place([recording("cry", window(tone(1.0)))], [recording("_background", bark, short)]) == []
    assert in_place([recording("cry", window(tone(1.0)))], []) == []
