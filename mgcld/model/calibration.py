"""From logits to honest probabilities: a temperature, and the chance that a window holds none of the classes.

What says that a window is of a class at all is its closeness c to the class's shots and what the contrast says of it,
s; not its logit, which tells own from foreign sounds less well. The window's familiarity f is the largest c + ρ s.
Two groups of windows are known at training: the classes' own recordings, left out in turn, and sounds that are foreign
(those recordings again with their own class left out, `_background`, generated noise). Threshold and width tell them
apart:
    P(known) = sigmoid((f - threshold) / width) * sigmoid((b - closeness to the nearest background shot) / width)
where b is the largest closeness to a class.
ρ, threshold and width are those of least cross entropy plus a prior, both groups weighing alike. The prior counts
as much as a few recordings: with one shot a class, where nothing can be left out, it is all there is.
A window without any sound is always unknown.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.model.parts import Signs

LONE_SHARE = 0.4
"""Where the prior has the threshold: so far from the foreign sounds' median familiarity to 1.

With ρ below, of least cross entropy on two sets kept aside (1 and 2 shots, 68 and 103 classes, 40 tasks each of 2, 5
and 10); 0.3 to 0.45 are near it."""
THRESHOLD_SPREAD = 0.1
"""Standard deviation of the prior (cosine)."""
WIDTH, WIDTH_SPREAD = 0.1, 0.7
"""Middle of the prior for the width (cosine), and its standard deviation in nats."""
WIDTHS = (0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.085, 0.1, 0.125, 0.15, 0.2)
"""To choose from: below, a probability would be a yes or a no; above, it would say nothing."""
CONTRAST_WEIGHT = 0.5
"""Middle of the prior for ρ. On the same sets, with one shot, it told unknown classes of 68 better than less did, and
of 103 the same; many recordings are in both."""
CONTRAST_WEIGHTS = (0.0, 0.1, 0.3, 0.5)
"""To choose from; more than that is not worth its danger where recordings are few (AUROC level, surer when wrong)."""
DEFAULT_TEMPERATURE = 8.0
"""Middle of the prior."""
LONE_TEMPERATURE = 2.4
"""Where nothing can be left out: the temperature times how near each shot is to the nearest other class (cosine).

On two sets of recordings kept aside (1 shot, 68 and 103 classes, 140 tasks of 5 and 12) the best were 2.0 to 3.0."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns logits and familiarity into probabilities."""

    temperature: float
    """Multiplies the logits before the softmax over the classes."""
    threshold: float
    """The familiarity at which a window is as likely known as not."""
    width: float
    """How fast that changes (cosine)."""
    contrast_weight: float = CONTRAST_WEIGHT
    """How much the contrast counts beside the closeness (ρ)."""

    def familiarity(self, signs: Signs) -> Float[Tensor, " batch"]:
        """How well known each window is: f, the largest c + ρ s."""
        return (signs.closeness + self.contrast_weight * signs.contrast).amax(1)


def fitted_unknown(own: Signs | None, foreign: Signs, temperature: float, hearings: float = 1.0) -> Calibration:
    """ρ, threshold and width from left-out own recordings (None: no class has two) and foreign sounds.

    So many `hearings` of one recording are as much as one against the prior.
    """
    choices = [
        _fitted(own, foreign, Calibration(temperature, 0.0, 0.0, weight), hearings) for weight in CONTRAST_WEIGHTS
    ]
    return min(choices, key=lambda choice: choice[0])[1]


def _fitted(own: Signs | None, foreign: Signs, given: Calibration, hearings: float) -> tuple[float, Calibration]:
    """(loss and prior, the calibration) with the contrast's weight as it is given."""
    outside = given.familiarity(foreign).double().cpu()
    usual = float(outside.median())
    prior = usual + LONE_SHARE * (1 - usual)
    thresholds = torch.linspace(-0.5, 1.5, 201, dtype=torch.float64)[:, None, None]
    widths = torch.tensor(WIDTHS, dtype=torch.float64)[None, :, None]
    off = ((thresholds - prior) / THRESHOLD_SPREAD).square() + ((widths / WIDTH).log() / WIDTH_SPREAD).square()
    off = off + (given.contrast_weight - CONTRAST_WEIGHT) ** 2 * 4
    cost = off[..., 0] / 2
    if own is not None:
        inside = given.familiarity(own).double().cpu()
        misses = torch.nn.functional.softplus((thresholds - inside) / widths).mean(-1)
        alarms = torch.nn.functional.softplus((outside - thresholds) / widths).mean(-1)
        cost = cost + len(inside) / hearings * (misses + alarms)
    best = int(cost.argmin())
    threshold, width = float(thresholds.flatten()[best // len(WIDTHS)]), WIDTHS[best % len(WIDTHS)]
    return float(cost.min()), Calibration(given.temperature, threshold, width, given.contrast_weight)


def fitted_temperature(logits: Float[Tensor, "shots classes"], labels: Tensor, hearings: float = 1.0) -> float:
    """The temperature of least cross entropy on left-out shots, on a ladder from 1 to 64.

    Each doubling away from the default costs a nat in all: a few shots, all of them right, do not make it sure.
    """
    ladder = torch.logspace(0, 6, 49, base=2, dtype=torch.float64)
    summed = [torch.nn.functional.cross_entropy(logits.double() * t, labels, reduction="sum").cpu() for t in ladder]
    losses = [loss / hearings + (t / DEFAULT_TEMPERATURE).log2().abs() for loss, t in zip(summed, ladder, strict=True)]
    return float(ladder[int(torch.stack(losses).argmin())])


def lone_temperature(nearest: Float[Tensor, " shots"]) -> float:
    """The temperature where each class has one shot, from each one's closeness to the nearest other class.

    Shots that are alike say that questions will be hard: then one should be less sure.
    """
    return LONE_TEMPERATURE / max(float(nearest.mean()), LONE_TEMPERATURE / DEFAULT_TEMPERATURE)


def probabilities(
    logits: Float[Tensor, "batch classes"],
    signs: Signs,
    background: Float[Tensor, " batch"] | None,
    silent: Bool[Tensor, " batch"],
    calibration: Calibration,
) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, " batch"]]:
    """(probability of each class, probability of none): they sum to 1. `background` is the nearest one's closeness."""
    known = torch.sigmoid((calibration.familiarity(signs) - calibration.threshold) / calibration.width)
    if background is not None:
        known = known * torch.sigmoid((signs.closeness.amax(1) - background) / calibration.width)
    known = torch.where(silent, 0.0, known)
    among = (logits * calibration.temperature).softmax(1)
    return among * known[:, None], 1 - known
