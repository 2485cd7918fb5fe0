"""The model in service, and who makes the parts that a configuration asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mgcld.audio.capture import Capture
from mgcld.config import Config
from mgcld.events.rules import Rules
from mgcld.interfaces import Sink
from mgcld.model.recogniser import Recogniser
from mgcld.service.change.following import Mark
from mgcld.service.overload import Overload
from mgcld.service.pace import Pace
from mgcld.service.wire import Meta


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """One immutable whole, that the loop replaces between two batches: no window is judged by two adapters."""

    recogniser: Recogniser
    meta: Meta
    """What subscribers are told of it; its `adapter` goes into every message."""
    thresholds: Sequence[float]
    """In the order of the classes."""
    path: Path
    """The adapter's file."""
    mark: Mark | None = None
    """Which one it was (`mgcld.service.change.following`)."""


class Workshop(Protocol):
    """Makes parts from a configuration, in any thread, one after the other."""

    def config(self) -> Config:
        """The configuration as it stands in its file now.

        Raises:
            ConfigError: it cannot be used.
        """
        ...

    def served(self, config: Config, path: Path | None = None) -> Served:
        """The model, with the adapter at another path where one is given; the encoder is the one that is loaded.

        Raises:
            MgcldError: the adapter cannot be read, or does not fit.
        """
        ...

    def check_sources(self, config: Config, names: Sequence[str]) -> None:
        """Refuse sources that cannot be made.

        Raises:
            ConfigError: which one, and why.
        """
        ...

    def capture(self, config: Config, name: str, last_epoch: int) -> Capture:
        """What hears a source.

        Raises:
            MgcldError: it cannot be made.
        """
        ...

    def sink(self, config: Config, name: str) -> Sink:
        """A sink, at work.

        Raises:
            MgcldError: it cannot be made.
        """
        ...

    def overload(self, config: Config, pace: Pace) -> Overload:
        """What is given up first when there is too much to do."""
        ...

    def rules(self, config: Config, served: Served) -> Rules:
        """When probabilities become events.

        Raises:
            ConfigError: what it says does not fit together, or not the adapter's thresholds.
        """
        ...

    def strange_rules(self, config: Config, served: Served) -> Sequence[str]:
        """One line for each rule about a class that the adapter does not have."""
        ...
