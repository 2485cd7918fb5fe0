"""Training on features: what is learned, what is left out, what is chosen."""

import itertools
from dataclasses import replace

import pytest
import torch

from mgcld.model.cache import Keys
from mgcld.model.contrast import Explanations
from mgcld.model.options import MGCL_PLUS, PAPER, MethodOptions
from mgcld.model.parts import Parts, cache_logits, contrast_logits, total
from mgcld.training.fit import new_fusion, trained, training, training_cache
from mgcld.training.leave_one_out import MOST_ROUNDS, leave_one_out, rounds, selected
from mgcld.training.material import Material, material

AUDIO, TEXT, SEGMENTS, SENTENCES = 11, 7, 5, 3
unit = torch.nn.functional.normalize


def world(shots: list[int], options: MethodOptions = MGCL_PLUS, spread: float = 0.5) -> tuple[Material, Explanations]:
    """Classes as clusters in both spaces; `shots[c]` shots of class c, not neighbours."""
    random = torch.Generator().manual_seed(5)
    classes = len(shots)
    order = torch.randperm(sum(shots), generator=random)
    labels = torch.cat([torch.full((count,), c) for c, count in enumerate(shots)])[order]
    centres = torch.randn(classes, AUDIO, generator=random)
    fine = centres[labels][:, None] + spread * torch.randn(len(labels), SEGMENTS, AUDIO, generator=random)
    keys = Keys(unit(fine.mean(1), dim=-1), unit(fine, dim=-1), torch.full((len(labels), SEGMENTS), 1 / SEGMENTS))
    words = torch.randn(classes, TEXT, generator=random)
    caption = unit(words[labels] + spread * torch.randn(len(labels), TEXT, generator=random), dim=-1)
    rows = unit(words[:, None] + spread * torch.randn(classes, SENTENCES, TEXT, generator=random), dim=-1)
    explanations = Explanations(rows, torch.full((classes, SENTENCES), 1 / SENTENCES))
    return material(keys, caption, labels, classes, options), explanations


def alignment() -> torch.Tensor:
    return torch.eye(AUDIO, TEXT)


@pytest.mark.parametrize("options", [PAPER, MGCL_PLUS], ids=lambda options: options.mode)
def test_the_loss_falls(options: MethodOptions) -> None:
    heard, explanations = world([4, 4, 4], options)
    steps = training(new_fusion(alignment(), options), heard, explanations, options)
    losses = [loss for _, loss in itertools.islice(steps, 41)]
    assert losses[40] < losses[20] < losses[0]


def test_training_twice_gives_the_same_weights() -> None:
    for options in (MGCL_PLUS, replace(PAPER, initialisation="default")):
        heard, explanations = world([3, 3], options)
        one, two = (trained(alignment(), heard, explanations, options).state_dict() for _ in range(2))
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_zero_steps_leave_the_aligned_beginning() -> None:
    heard, explanations = world([3, 3])
    fusion = trained(alignment(), heard, explanations, replace(MGCL_PLUS, steps=0))
    assert torch.equal(fusion.w_c.weight, new_fusion(alignment(), MGCL_PLUS).w_c.weight)


def test_decay_keeps_the_weights_near_their_beginning() -> None:
    heard, explanations = world([4, 4, 4])
    begin = new_fusion(alignment(), MGCL_PLUS).w_c.weight

    def drift(decay: float) -> float:
        options = replace(MGCL_PLUS, steps=200, decay=decay, learning_rate=1e-3)
        return float((trained(alignment(), heard, explanations, options).w_c.weight - begin).norm().detach())

    assert drift(1.0) < drift(0.0) / 2


def test_a_masked_shot_does_not_hear_its_own_key() -> None:
    heard, _ = world([3, 2])
    masked, kept = training_cache(heard, MGCL_PLUS)[0], training_cache(heard, replace(MGCL_PLUS, self_match="keep"))[0]
    own = torch.arange(5), heard.labels
    assert bool((masked[own] < kept[own]).all())
    others = torch.arange(5), 1 - heard.labels
    assert torch.allclose(masked[others], kept[others])


def test_the_only_shot_of_a_class_trains_without_the_cache() -> None:
    heard, _ = world([1, 3])
    coarse, fine = training_cache(heard, MGCL_PLUS)
    single = heard.labels == 0
    assert not coarse[single].any()
    assert not fine[single].any()
    assert bool((coarse[~single] > 0).any())


def test_every_shot_with_a_sibling_is_left_out_exactly_once() -> None:
    heard, _ = world([1, 2, MOST_ROUNDS + 3])
    left = torch.cat(rounds(heard.labels))
    assert sorted(left.tolist()) == sorted((heard.labels != 0).nonzero()[:, 0].tolist())
    assert len(rounds(heard.labels)) == MOST_ROUNDS


def test_single_shots_leave_nothing_to_ask() -> None:
    heard, explanations = world([1, 1, 1])
    assert leave_one_out(alignment(), heard, explanations, MGCL_PLUS) is None


def test_an_answer_about_a_left_out_shot_does_not_know_the_shot() -> None:
    heard, explanations = world([2, 2])
    options = replace(MGCL_PLUS, selected=False, steps=3)
    answers = leave_one_out(alignment(), heard, explanations, options)
    assert answers is not None
    shot = int(answers.shots[0])
    rest = [i for i in range(4) if i not in rounds(heard.labels)[0].tolist()]
    assert shot not in rest
    alone = heard[torch.tensor(rest)]
    fusion = trained(alignment(), alone, explanations, options)
    query = heard[torch.tensor([shot])]
    near = heard.near[torch.tensor([shot]), torch.tensor(rest)]
    contrast = contrast_logits(fusion, query.keys, query.caption, explanations, options)
    expected = total(Parts(*cache_logits(near, alone.values, options), *contrast), options)
    torch.testing.assert_close(total(answers.parts[3], options)[:1], expected, atol=1e-5, rtol=0)


def test_the_choice_trusts_the_contrast_where_the_text_is_right_and_the_cache_is_not() -> None:
    heard, explanations = world([6, 6, 6], spread=0.3)
    lost = Keys(torch.roll(heard.keys.coarse, 1, 0), torch.roll(heard.keys.fine, 1, 0), heard.keys.weights)
    options = replace(MGCL_PLUS, audio_share=0.0)  # the contrast listens to the caption alone
    trusted = _chosen(material(lost, heard.caption, heard.labels, 3, options), explanations, options)
    misled = Material(heard.keys, torch.roll(heard.caption, 1, 0), heard.labels, 3, heard.near)
    distrusted = _chosen(misled, explanations, options)
    assert trusted.contrast_scale > options.contrast_scale >= distrusted.contrast_scale


def _chosen(heard: Material, explanations: Explanations, options: MethodOptions) -> MethodOptions:
    answers = leave_one_out(alignment(), heard, explanations, options)
    assert answers is not None
    return selected(answers, heard.labels, options)
