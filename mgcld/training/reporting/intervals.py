"""How sure a count is: 95 % intervals that stay honest for a handful of shots and for no event at all."""

import math

import torch

Z = 1.959964
"""The normal quantile of a two-sided 95 % interval."""


def wilson(right: int, asked: int) -> tuple[float, float]:
    """Of the share right / asked (Wilson's score interval, asked >= 1)."""
    share, spread = right / asked, Z * Z / asked
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def poisson(count: int) -> tuple[float, float]:
    """Of the events to expect where `count` were seen (Garwood's exact interval).

    Where none was seen, the upper end is that of a one-sided interval: 3, the rule of three.
    """
    if not count:
        return 0.0, -math.log(0.05)
    return _expected(count - 1, 0.975), _expected(count, 0.025)


def _expected(most: int, chance: float) -> float:
    """How many events are expected where at most `most` of them happen with this chance: by halving."""
    low, high = 0.0, most + 10 * math.sqrt(most + 1) + 10
    for _ in range(60):
        middle = (low + high) / 2
        happens = torch.special.gammaincc(torch.tensor(most + 1.0).double(), torch.tensor(middle).double())
        low, high = (middle, high) if float(happens) > chance else (low, middle)
    return (low + high) / 2
