"""How long to wait before a source is opened again."""

import random


class Backoff:
    """Doubles from `first` to `most` seconds, each time spread by a fifth, so that sources do not return in step."""

    def __init__(self, first: float = 1.0, most: float = 60.0, spread: float = 0.2) -> None:
        self._first = first
        self._most = most
        self._spread = spread
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait now."""
        wait = self._first
        for _ in range(self._failures):
            wait = min(wait * 2, self._most)
        self._failures += 1
        return min(wait * random.uniform(1 - self._spread, 1 + self._spread), self._most)

    def reset(self) -> None:
        """The source has proved itself: the next wait is short again."""
        self._failures = 0
