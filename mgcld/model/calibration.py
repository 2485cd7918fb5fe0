"""From logits to honest probabilities: a temperature, and the chance that a window holds none of the classes.

The rule for `unknown` is simple on purpose. A window's closeness c is the nearest class's mean affinity, read as a
cosine. Between the closeness that a class's own recordings reach when they are left out (their lowest tenth, P) and the
closeness that foreign sounds reach (their highest tenth, N: other classes' shots with their own class left out,
`_background`, generated noise) lies the threshold: half way, but never more than REACH below P.
    P(known) = sigmoid((c - threshold) / width) * sigmoid((c - closeness to the nearest background shot) / width)
A window without any sound is always unknown.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

REACH = 0.15
"""How far below its own recordings a class may still be heard (cosine)."""
NARROWEST = 0.02
"""The least width (cosine): below it a probability would be a yes or a no."""
SURE = 2.2
"""sigmoid(2.2) = 0.9: what P is worth."""
LONE_SHARE = 0.35
"""With one shot a class there are no left-out recordings: P is then so far from N towards 1."""
DEFAULT_TEMPERATURE = 8.0
"""Where nothing can be left out."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns logits and closeness into probabilities."""

    temperature: float
    """Multiplies the logits before the softmax over the classes."""
    threshold: float
    """The closeness at which a window is as likely known as not."""
    width: float
    """How fast that changes (cosine)."""


def known_threshold(own: Float[Tensor, " shots"] | None, foreign: Float[Tensor, " others"]) -> tuple[float, float]:
    """Threshold and width from the closeness of left-out own recordings (None: no class has two) and foreign sounds."""
    high = float(foreign.quantile(0.9))
    low = float(own.quantile(0.1)) if own is not None else high + LONE_SHARE * (1 - high)
    threshold = max((low + high) / 2, low - REACH)
    return threshold, max(abs(low - threshold) / SURE, NARROWEST)


def fitted_temperature(logits: Float[Tensor, "shots classes"], labels: Tensor) -> float:
    """The temperature of least cross entropy on left-out shots, on a ladder from 1 to 64."""
    ladder = torch.logspace(0, 6, 49, base=2, dtype=torch.float64)
    losses = [torch.nn.functional.cross_entropy(logits.double() * t, labels) for t in ladder]
    return float(ladder[int(torch.stack(losses).argmin())])


def probabilities(
    logits: Float[Tensor, "batch classes"],
    near: Float[Tensor, "batch classes"],
    background: Float[Tensor, " batch"] | None,
    silent: Bool[Tensor, " batch"],
    calibration: Calibration,
) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, " batch"]]:
    """(probability of each class, probability of none): they sum to 1. `near` and `background` are closenesses."""
    best = near.amax(1)
    known = torch.sigmoid((best - calibration.threshold) / calibration.width)
    if background is not None:
        known = known * torch.sigmoid((best - background) / calibration.width)
    known = torch.where(silent, 0.0, known)
    among = (logits * calibration.temperature).softmax(1)
    return among * known[:, None], 1 - known
