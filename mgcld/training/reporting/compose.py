"""The report, composed: adapter, left-out answers, recordings and background in, one record out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from mgcld.model.adapter import Adapter
from mgcld.model.listen import Listener
from mgcld.model.options import PRESETS, MethodOptions
from mgcld.training.leave_one_out import LeftOut
from mgcld.training.reporting.alarms import FalseAlarms, false_alarms
from mgcld.training.reporting.answers import Answers, answers_of
from mgcld.training.reporting.background import Heard, Judged, judge, judge_each, without
from mgcld.training.reporting.classes import background_alarms, class_reports
from mgcld.training.reporting.records import ClassReport, Made, Share
from mgcld.training.reporting.report import Report
from mgcld.training.reporting.shots import confused, confusion, shot_reports
from mgcld.training.reporting.worth import among_classes, given, worth
from mgcld.training.shots import Recording
from mgcld.training.support import Skipped


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What training made, and from what."""

    adapter: Adapter
    left_out: LeftOut | None
    recordings: tuple[Recording, ...]
    """Of the classes, in the order of the adapter's first keys; the keys behind them are the same in the place."""
    placed: bool
    """Whether they were heard in the place, too."""
    background: tuple[Recording, ...]
    """Of `_background`, in the order of the adapter's."""
    listening: Heard | None
    """A recording that was named to count false alarms in."""
    skipped: tuple[Skipped, ...]
    support: Path
    """The folder."""
    seconds: float
    """How long it took."""


@torch.no_grad()
def report_of(trained: Trained, listener: Listener) -> Report:
    """Everything that is known about it."""
    adapter = trained.adapter
    answers = answers_of(adapter, trained.left_out, len(trained.recordings))
    recorded = None if answers is None else answers.as_recorded
    background = judge_each(trained.background, listener, adapter)
    shots = shot_reports(adapter, recorded, trained.recordings)
    classes = class_reports(adapter, answers, shots, background)
    return Report(
        classes=classes,
        shots=shots,
        background_shots=len(trained.background),
        placeless=adapter.options.placed and bool(trained.background) and not trained.placed,
        confusion=confusion(adapter.classes, shots),
        confused=confused(shots),
        parts=() if recorded is None else worth(recorded, torch.ones(len(recorded.shots), dtype=torch.bool)),
        among_classes=Share(0, 0) if recorded is None else among_classes(recorded),
        in_place=Share(0, 0) if answers is None else given(answers.in_place),
        alarms=tuple(_alarms(trained, answers, background, classes)),
        skipped=trained.skipped,
        made=_made(trained),
    )


def _alarms(
    trained: Trained, answers: Answers | None, background: Sequence[Judged], classes: Sequence[ClassReport]
) -> list[FalseAlarms]:
    adapter, seconds = trained.adapter, trained.adapter.provenance.window_seconds
    found = [background_alarms(adapter, answers, background, seconds)] if background else []
    if trained.listening is not None:
        limits = [[row.threshold.value for row in classes]]
        named = trained.listening.name
        itself = {i for i, shot in enumerate(trained.background) if shot.path.resolve() == Path(named).resolve()}
        judged = judge(trained.listening, without(adapter, itself))
        found.append(false_alarms(named, [judged], limits, adapter.classes, seconds))
    return found


def _made(trained: Trained) -> Made:
    made, options = trained.adapter.provenance, trained.adapter.options
    return Made(
        mgcld=made.mgcld,
        encoder=made.encoder,
        weights_hash=made.weights_hash,
        captioner=made.captioner,
        window_seconds=made.window_seconds,
        mode=options.mode,
        options=asdict(options),
        chosen=_chosen(options),
        calibration=_plain(asdict(trained.adapter.calibration)),
        support=str(trained.support),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=trained.seconds,
    )


def _chosen(options: MethodOptions) -> dict[str, Any]:
    """What leave-one-out chose otherwise than the preset."""
    preset = asdict(PRESETS[options.mode])
    return {name: value for name, value in asdict(options).items() if preset[name] != value}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if isinstance(value, str | int | float | tuple | None)}
