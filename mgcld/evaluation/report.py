"""`mgcld eval` from the question to what is printed and written."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mgcld import __version__
from mgcld.evaluation.ablations import TITLES, rows_of
from mgcld.evaluation.account import Account
from mgcld.evaluation.datasets import DataSet
from mgcld.evaluation.features import Ear
from mgcld.evaluation.files import write_whole
from mgcld.evaluation.labelsets import label_folds
from mgcld.evaluation.methods import METHODS
from mgcld.evaluation.open_set import sheets_of
from mgcld.evaluation.sheets import Sheet, by_way, figures_of, paper_table
from mgcld.evaluation.study import Prepared, Question, cells_of, open_cells_of, prepare
from mgcld.interfaces import Explainer


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the figures are written besides the terminal."""

    json: Path | None
    markdown: Path | None
    plots: Path | None

    @property
    def files(self) -> list[Path]:
        """Every file that is known beforehand."""
        page = [] if self.plots is None else [self.plots / "index.html"]
        return [path for path in (self.json, self.markdown, *page) if path is not None]

    def write(self, account: Account) -> None:
        """Each file whole or not at all.

        Raises:
            ConfigError: one cannot be written.
        """
        if self.json is not None:
            write_whole(self.json, (json.dumps(account.as_json(), indent=2) + "\n").encode())
        if self.markdown is not None:
            write_whole(self.markdown, account.as_markdown().encode())
        if self.plots is not None:
            from mgcld.evaluation.page import write_page  # matplotlib: a second

            write_page(account, self.plots)


def evaluated(
    question: Question, dataset: DataSet, ear: Ear, explainer: Explainer, *, table: int, open_set: bool, jobs: int
) -> Account:
    """Hear the data set, ask all methods, and put the figures together.

    Raises:
        MgcldError: the data set, or the cache, cannot be used.
    """
    began = time.monotonic()
    prepared = prepare(dataset, ear, explainer)
    if open_set:
        return _open(question, prepared, ear, jobs, began)
    sentences = prepared.ground.bank.texts.explanations.rows.shape[1]
    methods = rows_of(table, sentences) if table else METHODS
    cells = cells_of(question, prepared, methods, jobs=jobs, progress=ear.progress)
    figures = [figures_of(cell, methods) for cell in cells]
    encoder = ear.listener.encoder
    sheets: Sequence[Sheet] = by_way(figures)
    if table:
        sheets = [paper_table(table, TITLES[table], figures, dataset.layout, encoder.name)]
    return Account(
        title=f"{dataset.title}, protocol {question.protocol}",
        facts=_facts(question, prepared, ear, time.monotonic() - began),
        classes=prepared.dataset.classes,
        figures=figures,
        sheets=sheets,
        notes=_notes(question, prepared),
    )


def _open(question: Question, prepared: Prepared, ear: Ear, jobs: int, began: float) -> Account:
    cells = open_cells_of(question, prepared, ear, jobs=jobs)
    plain = [
        {"way": cell.way, "shots": cell.shots, **{name: asdict(figure) for name, figure in cell.figures.items()}}
        for cell in cells
    ]
    return Account(
        title=f"{prepared.dataset.title}, open set, protocol {question.protocol}",
        facts=_facts(question, prepared, ear, time.monotonic() - began),
        classes=prepared.dataset.classes,
        figures=(),
        sheets=sheets_of(cells),
        notes=_notes(question, prepared),
        resampled="episodes",
        extra={"open_set": plain},
    )


def _facts(question: Question, prepared: Prepared, ear: Ear, seconds: float) -> dict[str, Any]:
    encoder, dataset = ear.listener.encoder, prepared.dataset
    folds = {"support_folds": question.support_folds, "query_folds": question.query_folds}
    return {
        "dataset": str(question.folder),
        "layout": dataset.layout,
        "clips": len(dataset.clips),
        "protocol": question.protocol,
        "episodes": question.episodes,
        "queries": question.queries,
        "seed": question.seed,
        **{name: value for name, value in folds.items() if value},
        "encoder": encoder.name,
        "weights": encoder.weights_hash[:12],
        "captioner": ear.captioner,
        "window_seconds": ear.window_seconds,
        "mgcld": __version__,
        "seconds": round(seconds, 1),
    }


def _notes(question: Question, prepared: Prepared) -> list[str]:
    dataset = prepared.dataset
    notes = [f"skipped {item.path}: {item.why}" for item in prepared.skipped[:20]]
    if len(prepared.skipped) > 20:
        notes.append(f"and {len(prepared.skipped) - 20} more files were skipped")
    if question.protocol == "paper":
        if dataset.layout in ("esc50", "fsdkaggle18"):
            for way in question.ways:
                if label_folds(dataset, way or len(dataset.classes)) == [dataset.classes]:
                    notes.append(f"{way}-way is drawn from all classes: the label folds hold fewer (our reading)")
        else:
            notes.append("the paper has no label folds for this data set: classes are drawn from all of them")
        notes.append("the paper's protocol lets shots and questions come from one recording; strict does not")
    elif all(clip.source.endswith(clip.path.name) for clip in dataset.clips):
        notes.append("file names do not tell source recordings: each file is taken for its own")
    return notes
