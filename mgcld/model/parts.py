"""The method's four parts, and their fusion into one logit a class (eq. 12, 20, 21)."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.data import Features
from mgcld.model.cache import Keys, coarse_similarity, evidence, fine_similarity, keys_of, marginals
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
class Parts:
    """What each part says for each class, before they are weighed against each other."""

    coarse_cache: Float[Tensor, "batch classes"]
    fine_cache: Float[Tensor, "batch classes"]
    coarse_contrast: Float[Tensor, "batch classes"]
    fine_contrast: Float[Tensor, "batch classes"]


def similarities(query: Keys, keys: Keys, options: MethodOptions) -> Similarities:
    """Compare every query with every shot (eq. 1, 9)."""
    return Similarities(coarse_similarity(query, keys), fine_similarity(query, keys, options))


def cache_logits(
    near: Similarities,
    values: Float[Tensor, "shots classes"],
    options: MethodOptions,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch classes"]]:
    """Pro_ckc and Pro_fkc (eq. 2, 11)."""
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
) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch classes"]]:
    """Pro_ccc and Pro_fcc (eq. 16, 19)."""
    mass = marginals(query.weights, options)
    return (
        coarse_contrast(fusion.coarse(query.coarse, caption), explanations, options),
        fine_contrast(fusion.fine(query.fine, caption), mass, explanations, options),
    )


def total(parts: Parts, options: MethodOptions) -> Float[Tensor, "batch classes"]:
    """Pro_total = α Pro_cache + γ Pro_contrast (eq. 21; γ is 1 in the paper)."""
    coarse_cache, fine_cache, coarse_contrast, fine_contrast = (
        getattr(parts, name) * float(name not in options.without.split()) for name in Parts.__slots__
    )
    cache, contrast = coarse_cache + fine_cache, coarse_contrast + fine_contrast
    return options.alpha * cache + options.contrast_scale * contrast


def closeness(
    near: Similarities,
    values: Float[Tensor, "shots classes"],
    options: MethodOptions,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> Float[Tensor, "batch classes"]:
    """How near each query is to each class's shots, read as a cosine: 1 + log(mean φ) / β.

    A class all of whose shots are masked is at -1, the farthest that there is.
    """
    coarse, fine = cache_logits(near, values, replace(options, cache_sum="mean"), masked)
    floor = math.exp(-2 * options.beta)
    return 1 + ((coarse + fine) / 2).clamp_min(floor).log() / options.beta


def query_of(features: Features, options: MethodOptions) -> tuple[Keys, Float[Tensor, "batch text"]]:
    """A batch of windows as the parts want it: unit rows, in float32."""
    caption = torch.nn.functional.normalize(features.caption.float(), dim=-1)
    return keys_of(features.audio, options), caption
