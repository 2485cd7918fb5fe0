"""The report's records: plain values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mgcld.names import UNKNOWN
from mgcld.training.reporting.intervals import wilson

TroubleKind = Literal["label", "far", "level", "short", "clipped", "twin"]
"""The gravest first."""
TROUBLES: tuple[TroubleKind, ...] = get_args(TroubleKind)


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    right: int
    asked: int

    @property
    def value(self) -> float | None:
        """Between 0 and 1; None where nothing was asked."""
        return self.right / self.asked if self.asked else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % (Wilson)."""
        return wilson(self.right, self.asked) if self.asked else None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why somebody should listen to a shot again."""

    kind: TroubleKind
    why: str


@dataclass(frozen=True, slots=True)
class ShotReport:
    """One recording of a class."""

    path: str
    """Inside the support folder."""
    name: str
    """Its class."""
    seconds: float
    level_dbfs: float | None
    """Of all its windows together (dB relative to full scale)."""
    said: str | None = None
    """What it was taken for when it was left out, `unknown` included; None where it could not be left out."""
    p: float | None = None
    """Probability of its own class then."""
    near: float | None = None
    """Closeness to its own class then (cosine)."""
    rival: str | None = None
    """The nearest other class; None where there is none."""
    near_rival: float | None = None
    """Closeness to that one."""
    troubles: tuple[Trouble, ...] = ()

    @property
    def gravest(self) -> int:
        """How grave its troubles are: smaller is worse."""
        return min((TROUBLES.index(trouble.kind) for trouble in self.troubles), default=len(TROUBLES))

    @property
    def file(self) -> str:
        """Its name without its class."""
        return self.path.removeprefix(f"{self.name}/")


@dataclass(frozen=True, slots=True)
class PartWorth:
    """What one part of the method does for left-out shots, `unknown` aside."""

    part: str
    alone: Share
    """Right with this part only."""
    without: Share
    """Right with all parts but this."""
    lead: float
    """Its mean share of the lead of the true class over the strongest other (logits); below 0 it works against."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which probability on a class should count as heard."""

    value: float
    own: tuple[float, ...]
    """Probability of the class for its own left-out shots; empty where the value is only the default."""
    others: tuple[float, ...]
    """And for the left-out shots of other classes."""

    @property
    def fitted(self) -> bool:
        """Whether it rests on left-out shots."""
        return bool(self.own)

    @property
    def heard(self) -> Share:
        """Own shots at or above it."""
        return Share(sum(p >= self.value for p in self.own), len(self.own))

    @property
    def wrong(self) -> Share:
        """Shots of other classes at or above it."""
        return Share(sum(p >= self.value for p in self.others), len(self.others))


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One class."""

    name: str
    shots: int
    seconds: float
    left_out: int
    """How many of its shots were left out once and asked about; 0 with a single shot."""
    right: int
    """How many of those were given their class."""
    unknown: int
    """How many of those were thought to be none of the classes."""
    threshold: Threshold
    parts: tuple[PartWorth, ...] = ()
    """Empty where nothing could be left out, or there is no other class."""
    sentences: tuple[str, ...] = ()
    """Its explanations."""

    @property
    def share(self) -> Share:
        """Left-out shots that were given their class; taken for unknown counts as wrong."""
        return Share(self.right, self.left_out)


@dataclass(frozen=True, slots=True)
class Confusion:
    """A class that was taken for another answer."""

    name: str
    said: str
    count: int
    of: int
    """How many shots of `name` were left out."""
    back: int
    """How many shots of `said` were taken for `name`."""
    paths: tuple[str, ...]
    """The shots."""

    @property
    def hint(self) -> str:
        """What the owner of the recordings could do."""
        if self.said == UNKNOWN:
            return "add shots of it as it sounds where mgcld will listen, or take away those that sound unlike the rest"
        if self.back or self.count > 1:
            return "add shots of both, or merge them into one class"
        return "listen: does it belong there? If not, add shots that sound like it"

    @property
    def advice(self) -> str:
        """The same with the names."""
        said = "none of the classes" if self.said == UNKNOWN else repr(self.said)
        return f"{self.name!r} was taken for {said} ({self.count} of {self.of}): {self.hint}"


@dataclass(frozen=True, slots=True)
class Made:
    """How it was made."""

    mgcld: str
    encoder: str
    weights_hash: str
    captioner: str
    window_seconds: float
    mode: str
    options: Mapping[str, Any]
    """Of the method, with what was chosen."""
    chosen: Mapping[str, Any]
    """Those that leave-one-out chose otherwise than the preset."""
    calibration: Mapping[str, Any]
    support: str
    """The folder."""
    finished: str
    """When (ISO 8601, UTC)."""
    seconds: float
    """How long the training took."""
