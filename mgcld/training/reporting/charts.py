"""Where the page's bars and dots lie, in per cent: numbers only, the template draws."""

from collections.abc import Sequence
from dataclasses import dataclass

from mgcld.training.reporting.records import ClassReport, PartWorth

MOST_DOTS = 30
"""Dots of other classes in one strip: the most probable ones."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar."""

    part: str
    left: float
    """Where it begins (per cent of the chart's width)."""
    width: float
    lead: float


@dataclass(frozen=True, slots=True)
class LeadChart:
    """Who makes each class's lead: pieces to the right of `zero` help, to the left of it they work against."""

    zero: float
    """Where a lead of 0 lies (per cent)."""
    rows: tuple[tuple[str, float, tuple[Segment, ...]], ...]
    """(class, lead of all parts together, its pieces)."""


def lead_chart(classes: Sequence[ClassReport]) -> LeadChart:
    """For the classes with parts; no rows where there are none."""
    rows = [(row.name, row.parts) for row in classes if row.parts]
    most = max((_sum(parts, 1) for _, parts in rows), default=0.0)
    least = max((_sum(parts, -1) for _, parts in rows), default=0.0)
    scale = 100 / ((most + least) or 1.0)
    zero = least * scale
    drawn = [(name, sum(part.lead for part in parts), _pieces(parts, zero, scale)) for name, parts in rows]
    return LeadChart(zero, tuple(drawn))


def _sum(parts: Sequence[PartWorth], sign: int) -> float:
    return sum(max(0.0, sign * part.lead) for part in parts)


def _pieces(parts: Sequence[PartWorth], zero: float, scale: float) -> tuple[Segment, ...]:
    right, left, pieces = zero, zero, []
    for part in parts:
        width = abs(part.lead) * scale
        if part.lead >= 0:
            pieces.append(Segment(part.part, right, width, part.lead))
            right += width
        else:
            left -= width
            pieces.append(Segment(part.part, left, width, part.lead))
    return tuple(pieces)


def dots(probabilities: Sequence[float], most: int | None = None) -> list[float]:
    """Where dots lie in a strip (per cent), the most probable ones."""
    return [round(100 * p, 1) for p in sorted(probabilities, reverse=True)[:most]]
