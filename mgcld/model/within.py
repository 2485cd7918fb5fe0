"""What the shots of one class differ in counts less where windows and shots are compared (within-class whitening).

Everything follows from similarities alone: the directions lie in the span of the shots, so that no feature is needed.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

FAR = 2.0
"""No cosine is further from 0, whatever an adapter's file says of its shots."""
LEAST = 1e-4
"""Directions in which the shots differ less, of the largest, are left as they are; so is the least length that is left
of a feature."""


@dataclass(frozen=True, slots=True, eq=False)
class Within:
    """Directions in which shots of one class differ, and how far each is shrunk; none where each class has one shot."""

    mix: Float[Tensor, "shots rank"]
    """A similarity to every shot times this is the coordinate along each direction."""
    shrink: Float[Tensor, " rank"]
    """How much of a squared coordinate goes: 0 nothing, 1 everything."""
    coordinates: Float[Tensor, "shots rank"]
    """The shots' own."""
    lengths: Float[Tensor, " shots"]
    """What is left of each shot's length."""

    def __call__(self, near: Float[Tensor, "batch shots"]) -> Float[Tensor, "batch shots"]:
        """Cosines to the shots -> the same after shrinking."""
        own = near @ self.mix
        lost = (own * self.shrink) @ self.coordinates.T
        return ((near - lost) / _left(own, self.shrink)[:, None] / self.lengths).clamp(-FAR, FAR)

    def between(
        self,
        cosines: Float[Tensor, "batch others"],
        near: Float[Tensor, "batch shots"],
        others: Float[Tensor, "others shots"],
    ) -> Float[Tensor, "batch others"]:
        """The same for cosines to sounds that are no shots, given how near both are to the shots."""
        own, their = near @ self.mix, others @ self.mix
        lost = (own * self.shrink) @ their.T
        read = (cosines - lost) / _left(own, self.shrink)[:, None] / _left(their, self.shrink)
        return read.clamp(-FAR, FAR)

    def to(self, device: str) -> "Within":
        """The same on another device."""
        return Within(*(getattr(self, name).to(device) for name in Within.__slots__))


def within_of(own: Float[Tensor, "shots shots"], values: Float[Tensor, "shots classes"], strength: float) -> Within:
    """Of a support set's cosines to itself.

    A direction of variance v is shrunk by 1 / sqrt(1 + strength v / mean v). With deviations W = C K from the class
    means, W Wᵀ = C K Kᵀ Cᵀ needs the cosines K Kᵀ only; its eigenvectors U give the directions Kᵀ Cᵀ U / s.
    """
    shots = len(own)
    degrees = shots - int((values.sum(0) > 0).sum())
    deviate = torch.eye(shots, device=own.device) - (values / values.sum(0).clamp_min(1)) @ values.T
    squares, vectors = torch.linalg.eigh((deviate @ own @ deviate.T).double())
    kept = squares > LEAST * squares.amax().clamp_min(LEAST)
    if not strength or not degrees:
        kept = torch.zeros_like(kept)
    squares, vectors = squares[kept], vectors[:, kept]
    mix = (deviate.T.double() @ vectors / squares.sqrt()).float()
    mean = squares.sum() / max(degrees, 1)
    shrink = (1 - 1 / (1 + strength * squares / mean)).float()
    coordinates = own @ mix
    return Within(mix, shrink, coordinates, _left(coordinates, shrink))


def _left(coordinates: Float[Tensor, "batch rank"], shrink: Float[Tensor, " rank"]) -> Float[Tensor, " batch"]:
    """What is left of the length of unit features."""
    return (1 - coordinates.square() @ shrink).clamp_min(LEAST).sqrt()
