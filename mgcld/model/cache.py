"""The multi-grained key-value cache: shots are keys, their classes values (eq. 1-12)."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.data import AudioFeatures
from mgcld.model.options import MethodOptions
from mgcld.model.transport import cosines, transported_similarity

CELLS = 4_000_000
"""At most about so many costs at once (16 MB), so that a large support set does not need a large machine."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """Shots as the cache holds them: unit rows, ready to be compared."""

    coarse: Float[Tensor, "shots audio"]
    """R_a^c of each shot."""
    fine: Float[Tensor, "shots segments audio"]
    """R_a^f of each shot; zeros behind its last segment."""
    weights: Float[Tensor, "shots segments"]
    """Each segment's share of its shot, rows sum to 1; 0 is padding."""

    def __len__(self) -> int:
        return len(self.coarse)

    def __getitem__(self, chosen: Tensor) -> "Keys":
        return Keys(self.coarse[chosen], self.fine[chosen], self.weights[chosen])

    def to(self, device: str) -> "Keys":
        """The same keys on another device."""
        return Keys(self.coarse.to(device), self.fine.to(device), self.weights.to(device))


def keys_of(features: AudioFeatures, options: MethodOptions) -> Keys:
    """Normalise features once, so that comparing them later is one product."""
    unit = torch.nn.functional.normalize
    fine, weights = unit(features.fine.float(), dim=-1), features.weights.float()
    heard = (weights > 0).float()[..., None]
    coarse = (fine * heard).sum(1) if options.coarse == "mean" else features.coarse.float()
    return Keys(unit(coarse, dim=-1), fine, weights)


def marginals(weights: Float[Tensor, "batch segments"], options: MethodOptions) -> Float[Tensor, "batch segments"]:
    """How much mass each segment carries; padding carries none."""
    if options.marginals == "encoder":
        return weights
    heard = (weights > 0).float()
    return heard / heard.sum(1, keepdim=True)


def coarse_similarity(query: Keys, keys: Keys) -> Float[Tensor, "batch shots"]:
    """cos(R^c_test, R^c_train) (eq. 1)."""
    return query.coarse @ keys.coarse.T


def fine_similarity(query: Keys, keys: Keys, options: MethodOptions) -> Float[Tensor, "batch shots"]:
    """Sim_OT(R^f_test, R^f_train) of every pair (eq. 3-9)."""
    cells = len(keys) * keys.fine.shape[1] * query.fine.shape[1]
    parts = torch.split(torch.arange(len(query), device=query.coarse.device), max(1, CELLS // cells))
    return torch.cat([_fine_similarity(query[part], keys, options) for part in parts])


def _fine_similarity(query: Keys, keys: Keys, options: MethodOptions) -> Float[Tensor, "batch shots"]:
    return transported_similarity(
        cosines(query.fine, keys.fine),
        marginals(query.weights, options)[:, None].expand(-1, len(keys), -1),
        marginals(keys.weights, options)[None].expand(len(query), -1, -1),
        epsilon=options.epsilon,
        iterations=options.iterations,
        tolerance=options.tolerance,
    )


def affinity(similarity: Float[Tensor, "batch shots"], beta: float) -> Float[Tensor, "batch shots"]:
    """φ(x) = exp(-β (1 - x)), in (0, 1] (eq. 1, 10)."""
    return torch.exp(-beta * (1 - similarity))


def evidence(
    similarity: Float[Tensor, "batch shots"],
    values: Float[Tensor, "shots classes"],
    options: MethodOptions,
    *,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> Float[Tensor, "batch classes"]:
    """Pro = φ(similarity) V: what the shots say for each class (eq. 2, 11).

    A masked pair says nothing: a training query's own key.
    """
    affinities = affinity(similarity, options.beta)
    return (affinities if masked is None else affinities * ~masked) @ values


def cohesion(
    own: Float[Tensor, "shots shots"],
    values: Float[Tensor, "shots classes"],
    options: MethodOptions,
    *,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> Float[Tensor, "#batch classes"]:
    """How alike the shots of each class are: the root of the mean affinity between them, each to itself included.

    Of one shot alone it is 1, at the fine grain a little less: transport spreads the mass of what it compares.
    With `masked`, for each query among the shots that are left to it; 1 where none is.
    """
    affinities = affinity(own, options.beta)
    if masked is None:
        return (((affinities @ values) * values).sum(0) / values.sum(0) ** 2).sqrt()[None]
    columns = []
    for members in (values > 0).T:
        kept = (~masked[:, members]).float()
        between = ((kept @ affinities[members][:, members]) * kept).sum(1)
        columns.append(torch.where(kept.any(1), between / kept.sum(1).clamp_min(1) ** 2, 1.0).sqrt())
    return torch.stack(columns, 1)


def grain_closeness(
    similarity: Float[Tensor, "batch shots"],
    values: Float[Tensor, "shots classes"],
    cohesion: Float[Tensor, "#batch classes"],
    options: MethodOptions,
    *,
    masked: Bool[Tensor, "batch shots"] | None = None,
) -> Float[Tensor, "batch classes"]:
    """How near each query is to the middle of each class's shots, read as a cosine: 1 + log(mean φ / cohesion) / β.

    The affinity is a positive kernel (at the fine grain all but one), so that mean φ / cohesion is the cosine between a
    query and the mean of a class's shots in the kernel's space: a class of scattered shots is at no disadvantage. A
    class all of whose shots are masked is at -1, the farthest that there is.
    """
    counted = values.sum(0) if masked is None else (~masked).float() @ values
    mean = evidence(similarity, values, options, masked=masked) / counted.clamp_min(1) / cohesion
    return 1 + mean.clamp_min(math.exp(-2 * options.beta)).log() / options.beta
