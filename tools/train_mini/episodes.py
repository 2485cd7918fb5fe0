"""Few-shot episodes on features that were made once."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

QUESTIONS = 5
"""Queries of each class in an episode, at most."""


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    way: int
    shot: int
    prototype: float  # % right
    nearest: float


def few_shot(coarse: Tensor, classes: Tensor, way: int, shot: int, episodes: int, seed: int = 0) -> Cell:
    """Means over episodes; `coarse` (clips, dim) are unit rows, `classes` (clips,) their class numbers.

    A class takes part if it has more clips than shots. Every clip must be a recording of its own.
    """
    random = np.random.default_rng([seed, way, shot])
    members = [torch.nonzero(classes == c)[:, 0].numpy() for c in range(int(classes.max()) + 1)]
    members = [each for each in members if len(each) > shot]
    right = [_episode(coarse, members, way, shot, random) for _ in range(episodes)]
    prototype, nearest = (100 * float(np.mean([answer[i] for answer in right])) for i in (0, 1))
    return Cell(way, shot, prototype, nearest)


def _episode(
    coarse: Tensor, members: list[np.ndarray], way: int, shot: int, random: np.random.Generator
) -> tuple[float, float]:
    drawn = [random.permutation(members[c]) for c in random.choice(len(members), way, replace=False)]
    support = torch.tensor(np.stack([each[:shot] for each in drawn]))  # (way, shot)
    queries = torch.tensor(np.concatenate([each[shot : shot + QUESTIONS] for each in drawn]))
    truth = torch.tensor(np.repeat(np.arange(way), [len(each[shot : shot + QUESTIONS]) for each in drawn]))
    keys = coarse[support]
    by_prototype = (coarse[queries] @ normalize(keys.mean(1), dim=-1).T).argmax(1)
    by_neighbour = (coarse[queries] @ keys.flatten(0, 1).T).argmax(1) // shot
    return float((by_prototype == truth).float().mean()), float((by_neighbour == truth).float().mean())


def zero_shot(semantic: Tensor, names: Tensor, classes: Tensor) -> float:
    """% of clips whose class's name is the nearest; `semantic` (clips, text) and `names` (classes, text) unit rows.

    The mean over classes, so that large ones do not rule.
    """
    right = ((semantic @ names.T).argmax(1) == classes).float()
    return 100 * float(np.mean([float(right[classes == c].mean()) for c in range(len(names))]))
