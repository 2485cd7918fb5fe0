import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mgcld.model.calibration import (
    NARROWEST,
    REACH,
    WIDEST,
    Calibration,
    fitted_temperature,
    known_threshold,
    probabilities,
)

CALIBRATION = Calibration(temperature=6.0, threshold=0.5, width=0.05)
CLOSENESS = st.floats(-1, 1, width=32)


def asked(
    near: list[list[float]],
    *,
    background: list[float] | None = None,
    silent: list[bool] | None = None,
    logits: list[list[float]] | None = None,
    calibration: Calibration = CALIBRATION,
) -> tuple[Tensor, Tensor]:
    return probabilities(
        torch.tensor(logits or near),
        torch.tensor(near),
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
    width=st.floats(NARROWEST, WIDEST),
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


@pytest.mark.parametrize(("own", "foreign"), [((0.8, 0.03), (0.3, 0.03)), ((0.6, 0.1), (0.4, 0.1))])
def test_the_threshold_lies_between_own_and_foreign_sounds(
    own: tuple[float, float], foreign: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    inside = torch.tensor(rng.normal(*own, 60), dtype=torch.float32)
    outside = torch.tensor(rng.normal(*foreign, 40), dtype=torch.float32)
    threshold, width = known_threshold(inside, outside)
    assert foreign[0] < threshold < own[0]
    assert NARROWEST <= width <= WIDEST
    _, unknown = asked([[own[0]], [foreign[0]]], calibration=Calibration(8.0, threshold, width))
    assert unknown[0] < 0.25
    assert unknown[1] > 0.5


def test_groups_far_apart_leave_the_threshold_within_reach_of_the_own_sounds() -> None:
    threshold, _ = known_threshold(torch.full((5,), 0.9), torch.full((7,), -0.6))
    assert threshold == pytest.approx(0.9 - REACH, abs=1e-6)


def test_groups_that_overlap_make_a_wide_border() -> None:
    spread = torch.linspace(0.2, 0.8, 31)
    _, wide = known_threshold(spread + 0.05, spread)
    _, narrow = known_threshold(spread / 10 + 0.8, spread / 10 + 0.5)
    assert narrow == pytest.approx(NARROWEST)
    assert wide > 5 * narrow


def test_single_shots_put_the_threshold_between_foreign_sounds_and_themselves() -> None:
    foreign = torch.linspace(0.1, 0.5, 41)
    threshold, width = known_threshold(None, foreign)
    assert float(foreign.quantile(0.9)) < threshold < 1
    assert width > 0
    _, unknown = asked([[1.0], [0.3]], calibration=Calibration(8.0, threshold, width))
    assert unknown[0] < 0.01
    assert unknown[1] > 0.9


@pytest.mark.parametrize("planted", [1.5, 6.0, 25.0])
def test_a_planted_temperature_is_found(planted: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5 / planted, (6000, 4))
    p = np.exp(planted * logits)
    p /= p.sum(1, keepdims=True)
    labels = (p.cumsum(1) > rng.random((6000, 1))).argmax(1)
    found = fitted_temperature(torch.tensor(logits, dtype=torch.float32), torch.tensor(labels))
    assert found == pytest.approx(planted, rel=0.1)
