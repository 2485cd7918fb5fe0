"""When a class counts as heard and when as over: every value resolved, for each class at each source."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rule:
    """For one class at one source."""

    enabled: bool = True
    """Whether there are events at all."""
    threshold_on: float = 0.5
    """A window of at least this probability is a hit."""
    threshold_off: float = 0.3
    """A window below it is quiet; between both nothing changes (hysteresis)."""
    min_windows: int = 1
    """An event starts when so many hits (M) that do not overlap are ..."""
    of_windows: int = 1
    """... among the last so many windows (N) that do not overlap."""
    min_seconds: float = 0.0
    """... and so much sound has passed since the first hit, without the class having got quiet."""
    quiet_windows: int = 2
    """It ends, or has got quiet, when so many windows in a row were quiet, of which none overlap."""
    refractory_seconds: float = 10.0
    """No window that begins earlier after the end is evidence for another event (seconds, by the source's time)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rule of every class at every source."""

    common: Mapping[str, Rule] = field(default_factory=dict)
    """Class -> its rule, where its source has none of its own; a class without any has no events."""
    at: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict)
    """Source -> class -> its rule there."""

    def rule(self, source: str, name: str) -> Rule:
        """The rule for that class at that source."""
        return self.at.get(source, self.common).get(name, _NONE)


_NONE = Rule(enabled=False)
