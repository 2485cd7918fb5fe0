import numpy as np
import pytest
import torch
from mgcld_plugins.encoders._clap_front import FRAMES_AT_ONCE, ClapFront
from torch import Tensor
from transformers import ClapFeatureExtractor

RATE = 48_000
LENGTHS = [1, 479, 480, 500, 4_800, 100_001, 144_000, 150_000, 240_000, 300_000, 479_999, 480_000]


def extractor(**options: object) -> ClapFeatureExtractor:
    made: ClapFeatureExtractor = ClapFeatureExtractor(
        **{"frequency_min": 50, "truncation": "rand_trunc", "padding": "repeatpad", **options}
    )
    return made


def reference(made: ClapFeatureExtractor, clips: Tensor) -> Tensor:
    levels: Tensor = made(list(clips.numpy()), sampling_rate=made.sampling_rate, return_tensors="pt")["input_features"]
    return levels[:, 0]


def noise(*shape: int) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("samples", LENGTHS)
def test_it_is_what_the_extractor_makes_of_clips_of_any_length(samples: int) -> None:
    made, clips = extractor(), noise(2, samples)
    found = ClapFront(made)(clips)
    assert found.shape == (2, 1001, 64)
    torch.testing.assert_close(found, reference(made, clips), atol=1e-4, rtol=0)


@pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_it_pads_and_weighs_as_the_checkpoint_says(padding: str, truncation: str) -> None:
    made = extractor(padding=padding, truncation=truncation, frequency_min=0)
    for samples in (480, 96_000, 200_000):
        clips = noise(1, samples)
        torch.testing.assert_close(ClapFront(made)(clips), reference(made, clips), atol=1e-4, rtol=0)


def test_rate_sizes_and_bank_are_the_checkpoints() -> None:
    sizes = {"sampling_rate": 32_000, "hop_length": 320, "fft_window_size": 512, "max_length_s": 7}
    made = extractor(feature_size=40, frequency_max=15_000, **sizes)
    front, clips = ClapFront(made), noise(2, 32_000)
    assert (front.sample_rate, front.samples) == (32_000, 224_000)
    found = front(clips)
    assert found.shape == (2, 701, 40)
    torch.testing.assert_close(found, reference(made, clips), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["tone", "click", "silence", "constant", "loud"])
def test_quiet_bands_beside_loud_ones_are_right_too(kind: str) -> None:
    t = np.arange(240_000) / RATE
    wave = {
        "tone": 0.5 * np.sin(2 * np.pi * 1_000 * t),
        "click": (t == 1.0).astype(float),
        "silence": 0 * t,
        "constant": 0 * t + 0.3,
        "loud": 100 * np.sign(np.sin(2 * np.pi * 3_000 * t)),
    }[kind]
    made, clips = extractor(), torch.from_numpy(wave).float()[None]
    torch.testing.assert_close(ClapFront(made)(clips), reference(made, clips), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("at_once", "clips"), [(1, 2), (7, 3), (5000, 2)])
def test_how_many_frames_are_made_at_once_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, at_once: int, clips: int
) -> None:
    front, sounds = ClapFront(extractor()), noise(clips, 96_000)
    expected = front(sounds)
    monkeypatch.setitem(FRAMES_AT_ONCE, "cpu", at_once)
    torch.testing.assert_close(front(sounds), expected, atol=1e-5, rtol=0)


def test_frames_of_a_repeated_clip_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    front, made = ClapFront(extractor()), []
    once = front._mel
    monkeypatch.setattr(front, "_mel", lambda frames: (made.append(frames.shape[1]), once(frames))[1])
    front(noise(1, 240_000))
    assert sum(made) == 505  # 500 of the clip, and those over an edge
