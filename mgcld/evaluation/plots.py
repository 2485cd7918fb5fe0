"""The figures as pictures: PNG, drawn by matplotlib without a screen."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mgcld.evaluation.bootstrap import confusion, reliability
from mgcld.evaluation.methods import OURS
from mgcld.evaluation.results import Cell
from mgcld.evaluation.sheets import Figures

DOTS_PER_INCH = 110
OUR_COLOUR = "#c1272d"
PROBABLE = (OURS, "logistic regression", "Tip-Adapter-F")
"""Methods whose answers come with a probability that was fitted on the support set."""
_COLOURS = "#9ecae1 #1f77b4 #2ca02c #9467bd #8c564b #e377c2 #7f7f7f #bcbd22 #17becf #ff7f0e #000000 #98df8a #c5b0d5"
COLOURS = tuple(_COLOURS.split())
MARKERS = "osD^vP*XphdH<"


def shots_plot(figures: Sequence[Figures]) -> bytes:
    """Accuracy against shots, a line for each method, a panel for each way."""
    ways = list(dict.fromkeys(item.cell.way for item in figures))
    drawing = Figure(figsize=(5.2 * len(ways) + 2.4, 4.8), layout="constrained")
    panels = np.ravel(drawing.subplots(1, len(ways), squeeze=False))
    for panel, way in zip(panels, ways, strict=True):
        own = [item for item in figures if item.cell.way == way]
        _lines(panel, own)
        panel.set_title(f"{way}-way")
    panels[0].set_ylabel("accuracy (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9)
    return _png(drawing)


def _lines(panel: Axes, own: Sequence[Figures]) -> None:
    shots = [item.cell.shots for item in own]
    others = [name for name in own[0].accuracy if name != OURS]
    for k, name in enumerate([*others, *(name for name in own[0].accuracy if name == OURS)]):
        mean = [100 * item.accuracy[name].mean for item in own]
        ours = name == OURS
        style = "--" if name.startswith("zero-shot") else "-"
        panel.plot(
            shots,
            mean,
            style,
            marker="o" if ours else MARKERS[k % len(MARKERS)],
            markersize=6 if ours else 4,
            color=OUR_COLOUR if ours else COLOURS[k % len(COLOURS)],
            linewidth=2.6 if ours else 1.2,
            label=name,
            zorder=3 if ours else 2,
        )
        if ours:
            low, high = ([100 * getattr(item.accuracy[name], end) for item in own] for end in ("low", "high"))
            panel.fill_between(shots, low, high, color=OUR_COLOUR, alpha=0.10, linewidth=0)
    lines = [100 * interval.mean for item in own for interval in item.accuracy.values()]
    panel.set_ylim(max(0, min(lines) - 4), min(100.5, max(lines) + 4))
    panel.set_xscale("log")
    panel.set_xticks(shots, [str(count) for count in shots])
    panel.minorticks_off()
    panel.set_xlabel("shots of each class")
    _plain(panel)


def confusion_plot(cell: Cell, classes: Sequence[str]) -> bytes:
    """What our method took each class for, in percent of the class's questions; classes never asked are left out."""
    counts = confusion(cell, OURS, classes)
    here = np.nonzero(counts.sum(0) + counts.sum(1))[0]
    share = 100 * counts[np.ix_(here, here)] / np.maximum(counts[here].sum(1, keepdims=True), 1)
    names = [classes[int(i)].replace("_", " ") for i in here]
    side = max(4.5, 0.42 * len(here) + 2)
    drawing = Figure(figsize=(side + 0.8, side), layout="constrained")
    panel = drawing.subplots()
    image = panel.imshow(share, cmap="Blues", vmin=0, vmax=100)
    panel.set_xticks(range(len(here)), names, rotation=90)
    panel.set_yticks(range(len(here)), names)
    panel.set_xlabel("said")
    panel.set_ylabel("heard")
    panel.set_title(f"{OURS}, {cell.way}-way {cell.shots}-shot (% of the class)")
    if len(here) <= 20:
        for row, column in np.argwhere(share >= 1):
            value = share[row, column]
            colour = "white" if value > 55 else "black"
            panel.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=8)
    drawing.colorbar(image, ax=panel, shrink=0.8)
    return _png(drawing)


def reliability_plot(cells: Sequence[Cell]) -> bytes:
    """How often answers of a given probability are right; a panel for each number of shots of one way."""
    drawing = Figure(figsize=(4.2 * len(cells), 4.4), layout="constrained")
    panels = np.ravel(drawing.subplots(1, len(cells), squeeze=False))
    for panel, cell in zip(panels, cells, strict=True):
        panel.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":")
        for k, name in enumerate(name for name in PROBABLE if name in cell.said):
            curve, error = reliability(cell, name)
            held = curve["share"] > 0
            colour = OUR_COLOUR if name == OURS else COLOURS[k]
            panel.plot(curve["sure"][held], curve["right"][held], color=colour, linewidth=1, zorder=2)
            area = 12 + 400 * curve["share"][held]
            panel.scatter(curve["sure"][held], curve["right"][held], s=area, color=colour, alpha=0.6)
            panel.plot([], [], "o", color=colour, label=f"{name} (ECE {error:.3f})")
        panel.set_xlim(0, 1.02)
        panel.set_ylim(0, 1.02)
        panel.set_xlabel("probability that was given")
        panel.set_title(f"{cell.way}-way {cell.shots}-shot")
        panel.legend(frameon=False, fontsize=8, loc="lower right")
        _plain(panel)
    panels[0].set_ylabel("share of right answers")
    return _png(drawing)


def _plain(panel: Axes) -> None:
    panel.grid(alpha=0.25)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _png(drawing: Figure) -> bytes:
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()
