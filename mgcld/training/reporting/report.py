"""What training found out, as one record."""

from collections.abc import Sequence
from dataclasses import dataclass

from mgcld.training.reporting.alarms import FalseAlarms
from mgcld.training.reporting.records import ClassReport, Confusion, Made, PartWorth, Share, ShotReport
from mgcld.training.support import BACKGROUND, Skipped


@dataclass(frozen=True, slots=True)
class Report:
    """The whole training."""

    classes: tuple[ClassReport, ...]
    shots: tuple[ShotReport, ...]
    background_shots: int
    confusion: tuple[tuple[int, ...], ...]
    """Rows are classes, columns classes and then unknown: left-out shots."""
    confused: tuple[Confusion, ...]
    """Most frequent first."""
    parts: tuple[PartWorth, ...]
    """Over all classes."""
    among_classes: Share
    """Left-out shots whose class came before all other classes, `unknown` aside."""
    alarms: tuple[FalseAlarms, ...]
    """Of `_background`, and of a recording that was named."""
    skipped: tuple[Skipped, ...]
    made: Made

    @property
    def share(self) -> Share:
        """Left-out shots of all classes that were given their class; taken for unknown counts as wrong."""
        return Share(sum(row.right for row in self.classes), sum(row.left_out for row in self.classes))

    @property
    def suspects(self) -> tuple[ShotReport, ...]:
        """Shots that somebody should listen to again."""
        return tuple(shot for shot in self.shots if shot.troubles)

    @property
    def advice(self) -> tuple[str, ...]:
        """What the owner of the recordings could do next."""
        single = [row.name for row in self.classes if row.shots == 1]
        lines = []
        if single:
            lines.append(
                f"one recording only of {listed(single)}: a second one lets mgcld check itself and set thresholds"
            )
        if not self.background_shots:
            lines.append(f"no {BACKGROUND}/: recordings of the place without these sounds make false alarms rarer")
        labels = [shot.path for shot in self.shots if any(trouble.kind == "label" for trouble in shot.troubles)]
        if labels:
            lines.append(f"perhaps in the wrong folder: {listed(labels)}; listen, then move or remove")
        return (*lines, *(f"{pair.name!r} was taken for {pair.said!r}: {pair.hint}" for pair in self._often))

    @property
    def _often(self) -> list[Confusion]:
        return [pair for pair in self.confused if pair.count >= 2][:5]


def listed(names: Sequence[str], most: int = 5) -> str:
    """Quoted names, the first few of them."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(name) for name in names[:most]) + rest
