"""Training on features: what is learned, what is left out, what is chosen."""

import itertools
from dataclasses import replace
from typing import Literal

import pytest
import torch

from mgcld.model.cache import Keys
from mgcld.model.calibration import fitted_temperature, fitted_unknown
from mgcld.model.contrast import Explanations, coarse_contrast
from mgcld.model.options import MGCL_PLUS, PAPER, MethodOptions
from mgcld.model.parts import (
    Parts,
    Signs,
    Similarities,
    cache_logits,
    centre_of,
    closeness,
    closenesses,
    cohesions,
    contrast_logits,
    similarities,
    total,
)
from mgcld.model.solved import solved_logits, solved_values
from mgcld.model.within import within_of
from mgcld.training.fit import head, new_fusion, trained, training, training_cache
from mgcld.training.fitting import Fitted, Fitting
from mgcld.training.leave_one_out import MOST_ROUNDS, LeftOut, leave_one_out, rounds, selected
from mgcld.training.material import Material, Others, material

Initialisation = Literal["aligned", "default"]

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


def bare(labels: torch.Tensor) -> Material:
    """Shots of which nothing but the class is asked, each a recording of its own."""
    keys = Keys(*(torch.ones(len(labels), *more) for more in ((AUDIO,), (SEGMENTS, AUDIO), (SEGMENTS,))))
    return material(keys, torch.ones(len(labels), TEXT), labels, int(labels.max()) + 1, PAPER)


def alignment() -> torch.Tensor:
    return torch.eye(AUDIO, TEXT)


@pytest.mark.parametrize("options", [PAPER, MGCL_PLUS], ids=lambda options: options.mode)
def test_the_loss_falls(options: MethodOptions) -> None:
    heard, explanations = world([4, 4, 4], options)
    steps = training(new_fusion(alignment(), options), heard, explanations, options)
    losses = [loss for _, loss in itertools.islice(steps, 41)]
    assert losses[40] < losses[20] < losses[0]


def test_training_twice_gives_the_same_weights() -> None:
    for options in (replace(MGCL_PLUS, steps=20), replace(PAPER, initialisation="default")):
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
    one_hot = replace(MGCL_PLUS, solved=0.0)
    masked, kept = training_cache(heard, one_hot)[0], training_cache(heard, replace(one_hot, self_match="keep"))[0]
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
    left = torch.cat(rounds(heard))
    assert sorted(left.tolist()) == sorted((heard.labels != 0).nonzero()[:, 0].tolist())
    assert len(rounds(heard)) == MOST_ROUNDS


def twice(heard: Material) -> Material:
    """Every recording in two shots, which differ a little."""
    keys, random = heard.keys, torch.Generator().manual_seed(8)
    again = [unit(each + 0.05 * torch.randn(each.shape, generator=random), dim=-1) for each in (keys.coarse, keys.fine)]
    both = [torch.cat([each, other]) for each, other in zip((keys.coarse, keys.fine), again, strict=True)]
    caption, labels = heard.caption.repeat(2, 1), heard.labels.repeat(2)
    recordings = torch.arange(len(heard.labels)).repeat(2)
    return material(Keys(*both, keys.weights.repeat(2, 1)), caption, labels, heard.classes, MGCL_PLUS, recordings)


def test_two_answers_of_one_recording_count_as_one_against_what_is_usual() -> None:
    random = torch.Generator().manual_seed(9)
    for _ in range(40):
        labels = torch.arange(3).repeat_interleave(4)
        cache, contrast = (torch.eye(3)[labels] + torch.randn(12, 3, generator=random) for _ in range(2))
        once, both = bare(labels), replace(bare(labels.repeat(2)), recordings=torch.arange(12).repeat(2))
        answers = LeftOut(torch.arange(12), {0: Parts(cache, cache, contrast, contrast)}, cache)
        pairs = [torch.cat([each, each]) for each in (cache, contrast)]
        doubled = LeftOut(torch.arange(24), {0: Parts(pairs[0], pairs[0], pairs[1], pairs[1])}, pairs[0])
        assert selected(doubled, both, MGCL_PLUS) == selected(answers, once, MGCL_PLUS)
        temperatures = fitted_temperature(pairs[0], labels.repeat(2), both.hearings), fitted_temperature(cache, labels)
        assert temperatures[0] == temperatures[1]
        own, foreign = Signs(cache, contrast), Signs(cache.roll(1, 1), contrast)
        pair = Signs(pairs[0], pairs[1])
        assert fitted_unknown(pair, foreign, 8.0, both.hearings) == fitted_unknown(own, foreign, 8.0)


def test_shots_of_one_recording_are_left_out_together() -> None:
    heard, explanations = world([1, 2, 3])
    both = twice(heard)
    assert both.recordings_per_class.tolist() == [1, 2, 3]
    single = int((heard.labels == 0).nonzero())
    for left in rounds(both):
        assert sorted(left.tolist()) == sorted({i % 6 for i in left.tolist()} | {i % 6 + 6 for i in left.tolist()})
    asked = torch.cat(rounds(both)).tolist()
    assert sorted(asked) == [i for i in range(12) if i % 6 != single]
    options = replace(MGCL_PLUS, selected=False)
    answers = leave_one_out(alignment(), both, explanations, options)
    assert answers is not None
    first = rounds(both)[0]
    rest = torch.tensor([i for i in range(12) if i not in first.tolist()])
    alone = head(trained(alignment(), both[rest], explanations, options), both[rest], explanations, options)
    torch.testing.assert_close(answers.near[: len(first)], alone.closeness(both.near[first, rest]), atol=1e-5, rtol=0)


def test_the_only_recording_of_a_class_trains_without_the_cache_in_all_its_shots() -> None:
    both = twice(world([1, 3])[0])
    coarse, fine = training_cache(both, MGCL_PLUS)
    single = both.labels == 0
    assert int(single.sum()) == 2
    assert not coarse[single].any()
    assert not fine[single].any()
    assert bool((coarse[~single] > 0).any())


def test_with_two_shots_of_each_recording_the_text_counts_as_with_one() -> None:
    labels = torch.arange(3).repeat_interleave(4)
    material_of_both = replace(bare(labels.repeat(2)), recordings=torch.arange(12).repeat(2))
    right = torch.eye(3)[labels.repeat(2)]
    answers = LeftOut(torch.arange(24), {0: Parts(right, right, right, right)}, right)
    assert selected(answers, material_of_both, MGCL_PLUS).contrast_scale == 1.0


def test_single_shots_leave_nothing_to_ask() -> None:
    heard, explanations = world([1, 1, 1])
    assert leave_one_out(alignment(), heard, explanations, MGCL_PLUS) is None


@pytest.mark.parametrize("options", [PAPER, MGCL_PLUS], ids=lambda options: options.mode)
def test_an_answer_about_a_left_out_shot_does_not_know_the_shot(options: MethodOptions) -> None:
    """Keys, cohesion, centre and weights come from the other shots alone."""
    heard, explanations = world([3, 2], options)
    options = replace(options, selected=False, steps=3)
    answers = leave_one_out(alignment(), heard, explanations, options)
    assert answers is not None
    row = 0
    for left in rounds(heard):
        rest = torch.tensor([i for i in range(5) if i not in left.tolist()])
        alone, query = heard[rest], heard[left]
        assert answers.shots[row : row + len(left)].tolist() == left.tolist()
        fusion = trained(alignment(), alone, explanations, options)
        if options.tied:
            fusion.tie()
        own, near = similarities(alone.keys, alone.keys, options), similarities(query.keys, alone.keys, options)
        within = [within_of(each, alone.values, options.within) for each in (own.coarse, own.fine)]
        own, near = (Similarities(within[0](s.coarse), within[1](s.fine)) for s in (own, near))
        alike = cohesions(own, alone.values, options)
        cache = [
            by_name + solved
            for by_name, solved in zip(
                cache_logits(near, alone.values, alike, options),
                solved_logits(near, solved_values(own, alone.values, options), options),
                strict=True,
            )
        ]
        said = contrast_logits(fusion, query.keys, query.caption, explanations, options)
        of_rest = contrast_logits(fusion, alone.keys, alone.caption, explanations, options)
        contrast = said.against(centre_of(of_rest, alone.values, options))
        found = answers.parts[3]
        wanted = (*cache, contrast.coarse, contrast.fine)
        for name, part in zip(("coarse_cache", "fine_cache", "coarse_contrast", "fine_contrast"), wanted, strict=True):
            torch.testing.assert_close(getattr(found, name)[row : row + len(left)], part, atol=1e-5, rtol=0)
        close = closeness(near, alone.values, alike, options)
        torch.testing.assert_close(answers.near[row : row + len(left)], close, atol=1e-5, rtol=0)
        row += len(left)
    assert row == 5


@pytest.mark.parametrize("options", [PAPER, MGCL_PLUS], ids=lambda options: options.mode)
def test_shots_that_are_left_out_together_do_not_hear_each_other(options: MethodOptions) -> None:
    heard, explanations = world([3, 2], options)
    options = replace(options, selected=False, steps=2)
    first, second = rounds(heard)[0].tolist()
    keys, others = heard.keys, torch.arange(5) != second
    strange = Keys(
        torch.where(others[:, None], keys.coarse, -keys.coarse),
        torch.where(others[:, None, None], keys.fine, keys.fine.flip(-1)),
        keys.weights,
    )
    caption = torch.where(others[:, None], heard.caption, -heard.caption)
    changed = material(strange, caption, heard.labels, 2, options)
    one, two = (leave_one_out(alignment(), m, explanations, options) for m in (heard, changed))
    assert one is not None
    assert two is not None
    assert one.shots[:2].tolist() == two.shots[:2].tolist() == [first, second]
    same, other = (total(answers.parts[2], options) for answers in (one, two))
    torch.testing.assert_close(other[0], same[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(two.near[0], one.near[0], atol=1e-6, rtol=0)
    for i in range(1, 5):  # itself, and what was heard beside it
        assert not torch.allclose(other[i], same[i], atol=1e-3)


def test_the_choice_trusts_the_contrast_where_the_text_is_right_and_the_cache_is_not() -> None:
    heard, explanations = world([6, 6, 6])
    lost = Keys(torch.roll(heard.keys.coarse, 1, 0), torch.roll(heard.keys.fine, 1, 0), heard.keys.weights)
    # The contrast listens to the caption alone, and with 6 shots a class begins at 1, between what may be chosen.
    options = replace(MGCL_PLUS, audio_share=0.0, within=0.0, contrast_scale=6**0.5)
    trusted = _chosen(material(lost, heard.caption, heard.labels, 3, options), explanations, options)
    misled = Material(heard.keys, torch.roll(heard.caption, 1, 0), heard.labels, 3, heard.near, heard.recordings)
    distrusted = _chosen(misled, explanations, options)
    assert trusted.contrast_scale > 1 > distrusted.contrast_scale


def test_the_choice_is_the_scale_at_which_left_out_shots_come_out_right() -> None:
    labels = torch.arange(3).repeat_interleave(6)
    right = torch.eye(3)[labels]
    wrong = right.roll(1, 1)
    options = replace(MGCL_PLUS, contrast_scale=6**0.5)
    six = bare(labels)

    def chosen(cache: torch.Tensor, contrast: torch.Tensor) -> float:
        answers = LeftOut(torch.arange(18), {0: Parts(cache, cache, contrast, contrast)}, cache)
        return selected(answers, six, options).contrast_scale

    assert chosen(1.5 * wrong, right) == 2
    assert chosen(0.7 * right, wrong) == 0.5
    assert chosen(right, right) == 1


@pytest.mark.parametrize(("shots", "begins"), [(4, 1.0), (16, 0.5), (64, 0.25)])
def test_with_more_shots_the_text_counts_less_unless_they_say_otherwise(shots: int, begins: float) -> None:
    labels = torch.arange(3).repeat_interleave(shots)
    right = torch.eye(3)[labels]
    answers = LeftOut(torch.arange(3 * shots), {0: Parts(right, right, right, right)}, right)
    assert MGCL_PLUS.contrast_scale == 2
    assert selected(answers, bare(labels), MGCL_PLUS).contrast_scale == begins


def test_where_everything_is_right_nothing_is_chosen_otherwise() -> None:
    assert _chosen(*world([4, 4, 4]), MGCL_PLUS) == replace(MGCL_PLUS, contrast_scale=1.0)
    assert MGCL_PLUS.steps == 0


def test_training_is_chosen_where_left_out_shots_gain_by_it_and_made_so() -> None:
    """Each class is explained by another's words: only training can find out."""
    heard, explanations = world([6, 6, 6], spread=1.2)
    options = replace(MGCL_PLUS, audio_share=0.0, learning_rate=0.1)
    swapped = Explanations(explanations.rows.roll(1, 0), explanations.weights)
    chosen = _chosen(heard, swapped, options)
    assert chosen.steps == 20
    fitted = fitting(heard, swapped, options)
    assert fitted.head.options == chosen
    assert torch.equal(
        fitted.head.fusion.w_c.weight, trained(alignment(), heard, swapped, replace(options, steps=20)).w_c.weight
    )
    left_alone = fitting(*world([6, 6, 6]), MGCL_PLUS)
    assert torch.equal(left_alone.head.fusion.w_c.weight, new_fusion(alignment(), MGCL_PLUS).w_c.weight)


def test_the_paper_chooses_nothing() -> None:
    fitted = fitting(*world([3, 3], PAPER), PAPER)
    assert fitted.head.options == PAPER
    assert fitted.left_out is not None
    assert list(fitted.left_out.parts) == [PAPER.steps]
    assert not fitted.head.centre.coarse.any()


@pytest.mark.parametrize("mode", [PAPER, MGCL_PLUS], ids=lambda options: options.mode)
def test_mgclplus_trains_one_matrix_and_the_paper_three(mode: MethodOptions) -> None:
    heard, explanations = world([4, 4, 4], mode)
    options = replace(mode, steps=5, learning_rate=1e-2)
    begin, after = new_fusion(alignment(), options), trained(alignment(), heard, explanations, options)
    moved = {name: not torch.equal(weight, begin.state_dict()[name]) for name, weight in after.state_dict().items()}
    assert moved == {"w_c.weight": True, "w_p.weight": not options.tied, "w_f.weight": not options.tied}


@pytest.mark.parametrize("initialisation", ["aligned", "default"])
def test_where_the_maps_are_tied_the_fine_ones_follow_the_coarse_one(initialisation: Initialisation) -> None:
    heard, explanations = world([4, 4, 4])
    options = replace(MGCL_PLUS, steps=5, learning_rate=1e-2, initialisation=initialisation)
    made = head(trained(alignment(), heard, explanations, options), heard, explanations, options)
    assert torch.equal(made.fusion.w_p.weight, made.fusion.w_c.weight)
    assert torch.equal(made.fusion.w_f.weight, torch.eye(TEXT))
    assert not torch.allclose(made.fusion.w_c.weight, new_fusion(alignment(), options).w_c.weight, atol=1e-3)
    assert not any(weight.requires_grad for weight in made.fusion.parameters())


def test_the_papers_maps_are_left_as_they_were_trained() -> None:
    heard, explanations = world([4, 4, 4], PAPER)
    fusion = trained(alignment(), heard, explanations, PAPER)
    before = {name: weight.clone() for name, weight in fusion.state_dict().items()}
    made = head(fusion, heard, explanations, PAPER)
    assert all(torch.equal(weight, before[name]) for name, weight in made.fusion.state_dict().items())
    assert not torch.equal(made.fusion.w_p.weight, made.fusion.w_c.weight)


@pytest.mark.parametrize("options", [PAPER, replace(PAPER, temperature=3.0)], ids=["paper", "hotter"])
def test_the_papers_loss_is_the_cross_entropy_of_the_total(options: MethodOptions) -> None:
    heard, explanations = world([3, 1, 4], options)
    fusion = new_fusion(alignment(), options)
    said = head(fusion, heard, explanations, options).parts(heard.near, heard.keys, heard.caption)
    logits = options.temperature * total(said, options).detach().double()
    rows = range(len(heard.labels))
    wanted = sum(float(logits[i].exp().sum().log() - logits[i, heard.labels[i]]) for i in rows) / len(rows)
    assert next(training(fusion, heard, explanations, options)) == (0, pytest.approx(wanted, abs=1e-5))


# Shrinking is measured on all shots, here on those that are left: the larger the contrast, the more that shows.
@pytest.mark.parametrize(
    "options", [replace(MGCL_PLUS, contrast_scale=1.0), replace(MGCL_PLUS, within=0.0)], ids=["shrunk", "as it is"]
)
def test_mgclplus_trains_on_tempered_logits_without_own_keys_and_against_the_centre(options: MethodOptions) -> None:
    heard, explanations = world([3, 1, 4])
    fusion = new_fusion(alignment(), options)
    keys, said = heard.keys, fusion.coarse(heard.keys.coarse, heard.caption)
    losses = []
    contrast = coarse_contrast(said, explanations, options).detach().double()
    by_class = torch.stack([contrast[heard.labels == c].mean(0) for c in range(3)])
    own, others = by_class.diagonal(), (by_class.sum(0) - by_class.diagonal()) / 2
    contrast = contrast - (own + others) / 2
    for i, label in enumerate(heard.labels.tolist()):
        rest, this = torch.arange(8) != i, torch.tensor([i])
        rest_keys = keys[rest.nonzero()[:, 0]]
        cache = torch.zeros(3, dtype=torch.float64)
        if int((heard.labels == label).sum()) > 1:  # the only shot of its class trains on the contrast alone
            left = similarities(rest_keys, rest_keys, options)
            values = heard.values[rest]
            near = similarities(keys[this], rest_keys, options)
            coarse, fine = closenesses(near, values, cohesions(left, values, options), options)
            solved = solved_logits(near, solved_values(left, values, options), options)
            cache = (coarse + fine + solved[0] + solved[1])[0].double()
        logits = 8.0 * (cache + 2 * options.contrast_scale * contrast[i])
        losses.append(float(logits.exp().sum().log() - logits[label]))
    found = next(training(fusion, heard, explanations, options))
    assert found == (0, pytest.approx(sum(losses) / 8, abs=1e-4))


def fitting(heard: Material, explanations: Explanations, options: MethodOptions) -> Fitted:
    """All of it, with some noise that is no class."""
    random = torch.Generator().manual_seed(8)
    fine = unit(torch.randn(4, SEGMENTS, AUDIO, generator=random), dim=-1)
    keys = Keys(unit(fine.mean(1), dim=-1), fine, torch.full((4, SEGMENTS), 1 / SEGMENTS))
    foreign = Others(keys, unit(torch.randn(4, TEXT, generator=random), dim=-1))
    return Fitting(heard, None, foreign, explanations, alignment(), options).run(lambda *_: None)


def _chosen(heard: Material, explanations: Explanations, options: MethodOptions) -> MethodOptions:
    answers = leave_one_out(alignment(), heard, explanations, options)
    assert answers is not None
    return selected(answers, heard, options)
