"""The report's rows about classes: their left-out shots, thresholds and parts; and the false alarms on background."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mgcld.model.adapter import Adapter
from mgcld.names import UNKNOWN
from mgcld.training.reporting.alarms import FalseAlarms, false_alarms
from mgcld.training.reporting.answers import Answers
from mgcld.training.reporting.background import Judged
from mgcld.training.reporting.records import ClassReport, ShotReport, Threshold
from mgcld.training.reporting.thresholds import suggested
from mgcld.training.reporting.worth import worth
from mgcld.training.support import BACKGROUND


def class_reports(
    adapter: Adapter, answers: Answers | None, shots: Sequence[ShotReport], background: Sequence[Judged]
) -> tuple[ClassReport, ...]:
    """One for each class, in the adapter's order; `background` helps to choose the thresholds.

    A threshold rests on the recordings as they are and in the place, all else on the recordings as they are.
    """
    heard = _windows(background, len(adapter.classes))
    recorded = None if answers is None else answers.as_recorded
    return tuple(
        ClassReport(
            name=name,
            shots=len(own),
            seconds=sum(shot.seconds for shot in own),
            left_out=sum(shot.said is not None for shot in own),
            right=sum(shot.said == name for shot in own),
            unknown=sum(shot.said == UNKNOWN for shot in own),
            threshold=_threshold(answers, index, heard[:, index]),
            parts=() if recorded is None else worth(recorded, recorded.truth == index),
            sentences=adapter.sentences[index],
        )
        for index, name in enumerate(adapter.classes)
        for own in [[shot for shot in shots if shot.name == name]]
    )


def _threshold(answers: Answers | None, index: int, background: Tensor) -> Threshold:
    own, others = _left_out(answers, index)
    return Threshold(suggested(own, others, background), tuple(own.tolist()), tuple(others.tolist()))


def _left_out(answers: Answers | None, index: int) -> tuple[Tensor, Tensor]:
    """Probability of a class for its own left-out shots, and for those of others."""
    if answers is None:
        return torch.zeros(0), torch.zeros(0)
    p, own = answers.p[:, index], answers.truth == index
    return p[own], p[~own]


def _windows(judged: Sequence[Judged], classes: int) -> Tensor:
    return torch.cat([one.p for one in judged]) if judged else torch.zeros(0, classes)


def background_alarms(
    adapter: Adapter, answers: Answers | None, background: Sequence[Judged], window_seconds: float
) -> FalseAlarms:
    """Of `_background`: each recording is counted with thresholds that were chosen without it."""
    thresholds = []
    for left in range(len(background)):
        rest = _windows([one for i, one in enumerate(background) if i != left], len(adapter.classes))
        thresholds.append(
            [suggested(*_left_out(answers, index), rest[:, index]) for index in range(len(adapter.classes))]
        )
    return false_alarms(BACKGROUND, background, thresholds, adapter.classes, window_seconds)
