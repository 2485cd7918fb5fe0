"""The method's four parts, and their fusion into one logit a class (eq. 12, 20, 21)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.data import Features
from mgcld.model.cache import (
    Keys,
    coarse_similarity,
    cohesion,
    evidence,
    fine_similarity,
    grain_closeness,
    keys_of,
    marginals,
)
from mgcld.model.contrast import Explanations, Fusion, coarse_contrast, fine_contrast
from mgcld.model.options import MethodOptions


@dataclass(frozen=True, slots=True, eq=False)
class Similarities:
    """How near each query is to each shot, at both grains."""

    coarse: Float[Tensor, "batch shots"]
    fine: Float[Tensor, "batch shots"]

    def __getitem__(self, index: tuple[Tensor, Tensor]) -> "Similarities":
        rows, columns = index
        return Similarities(self.coarse[rows][:, columns], self.fine[rows][:, columns])


@dataclass(frozen=True, slots=True, eq=False)
class Cohesion:
    """How alike the shots of each class are, at both grains; one row, or a row for each query."""

    coarse: Float[Tensor, "#batch classes"]
    fine: Float[Tensor, "#batch classes"]

    def to(self, device: str) -> "Cohesion":
        """The same on another device."""
        return Cohesion(self.coarse.to(device), self.fine.to(device))


@dataclass(frozen=True, slots=True, eq=False)
class Contrasts:
    """What the contrast says for each class, at both grains; one row where it is what a support set is read against."""

    coarse: Float[Tensor, "batch classes"]
    fine: Float[Tensor, "batch classes"]

    def to(self, device: str) -> "Contrasts":
        """The same on another device."""
        return Contrasts(self.coarse.to(device), self.fine.to(device))

    def against(self, centre: "Contrasts") -> "Contrasts":
        """Read against where each class begins."""
        return Contrasts(self.coarse - centre.coarse, self.fine - centre.fine)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What each part says for each class, before they are weighed against each other."""

    coarse_cache: Float[Tensor, "batch classes"]
    fine_cache: Float[Tensor, "batch classes"]
    coarse_contrast: Float[Tensor, "batch classes"]
    fine_contrast: Float[Tensor, "batch classes"]


def similarities(query: Keys, keys: Keys, options: MethodOptions) -> Similarities:
    """Compare every query with every shot (eq. 1, 9)."""
    return Similarities(coarse_similarity(query, keys), fine_similarity(query, keys, options))


def cohesions(
    own: Similarities,
    values: Float[Tensor, "shots classes"],
    options: MethodOptions,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> Cohesion:
    """Of a support set compared with itself."""
    return Cohesion(
        cohesion(own.coarse, values, options, masked=masked), cohesion(own.fine, values, options, masked=masked)
    )


def closenesses(
    near: Similarities,
    values: Float[Tensor, "shots classes"],
    alike: Cohesion,
    options: MethodOptions,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch classes"]]:
    """How near each query is to each class, at both grains (cosine)."""
    return (
        grain_closeness(near.coarse, values, alike.coarse, options, masked=masked),
        grain_closeness(near.fine, values, alike.fine, options, masked=masked),
    )


def cache_logits(
    near: Similarities,
    values: Float[Tensor, "shots classes"],
    alike: Cohesion,
    options: MethodOptions,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch classes"]]:
    """Pro_ckc and Pro_fkc: sums (eq. 2, 11), or closenesses."""
    if options.cache == "closeness":
        return closenesses(near, values, alike, options, masked)
    return (
        evidence(near.coarse, values, options, masked=masked),
        evidence(near.fine, values, options, masked=masked),
    )


def contrast_logits(
    fusion: Fusion,
    query: Keys,
    caption: Float[Tensor, "batch text"],
    explanations: Explanations,
    options: MethodOptions,
) -> Contrasts:
    """Pro_ccc and Pro_fcc (eq. 16, 19)."""
    mass = marginals(query.weights, options)
    return Contrasts(
        coarse_contrast(fusion.coarse(query.coarse, caption), explanations, options),
        fine_contrast(fusion.fine(query.fine, caption), mass, explanations, options),
    )


def centre_of(found: Contrasts, values: Float[Tensor, "shots classes"], options: MethodOptions) -> Contrasts:
    """Where the contrast of each class begins to speak for it, given what it says of the shots; 0 if not centred.

    That is midway between what it says of the class's own shots and of the others', each class counting alike: where
    the two would be told apart best, were they equally wide. One class alone has its own only.
    """
    if not options.centred:
        return Contrasts(torch.zeros_like(found.coarse[:1]), torch.zeros_like(found.fine[:1]))
    return Contrasts(_midway(found.coarse, values)[None], _midway(found.fine, values)[None])


def _midway(found: Float[Tensor, "shots classes"], values: Float[Tensor, "shots classes"]) -> Float[Tensor, " classes"]:
    means = (values / values.sum(0)).T @ found
    own, classes = means.diagonal(), len(means)
    return own if classes == 1 else (own + (means.sum(0) - own) / (classes - 1)) / 2


def total(parts: Parts, options: MethodOptions) -> Float[Tensor, "batch classes"]:
    """Pro_total = α Pro_cache + γ Pro_contrast (eq. 21; γ is 1 in the paper)."""
    said = _left_in(parts, options)
    cache, contrast = said.coarse_cache + said.fine_cache, said.coarse_contrast + said.fine_contrast
    return options.alpha * cache + options.contrast_scale * contrast


def _left_in(parts: Parts, options: MethodOptions) -> Parts:
    """Parts that are left out (`without`) say nothing."""
    out = options.without.split()
    return Parts(*(getattr(parts, name) * float(name not in out) for name in Parts.__slots__))


def closeness(
    near: Similarities,
    values: Float[Tensor, "shots classes"],
    alike: Cohesion,
    options: MethodOptions,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> Float[Tensor, "batch classes"]:
    """How near each query is to each class, whatever the cache says.

    At the coarse grain: the fine one tells own from foreign sounds less well, alone and beside it.
    """
    return grain_closeness(near.coarse, values, alike.coarse, options, masked=masked)


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """What says that a query is of a class at all, for each class."""

    closeness: Float[Tensor, "batch classes"]
    """To the class's shots (cosine); without end below 0 where the class is as if it were not there."""
    contrast: Float[Tensor, "batch classes"]
    """What the contrast says of the class: the mean of both grains, scaled as in the logits; 0 where it is not
    centred, and so has no level of its own."""


def signs_of(
    parts: Parts,
    near: Float[Tensor, "batch classes"],
    options: MethodOptions,
    barred: Bool[Tensor, "batch classes"] | None = None,
) -> Signs:
    """From the closeness to each class (`near`) and the parts; a barred class is as if it were not there."""
    scale = options.contrast_scale * float(options.centred) / 2
    said = _left_in(parts, options)
    contrast = scale * (said.coarse_contrast + said.fine_contrast)
    return Signs(near if barred is None else near.masked_fill(barred, -torch.inf), contrast)


def joined(*signs: Signs) -> Signs:
    """Several batches as one."""
    return Signs(torch.cat([each.closeness for each in signs]), torch.cat([each.contrast for each in signs]))


def query_of(features: Features, options: MethodOptions) -> tuple[Keys, Float[Tensor, "batch text"]]:
    """A batch of windows as the parts want it: unit rows, in float32."""
    caption = torch.nn.functional.normalize(features.caption.float(), dim=-1)
    return keys_of(features.audio, options), caption
