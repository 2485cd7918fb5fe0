"""What came out: for every way and number of shots, what each method said about each question."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """One method's answers."""

    classes: Int[np.ndarray, "episodes queries"]
    """Index of the class that was said, among the data set's."""
    sure: Float[np.ndarray, "episodes queries"]
    """The probability that it was given."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """All episodes of one way and number of shots."""

    way: int
    shots: int
    truth: Int[np.ndarray, "episodes queries"]
    """Index of the true class among the data set's; -1 where an episode has fewer questions."""
    said: Mapping[str, Said]
    """Method -> its answers to the same questions."""
    seconds: float = 0.0
    """How long all methods took together."""

    @property
    def asked(self) -> Bool[np.ndarray, "episodes queries"]:
        """Which questions there are."""
        return np.asarray(self.truth >= 0)

    def right(self, method: str) -> Bool[np.ndarray, "episodes queries"]:
        """Which were answered rightly."""
        return np.asarray((self.said[method].classes == self.truth) & self.asked)

    def accuracy(self, method: str) -> float:
        """Share of all questions that were answered rightly."""
        return float(self.right(method).sum() / self.asked.sum())


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, and where it lies with 95 % of probability."""

    mean: float
    low: float
    high: float
