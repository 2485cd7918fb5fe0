import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mgcld.model.calibration import (
    CONTRAST_WEIGHT,
    DEFAULT_TEMPERATURE,
    LONE_SHARE,
    LONE_TEMPERATURE,
    WIDTH,
    WIDTHS,
    Calibration,
    fitted_temperature,
    fitted_unknown,
    lone_temperature,
    probabilities,
)
from mgcld.model.options import MGCL_PLUS
from mgcld.model.parts import Parts, Signs, joined, signs_of

CALIBRATION = Calibration(temperature=6.0, threshold=0.5, width=0.05, contrast_weight=0.5)
CLOSENESS = st.floats(-1, 1, width=32)


def signs(closeness: Tensor, contrast: Tensor | None = None) -> Signs:
    return Signs(closeness, torch.zeros_like(closeness) if contrast is None else contrast)


def asked(
    near: list[list[float]],
    *,
    background: list[float] | None = None,
    silent: list[bool] | None = None,
    logits: list[list[float]] | None = None,
    contrast: list[list[float]] | None = None,
    calibration: Calibration = CALIBRATION,
) -> tuple[Tensor, Tensor]:
    return probabilities(
        torch.tensor(logits or near),
        signs(torch.tensor(near), None if contrast is None else torch.tensor(contrast)),
        None if background is None else torch.tensor(background),
        torch.tensor(silent or [False] * len(near)),
        calibration,
    )


@settings(deadline=None, max_examples=60)
@given(
    near=st.lists(st.lists(CLOSENESS, min_size=3, max_size=3), min_size=5, max_size=5),
    background=st.none() | st.lists(CLOSENESS, min_size=5, max_size=5),
    silent=st.lists(st.booleans(), min_size=5, max_size=5),
    temperature=st.floats(1, 64),
    width=st.floats(min(WIDTHS), max(WIDTHS)),
)
def test_probabilities_sum_to_1_with_unknown(
    near: list[list[float]], background: list[float] | None, silent: list[bool], temperature: float, width: float
) -> None:
    calibration = Calibration(temperature, 0.4, width)
    p, unknown = asked(near, background=background, silent=silent, calibration=calibration)
    assert torch.allclose(p.sum(1) + unknown, torch.ones(5), atol=1e-6)
    assert p.min() >= 0
    assert unknown.min() >= 0


def test_a_silent_window_is_unknown_however_near_it_is() -> None:
    p, unknown = asked([[1.0, 0.2], [1.0, 0.2]], silent=[True, False])
    assert unknown[0] == 1
    assert not p[0].any()
    assert unknown[1] < 0.01


def test_the_threshold_is_where_known_and_unknown_are_alike() -> None:
    _, unknown = asked([[0.5, 0.1], [0.5 + 0.05, 0.1], [0.5 - 0.05, 0.1]])
    assert unknown.tolist() == pytest.approx([0.5, 1 - 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-1))], abs=1e-6)


def test_one_class_alone_is_known_or_not() -> None:
    p, unknown = asked([[0.9], [0.1]], logits=[[1.7], [0.2]])
    assert p[0, 0] > 0.99
    assert p[1, 0] < 0.01
    assert torch.allclose(p[:, 0] + unknown, torch.ones(2))


@settings(deadline=None, max_examples=60)
@given(near=st.tuples(CLOSENESS, CLOSENESS), other=CLOSENESS, background=st.none() | CLOSENESS)
def test_nearer_is_never_less_known(near: tuple[float, float], other: float, background: float | None) -> None:
    behind = None if background is None else [background] * 2
    _, unknown = asked([[min(near), other], [max(near), other]], background=behind, logits=[[0.0, 0.0]] * 2)
    assert unknown[1] <= unknown[0] + 1e-6


def test_a_background_that_is_nearer_than_any_class_pulls_to_unknown() -> None:
    near = [[0.8, 0.1]] * 3
    _, alone = asked(near)
    _, unknown = asked(near, background=[0.1, 0.8, 0.95])
    assert unknown[0] == pytest.approx(float(alone[0]), abs=1e-3)
    assert unknown[1] == pytest.approx(0.5, abs=0.01)
    assert unknown[2] > 0.9


def test_among_known_classes_the_temperature_sharpens_the_logits() -> None:
    logits = [[0.3, 0.1, 0.2]]
    for temperature in (1.0, 10.0):
        p, unknown = asked([[0.9, 0.1, 0.2]], logits=logits, calibration=Calibration(temperature, 0.5, 0.05))
        powers = np.exp(temperature * np.array(logits[0]))
        assert (p[0] / (1 - unknown[0])).numpy() == pytest.approx(powers / powers.sum(), abs=1e-5)


def of_one_class(closeness: Tensor, contrast: Tensor | None = None) -> Signs:
    return signs(closeness[:, None], None if contrast is None else contrast[:, None])


@pytest.mark.parametrize(("own", "foreign"), [((0.8, 0.03), (0.3, 0.03)), ((0.6, 0.1), (0.4, 0.1))])
def test_the_threshold_lies_between_own_and_foreign_sounds(
    own: tuple[float, float], foreign: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    inside = torch.tensor(rng.normal(*own, 60), dtype=torch.float32)
    outside = torch.tensor(rng.normal(*foreign, 40), dtype=torch.float32)
    found = fitted_unknown(of_one_class(inside), of_one_class(outside), 8.0)
    assert foreign[0] < found.threshold < own[0]
    assert found.temperature == 8.0
    _, unknown = asked([[own[0]], [foreign[0]]], calibration=found)
    assert unknown[0] < 0.3 < 0.7 < unknown[1]


def test_the_probability_of_unknown_is_the_share_of_foreign_sounds_there() -> None:
    """Calibrated: where a third of what comes is foreign, the answer is a third."""
    rng = np.random.default_rng(1)
    inside = torch.tensor(rng.normal(0.6, 0.1, 4000), dtype=torch.float32)
    outside = torch.tensor(rng.normal(0.4, 0.1, 4000), dtype=torch.float32)
    found = fitted_unknown(of_one_class(inside), of_one_class(outside), 8.0)
    for low in (0.4, 0.5, 0.6):
        own, foreign = (int(((group >= low) & (group < low + 0.02)).sum()) for group in (inside, outside))
        _, unknown = asked([[low + 0.01]], calibration=found)
        assert float(unknown[0]) == pytest.approx(foreign / (own + foreign), abs=0.06)


def test_groups_that_overlap_make_a_wide_border() -> None:
    spread = torch.linspace(0.2, 0.8, 61)
    wide = fitted_unknown(of_one_class(spread + 0.05), of_one_class(spread), 8.0)
    narrow = fitted_unknown(of_one_class(spread / 10 + 0.8), of_one_class(spread / 10 + 0.5), 8.0)
    assert wide.width == max(WIDTHS)
    assert narrow.width <= WIDTH / 2


def test_a_contrast_that_tells_the_groups_apart_counts_more_than_one_that_does_not() -> None:
    rng = np.random.default_rng(2)
    same = torch.tensor(rng.normal(0.5, 0.1, 80), dtype=torch.float32)
    noise = torch.tensor(rng.normal(0, 0.2, 80), dtype=torch.float32)
    told = fitted_unknown(of_one_class(same, noise.abs() + 0.1), of_one_class(same, -noise.abs() - 0.1), 8.0)
    drowned = fitted_unknown(of_one_class(same + 0.25, noise), of_one_class(same - 0.25, noise.flip(0)), 8.0)
    assert told.contrast_weight > drowned.contrast_weight


def test_single_shots_put_the_threshold_between_foreign_sounds_and_themselves() -> None:
    foreign = torch.linspace(0.1, 0.5, 41)
    found = fitted_unknown(None, of_one_class(foreign), 8.0)
    assert found.threshold == pytest.approx(0.3 + LONE_SHARE * 0.7, abs=0.01)
    assert (found.width, found.contrast_weight) == (WIDTH, CONTRAST_WEIGHT)
    _, unknown = asked([[1.0], [0.3]], calibration=found)
    assert unknown[0] < 0.02
    assert unknown[1] > 0.85


def test_a_few_recordings_move_the_threshold_less_than_many() -> None:
    foreign = of_one_class(torch.linspace(0.1, 0.5, 41))
    alone = fitted_unknown(None, foreign, 8.0).threshold
    low = torch.full((60,), 0.35)
    few, many = (fitted_unknown(of_one_class(low[:count]), foreign, 8.0).threshold for count in (2, 60))
    assert many < few < alone


def test_the_class_counts_for_which_closeness_and_contrast_say_most_together() -> None:
    near = [[0.5, 0.1], [0.5, 0.45], [0.5, 0.1]]
    _, unknown = asked(near, contrast=[[0.1, 0.2], [0.0, 0.2], [-0.1, 0.3]])
    odds = [share / 0.05 for share in (0.5 * 0.1, 0.5 * 0.2 - 0.05, -0.5 * 0.1)]
    assert unknown.tolist() == pytest.approx([1 / (1 + math.exp(x)) for x in odds], abs=1e-5)


def test_what_speaks_for_each_class_is_its_closeness_and_what_the_centred_contrast_says() -> None:
    near = torch.tensor([[0.9, 0.2, 0.3, 0.4]] * 2)
    contrast = torch.tensor([[-0.8, 0.05, 0.0, 0.3], [0.1, 0.0, 0.0, 0.0]])
    parts = Parts(near, near, contrast, contrast)
    found = signs_of(parts, near, MGCL_PLUS)
    assert torch.equal(found.closeness, near)
    assert torch.allclose(found.contrast, MGCL_PLUS.contrast_scale * contrast)
    assert not signs_of(parts, near, replace(MGCL_PLUS, centred=False)).contrast.any()
    bare = signs_of(parts, near, replace(MGCL_PLUS, without="fine_contrast"))
    assert torch.allclose(bare.contrast, MGCL_PLUS.contrast_scale / 2 * parts.coarse_contrast)


def test_background_is_compared_with_the_nearest_class_whatever_the_contrast_says() -> None:
    near, contrast = [[0.5, 0.45]], [[0.0, 0.2]]
    _, without = asked(near, contrast=contrast)
    _, unknown = asked(near, contrast=contrast, background=[0.48])
    known = 1 / (1 + math.exp(-(0.5 - 0.48) / 0.05))
    assert 1 - float(unknown) == pytest.approx((1 - float(without)) * known, abs=1e-5)


def test_foreign_sounds_whose_own_class_is_barred_are_judged_by_the_others() -> None:
    rng = torch.Generator().manual_seed(3)
    closeness, contrast = torch.rand(40, 3, generator=rng), torch.randn(40, 3, generator=rng) / 10
    barred = torch.arange(40)[:, None] % 3 == torch.arange(3)
    rest = torch.stack([torch.arange(3)[~row] for row in barred])
    whole = fitted_unknown(None, Signs(closeness.masked_fill(barred, -torch.inf), contrast), 8.0)
    cut = fitted_unknown(None, Signs(closeness.gather(1, rest), contrast.gather(1, rest)), 8.0)
    assert whole == cut


def test_a_barred_class_is_as_if_it_were_not_there() -> None:
    near = torch.tensor([[0.9, 0.2, 0.3, 0.4]] * 2)
    contrast = torch.tensor([[5.0, 0.05, 0.0, 0.3], [0.1, 0.0, 0.0, 0.0]])
    barred = torch.tensor([[True, False, False, False], [False, False, False, True]])
    found = CALIBRATION.familiarity(signs_of(Parts(near, near, contrast, contrast), near, MGCL_PLUS, barred))
    scale = 0.5 * MGCL_PLUS.contrast_scale
    assert found.tolist() == pytest.approx([0.4 + 0.3 * scale, 0.9 + 0.1 * scale])


def test_batches_are_joined_in_order() -> None:
    one, other = (
        Signs(torch.tensor([[0.1, 0.7]]), torch.tensor([[0.2, 0.8]])),
        Signs(torch.tensor([[0.3, 0.5], [0.0, 0.9]]), torch.tensor([[0.4, 0.6], [0.1, 0.2]])),
    )
    both = joined(one, other)
    assert torch.equal(both.closeness, torch.tensor([[0.1, 0.7], [0.3, 0.5], [0.0, 0.9]]))
    assert torch.equal(both.contrast, torch.tensor([[0.2, 0.8], [0.4, 0.6], [0.1, 0.2]]))


@pytest.mark.parametrize("planted", [1.5, 6.0, 25.0])
def test_a_planted_temperature_is_found(planted: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5 / planted, (6000, 4))
    p = np.exp(planted * logits)
    p /= p.sum(1, keepdims=True)
    labels = (p.cumsum(1) > rng.random((6000, 1))).argmax(1)
    found = fitted_temperature(torch.tensor(logits, dtype=torch.float32), torch.tensor(labels))
    assert found == pytest.approx(planted, rel=0.1)


def test_single_shots_that_are_alike_make_it_less_sure() -> None:
    far, near, nearest = (lone_temperature(torch.tensor(row)) for row in ([0.3, 0.6], [0.5, 0.7], [0.9, 1.0]))
    assert far == pytest.approx(LONE_TEMPERATURE / 0.45)
    assert far > near > nearest >= LONE_TEMPERATURE
    assert lone_temperature(torch.tensor([-0.2, 0.1])) == pytest.approx(DEFAULT_TEMPERATURE)
