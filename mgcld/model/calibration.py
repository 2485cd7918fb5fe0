"""From logits to honest probabilities: a temperature, and the chance that a window holds none of the classes.

The rule for `unknown` is simple on purpose. A window's closeness c is the nearest class's mean affinity, read as a
cosine. Two groups of closeness are known at training: what a class's own recordings reach when they are left out, and
what foreign sounds reach (other classes' shots with their own class left out, `_background`, generated noise).
Threshold and width are those under which sigmoid((c - threshold) / width) tells the two groups apart with the least
cross entropy, a miss weighing MISS_WEIGHT false alarms; but the threshold lies at most REACH below the own recordings'
lowest tenth, since noise alone says little about what else there is to hear.
    P(known) = sigmoid((c - threshold) / width) * sigmoid((c - closeness to the nearest background shot) / width)
A window without any sound is always unknown.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

REACH = 0.15
"""How far below its own recordings a class may still be heard (cosine)."""
NARROWEST, WIDEST = 0.02, 0.2
"""Of the width (cosine): below, a probability would be a yes or a no; above, it would say nothing."""
MISS_WEIGHT = 2.0
"""Of a miss against a false alarm: most foreign sounds at training are other classes of one user, harder than life."""
LONE_SHARE = 0.25
"""With one shot a class nothing can be left out: the threshold is then so far from the foreign sounds' median to 1."""
LONE_WIDTH = 0.05
"""And this is its width: nothing is sure."""
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
    if own is None:
        usual = float(foreign.median())
        return usual + LONE_SHARE * (1 - usual), LONE_WIDTH
    thresholds = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None, None]
    widths = torch.linspace(NARROWEST, WIDEST, 19, dtype=torch.float64)[None, :, None]
    misses = torch.nn.functional.softplus((thresholds - own.double().cpu()) / widths).mean(-1)
    alarms = torch.nn.functional.softplus((foreign.double().cpu() - thresholds) / widths).mean(-1)
    best = int((MISS_WEIGHT * misses + alarms).argmin())
    threshold, width = thresholds.flatten()[best // 19], widths.flatten()[best % 19]
    return max(float(threshold), float(own.quantile(0.1)) - REACH), float(width)


def fitted_temperature(logits: Float[Tensor, "shots classes"], labels: Tensor) -> float:
    """The temperature of least cross entropy on left-out shots, on a ladder from 1 to 64.

    Each doubling away from the default costs a nat in all: a few shots, all of them right, do not make it sure.
    """
    ladder = torch.logspace(0, 6, 49, base=2, dtype=torch.float64)
    summed = [torch.nn.functional.cross_entropy(logits.double() * t, labels, reduction="sum").cpu() for t in ladder]
    losses = [loss + (t / DEFAULT_TEMPERATURE).log2().abs() for loss, t in zip(summed, ladder, strict=True)]
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
