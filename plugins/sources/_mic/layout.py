"""Which channels of a device are opened, and which of them are heard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from mgcld.errors import ConfigError, SourceError

Mix = Literal["mean"] | int | list[int]


@dataclass(frozen=True, slots=True)
class Layout:
    """How many channels are opened, and which of them are heard."""

    opened: int
    heard: tuple[int, ...]
    """From 1, as people count."""
    downmix: bool = False
    """The one channel that is opened is a mixture that the sound server makes."""

    def mixed(self, samples: Float32[np.ndarray, "samples channels"]) -> Float32[np.ndarray, " samples"]:
        """The mean of the channels that are heard."""
        mean: np.ndarray = samples[:, [channel - 1 for channel in self.heard]].mean(axis=1, dtype=np.float32)
        return mean


def checked(channels: int | None, mix: Mix) -> tuple[int, ...]:
    """The channels that `mix` names, from 1; none of them means all that are opened.

    Raises:
        ConfigError: no device can have such channels.
    """
    named = () if mix == "mean" else (mix,) if isinstance(mix, int) else tuple(mix)
    if channels is not None and channels < 1:
        raise ConfigError(f"channels cannot be {channels}", help="leave it out, or write how many to open")
    if mix != "mean" and (not named or min(named) < 1 or len(set(named)) < len(named)):
        raise ConfigError(f"mix cannot be {mix}", help="write `mean`, or the channels to hear, counted from 1: [1, 3]")
    if channels is not None and max(named, default=0) > channels:
        raise ConfigError(f"mix wants channel {max(named)} of {channels}", help="open more `channels`, or leave it out")
    return named


def layouts(available: int, channels: int | None, named: Sequence[int], *, by_server: bool) -> Iterator[Layout]:
    """What to try, the best first, with a device that has so many channels.

    A sound server gives every channel as it is only to who opens all; with others it may give a mixture.

    Raises:
        SourceError: the device has fewer than are wished for.
    """
    needed = channels or max(named, default=min(available, 2))
    if needed > available:
        hint = "set `channels` and `mix` to what it has"
        raise SourceError(f"channel {needed} is wished for; the device has {available}", reason="codec", help=hint)
    yield Layout(available if by_server else needed, tuple(named) or tuple(range(1, needed + 1)))
    if by_server and not named and channels is None:
        yield Layout(1, (1,), downmix=True)
