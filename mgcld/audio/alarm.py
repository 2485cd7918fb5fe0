"""When a person should be told that a source is without sound: once, and once when it is back for good."""

import time
from collections.abc import Callable

ALARM_SECONDS = 30.0
"""Without sound for so long, from the start or since it was lost, is an alarm; with it for as long ends one."""


class Alarm:
    """Follows one source; a source that comes and goes is one alarm, not many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sounding: float | None = None  # since when
        self._silent: float | None = clock()
        self.on = False

    def live(self) -> None:
        """Sound comes again."""
        if self._sounding is None:
            self._sounding = self._clock()

    def lost(self) -> None:
        """Sound comes no more."""
        self._sounding = None
        if self._silent is None:
            self._silent = self._clock()

    def turned(self) -> bool:
        """Whether the alarm has just gone on or off, as `on` says."""
        now, before = self._clock(), self.on
        if self._sounding is not None and now - self._sounding >= ALARM_SECONDS:
            self.on, self._silent = False, None
        elif self._silent is not None and self._sounding is None and now - self._silent >= ALARM_SECONDS:
            self.on = True
        return self.on != before

    @property
    def seconds(self) -> float:
        """How long the source has been without lasting sound."""
        return 0.0 if self._silent is None else self._clock() - self._silent
