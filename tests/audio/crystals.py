"""A small true world for clocks: crystals that are off, a wall clock that people set, a network that holds up."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from sounds import START_NS

from mgcld.audio.clock import Timekeeper
from mgcld.data import AudioBlock, Clock

SECOND = 1_000_000_000
RATE = 200
"""Low, so that hours pass quickly."""


@dataclass
class World:
    """The time, and two clocks that show it."""

    seconds: float = 0.0
    """Since the beginning; nobody sees this time itself."""
    slew: float = 0.0
    """So much faster than the monotonic clock the wall clock is led."""
    steps: list[tuple[float, float]] = field(default_factory=list)
    """(when, by how many seconds) somebody sets the wall clock."""

    def utc(self, seconds: float) -> int:
        """What the wall clock shows then."""
        leapt = sum(by for when, by in self.steps if when <= seconds)
        return START_NS + round((seconds * (1 + self.slew) + leapt) * SECOND)

    def wall(self) -> int:
        return self.utc(self.seconds)

    def monotonic(self) -> int:
        return round(self.seconds * SECOND)

    def timekeeper(self) -> Timekeeper:
        return Timekeeper(self.wall, self.monotonic)


@dataclass
class Ear:
    """A source in that world: what it hears, stamps and delivers."""

    world: World
    drift: float = 0.0
    clock: Clock = "adc"
    uncertainty: float = 0.02
    block: float = 0.25
    """Seconds by its own crystal."""
    error: Callable[[float], float] = lambda _: 0.0
    """By how much a stamp is off that is made then (seconds)."""
    delay: Callable[[float], float] = lambda _: 0.01
    """How long what was heard then waits until it is read (seconds)."""
    rate: int = RATE
    began: float = 0.0
    """When it was opened."""
    epoch: int = 0

    def heard(self, sample: int) -> float:
        """When, truly."""
        return self.began + sample / self.rate * (1 + self.drift)

    def blocks(self, seconds: float, first: int = 0) -> Iterator[AudioBlock]:
        """So long from there; the world's time goes on with them."""
        size = round(self.block * self.rate)
        for start in range(first, first + round(seconds * self.rate), size):
            end = self.heard(start + size)
            arrival = end + self.delay(end)
            self.world.seconds = max(self.world.seconds, arrival)
            yield AudioBlock(
                np.ones(size, np.float32),
                self.rate,
                start,
                self._stamp(start, arrival),
                self.clock,
                round(self.uncertainty * SECOND),
                self.epoch,
            )

    def _stamp(self, start: int, arrival: float) -> int:
        if self.clock == "arrival":
            return self.world.utc(arrival) - round(self.block * SECOND)
        return self.world.utc(self.heard(start) + self.error(self.heard(start)))


def jitter(seed: int, low: float, high: float) -> Callable[[float], float]:
    """Anything between the two, each time anew."""
    chance = random.Random(seed)
    return lambda _: chance.uniform(low, high)


def stalls(seed: int, every: float, longest: float, usual: Callable[[float], float]) -> Callable[[float], float]:
    """A network that holds everything up now and then, and then delivers it in one burst."""
    chance, until = random.Random(seed), 0.0
    at = chance.uniform(0, 2 * every)

    def delay(now: float) -> float:
        nonlocal at, until
        if now >= at:
            until = now + chance.uniform(0, longest)
            at = until + chance.uniform(0, 2 * every)
        return max(usual(now), until - now)

    return delay
