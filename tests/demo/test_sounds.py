"""The synthesised sounds: the same on every run, different with every seed, and told apart by the encoder."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from mgcld.demo import BACKGROUNDS, NAMES, synthesise
from mgcld.registry import load

SHOTS = 5


@given(
    name=st.sampled_from(NAMES + BACKGROUNDS),
    seed=st.integers(0, 2**40),
    seconds=st.floats(0.1, 8),
    sample_rate=st.sampled_from([16_000, 22_050, 44_100]),
)
@settings(max_examples=40, deadline=None)
def test_a_sound_is_sound_at_any_length_and_rate(name: str, seed: int, seconds: float, sample_rate: int) -> None:
    sound = synthesise(name, seed, seconds, sample_rate)
    assert sound.dtype == np.float32
    assert sound.shape == (round(seconds * sample_rate),)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_class_is_well_above_silence_and_never_clipped(name: str) -> None:
    for seed in range(5):
        sound = synthesise(name, seed, 5.0)
        assert 20 * np.log10(np.sqrt(np.mean(sound**2))) > -45
        assert np.abs(sound).max() < 0.9


def test_another_process_makes_the_same_samples() -> None:
    script = (
        "import sys; from mgcld.demo import synthesise; sys.stdout.buffer.write(synthesise('siren', 3, 1.0).tobytes())"
    )
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60).stdout
    assert made == synthesise("siren", 3, 1.0).tobytes()


@pytest.mark.parametrize("name", NAMES + BACKGROUNDS)
def test_another_seed_is_another_sound(name: str) -> None:
    one, other = synthesise(name, 0, 2.0), synthesise(name, 1, 2.0)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.5


@pytest.fixture(scope="module")
def heard() -> dict[str, Tensor]:
    """(variations, dim): the sounds as the embedded encoder hears them, the shots first; unit rows."""
    encoder = load("encoder", "mini")(device="cpu")

    def coarse(name: str, seeds: range) -> Tensor:
        windows = torch.from_numpy(np.stack([synthesise(name, seed, 5.0) for seed in seeds]))
        heard: Tensor = encoder.embed_audio(windows, torch.full((len(seeds),), windows.shape[1])).coarse
        return heard

    classes = {name: coarse(name, range(SHOTS + 9)) for name in NAMES}
    return classes | {name: coarse(name, range(4)) for name in BACKGROUNDS}


def means(heard: dict[str, Tensor], names: tuple[str, ...]) -> Tensor:
    """(classes, dim): the mean of each class's shots, unit rows."""
    return normalize(torch.stack([heard[name][:SHOTS].mean(0) for name in names]), dim=-1)


@pytest.mark.parametrize(("classes", "share"), [(6, 0.97), (len(NAMES), 0.95)])
def test_the_encoder_tells_the_sounds_apart(heard: dict[str, Tensor], classes: int, share: float) -> None:
    names = NAMES[:classes]
    queries = torch.stack([heard[name][SHOTS:] for name in names])
    found = (queries @ means(heard, names).T).argmax(-1)
    assert (found == torch.arange(classes)[:, None]).float().mean() >= share


def test_a_background_is_further_from_every_class_than_the_classes_own_variations(heard: dict[str, Tensor]) -> None:
    centres = means(heard, NAMES)
    own = torch.stack([heard[name][SHOTS:] @ centre for name, centre in zip(NAMES, centres, strict=True)])
    backgrounds = torch.cat([heard[name] for name in BACKGROUNDS])
    assert (backgrounds @ centres.T).max() < own.min() - 0.1
