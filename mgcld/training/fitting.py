"""Everything that training does with features: check, choose, train, calibrate."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from mgcld.model.calibration import (
    DEFAULT_TEMPERATURE,
    Calibration,
    fitted_temperature,
    fitted_unknown,
    lone_temperature,
)
from mgcld.model.contrast import Explanations
from mgcld.model.head import Head
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Signs, joined, signs_of, similarities, total
from mgcld.training.fit import head, trained
from mgcld.training.leave_one_out import LeftOut, leave_one_out, selected
from mgcld.training.material import Material, Others


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What comes out of it."""

    head: Head
    """Its options hold what was chosen."""
    calibration: Calibration
    left_out: LeftOut | None
    """The answers about left-out shots; None where no class has two recordings."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """What goes in: features only, no recording."""

    material: Material
    background: Others | None
    foreign: Others
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
            options = selected(asked, self.material, options)
        progress("training", 0, 1)
        # Trained as in the rounds: with the preset's scale, so that what was chosen there is what is made here.
        same = replace(self.options, steps=options.steps)
        fusion = trained(self.alignment, self.material, self.explanations, same)
        progress("training", 1, 1)
        made = head(fusion, self.material, self.explanations, options)
        return Fitted(made, self._calibration(asked, made), asked)

    @torch.no_grad()
    def _calibration(self, asked: LeftOut | None, made: Head) -> Calibration:
        values, options = self.material.values, made.options
        foreign = [self._heard(made, others) for others in (self.foreign, self.background) if others is not None]
        own, temperature = None, DEFAULT_TEMPERATURE
        if asked is not None:
            parts, truth = asked.parts[options.steps], self.material.labels[asked.shots]
            own = signs_of(parts, asked.near, options)
            if self.material.classes > 1:
                temperature = fitted_temperature(total(parts, options), truth, self.material.hearings)
                foreign.append(signs_of(parts, asked.near, options, values[asked.shots] > 0))
        elif self.material.classes > 1:
            parts = made.parts(self.material.near, self.material.keys, self.material.caption)
            others = made.signs(parts, self.material.near, values > 0)
            foreign.append(others)
            temperature = lone_temperature(others.closeness.amax(1))
        return fitted_unknown(own, joined(*foreign), temperature, self.material.hearings)

    def _heard(self, made: Head, others: Others) -> Signs:
        near = similarities(others.keys, self.material.keys, made.options)
        return made.signs(made.parts(near, others.keys, others.caption), near)
