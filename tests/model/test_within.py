"""What is shrunk within classes: the kernel form against features written out, one shot, and what it is good for."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from mgcld.model.within import within_of

LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])
VALUES = torch.eye(3)[LABELS]
DIM = 13


def rows(count: int, seed: int) -> Tensor:
    return normalize(torch.randn(count, DIM, generator=torch.Generator().manual_seed(seed)), dim=-1)


def written_out(strength: float, shots: Tensor, heard: Tensor) -> np.ndarray:
    """Shrink features themselves: x - sum of (1 - 1 / sqrt(1 + strength v / mean v)) <x, a> a over the axes a."""
    keys, labels = shots.double().numpy(), LABELS.numpy()
    apart = np.stack([key - keys[labels == label].mean(0) for key, label in zip(keys, labels, strict=True)])
    degrees = len(keys) - len(set(labels.tolist()))
    values, axes = np.linalg.eigh(apart.T @ apart / degrees)
    values = values.clip(0)
    mean = values.sum() / degrees
    keep = 1 / np.sqrt(1 + strength * values / mean)
    shrunk = heard.double().numpy() @ (axes * keep) @ axes.T
    return shrunk / np.linalg.norm(shrunk, axis=1, keepdims=True)


@pytest.mark.parametrize("strength", [0.3, 1.0, 10.0])
def test_similarities_are_those_of_shrunk_features(strength: float) -> None:
    shots, heard, others = rows(9, 0), rows(5, 1), rows(4, 2)
    within = within_of(shots @ shots.T, VALUES, strength)
    wanted = [written_out(strength, shots, each) for each in (shots, heard, others)]
    assert within(heard @ shots.T).numpy() == pytest.approx(wanted[1] @ wanted[0].T, abs=1e-4)
    assert within(shots @ shots.T).numpy() == pytest.approx(wanted[0] @ wanted[0].T, abs=1e-4)
    found = within.between(heard @ others.T, heard @ shots.T, others @ shots.T)
    assert found.numpy() == pytest.approx(wanted[1] @ wanted[2].T, abs=1e-4)
    assert not np.allclose(within(heard @ shots.T).numpy(), (heard @ shots.T).numpy(), atol=0.01)


def test_nothing_is_shrunk_where_no_class_has_two_shots_or_nobody_asks() -> None:
    shots, heard = rows(9, 3), rows(5, 4)
    near = heard @ shots.T
    for values, strength in ((torch.eye(9), 1.0), (VALUES, 0.0)):
        within = within_of(shots @ shots.T, values, strength)
        assert within.mix.shape == (9, 0)
        assert torch.equal(within(near), near)


def test_shots_that_are_one_recording_shrink_nothing() -> None:
    shots = rows(3, 5)[LABELS]
    near = rows(5, 6) @ shots.T
    assert torch.allclose(within_of(shots @ shots.T, VALUES, 1.0)(near), near, atol=1e-3)


def test_a_difference_that_is_in_every_class_no_longer_misleads() -> None:
    axes = torch.eye(DIM)
    signs = torch.tensor([1.0, -1, 1, 1, -1, -1, 1, -1, 1])[:, None]
    shots = normalize(0.5 * axes[LABELS] + signs * axes[7], dim=-1)  # near or far: loud on the same axis in every class
    heard = normalize(0.5 * axes[[1]] - axes[[7]] + 0.45 * axes[[0]], dim=-1)
    within = within_of(shots @ shots.T, VALUES, 10.0)

    def lead(near: Tensor) -> float:
        """Of the right class's shots over the others', on average."""
        return float(near[0, LABELS == 1].mean() - near[0, LABELS != 1].mean())

    assert lead(within(heard @ shots.T)) > lead(heard @ shots.T) + 0.05
