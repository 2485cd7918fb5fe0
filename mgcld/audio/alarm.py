"""When a person should be told that a source is without sound: once, and once when it is back for good."""

import time
from collections.abc import Callable

ALARM_SECONDS = 30.0
"""So long without sound, in all since it last lasted, is an alarm; sound that lasts so long ends one."""


class Alarm:
    """Follows one source; a source that comes and goes is one alarm, not many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sounding = False
        self._since = clock()  # when sound came or went
        self._missed = 0.0  # seconds without sound, up to then
        self._began: float | None = self._since  # when it first went since it last lasted
        self.on = False

    def live(self) -> None:
        """Sound comes again."""
        self._turn(True)

    def lost(self) -> None:
        """Sound comes no more."""
        self._turn(False)

    def turned(self) -> bool:
        """Whether the alarm has just gone on or off, as `on` says."""
        before, stretch = self.on, self._clock() - self._since
        if self._sounding and stretch >= ALARM_SECONDS:
            self.on, self._missed, self._began = False, 0.0, None
        elif not self._sounding and self._missed + stretch >= ALARM_SECONDS:
            self.on = True
        return self.on != before

    @property
    def seconds(self) -> float:
        """How long the source has been without lasting sound."""
        return 0.0 if self._began is None else self._clock() - self._began

    def _turn(self, sounding: bool) -> None:
        if sounding == self._sounding:
            return
        now = self._clock()
        if not sounding and now - self._since >= ALARM_SECONDS:  # it lasted, although nobody looked
            self._missed, self._began = 0.0, None
        if sounding:
            self._missed += now - self._since
        elif self._began is None:
            self._began = now
        self._sounding, self._since = sounding, now
