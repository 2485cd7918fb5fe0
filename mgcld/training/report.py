"""What training found out, for people and for machines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mgcld.training.support import BACKGROUND, UNKNOWN, Skipped


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One class."""

    name: str
    shots: int
    seconds: float
    left_out: int
    """How many of its shots were left out once and asked about; 0 with a single shot."""
    right: int
    """How many of those were given their class."""
    unknown: int
    """How many of those were thought to be none of the classes."""

    @property
    def accuracy(self) -> float | None:
        """Share of left-out shots given their class (as unknown counts as wrong); None with a single shot."""
        return self.right / self.left_out if self.left_out else None


@dataclass(frozen=True, slots=True)
class Report:
    """The whole training."""

    classes: tuple[ClassReport, ...]
    background_shots: int
    confused: tuple[tuple[str, str, int], ...]
    """(the class, what was said instead, how often), most frequent first."""
    skipped: tuple[Skipped, ...]
    mode: str
    contrast_scale: float
    steps: int
    temperature: float
    threshold: float
    seconds: float
    """How long the training took."""

    @property
    def accuracy(self) -> float | None:
        """Share of all left-out shots that were given their class; None where nothing could be left out."""
        asked = sum(row.left_out for row in self.classes)
        return sum(row.right for row in self.classes) / asked if asked else None

    @property
    def advice(self) -> tuple[str, ...]:
        """What the owner of the recordings could do next."""
        lines = []
        single = [row.name for row in self.classes if row.shots == 1]
        if single:
            lines.append(
                f"one recording only of {_listed(single)}: a second one lets mgcld check itself and set thresholds"
            )
        if not self.background_shots:
            lines.append(f"no {BACKGROUND}/: recordings of the place without these sounds make false alarms rarer")
        for true, said, count in self.confused:
            if count >= 2 and said == UNKNOWN:
                lines.append(f"{true!r} was not recognised {count} times: add recordings of it")
            elif count >= 2:
                lines.append(f"{true!r} was taken for {said!r} {count} times: add recordings of both, or merge them")
        return tuple(lines)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them and as the adapter keeps them."""
        plain = asdict(self)
        for row, whole in zip(plain["classes"], self.classes, strict=True):
            row["accuracy"] = whole.accuracy
        plain["skipped"] = [{"path": str(item.path), "why": item.why} for item in self.skipped]
        plain["confused"] = [{"class": a, "said": b, "count": n} for a, b, n in self.confused]
        return {**plain, "accuracy": self.accuracy, "advice": list(self.advice)}


def confusions(true: Sequence[str], said: Sequence[str], most: int = 5) -> tuple[tuple[str, str, int], ...]:
    """The most confused pairs, (class, answer, count)."""
    wrong = Counter((t, s) for t, s in zip(true, said, strict=True) if t != s)
    return tuple((t, s, count) for (t, s), count in sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:most])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
