"""Leave one out: what the adapter says of recordings that it was not made with.

In each round one recording of every class that has at least two is left out, the adapter is made from the rest, and
the left-out shots are its queries: all that are heard in those recordings. The choice of `contrast_scale` and `steps`,
the temperature, the threshold of `unknown` and the accuracy in the report come from these answers only.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mgcld.model.contrast import Explanations
from mgcld.model.head import Head
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Parts, Similarities, total
from mgcld.training.fit import head, new_fusion, training
from mgcld.training.material import Material

MOST_ROUNDS = 10
"""A class with more recordings leaves out several of them in a round."""
STEPS = (0, 20)
"""Numbers of steps to choose from: more were never worth their time."""
SCALES = (0.25, 0.5, 1.0, 2.0)
"""Contrast scales to choose from. An encoder may know the left-out recordings from its own training, and its text then
looks better than it is: more is not offered."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """The answers about left-out shots; a row for each shot that was left out once."""

    shots: Int[Tensor, " queries"]
    """Index of each query among the material's shots."""
    parts: dict[int, Parts]
    """After so many steps of training -> what each part said."""
    near: Float[Tensor, "queries classes"]
    """Closeness of each query to each class."""


def rounds(material: Material) -> list[Int[Tensor, " left"]]:
    """Which shots are left out in each round; a recording alone in its class never is."""
    turns: dict[int, list[int]] = {}
    for label in torch.unique(material.labels).tolist():
        own = torch.unique(material.recordings[material.labels == label]).tolist()
        for i, recording in enumerate(own if len(own) > 1 else []):
            shots = (material.recordings == recording).nonzero()[:, 0].tolist()
            turns.setdefault(i % MOST_ROUNDS, []).extend(shots)
    return [torch.tensor(turns[i], device=material.labels.device) for i in sorted(turns)]


def leave_one_out(
    alignment: Float[Tensor, "audio text"],
    material: Material,
    explanations: Explanations,
    options: MethodOptions,
    progress: Callable[[int, int], None] | None = None,
) -> LeftOut | None:
    """Ask about every shot that can be left out; None where no class has two recordings."""
    turns = rounds(material)
    if not turns:
        return None
    answers = []
    for done, left in enumerate(turns, 1):
        answers.append(_round(alignment, material, explanations, options, left))
        if progress is not None:
            progress(done, len(turns))
    parts = {step: _joined([answer.parts[step] for answer in answers]) for step in answers[0].parts}
    return LeftOut(torch.cat(turns), parts, torch.cat([answer.near for answer in answers]))


def _round(
    alignment: Tensor, material: Material, explanations: Explanations, options: MethodOptions, left: Tensor
) -> LeftOut:
    kept = torch.ones(len(material.labels), dtype=torch.bool, device=left.device)
    kept[left] = False
    kept_shots = kept.nonzero()[:, 0]
    rest, query, near = material[kept_shots], material[left], material.near[left, kept_shots]
    parts = {}
    for step, one in _heads(alignment, rest, explanations, options):
        parts[step] = _asked(one, near, query)
    return LeftOut(left, parts, one.closeness(near))  # which training does not change


@torch.no_grad()
def _asked(one: Head, near: Similarities, query: Material) -> Parts:
    return one.parts(near, query.keys, query.caption)


def _heads(
    alignment: Tensor, rest: Material, explanations: Explanations, options: MethodOptions
) -> Iterator[tuple[int, Head]]:
    wanted = STEPS if options.selected else (options.steps,)
    fusion = new_fusion(alignment, options)
    for done, _ in training(fusion, rest, explanations, options):
        if done in wanted:
            yield done, head(fusion, rest, explanations, options)
        if done == max(wanted):
            return


def _joined(parts: list[Parts]) -> Parts:
    return Parts(*(torch.cat([getattr(part, name) for part in parts]) for name in Parts.__slots__))


def selected(left_out: LeftOut, material: Material, options: MethodOptions) -> MethodOptions:
    """The options with the `contrast_scale` and `steps` of least loss on left-out shots.

    Each doubling away from where the scale begins costs a nat in all, so that a handful of shots does not decide alone.
    """
    truth = material.labels[left_out.shots]
    per_class = float(material.recordings_per_class.double().mean())
    options = replace(options, contrast_scale=options.contrast_scale / math.sqrt(per_class))
    choices = [replace(options, contrast_scale=scale, steps=steps) for scale in SCALES for steps in left_out.parts]
    return min(choices, key=lambda choice: _cost(left_out, truth, choice, options, material.hearings))


def _cost(left_out: LeftOut, truth: Tensor, choice: MethodOptions, default: MethodOptions, hearings: float) -> float:
    logits = total(left_out.parts[choice.steps], choice).double()
    ladder = torch.logspace(0, 6, 25, base=2, dtype=torch.float64)
    loss = min(float(torch.nn.functional.cross_entropy(logits * t, truth, reduction="sum")) for t in ladder)
    doublings = abs(torch.tensor(choice.contrast_scale / default.contrast_scale).log2().item())
    return loss / hearings + doublings + 0.01 * abs(choice.steps - default.steps)
