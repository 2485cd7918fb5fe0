from dataclasses import replace

import numpy as np
import pytest
import torch
from worlds import AUDIO, TEXT, world

from mgcld.model.contrast import Fusion
from mgcld.model.options import PAPER
from mgcld.training.fit import new_fusion

ALIGNMENT = torch.tensor(np.random.default_rng(0).normal(size=(AUDIO, TEXT)), dtype=torch.float32)


@pytest.fixture
def sounds() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Coarse features, segments and captions of a few windows."""
    made = world()
    return made.query.coarse, made.query.fine, made.caption


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_an_aligned_fusion_mixes_aligned_audio_and_caption(sounds: tuple[torch.Tensor, ...], share: float) -> None:
    coarse, fine, caption = sounds
    fusion = Fusion(AUDIO, TEXT).align(ALIGNMENT, share)
    mixed = share * coarse @ ALIGNMENT + (1 - share) * caption
    assert torch.allclose(fusion.coarse(coarse, caption), mixed, atol=1e-5)
    mixed = share * fine @ ALIGNMENT + (1 - share) * caption[:, None]
    assert torch.allclose(fusion.fine(fine, caption), mixed, atol=1e-5)


def test_the_identity_is_an_alignment() -> None:
    fusion = Fusion(TEXT, TEXT).align(torch.eye(TEXT), 0.5)
    both = torch.randn(5, TEXT, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(fusion.coarse(both, both), both, atol=1e-6)
    assert torch.allclose(fusion.fine(both[:, None], both), both[:, None], atol=1e-6)


def test_w_p_comes_before_w_f(sounds: tuple[torch.Tensor, ...]) -> None:
    _, fine, caption = sounds
    made = world()
    found = made.fusion.fine(fine, caption).numpy()
    for b in range(fine.shape[0]):
        for i in range(fine.shape[1]):
            inner = made.weights.w_p @ np.concatenate([fine[b, i].numpy(), caption[b].numpy()])
            assert found[b, i] == pytest.approx(made.weights.w_f @ inner, abs=1e-4)


def test_nothing_has_a_bias() -> None:
    fusion = Fusion(AUDIO, TEXT)
    assert set(fusion.state_dict()) == {"w_c.weight", "w_p.weight", "w_f.weight"}
    nothing, caption = torch.zeros(5, 6, AUDIO), torch.zeros(5, TEXT)
    assert not fusion.coarse(nothing[:, 0], caption).any()
    assert not fusion.fine(nothing, caption).any()


def test_alignment_and_share_are_chosen_by_the_options(sounds: tuple[torch.Tensor, ...]) -> None:
    coarse, _, caption = sounds
    begun = new_fusion(ALIGNMENT, replace(PAPER, audio_share=0.3))
    mixed = 0.3 * coarse @ ALIGNMENT + 0.7 * caption
    assert torch.allclose(begun.coarse(coarse, caption), mixed, atol=1e-5)


def test_a_default_fusion_begins_at_random_but_always_the_same(sounds: tuple[torch.Tensor, ...]) -> None:
    coarse, _, caption = sounds
    options = replace(PAPER, initialisation="default")
    before = torch.random.get_rng_state()
    first, second = new_fusion(ALIGNMENT, options), new_fusion(ALIGNMENT, options)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.w_c.weight, second.w_c.weight)
    aligned = new_fusion(ALIGNMENT, PAPER)
    assert not torch.allclose(first.coarse(coarse, caption), aligned.coarse(coarse, caption), atol=0.1)
