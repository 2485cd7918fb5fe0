"""Figures as tables of text: one record that the terminal, Markdown and the page all print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mgcld.evaluation import published
from mgcld.evaluation.bootstrap import Bootstrap, best_baseline
from mgcld.evaluation.methods import OURS, Method
from mgcld.evaluation.results import Cell, Interval


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table."""

    title: str
    columns: tuple[str, ...]
    """The first is that of the rows' names."""
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is printed of one cell."""

    cell: Cell
    accuracy: Mapping[str, Interval]
    best: str | None
    """The best baseline."""
    ahead: Mapping[str, Interval]
    """Each of our methods -> how much better it is than the best baseline."""
    ahead_here: Mapping[str, Interval]
    """The same for these very classes: resampled by episode only."""


def figures_of(cell: Cell, methods: Sequence[Method]) -> Figures:
    """Resample one cell."""
    bootstrap, here = Bootstrap(cell), Bootstrap(cell, over_classes=False)
    best = best_baseline(cell, [method.name for method in methods if method.baseline])
    ours = [method.name for method in methods if not method.baseline] if best else []
    return Figures(
        cell,
        {method.name: bootstrap.accuracy(method.name) for method in methods},
        best,
        {name: bootstrap.difference(name, best) for name in ours if best},
        {name: here.difference(name, best) for name in ours if best},
    )


def by_way(figures: Sequence[Figures]) -> list[Sheet]:
    """A table for each way: methods against shots, then how far ours are ahead of the best baseline."""
    sheets = []
    for way in dict.fromkeys(item.cell.way for item in figures):
        own = [item for item in figures if item.cell.way == way]
        rows = [(name, *(percent(item.accuracy[name]) for item in own)) for name in own[0].accuracy]
        if all(item.best for item in own):
            rows.append(("best baseline", *(str(item.best) for item in own)))
            rows += [(f"{name} minus it", *(points(item.ahead[name]) for item in own)) for name in own[0].ahead]
        columns = ("accuracy in % [95 %]", *(_shots(item.cell.shots) for item in own))
        sheets.append(Sheet(f"{way}-way", columns, tuple(rows)))
    return sheets


def paper_table(number: int, title: str, figures: Sequence[Figures], layout: str, encoder: str) -> Sheet:
    """One of the paper's tables: a row for each method, a column for each way and number of shots, and their mean."""
    known = published.FIGURES.get((number, layout), {}) if encoder == published.ENCODER else {}
    means = published.AVERAGES.get((number, layout), {}) if encoder == published.ENCODER else {}
    rows = []
    for name in figures[0].accuracy:
        mean = sum(item.accuracy[name].mean for item in figures) / len(figures)
        rows.append((name, *(_plus_minus(item.accuracy[name]) for item in figures), f"{100 * mean:.1f}"))
        if name in known or name in means:
            cells = [known.get(name, {}).get((item.cell.way, item.cell.shots)) for item in figures]
            rows.append(("  in the paper", *(_known(cell) for cell in cells), _known(means.get(name))))
    columns = ("accuracy in %", *(f"{item.cell.way}-way {_shots(item.cell.shots)}" for item in figures), "mean")
    notes = ["±: half of the 95 % interval"]
    if encoder != published.ENCODER:
        notes.append(f"the paper's figures are for {published.ENCODER}, so none stand beside those of {encoder}")
    return Sheet(f"Table {number}: {title}", columns, tuple(rows), tuple(notes))


def percent(interval: Interval) -> str:
    """`91.8 [88.0, 94.9]`."""
    return f"{100 * interval.mean:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def points(interval: Interval) -> str:
    """`+1.2 [-0.3, 2.7]`."""
    return f"{100 * interval.mean:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def markdown(sheet: Sheet) -> str:
    """As GitHub's tables."""
    lines = [f"### {sheet.title}", "", _piped(sheet.columns), _piped(["---"] + ["---:"] * (len(sheet.columns) - 1))]
    lines += [_piped(row) for row in sheet.rows]
    return "\n".join([*lines, "", *(f"{note}  " for note in sheet.notes)]).rstrip() + "\n"


def ours_first(names: Sequence[str]) -> list[str]:
    """For plots: our method on top."""
    return sorted(names, key=lambda name: name != OURS)


def _piped(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _plus_minus(interval: Interval) -> str:
    return f"{100 * interval.mean:.1f} ±{50 * (interval.high - interval.low):.1f}"


def _known(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"


def _shots(count: int) -> str:
    return f"{count} shot" if count == 1 else f"{count} shots"
