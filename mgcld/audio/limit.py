"""So much may be said, and what was held back is counted."""

import logging
import time
from collections import deque
from collections.abc import Callable


class Limit:
    """Lets `most` lines pass in any `seconds`."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._said: deque[float] = deque(maxlen=most)
        self._seconds = seconds
        self._clock = clock
        self._held = 0

    def allows(self) -> bool:
        """Whether one more may pass now; if not, it is counted."""
        if self._is_full():
            self._held += 1
            return False
        self._said.append(self._clock())
        return True

    def held(self) -> int:
        """How many were held back, once one more may pass; then they count anew."""
        if self._is_full():
            return 0
        held, self._held = self._held, 0
        return held

    def _is_full(self) -> bool:
        return len(self._said) == self._said.maxlen and self._clock() - self._said[0] < self._seconds


class LimitedLog:
    """The log of one subject: when it has said so much, the rest is counted, and how much that was is said later."""

    def __init__(self, logger: logging.Logger, subject: str, limit: Limit) -> None:
        self._logger = logger
        self._subject = subject
        self._limit = limit

    def say(self, level: int, text: str) -> bool:
        """One line, or one more that was left out; one of a level that nobody reads is neither. Whether it was said."""
        if not self._logger.isEnabledFor(level):
            return False
        if held := self._limit.held():
            self._logger.warning("%s: %d more lines like the last ones were left out", self._subject, held)
        allowed = self._limit.allows()
        if allowed:
            self._logger.log(level, "%s: %s", self._subject, text)
        return allowed
