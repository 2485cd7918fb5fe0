"""Everything behind the encoder that answers: similarities, features and captions in, the four parts out."""

from copy import deepcopy
from dataclasses import dataclass, replace

from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.model.cache import Keys
from mgcld.model.contrast import Explanations, Fusion
from mgcld.model.options import MethodOptions
from mgcld.model.parts import (
    Cohesion,
    Contrasts,
    Parts,
    Signs,
    Similarities,
    cache_logits,
    centre_of,
    cohesions,
    contrast_logits,
    signs_of,
)
from mgcld.model.parts import closeness as closeness_of
from mgcld.model.solved import solved_logits, solved_values
from mgcld.model.within import Within, within_of


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Trained on a support set; the support's keys themselves stay with the adapter."""

    options: MethodOptions
    values: Float[Tensor, "shots classes"]
    """One-hot classes of the keys (V)."""
    within: Within
    """What the shots of one class differ in; similarities come as they are, and are read through this."""
    within_fine: Within
    """The same at the fine grain."""
    alike: Cohesion
    """How alike each class's shots are."""
    solved: Float[Tensor, "shots classes"]
    """Solved values of the keys, times their weight."""
    explanations: Explanations
    fusion: Fusion
    """W_c, W_p and W_f."""
    centre: Contrasts
    """Where the contrast of each class begins to speak for it: one row."""

    def parts(self, near: Similarities, query: Keys, caption: Float[Tensor, "batch text"]) -> Parts:
        """What each part says of a batch; `near` compares it with the support set."""
        read = self.read(near)
        coarse, fine = cache_logits(read, self.values, self.alike, self.options)
        solved_coarse, solved_fine = solved_logits(read, self.solved, self.options)
        contrast = contrast_logits(self.fusion, query, caption, self.explanations, self.options).against(self.centre)
        return Parts(coarse + solved_coarse, fine + solved_fine, contrast.coarse, contrast.fine)

    def closeness(self, near: Similarities) -> Float[Tensor, "batch classes"]:
        """How near a batch is to each class (cosine)."""
        return closeness_of(self.read(near), self.values, self.alike, self.options)

    def read(self, near: Similarities) -> Similarities:
        """What is left of similarities once differences within classes are shrunk."""
        return Similarities(self.within(near.coarse), self.within_fine(near.fine))

    def signs(self, parts: Parts, near: Similarities, barred: Bool[Tensor, "batch classes"] | None = None) -> Signs:
        """What says that a batch is of a class at all; a barred class is as if it were not there."""
        return signs_of(parts, self.closeness(near), self.options, barred)

    def to(self, device: str) -> "Head":
        """The same on another device."""
        return replace(
            self,
            values=self.values.to(device),
            within=self.within.to(device),
            within_fine=self.within_fine.to(device),
            alike=self.alike.to(device),
            solved=self.solved.to(device),
            explanations=self.explanations.to(device),
            fusion=deepcopy(self.fusion).to(device),  # a module moves in place, and others may hold this one
            centre=self.centre.to(device),
        )


def head_of(
    fusion: Fusion,
    explanations: Explanations,
    support: Keys,
    caption: Float[Tensor, "shots text"],
    values: Float[Tensor, "shots classes"],
    own: Similarities,
    options: MethodOptions,
) -> Head:
    """Measure a support set against itself (`own`) and against the explanations, once."""
    found = contrast_logits(fusion, support, caption, explanations, options)
    centre = centre_of(found, values, options)
    within, within_fine = (within_of(each, values, options.within) for each in (own.coarse, own.fine))
    read = Similarities(within(own.coarse), within_fine(own.fine))
    alike, solved = cohesions(read, values, options), solved_values(read, values, options)
    return Head(options, values, within, within_fine, alike, solved, explanations, fusion, centre)
