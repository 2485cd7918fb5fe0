"""Everything that training does with features: check, choose, train, calibrate."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from mgcld.model.cache import Keys
from mgcld.model.calibration import DEFAULT_TEMPERATURE, Calibration, fitted_temperature, known_threshold
from mgcld.model.contrast import Explanations
from mgcld.model.head import Head
from mgcld.model.options import MethodOptions
from mgcld.model.parts import similarities, total
from mgcld.training.fit import head, trained
from mgcld.training.leave_one_out import LeftOut, leave_one_out, selected
from mgcld.training.material import Material


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What comes out of it."""

    head: Head
    """Its options hold what was chosen."""
    calibration: Calibration
    left_out: LeftOut | None
    """The answers about left-out shots; None where no class has two shots."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """What goes in: features only, no recording."""

    material: Material
    background: Keys | None
    foreign: Keys
    """Generated sounds that belong to no class."""
    explanations: Explanations
    alignment: Float[Tensor, "audio text"]
    options: MethodOptions

    def run(self, progress: Callable[[str, int, int], None]) -> Fitted:
        """Leave one out, choose, train on everything, calibrate."""
        asked = leave_one_out(
            self.alignment, self.material, self.explanations, self.options, lambda i, n: progress("checking", i, n)
        )
        options = self.options
        if asked is not None and options.selected and self.material.classes > 1:
            options = selected(asked, self.material.labels, options)
        progress("training", 0, 1)
        # Trained as in the rounds: with the preset's scale, so that what was chosen there is what is made here.
        same = replace(self.options, steps=options.steps)
        fusion = trained(self.alignment, self.material, self.explanations, same)
        progress("training", 1, 1)
        made = head(fusion, self.material, self.explanations, options)
        return Fitted(made, self._calibration(asked, made), asked)

    def _calibration(self, asked: LeftOut | None, made: Head) -> Calibration:
        own, temperature = None, DEFAULT_TEMPERATURE
        if asked is not None:
            truth = self.material.labels[asked.shots]
            own = asked.near[torch.arange(len(truth)), truth]
            if self.material.classes > 1:
                temperature = fitted_temperature(total(asked.parts[made.options.steps], made.options), truth)
        threshold, width = known_threshold(own, self._foreign_closeness(made))
        return Calibration(temperature, threshold, width)

    @torch.no_grad()
    def _foreign_closeness(self, made: Head) -> Float[Tensor, " others"]:
        """How near sounds that are no class come: generated noise, background, each shot to the classes not its own."""
        others = [self.foreign] + ([] if self.background is None else [self.background])
        near = [made.closeness(similarities(o, self.material.keys, made.options)).amax(1) for o in others]
        if self.material.classes > 1:
            between = made.closeness(self.material.near)
            near.append(between.masked_fill(made.values > 0, -1.0).amax(1))
        return torch.cat(near)
