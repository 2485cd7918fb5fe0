"""The report's rows about single shots, and who was taken for whom."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch

from mgcld.model.adapter import Adapter
from mgcld.names import UNKNOWN
from mgcld.training.reporting.answers import Answers
from mgcld.training.reporting.diagnosis import closest, of_answers, of_sound, twins
from mgcld.training.reporting.levels import level_dbfs
from mgcld.training.reporting.records import Confusion, ShotReport
from mgcld.training.shots import Recording


def shot_reports(adapter: Adapter, answers: Answers | None, recordings: Sequence[Recording]) -> tuple[ShotReport, ...]:
    """One for each recording, in the order of the adapter's first keys; `answers` are of the recordings as they are."""
    of_shot = {} if answers is None else of_answers(answers, adapter.classes)
    copies = twins(adapter.keys[torch.arange(len(recordings), device=adapter.keys.coarse.device)], recordings)
    bare = [
        ShotReport(
            path=f"{recording.name}/{recording.path.name}",
            name=recording.name,
            seconds=recording.seconds,
            level_dbfs=level_dbfs(recording.windows),
            troubles=(*of_shot.get(shot, ()), *sound, *copies.get(shot, ())),
        )
        for shot, (recording, sound) in enumerate(zip(recordings, of_sound(recordings), strict=True))
    ]
    return tuple(bare) if answers is None else tuple(_answered(bare, answers, adapter.classes))


def _answered(bare: list[ShotReport], answers: Answers, classes: Sequence[str]) -> list[ShotReport]:
    own, rival, which = closest(answers)
    names, said = [*classes, UNKNOWN], answers.said.tolist()
    for row, shot in enumerate(answers.shots.tolist()):
        bare[shot] = replace(
            bare[shot],
            said=names[said[row]],
            p=float(answers.p[row, answers.truth[row]]),
            near=float(own[row]),
            rival=classes[int(which[row])] if len(classes) > 1 else None,
            near_rival=float(rival[row]) if len(classes) > 1 else None,
        )
    return bare


def confusion(classes: Sequence[str], shots: Sequence[ShotReport]) -> tuple[tuple[int, ...], ...]:
    """Left-out shots: rows are classes, columns classes and then unknown."""
    counted = Counter((shot.name, shot.said) for shot in shots)
    return tuple(tuple(counted[name, said] for said in (*classes, UNKNOWN)) for name in classes)


def confused(shots: Sequence[ShotReport]) -> tuple[Confusion, ...]:
    """What was taken for what, most frequent first."""
    asked = [shot for shot in shots if shot.said is not None]
    counted = Counter((shot.name, shot.said or "") for shot in asked)
    pairs = [
        Confusion(
            name=name,
            said=said,
            count=count,
            of=sum(shot.name == name for shot in asked),
            back=counted[said, name],
            paths=tuple(shot.path for shot in asked if (shot.name, shot.said) == (name, said)),
        )
        for (name, said), count in counted.items()
        if name != said
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.count, -pair.back, pair.name, pair.said)))
