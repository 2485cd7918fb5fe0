"""One evaluation from the data set to its cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mgcld.errors import DataSetError
from mgcld.evaluation.bank import bank_of, texts_of
from mgcld.evaluation.datasets import DataSet, find_dataset
from mgcld.evaluation.episodes import Plan, Protocol, draw
from mgcld.evaluation.features import Ear
from mgcld.evaluation.methods import Ground, Method
from mgcld.evaluation.open_set import OpenCell, open_cell, pools_of
from mgcld.evaluation.others import others_for
from mgcld.evaluation.results import Cell
from mgcld.evaluation.runner import Wish, run
from mgcld.evaluation.shards import Heard
from mgcld.interfaces import Explainer
from mgcld.model.options import MGCL_PLUS
from mgcld.training.foreign import foreign_windows
from mgcld.training.support import Skipped

NO_CLASS = -1
"""Label of sounds that belong to none."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What the user wants to know."""

    folder: Path
    protocol: Protocol
    ways: Sequence[int]
    """0 is all classes; none: what is usual."""
    shots: Sequence[int]
    """None: what is usual."""
    episodes: int
    queries: int
    """Of each class in an episode; 0 is all that there are."""
    seed: int
    support_folds: tuple[str, ...] = ()
    query_folds: tuple[str, ...] = ()

    def plan(self, way: int, shots: int) -> Plan:
        """Of one cell."""
        return Plan(self.protocol, way, shots, self.queries, self.support_folds, self.query_folds)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A data set that was heard."""

    dataset: DataSet
    """Without the clips in which nothing could be heard."""
    heard: tuple[Heard, ...]
    """What was heard in each clip."""
    ground: Ground
    skipped: tuple[Skipped, ...]


def settled(question: Question, *, table: bool) -> tuple[DataSet, Question]:
    """Read the tables, fill in the ways and shots that were not given, and draw one episode of every cell.

    What cannot work is told before anything is heard. Ways and shots that nobody asked for are left out where the data
    set is too small for them.

    Raises:
        DataSetError: no such data set, or too few classes or recordings in it.
    """
    dataset = find_dataset(question.folder)
    ways = question.ways or _usual_ways(dataset, table)
    usual = (1, 10) if table else (1, 5, 10)
    shots = question.shots or [k for k in usual if _possible(dataset, question, ways, k)] or usual[:1]
    whole = replace(question, ways=tuple(ways), shots=tuple(shots))
    for way in whole.ways:
        for count in whole.shots:
            draw(dataset, whole.plan(way or len(dataset.classes), count), 1, whole.seed)
    return dataset, whole


def _usual_ways(dataset: DataSet, table: bool) -> Sequence[int]:
    """5 and 10; the paper's tables have 5 and 12, and FSDKaggle2018's label folds hold 10, so 10 is there too."""
    wanted = (5, 10) if not table else (5, 10, 12) if dataset.layout == "fsdkaggle18" else (5, 12)
    return tuple(dict.fromkeys(min(way, len(dataset.classes)) for way in wanted))


def _possible(dataset: DataSet, question: Question, ways: Sequence[int], shots: int) -> bool:
    try:
        for way in ways:
            draw(dataset, question.plan(way or len(dataset.classes), shots), 1, question.seed)
    except DataSetError:
        return False
    return True


def prepare(dataset: DataSet, ear: Ear, explainer: Explainer) -> Prepared:
    """Hear everything, or take it from the cache.

    Raises:
        DataSetError: nothing can be heard in any clip.
    """
    heard = ear.recordings([(clip.name, clip.path) for clip in dataset.clips])
    usable = [(clip, what) for clip, what in zip(dataset.clips, heard, strict=True) if isinstance(what, Heard)]
    skipped = [Skipped(c.path, what) for c, what in zip(dataset.clips, heard, strict=True) if isinstance(what, str)]
    if not usable:
        raise DataSetError(f"nothing can be heard in {dataset.folder}: {skipped[0].why}", help="get it again")
    kept = replace(dataset, clips=tuple(clip for clip, _ in usable))
    encoder = ear.listener.encoder
    texts = texts_of(encoder, explainer, kept.classes)
    rows = tuple(what for _, what in usable)
    bank = bank_of(rows, [kept.classes.index(clip.name) for clip, _ in usable], texts)
    noise = ear.windows(foreign_windows(encoder.sample_rate, ear.window_seconds))
    return Prepared(kept, rows, Ground(bank, bank_of(noise, [NO_CLASS] * len(noise), texts)), tuple(skipped))


def wishes_of(question: Question, prepared: Prepared) -> list[Wish]:
    """The episodes of every cell, way by way.

    Raises:
        DataSetError: too few classes or recordings for a cell.
    """
    wishes = []
    for asked in question.ways:
        way = asked or len(prepared.dataset.classes)
        for shots in question.shots:
            episodes = draw(prepared.dataset, question.plan(way, shots), question.episodes, question.seed)
            wishes.append(Wish(way, shots, episodes))
    return wishes


def cells_of(
    question: Question, prepared: Prepared, methods: Sequence[Method], *, jobs: int, progress: Progress
) -> list[Cell]:
    """Ask all methods.

    Raises:
        DataSetError: too few classes or recordings for a cell.
    """
    return run(prepared.ground, wishes_of(question, prepared), methods, jobs=jobs, progress=progress)


def open_cells_of(question: Question, prepared: Prepared, ear: Ear, *, jobs: int) -> list[OpenCell]:
    """Ask about the unknown, too.

    Raises:
        DataSetError: too few classes or recordings for a cell.
    """
    dataset, ground = prepared.dataset, prepared.ground
    others = others_for(dataset.classes, ear.listener.encoder.sample_rate, ear.window_seconds)
    made = ear.windows([*others.things, *others.places])
    labels = [*ground.bank.labels.tolist(), *[NO_CLASS] * len(made)]
    everything = Ground(bank_of([*prepared.heard, *made], labels, ground.bank.texts), ground.foreign)
    everything.bank.compare(MGCL_PLUS, lambda i, n: ear.progress("comparing", i, n), jobs)
    pools = pools_of(dataset, len(others.things), len(others.places), question.query_folds, ear.window_seconds)
    cells = []
    for wish in wishes_of(question, prepared):
        told = partial(ear.progress, f"{wish.way}-way {wish.shots}")
        cells.append(open_cell(everything, pools, wish.episodes, jobs=jobs, progress=told))
    return cells
