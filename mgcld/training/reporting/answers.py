"""Left-out shots as the finished adapter would judge them: what every part of the report reads from."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mgcld.model.adapter import Adapter
from mgcld.model.calibration import probabilities
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Parts, signs_of, total
from mgcld.training.leave_one_out import LeftOut


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What was said of each left-out shot, on the CPU."""

    shots: Int[Tensor, " queries"]
    """Index among the material's shots."""
    truth: Int[Tensor, " queries"]
    """Index of its class."""
    p: Float[Tensor, "queries answers"]
    """Probability of each class, then of unknown."""
    near: Float[Tensor, "queries classes"]
    """Closeness to each class, itself left out (cosine)."""
    parts: Parts
    """What each part said."""
    options: MethodOptions
    recordings: int
    """So many of the shots are the recordings as they are; those behind are the same in the place."""

    @property
    def said(self) -> Int[Tensor, " queries"]:
        """Index of the most probable answer; the last is unknown."""
        return self.p.argmax(1)

    @property
    def as_recorded(self) -> "Answers":
        """Only what was said of the recordings as they are."""
        return self._some(self.shots < self.recordings)

    @property
    def in_place(self) -> "Answers":
        """Only what was said of the recordings in the place."""
        return self._some(self.shots >= self.recordings)

    def _some(self, chosen: Bool[Tensor, " queries"]) -> "Answers":
        parts = Parts(*(getattr(self.parts, field.name)[chosen] for field in fields(self.parts)))
        shots, truth, p, near = (rows[chosen] for rows in (self.shots, self.truth, self.p, self.near))
        return replace(self, shots=shots, truth=truth, p=p, near=near, parts=parts)


def answers_of(adapter: Adapter, left_out: LeftOut | None, recordings: int) -> Answers | None:
    """Judge the left-out shots with the adapter's calibration; None where nothing could be left out."""
    if left_out is None:
        return None
    parts = left_out.parts[adapter.options.steps]
    background = adapter.background_closeness(adapter.keys[left_out.shots])
    silent = torch.zeros(len(left_out.shots), dtype=torch.bool, device=left_out.near.device)
    logits = total(parts, adapter.options)
    p, unknown = probabilities(
        logits, signs_of(parts, left_out.near, adapter.options), background, silent, adapter.calibration
    )
    return Answers(
        shots=left_out.shots.cpu(),
        truth=adapter.values[left_out.shots].argmax(1).cpu(),
        p=torch.cat([p, unknown[:, None]], 1).cpu(),
        near=left_out.near.cpu(),
        parts=only(parts, [field.name for field in fields(parts)]),
        options=adapter.options,
        recordings=recordings,
    )


def only(parts: Parts, names: list[str]) -> Parts:
    """The parts of these names, on the CPU; the others say nothing."""
    kept = {field.name: getattr(parts, field.name).cpu() for field in fields(parts)}
    return replace(parts, **{name: part if name in names else torch.zeros_like(part) for name, part in kept.items()})
