"""Values that are solved, not one-hot: with them the cache names its own shots (kernel ridge regression).

With one-hot values (eq. 2, 11) each shot speaks for its own class only. Solved, shots that are alike but not of one
class speak against each other: V* = (M + λ 1)⁻¹ (V - 1/N), M being the affinities among the shots, of both grains
together. A single class is told from nothing: its V* is 0.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.model.cache import affinity
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Similarities

RIDGE = 0.3
"""λ, where a shot's affinity to itself is 2: how little a shot is believed that nothing else speaks for."""


def solved_values(
    own: Similarities, values: Float[Tensor, "shots classes"], options: MethodOptions
) -> Float[Tensor, "shots classes"]:
    """V* of a support set (`own`: compared with itself), times its weight in the cache."""
    if not options.solved:
        return torch.zeros_like(values)
    return (options.solved * _inverse(own, options) @ _wanted(values)).float()


def solved_logits(
    near: Similarities, solved: Float[Tensor, "shots classes"], options: MethodOptions
) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch classes"]]:
    """M V* at each grain."""
    return affinity(near.coarse, options.beta) @ solved, affinity(near.fine, options.beta) @ solved


def solved_left_out(
    own: Similarities,
    values: Float[Tensor, "shots classes"],
    options: MethodOptions,
    together: Bool[Tensor, "shots shots"],
) -> Float[Tensor, "shots classes"]:
    """What both grains together would say of each shot, were it and what is left out `together` with it not there.

    Nothing need be solved again: of the inverse the blocks that are left out are enough.
    """
    inverse, wanted = _inverse(own, options), _wanted(values)
    left: Tensor = options.solved * (wanted - torch.linalg.solve(inverse * together, inverse @ wanted))
    return left.float()


def _inverse(own: Similarities, options: MethodOptions) -> Float[Tensor, "shots shots"]:
    kernel = (affinity(own.coarse, options.beta) + affinity(own.fine, options.beta)).double()
    inverse: Tensor = torch.linalg.inv(
        kernel + RIDGE * torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    )
    return inverse


def _wanted(values: Float[Tensor, "shots classes"]) -> Float[Tensor, "shots classes"]:
    return (values - 1 / values.shape[1]).double()
