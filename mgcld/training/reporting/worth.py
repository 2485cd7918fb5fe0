"""Which part of the method carries each class: what each says alone, what is lost without it, and who makes the lead.

The logit is a weighted sum of parts, so the lead of the true class over the strongest other is one as well: each
part's share of it is exact.
"""

from dataclasses import fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.model.parts import Parts, total
from mgcld.training.reporting.answers import Answers, only
from mgcld.training.reporting.records import PartWorth, Share


def worth(answers: Answers, asked: Bool[Tensor, " queries"]) -> tuple[PartWorth, ...]:
    """Each part's worth for the queries that are `asked`; empty where there is none, or no other class."""
    if not asked.any() or answers.near.shape[1] < 2:
        return ()
    names = [field.name for field in fields(Parts)]
    rival = _rival(answers)
    rows = []
    for name in names:
        alone = total(only(answers.parts, [name]), answers.options)
        without = total(only(answers.parts, [other for other in names if other != name]), answers.options)
        lead = float(_lead(alone, answers.truth, rival)[asked].mean())
        rows.append(PartWorth(name, _right(alone, answers, asked), _right(without, answers, asked), lead))
    return tuple(rows)


def among_classes(answers: Answers) -> Share:
    """Right with all parts, `unknown` aside."""
    logits = total(answers.parts, answers.options)
    return _right(logits, answers, torch.ones(len(logits), dtype=torch.bool))


def given(answers: Answers) -> Share:
    """Right with `unknown` as an answer."""
    return Share(int((answers.said == answers.truth).sum()), len(answers.truth))


def _rival(answers: Answers) -> Tensor:
    """The strongest class that is not the true one."""
    logits = total(answers.parts, answers.options)
    return logits.scatter(1, answers.truth[:, None], -torch.inf).argmax(1)


def _lead(logits: Float[Tensor, "queries classes"], truth: Tensor, rival: Tensor) -> Float[Tensor, " queries"]:
    rows = torch.arange(len(logits))
    return logits[rows, truth] - logits[rows, rival]


def _right(logits: Float[Tensor, "queries classes"], answers: Answers, asked: Tensor) -> Share:
    right = logits.argmax(1) == answers.truth
    return Share(int(right[asked].sum()), int(asked.sum()))
