"""The teacher's features as targets: root, centred, the largest axes, about equal spread."""

from dataclasses import dataclass

import torch
from torch import Tensor

AXES = 256


@dataclass(frozen=True)
class Whitening:
    """`centre` (dim,), `axes` (dim, axes)."""

    centre: Tensor
    axes: Tensor

    @classmethod
    def of(cls, features: Tensor, axes: int = AXES, power: float = 0.5) -> "Whitening":
        """From (windows, segments, dim) features >= 0; weak axes stay weaker, with a smaller power more so."""
        rows = features.flatten(0, 1).float().clamp_min(0).sqrt()
        centre = rows.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((rows - centre).T))
        values, vectors = values.flip(0)[:axes], vectors.flip(1)[:, :axes]
        scaled = vectors / (values + 1e-3 * values[0]) ** power
        spread = (((rows - centre) @ scaled).square().mean()).sqrt()
        return cls(centre, scaled / spread)

    def to(self, device: torch.device) -> "Whitening":
        """The same elsewhere."""
        return Whitening(self.centre.to(device), self.axes.to(device))

    def __call__(self, features: Tensor) -> Tensor:
        """(..., dim) -> (..., axes) of about unit spread."""
        return (features.clamp_min(0).sqrt() - self.centre) @ self.axes
