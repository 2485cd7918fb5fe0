"""What `mgcld eval` found out, whole: as JSON, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mgcld.evaluation.bootstrap import REPLICATES, reliability
from mgcld.evaluation.sheets import Figures, Sheet, markdown


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """The figures, and all that one needs to get them again."""

    title: str
    facts: Mapping[str, Any]
    """Data set, protocol, encoder, seed, versions and so on."""
    classes: Sequence[str]
    """Of the data set."""
    figures: Sequence[Figures]
    sheets: Sequence[Sheet]
    notes: Sequence[str] = ()
    """What a reader should know."""
    resampled: str = "episodes and classes"
    """What the intervals are drawn over."""
    extra: Mapping[str, Any] | None = None
    """Figures beyond accuracy, for the JSON."""

    @property
    def summary(self) -> str:
        """One line below the tables."""
        facts = self.facts
        return (
            f"{self.title}: {facts['clips']} clips, {len(self.classes)} classes, {facts['episodes']} episodes a cell, "
            f"encoder {facts['encoder']} ({facts['weights']}), seed {facts['seed']}, {facts['seconds']:.0f} s; "
            f"intervals by bootstrap over {self.resampled}"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values; accuracies are shares, not per cent."""
        cells = [_plain(item) for item in self.figures]
        facts = {**self.facts, "bootstrap_replicates": REPLICATES}
        return {"title": self.title, **facts, "cells": cells, "notes": list(self.notes), **(self.extra or {})}

    def as_markdown(self) -> str:
        """The tables, and the facts below."""
        facts = ", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in self.facts.items())
        notes = "".join(f"\n- {note}" for note in self.notes)
        return "\n".join([f"## {self.title}\n", *map(markdown, self.sheets), facts + "\n" + notes]).rstrip() + "\n"


def _plain(item: Figures) -> dict[str, Any]:
    cell = item.cell
    methods = {
        name: {**asdict(interval), "ece": reliability(cell, name)[1]} for name, interval in item.accuracy.items()
    }
    return {
        "way": cell.way,
        "shots": cell.shots,
        "episodes": len(cell.truth),
        "questions": int(cell.asked.sum()),
        "methods": methods,
        "best_baseline": item.best,
        "ahead_of_best_baseline": {name: asdict(interval) for name, interval in item.ahead.items()},
        "ahead_of_best_baseline_on_these_classes": {n: asdict(interval) for n, interval in item.ahead_here.items()},
        "cpu_seconds": round(cell.seconds, 2),
    }


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
