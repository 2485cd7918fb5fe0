"""False alarms: how often background would be taken for a class, per hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mgcld.training.reporting.background import Judged
from mgcld.training.reporting.intervals import poisson

MOST_MOMENTS = 12
MOST_SHOWN = 30
"""Probabilities of a class that are kept to be drawn."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A window of background in which a class reached its threshold."""

    source: str
    start_seconds: float
    name: str
    p: float


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Windows of background in which a class reached its suggested threshold."""

    source: str
    """`_background`, or the recording that was named."""
    recordings: int
    windows: int
    window_seconds: float
    counts: Mapping[str, int]
    """Class -> windows at or above its threshold."""
    any: int
    """Windows in which any class was."""
    moments: tuple[Moment, ...]
    """The most probable ones."""
    highest: Mapping[str, tuple[float, ...]]
    """Class -> its highest probabilities, highest first."""

    @property
    def label(self) -> str:
        """Short for a chart: the file's name."""
        return Path(self.source).name

    @property
    def hours(self) -> float:
        """How much was heard."""
        return self.windows * self.window_seconds / 3600

    @property
    def worst(self) -> list[tuple[str, int]]:
        """(class, windows), the classes that raised any, worst first."""
        return sorted(((name, count) for name, count in self.counts.items() if count), key=lambda item: -item[1])

    def per_hour(self, count: int) -> float:
        """Such windows an hour."""
        return count / self.hours

    def interval(self, count: int) -> tuple[float, float]:
        """95 % of the rate per hour (Poisson; the rule of three where none was)."""
        low, high = poisson(count)
        most = 3600 / self.window_seconds  # windows in an hour
        return min(low / self.hours, most), min(high / self.hours, most)


def false_alarms(
    source: str,
    judged: Sequence[Judged],
    thresholds: Sequence[Sequence[float]],
    classes: Sequence[str],
    window_seconds: float,
) -> FalseAlarms:
    """Count them; `thresholds` has for each recording one for each class."""
    each = zip(judged, thresholds, strict=True)
    limits = torch.cat([torch.tensor([own]).expand(len(one.p), -1) for one, own in each])
    p = torch.cat([one.p for one in judged])
    alarm = p >= limits
    return FalseAlarms(
        source=source,
        recordings=len(judged),
        windows=len(p),
        window_seconds=window_seconds,
        counts=dict(zip(classes, alarm.sum(0).tolist(), strict=True)),
        any=int(alarm.any(1).sum()),
        moments=_moments(p, alarm, judged, classes),
        highest={name: tuple(_highest(p[:, column])) for column, name in enumerate(classes)},
    )


def _highest(p: Tensor) -> list[float]:
    highest: list[float] = p.sort(descending=True).values[:MOST_SHOWN].tolist()
    return highest


def _moments(p: Tensor, alarm: Tensor, judged: Sequence[Judged], classes: Sequence[str]) -> tuple[Moment, ...]:
    where = [(one.name, start) for one in judged for start in one.starts]
    best = (p * alarm).max(1)
    rows = [row for row in best.values.argsort(descending=True).tolist() if bool(alarm[row].any())]
    return tuple(
        Moment(where[row][0], where[row][1], classes[int(best.indices[row])], float(best.values[row]))
        for row in rows[:MOST_MOMENTS]
    )
