"""From which probability on a class should count as heard.

The threshold is the one of least cost on left-out shots and background windows: the share of own shots missed, plus the
share of other classes' shots taken for it, plus BACKGROUND_COST times the share of background windows taken for it,
since background is what there is to hear most of the time. Where a whole gap costs the same, its middle is taken.
"""

import torch
from jaxtyping import Float
from torch import Tensor

DEFAULT = 0.5
"""Where no shot could be left out: more likely than all else together."""
LOWEST, HIGHEST = DEFAULT, 0.9
"""Few shots say nothing about the ends, and an event should not begin while `unknown` is more likely.

Measured with .2 for the lowest on two sets kept aside (4- and 10-way, 2 to 5 shots): 4 to 11 points more of the own
sounds were heard, at the price of 8 to 23 points more of the foreign sounds taken for a class.
"""
BACKGROUND_COST = 3.0
"""Of a share of background windows against the same share of own shots."""


def suggested(
    own: Float[Tensor, " own"], others: Float[Tensor, " others"], background: Float[Tensor, " windows"]
) -> float:
    """The threshold for one class, from its probability for own, other and background sounds; two digits."""
    if not len(own):
        return DEFAULT
    met = torch.unique(torch.cat([own, others, background, torch.tensor([0.0, 1.0])]).double())
    low, high = met[:-1], met[1:]  # a threshold in (low, high] misses what is at or below low
    cost = _share(own.double() <= low[:, None])
    cost += _share(others.double() >= high[:, None])
    cost += BACKGROUND_COST * _share(background.double() >= high[:, None])
    widest = torch.where(cost <= cost.min() + 1e-9, high - low, -1.0).argmax()
    middle = float((low[widest] + high[widest]) / 2)
    return round(min(HIGHEST, max(LOWEST, middle)), 2)


def _share(which: Tensor) -> Tensor:
    return which.double().mean(1) if which.shape[1] else torch.zeros(len(which), dtype=torch.float64)
