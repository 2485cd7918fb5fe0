"""Suggested thresholds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcld.training.reporting.thresholds import DEFAULT, HIGHEST, LOWEST, suggested

NONE = torch.zeros(0)
probabilities = st.lists(st.floats(0, 1, width=32), max_size=9).map(torch.tensor)


def test_it_lies_in_the_middle_of_the_gap() -> None:
    assert suggested(torch.tensor([0.8, 0.9]), torch.tensor([0.1, 0.4]), torch.tensor([0.2])) == 0.6


def test_without_own_shots_it_is_the_default() -> None:
    assert suggested(NONE, torch.tensor([0.7, 0.9]), torch.tensor([0.95])) == DEFAULT


def test_one_lost_shot_does_not_drag_it_down() -> None:
    own, others = torch.tensor([0.01, 0.7, 0.8, 0.9, 0.8]), torch.tensor([0.02, 0.03, 0.3])
    assert 0.5 <= suggested(own, others, NONE) <= 0.7


def test_background_weighs_more_than_other_shots() -> None:
    own = torch.tensor([0.6, 0.9])
    assert suggested(own, torch.tensor([0.7, 0.1, 0.1]), NONE) < 0.6
    assert suggested(own, NONE, torch.tensor([0.7, 0.1, 0.1])) > 0.7


def test_it_is_never_where_something_else_would_be_more_likely() -> None:
    assert suggested(torch.tensor([0.3, 0.4]), torch.tensor([0.01, 0.02]), NONE) == LOWEST == 0.5


@given(own=probabilities, others=probabilities, background=probabilities)
def test_it_is_never_extreme_and_does_not_depend_on_the_order(
    own: torch.Tensor, others: torch.Tensor, background: torch.Tensor
) -> None:
    value = suggested(own.float(), others.float(), background.float())
    assert LOWEST <= value <= HIGHEST
    assert value == pytest.approx(suggested(own.flip(0).float(), others.flip(0).float(), background.flip(0).float()))
