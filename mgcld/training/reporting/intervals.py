"""How sure a count is: 95 % intervals that stay honest for a handful of shots and for no event at all."""

import math

Z = 1.959964
"""The normal quantile of a two-sided 95 % interval."""


def wilson(right: int, asked: int) -> tuple[float, float]:
    """Of the share right / asked (Wilson's score interval, asked >= 1)."""
    share, spread = right / asked, Z * Z / asked
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def poisson(count: int) -> tuple[float, float]:
    """Of the events to expect where `count` were seen (Byar's approximation of the exact interval).

    Where none was seen, the upper end is that of a one-sided interval: 3, the rule of three.
    """
    if not count:
        return 0.0, -math.log(0.05)
    low = count * (1 - 1 / (9 * count) - Z / (3 * math.sqrt(count))) ** 3
    above = count + 1
    return max(0.0, low), above * (1 - 1 / (9 * above) + Z / (3 * math.sqrt(above))) ** 3
