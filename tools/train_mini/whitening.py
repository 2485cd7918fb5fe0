"""The teacher's features as targets: root, centred, the largest axes, about equal spread."""

from dataclasses import dataclass

import torch
from torch import Tensor

AXES = 256


@dataclass(frozen=True)
class Whitening:
    """`centre` (dim,), `axes` (dim, AXES)."""

    centre: Tensor
    axes: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Whitening":
        """From (windows, segments, dim) features >= 0; weak axes stay weaker."""
        rows = features.flatten(0, 1).float().clamp_min(0).sqrt()
        centre = rows.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((rows - centre).T))
        values, vectors = values.flip(0)[:AXES], vectors.flip(1)[:, :AXES]
        axes = vectors / (values + 1e-3 * values[0]).sqrt()
        spread = (((rows - centre) @ axes).square().mean()).sqrt()
        return cls(centre, axes / spread)

    def __call__(self, features: Tensor) -> Tensor:
        """(..., dim) -> (..., AXES) of about unit spread."""
        return (features.clamp_min(0).sqrt() - self.centre) @ self.axes
