from dataclasses import replace

import numpy as np
import pytest
import torch
from worlds import CLASSES, LABELS, SHOTS, world

from mgcld.model.cache import affinity
from mgcld.model.options import MGCL_PLUS, PAPER
from mgcld.model.parts import Similarities, similarities
from mgcld.model.solved import RIDGE, solved_left_out, solved_logits, solved_values

HALF = replace(MGCL_PLUS, solved=0.5)


def own(seed: int = 0) -> Similarities:
    keys = world(seed).keys
    return similarities(keys, keys, MGCL_PLUS)


def said(near: Similarities, solved: torch.Tensor) -> torch.Tensor:
    coarse, fine = solved_logits(near, solved, HALF)
    return coarse + fine


def test_the_shots_are_named_but_for_the_ridge() -> None:
    near, values = own(), world().values
    solved = solved_values(near, values, HALF)
    assert solved.shape == (SHOTS, CLASSES)
    left = 0.5 * (values - 1 / CLASSES) - said(near, solved)
    assert torch.allclose(left, RIDGE * solved, atol=1e-4)
    assert said(near, solved).argmax(1).tolist() == list(LABELS)


@pytest.mark.parametrize("left", range(SHOTS))
def test_leaving_a_shot_out_says_what_the_other_shots_alone_say(left: int) -> None:
    near, values = own(1), world(1).values
    rest = torch.tensor([i for i in range(SHOTS) if i != left])
    one = torch.tensor([left])
    fewer = solved_values(near[rest, rest], values[rest], HALF)
    alone = torch.eye(SHOTS, dtype=torch.bool)
    assert torch.allclose(solved_left_out(near, values, HALF, alone)[one], said(near[one, rest], fewer), atol=1e-4)


def test_shots_that_are_left_out_together_say_nothing_of_each_other() -> None:
    near, values = own(1), world(1).values
    recordings = torch.tensor([min(i, SHOTS - 2) for i in range(SHOTS)])  # the last two are one
    together = recordings[:, None] == recordings
    found = solved_left_out(near, values, HALF, together)
    for recording in recordings.unique().tolist():
        left, rest = ((recordings == recording).nonzero()[:, 0], (recordings != recording).nonzero()[:, 0])
        fewer = solved_values(near[rest, rest], values[rest], HALF)
        assert torch.allclose(found[left], said(near[left, rest], fewer), atol=1e-4)


def test_a_single_class_is_told_from_nothing() -> None:
    near = own()
    assert not solved_values(near, torch.ones(SHOTS, 1), HALF).any()


def test_the_paper_has_none() -> None:
    assert not solved_values(own(), world().values, PAPER).any()


def test_shots_that_are_alike_but_of_two_classes_speak_against_each_other() -> None:
    alike = torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    solved = solved_values(Similarities(alike, alike), torch.eye(3)[torch.tensor([0, 1, 1])], HALF)
    assert solved[1, 0] < solved[2, 0] < 0
    kernel = 2 * affinity(alike, HALF.beta).double().numpy() + RIDGE * np.eye(3)
    wanted = np.eye(3)[[0, 1, 1]] - 1 / 3
    assert np.allclose(solved.numpy(), 0.5 * np.linalg.solve(kernel, wanted), atol=1e-6)
