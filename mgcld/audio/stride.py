"""Every n-th window of a source, where there is no time for all."""

from collections import Counter


class Stride:
    """Chooses windows by their number: of each source one, then `every - 1` are passed over."""

    def __init__(self) -> None:
        self._every = 1
        self._passed: Counter[str] = Counter()  # since the last window that was chosen

    @property
    def every(self) -> int:
        """Of so many windows of a source one is chosen."""
        return self._every

    def set(self, every: int) -> None:
        """From now on one of `every` is chosen, and never are more than `every - 1` in a row passed over.

        Sources that begin together do not go on together: their turns are spread.
        """
        if every > self._every:
            for number, source in enumerate(sorted(self._passed)):
                self._passed[source] = max(self._passed[source], number % every)
        self._every = every

    def chooses(self, source: str) -> bool:
        """Whether the source's next window is one of those that are heard; asked once for each. The first one is."""
        chosen = source not in self._passed or self._passed[source] >= self._every - 1
        self._passed[source] = 0 if chosen else self._passed[source] + 1
        return chosen

    def forget(self, source: str) -> None:
        """There is no such source any more."""
        self._passed.pop(source, None)
