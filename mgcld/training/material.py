"""What training works on: the shots' features, embedded once, and everything about them that epochs reuse."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mgcld.model.cache import Keys
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Similarities, similarities


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A support set as features. Shots of one class need not be neighbours."""

    keys: Keys
    caption: Float[Tensor, "shots text"]
    """Unit rows (R_t)."""
    labels: Int[Tensor, " shots"]
    """Index of each shot's class."""
    classes: int
    near: Similarities
    """Every shot against every shot."""

    @property
    def values(self) -> Float[Tensor, "shots classes"]:
        """One-hot classes (V)."""
        return torch.eye(self.classes, device=self.labels.device)[self.labels]

    @property
    def shots_per_class(self) -> Int[Tensor, " classes"]:
        """How many shots each class has."""
        return torch.bincount(self.labels, minlength=self.classes)

    @property
    def itself(self) -> Bool[Tensor, "shots shots"]:
        """The diagonal: a shot's own key."""
        return torch.eye(len(self.labels), dtype=torch.bool, device=self.labels.device)

    def __getitem__(self, chosen: Int[Tensor, " chosen"]) -> "Material":
        return Material(
            self.keys[chosen], self.caption[chosen], self.labels[chosen], self.classes, self.near[chosen, chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Others:
    """Sounds that are none of the classes."""

    keys: Keys
    caption: Float[Tensor, "others text"]
    """Unit rows."""


def material(
    keys: Keys,
    caption: Float[Tensor, "shots text"],
    labels: Int[Tensor, " shots"],
    classes: int,
    options: MethodOptions,
) -> Material:
    """Compare all shots once; every epoch and every fold reads from that."""
    return Material(keys, caption, labels, classes, similarities(keys, keys, options))
