"""Intervals by resampling episodes and classes at once.

Both are samples of what could have been asked: other shots, other sounds. Each replicate draws episodes and classes
with replacement, independently; a question counts as often as its episode and its true class were drawn (the pigeonhole
bootstrap of crossed factors: Owen, Annals of Applied Statistics 2007). Two methods are compared on the same replicates.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from mgcld.evaluation.results import Cell, Interval

REPLICATES = 2000
SEED = 95


class Bootstrap:
    """One cell's replicates, drawn once for all of its methods.

    Without `over_classes` the classes are taken for all that there are: narrower, and true of these classes only.
    """

    def __init__(self, cell: Cell, replicates: int = REPLICATES, *, over_classes: bool = True) -> None:
        random = np.random.default_rng(SEED)
        self._cell = cell
        here, self._columns = np.unique(cell.truth[cell.asked], return_inverse=True)
        self._shape = (len(cell.truth), len(here))
        self._episodes = _drawn(random, replicates, len(cell.truth))
        self._classes = _drawn(random, replicates, len(here))
        if not over_classes:
            self._classes = np.ones_like(self._classes)
        self._questions = self._resampled(cell.asked)

    def accuracy(self, method: str) -> Interval:
        """Of one method."""
        return _interval(self._cell.accuracy(method), self._replicates(method))

    def difference(self, one: str, other: str) -> Interval:
        """How much better `one` is than `other` on the same questions."""
        mean = self._cell.accuracy(one) - self._cell.accuracy(other)
        return _interval(mean, self._replicates(one) - self._replicates(other))

    def _replicates(self, method: str) -> Float[np.ndarray, " replicates"]:
        return np.asarray(self._resampled(self._cell.right(method)) / np.maximum(self._questions, 1))

    def _resampled(self, marked: Bool[np.ndarray, "episodes queries"]) -> Float[np.ndarray, " replicates"]:
        """How many marked questions each replicate holds."""
        rows = np.nonzero(self._cell.asked)[0]
        counts = np.zeros(self._shape)
        np.add.at(counts, (rows, self._columns), marked[self._cell.asked].astype(float))
        return np.asarray(((self._episodes @ counts) * self._classes).sum(1))


def average(cells: Sequence[Cell], method: str) -> float:
    """The mean of a method over cells: the tables' last column."""
    return float(np.mean([cell.accuracy(method) for cell in cells]))


def best_baseline(cell: Cell, baselines: Sequence[str]) -> str | None:
    """The one that was right most often; chosen after the fact, so that nobody can say it was a weak one."""
    here = [name for name in baselines if name in cell.said]
    return max(here, key=cell.accuracy) if here else None


def confusion(cell: Cell, method: str, classes: Sequence[str]) -> Int[np.ndarray, "classes classes"]:
    """How often each class (row) was taken for each (column)."""
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (cell.truth[cell.asked], cell.said[method].classes[cell.asked]), 1)
    return counts


def reliability(cell: Cell, method: str, bins: int = 15) -> tuple[Mapping[str, Float[np.ndarray, " bins"]], float]:
    """({sure, right, share} in bins of equal width, expected calibration error)."""
    said, asked = cell.said[method], cell.asked
    return binned(said.sure[asked], cell.right(method)[asked], bins)


def binned(
    sure: Float[np.ndarray, " answers"], right: Bool[np.ndarray, " answers"], bins: int = 15
) -> tuple[Mapping[str, Float[np.ndarray, " bins"]], float]:
    """({sure, right, share} of the answers in each bin of probability, expected calibration error)."""
    which = np.minimum((sure * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins).astype(float)
    least = np.maximum(count, 1)
    said = np.bincount(which, weights=sure, minlength=bins) / least
    true = np.bincount(which, weights=right.astype(float), minlength=bins) / least
    share = count / count.sum()
    return {"sure": said, "right": true, "share": share}, float((share * np.abs(said - true)).sum())


def _drawn(random: np.random.Generator, replicates: int, items: int) -> Float[np.ndarray, "replicates items"]:
    """How often each item was drawn in each replicate."""
    return random.multinomial(items, np.full(items, 1 / items), size=replicates).astype(float)


def _interval(mean: float, replicates: Float[np.ndarray, " replicates"]) -> Interval:
    low, high = np.quantile(replicates, (0.025, 0.975))
    return Interval(mean, float(low), float(high))
