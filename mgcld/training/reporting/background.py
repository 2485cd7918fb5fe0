"""Background, heard window by window as the daemon would: what the adapter says of it."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.audio.capture import windows_of
from mgcld.data import Features, Window
from mgcld.errors import SourceError
from mgcld.interfaces import AudioSource
from mgcld.model.adapter import Adapter
from mgcld.model.listen import Listener
from mgcld.training.shots import BATCH, Recording


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One recording as features, not judged yet."""

    name: str
    """How people know it."""
    batches: tuple[Features, ...]
    silent: Bool[Tensor, " windows"]
    starts: tuple[float, ...]
    """Where each window begins (seconds)."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What the adapter said of each window."""

    name: str
    p: Float[Tensor, "windows classes"]
    starts: tuple[float, ...]


def hear_file(
    path: Path, source: AudioSource, listener: Listener, window_seconds: float, progress: Callable[[int], None]
) -> Heard:
    """The whole recording, without overlap; `progress` gets the number of windows so far.

    Raises:
        SourceError: it cannot be read, or holds no sound.
    """
    windows = windows_of(
        source,
        name="background",
        sample_rate=listener.encoder.sample_rate,
        window_seconds=window_seconds,
        hop_seconds=window_seconds,
    )
    heard: list[Heard] = []
    while batch := list(itertools.islice(windows, BATCH)):
        heard.append(hear_windows(str(path), batch, listener))
        progress(sum(len(part.starts) for part in heard))
    if not heard:
        raise SourceError(f"{path} holds no sound", reason="no_audio", help="is it whole?")
    return Heard(
        str(path),
        tuple(features for part in heard for features in part.batches),
        torch.cat([part.silent for part in heard]),
        tuple(start for part in heard for start in part.starts),
    )


def hear_windows(name: str, windows: Sequence[Window], listener: Listener) -> Heard:
    """Windows that were cut already: at most a batch."""
    silent = torch.tensor(["silent" in window.flags for window in windows])
    return Heard(name, (listener(windows),), silent, tuple(window.start_seconds for window in windows))


def judge(heard: Heard, adapter: Adapter) -> Judged:
    """What `mgcld run` would say."""
    silent = torch.split(heard.silent, [len(features.captions) for features in heard.batches])
    said = [adapter.predict(*batch) for batch in zip(heard.batches, silent, strict=True)]
    return Judged(heard.name, torch.tensor([one.p for batch in said for one in batch]), heard.starts)


def judge_each(recordings: Sequence[Recording], listener: Listener, adapter: Adapter) -> list[Judged]:
    """`_background`, each recording by an adapter that does not hold it: else it would know what it hears."""
    return [
        judge(hear_windows(recording.path.name, recording.windows, listener), without(adapter, {row}))
        for row, recording in enumerate(recordings)
    ]


def without(adapter: Adapter, rows: set[int]) -> Adapter:
    """The adapter without some of its background's recordings."""
    if adapter.background is None or not rows:
        return adapter
    kept = torch.tensor([row for row in range(len(adapter.background)) if row not in rows], dtype=torch.long)
    return replace(adapter, background=adapter.background[kept] if len(kept) else None)
