"""Random features for baselines and intervals; no two axes have one size."""

import numpy as np
import torch

from mgcld.evaluation.results import Cell, Said
from mgcld.evaluation.tasks import Tasks

TASKS, WAY, QUERIES, AUDIO, TEXT = 3, 4, 10, 13, 7
unit = torch.nn.functional.normalize


def tasks(per_class: int, seed: int = 0) -> Tasks:
    """Classes are clusters in both spaces, the text a little off."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(WAY).repeat_interleave(per_class)
    centres = torch.randn(TASKS, WAY, AUDIO, generator=random)
    alignment = torch.randn(AUDIO, TEXT, generator=random)
    truth = torch.randint(0, WAY, (TASKS, QUERIES), generator=random)
    truth[1, -2:] = -1

    def near(rows: torch.Tensor, spread: float) -> torch.Tensor:
        return unit(rows + spread * torch.randn(rows.shape, generator=random), dim=-1)

    queries = near(torch.stack([c[t.clamp_min(0)] for c, t in zip(centres, truth, strict=True)]), 1.0)
    return Tasks(
        shots=near(centres[:, labels], 1.0),
        queries=queries * (truth >= 0)[..., None],
        names=near(centres @ alignment, 3.0),
        sentences=near(centres @ alignment, 3.0),
        alignment=alignment,
        labels=labels,
        truth=truth,
    )


def cell(right: dict[str, np.ndarray], truth: np.ndarray, sure: float = 0.5) -> Cell:
    """A cell whose methods were right where it is said; a wrong answer is the next class."""
    said = {
        name: Said(np.where(answers, truth, truth + 1), np.full(truth.shape, sure)) for name, answers in right.items()
    }
    return Cell(3, 1, truth, said)
