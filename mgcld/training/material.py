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
    """A support set as features. Shots of one class need not be neighbours.

    A recording may be there in several shots: as it is, and as it sounds in the place (see `place`).
    """

    keys: Keys
    caption: Float[Tensor, "shots text"]
    """Unit rows (R_t)."""
    labels: Int[Tensor, " shots"]
    """Index of each shot's class."""
    classes: int
    near: Similarities
    """Every shot against every shot."""
    recordings: Int[Tensor, " shots"]
    """Number of the recording that each shot is heard in."""

    @property
    def values(self) -> Float[Tensor, "shots classes"]:
        """One-hot classes (V)."""
        return torch.eye(self.classes, device=self.labels.device)[self.labels]

    @property
    def recordings_per_class(self) -> Int[Tensor, " classes"]:
        """How many recordings each class has."""
        pairs = torch.unique(torch.stack([self.recordings, self.labels]), dim=1)
        return torch.bincount(pairs[1], minlength=self.classes)

    @property
    def hearings(self) -> float:
        """How many shots a recording is heard in: what they say is to be believed as one recording."""
        return len(self.labels) / len(torch.unique(self.recordings))

    @property
    def itself(self) -> Bool[Tensor, "shots shots"]:
        """Which shots are of one recording: the diagonal, where each recording is heard once."""
        return self.recordings[:, None] == self.recordings

    def __getitem__(self, chosen: Int[Tensor, " chosen"]) -> "Material":
        return Material(
            self.keys[chosen],
            self.caption[chosen],
            self.labels[chosen],
            self.classes,
            self.near[chosen, chosen],
            self.recordings[chosen],
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
    recordings: Int[Tensor, " shots"] | None = None,
) -> Material:
    """Compare all shots once; every epoch and every fold reads from that.

    Unless told, each shot is a recording of its own.
    """
    own = torch.arange(len(labels), device=labels.device) if recordings is None else recordings
    return Material(keys, caption, labels, classes, similarities(keys, keys, options), own)
