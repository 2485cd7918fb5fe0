"""Episodes: N classes, K shots of each to learn from, other recordings as questions. The draw is a pure function."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mgcld.errors import DataSetError
from mgcld.evaluation.datasets import DataSet
from mgcld.evaluation.labelsets import label_folds
from mgcld.names import listed

Protocol = Literal["paper", "strict"]
TRIES = 100
"""Draws before an episode without a shared recording is given up."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One task."""

    classes: tuple[int, ...]
    """Indices into the data set's classes, in the order of the episode's labels."""
    support: tuple[tuple[int, ...], ...]
    """Class by class, the K clips to learn from (indices into the data set's clips)."""
    query: tuple[tuple[int, ...], ...]
    """Class by class, the clips that are asked about."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How episodes are drawn."""

    protocol: Protocol
    way: int
    shots: int
    queries: int
    """At most so many questions of each class; 0 is all that there are."""
    support_folds: tuple[str, ...] = ()
    query_folds: tuple[str, ...] = ()
    """Both empty: whatever the protocol says."""


@dataclass(frozen=True, slots=True)
class Side:
    """Where supports and queries of an episode may come from (indices into the data set's clips)."""

    support: frozenset[int]
    query: frozenset[int]
    names: tuple[str, ...]
    """Classes that have enough on both sides."""


def draw(dataset: DataSet, plan: Plan, count: int, seed: int) -> list[Episode]:
    """`count` episodes; the same seed gives the same ones, and each does not depend on how many there are.

    `paper` draws classes from the label folds in turn, and clips without looking at their source, as Treff-adapter's
    sampler does. `strict` never has clips of one source on both sides: each official fold in turn asks the questions
    (or the folds that were asked for), and where there are none the sources of each class are divided anew every time.

    Raises:
        DataSetError: there are not enough classes or recordings for that.
    """
    sides = _paper_sides(dataset, plan) if plan.protocol == "paper" else _strict_sides(dataset, plan)
    rich = min((side.names for side in sides), key=len)
    if len(rich) < plan.way:
        poor = [name for name in dataset.classes if name not in rich] if plan.protocol == "strict" else []
        raise DataSetError(
            f"{plan.way}-way {plan.shots}-shot: only {len(rich)} classes of {dataset.folder} have enough recordings",
            help="ask for fewer --ways (without it, all classes) or --shots"
            + (f", or add recordings of {listed(poor, 3)}" if poor else ""),
        )
    own: dict[str, list[int]] = {name: [] for name in dataset.classes}
    for i, clip in enumerate(dataset.clips):
        own[clip.name].append(i)
    seeds = ([seed, plan.way, plan.shots, turn] for turn in range(count))
    return [
        _episode(dataset, plan, sides[turn % len(sides)], own, np.random.default_rng(numbers))
        for turn, numbers in enumerate(seeds)
    ]


def _paper_sides(dataset: DataSet, plan: Plan) -> list[Side]:
    everything = frozenset(range(len(dataset.clips)))
    counts = _counts(dataset, everything)
    return [
        Side(everything, everything, tuple(name for name in names if counts.get(name, 0) > plan.shots))
        for names in label_folds(dataset, plan.way)
    ]


def _strict_sides(dataset: DataSet, plan: Plan) -> list[Side]:
    everything = frozenset(range(len(dataset.clips)))
    pairs = [_of_folds(dataset, *folds) for folds in _fold_pairs(dataset, plan)] or [(everything, everything)]
    sides = []
    for support, query in pairs:
        mine, theirs = _counts(dataset, support), _counts(dataset, query)
        more = 1 if support == query else 0
        names = (n for n in dataset.classes if mine.get(n, 0) >= plan.shots + more and theirs.get(n, 0) > 0)
        sides.append(Side(support, query, tuple(names)))
    return sides


def _fold_pairs(dataset: DataSet, plan: Plan) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(support folds, query folds) in turn; empty: divide by source."""
    folds = dataset.folds
    if plan.query_folds or plan.support_folds:
        query = plan.query_folds or tuple(fold for fold in folds if fold not in plan.support_folds)
        return [(plan.support_folds or tuple(fold for fold in folds if fold not in query), query)]
    if dataset.layout == "fsdkaggle18":
        return [(("train",), ("test",))] if "test" in folds else []
    if dataset.layout == "folder":
        return []
    return [(tuple(f for f in folds if f != fold), (fold,)) for fold in folds] if len(folds) > 1 else []


def _of_folds(
    dataset: DataSet, support: tuple[str, ...], query: tuple[str, ...]
) -> tuple[frozenset[int], frozenset[int]]:
    """Clips of these folds; shots are only ever taken from clips whose label somebody verified."""
    for fold in (*support, *query):
        if fold not in dataset.folds:
            known = ", ".join(dataset.folds) or "none"
            raise DataSetError(f"{dataset.folder} has no fold {fold!r}", help=f"folds: {known}")
    clips = list(enumerate(dataset.clips))
    shots = frozenset(i for i, clip in clips if clip.fold in support and clip.verified)
    return shots, frozenset(i for i, clip in clips if clip.fold in query)


def _counts(dataset: DataSet, keep: frozenset[int]) -> dict[str, int]:
    return Counter(dataset.clips[i].name for i in keep)


def _episode(
    dataset: DataSet, plan: Plan, side: Side, own: Mapping[str, Sequence[int]], random: np.random.Generator
) -> Episode:
    for _ in range(TRIES):
        names = sorted(random.choice(len(side.names), plan.way, replace=False))
        drawn = _drawn(dataset, plan, side, [own[side.names[i]] for i in names], random)
        if drawn is not None:
            classes = tuple(dataset.classes.index(side.names[i]) for i in names)
            return Episode(classes, *drawn)
    raise DataSetError(
        f"{plan.way}-way {plan.shots}-shot: {dataset.folder} has too few source recordings to keep shots and questions "
        "apart",
        help="ask for fewer --ways or --shots",
    )


Drawn = tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]


def _drawn(
    dataset: DataSet, plan: Plan, side: Side, pools: Sequence[Sequence[int]], random: np.random.Generator
) -> Drawn | None:
    """Questions first, then shots from what shares no source with any of them; None where too few are left."""
    query = [_questions(dataset, plan, side, [i for i in pool if i in side.query], random) for pool in pools]
    if plan.protocol == "paper":
        taken = {i for asked in query for i in asked}
        free = [[i for i in pool if i not in taken] for pool in pools]
    else:
        sources = {dataset.clips[i].source for asked in query for i in asked}
        free = [[i for i in pool if i in side.support and dataset.clips[i].source not in sources] for pool in pools]
    if any(len(left) < plan.shots or not asked for left, asked in zip(free, query, strict=True)):
        return None
    support = [_spread(dataset, plan, left, random)[: plan.shots] for left in free]
    return tuple(map(tuple, support)), tuple(map(tuple, query))


def _questions(dataset: DataSet, plan: Plan, side: Side, pool: Sequence[int], random: np.random.Generator) -> list[int]:
    """At most `plan.queries` of a class's clips; where shots come from the same clips, enough are left for them."""
    most = min(plan.queries or len(pool), len(pool))
    order = [int(i) for i in random.permutation(pool)]
    if side.support != side.query:
        return order[:most]
    if plan.protocol == "paper":
        return order[: min(most, len(pool) - plan.shots)]
    asked: list[int] = []
    left = len(pool)
    for source in dict.fromkeys(dataset.clips[i].source for i in order):
        same = [i for i in order if dataset.clips[i].source == source]
        if len(asked) < most and left - len(same) >= plan.shots:
            asked += same
            left -= len(same)
    return asked[:most]


def _spread(dataset: DataSet, plan: Plan, pool: Sequence[int], random: np.random.Generator) -> list[int]:
    """In random order; in `strict` one clip of each source before the second of any."""
    order = [int(i) for i in random.permutation(pool)]
    if plan.protocol == "paper":
        return order
    seen: Counter[str] = Counter()
    turn = {}
    for i in order:
        turn[i] = seen[dataset.clips[i].source]
        seen[dataset.clips[i].source] += 1
    return sorted(order, key=turn.__getitem__)
