"""The method itself, asked about an episode: the one place where the evaluation meets training and model."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mgcld.evaluation.bank import Bank
from mgcld.evaluation.episodes import Episode
from mgcld.model.calibration import DEFAULT_TEMPERATURE, Calibration, probabilities
from mgcld.model.options import MethodOptions
from mgcld.model.parts import total
from mgcld.training.fit import head, trained
from mgcld.training.fitting import Fitted, Fitting
from mgcld.training.material import Material, Others

UNFITTED = Calibration(DEFAULT_TEMPERATURE, threshold=0.0, width=1.0)
"""Where nothing is calibrated."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one adapter says about some clips."""

    logits: Float[Tensor, "queries classes"]
    """Pro_total times the temperature: their softmax is the probability among the classes."""
    p: Float[Tensor, "queries classes"]
    """Probability of each class, `unknown` being possible."""
    unknown: Float[Tensor, " queries"]
    """Probability that it is none of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """An adapter made of one episode's shots."""

    bank: Bank
    shots: Tensor
    """The clips that it was made of."""
    fitted: Fitted


def adapted(
    bank: Bank, episode: Episode, foreign: Others, options: MethodOptions, *, calibrate: bool = True
) -> Adapted:
    """Train on an episode's shots, as `mgcld train` does.

    Options that choose nothing need no leave-one-out where only the best class is asked for: `calibrate` can be False.
    """
    shots = torch.tensor([i for own in episode.support for i in own])
    labels = torch.tensor([c for c, own in enumerate(episode.support) for _ in own])
    texts = bank.texts.of(torch.tensor(episode.classes))
    near = bank.near(shots, shots, options)
    keys = bank.heard_by_contrast(shots, options)
    material = Material(keys, bank.caption[shots], labels, len(episode.classes), near, torch.arange(len(shots)))
    if calibrate or options.selected:
        fitting = Fitting(material, None, foreign, texts.explanations, texts.alignment, options)
        return Adapted(bank, shots, fitting.run(_silently))
    fusion = trained(texts.alignment, material, texts.explanations, options)
    fitted = Fitted(head(fusion, material, texts.explanations, options), UNFITTED, None)
    return Adapted(bank, shots, fitted)


@torch.no_grad()
def answers(adapter: Adapted, queries: Tensor) -> Answers:
    """Ask about clips of the same bank."""
    bank, one, calibration = adapter.bank, adapter.fitted.head, adapter.fitted.calibration
    near = bank.near(queries, adapter.shots, one.options)
    keys = bank.heard_by_contrast(queries, one.options)
    parts = one.parts(near, keys, bank.caption[queries])
    logits = total(parts, one.options)
    silent = torch.zeros(len(queries), dtype=torch.bool)
    p, unknown = probabilities(logits, one.signs(parts, near), None, silent, calibration)
    return Answers(logits * calibration.temperature, p, unknown)


def foreign_of(bank: Bank, options: MethodOptions) -> Others:
    """A bank of generated sounds as `Fitting` wants them."""
    return Others(bank.keys(torch.arange(len(bank)), options), bank.caption)


def _silently(what: str, done: int, of: int) -> None:
    """No progress for one of hundreds."""
