"""From recordings to shots: every file is heard once, exactly as a stream will be, and its features are kept."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from mgcld.audio.capture import windows_of
from mgcld.data import AudioBlock, AudioFeatures, Features, Window
from mgcld.errors import SourceError, SupportSetError
from mgcld.interfaces import AudioSource
from mgcld.model.listen import Listener
from mgcld.training.support import Skipped

MOST_WINDOWS = 12
"""A long recording is heard in at most so many windows, evenly spaced."""
BATCH = 32

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of a class, decoded."""

    path: Path
    name: str
    """Its class."""
    windows: tuple[Window, ...]
    seconds: float
    """How long the file is."""
    digest: str
    """Of the samples: equal digests are the same audio."""


@dataclass(frozen=True, slots=True, eq=False)
class Shots:
    """Recordings and their features, row by row."""

    recordings: tuple[Recording, ...]
    audio: AudioFeatures
    """Segments of all of a recording's windows, side by side."""
    caption: Float[Tensor, "shots text"]
    """Unit rows: the mean of the windows' captions."""


def read(
    files: Iterable[tuple[str, Path]],
    open_file: Callable[[Path], AudioSource],
    *,
    sample_rate: int,
    window_seconds: float,
    progress: Callable[[], None],
) -> tuple[list[Recording], list[Skipped]]:
    """Decode (class, path) pairs; what cannot be used is skipped with its reason.

    Raises:
        SupportSetError: two classes hold the same audio.
    """
    recordings: dict[str, Recording] = {}
    skipped = []
    for name, path in files:
        try:
            recording = _recording(name, path, open_file(path), sample_rate, window_seconds)
        except SourceError as error:
            skipped.append(Skipped(path, str(error).removeprefix(f"{path} ")))
        else:
            twin = recordings.get(recording.digest)
            why = _unusable(recording, twin)
            if why:
                skipped.append(Skipped(path, why))
            else:
                recordings[recording.digest] = recording
        progress()
    return list(recordings.values()), skipped


def hear(recordings: Sequence[Recording], listener: Listener, progress: Callable[[], None]) -> Shots:
    """Embed every window once and join each recording's windows into one shot."""
    windows = [window for recording in recordings for window in recording.windows]
    batches = []
    for start in range(0, len(windows), BATCH):
        batches.append(listener(windows[start : start + BATCH]))
        progress()
    rows = torch.split(torch.arange(len(windows)), [len(recording.windows) for recording in recordings])
    shots = [_shot(batches, own, recording) for own, recording in zip(rows, recordings, strict=True)]
    fine = torch.nn.utils.rnn.pad_sequence([shot.fine[0] for shot, _ in shots], batch_first=True)
    weights = torch.nn.utils.rnn.pad_sequence([shot.weights[0] for shot, _ in shots], batch_first=True)
    joined = AudioFeatures(fine, weights, torch.cat([shot.coarse for shot, _ in shots]))
    return Shots(tuple(recordings), joined, torch.cat([caption for _, caption in shots]))


def evenly(windows: Iterable[Item], most: int) -> list[Item]:
    """Evenly spaced windows from a stream of unknown length: at most `most`, and no more than that in memory.

    Whenever there are too many, every second one is let go and the stride doubles.
    """
    held: list[Item] = []
    stride = 1
    for index, window in enumerate(windows):
        if index % stride == 0:
            held.append(window)
        if len(held) > most:
            held, stride = held[::2], stride * 2
    return held


class _Counted:
    """A source whose sound is counted and hashed as it passes, to the last sample."""

    live = False

    def __init__(self, source: AudioSource) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self.seconds = 0.0

    def blocks(self) -> Iterator[AudioBlock]:
        for block in self._source.blocks():
            self._digest.update(block.samples.tobytes())
            self.seconds = (block.first_sample + len(block.samples)) / block.sample_rate
            yield block

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        raise NotImplementedError  # nobody names it


def _recording(name: str, path: Path, source: AudioSource, sample_rate: int, window_seconds: float) -> Recording:
    counted = _Counted(source)
    heard = windows_of(
        counted, name=name, sample_rate=sample_rate, window_seconds=window_seconds, hop_seconds=window_seconds
    )
    loud = (replace(window, recording=path) for window in heard if "silent" not in window.flags)
    windows = evenly(loud, MOST_WINDOWS)
    return Recording(path, name, tuple(windows), counted.seconds, counted.digest)


def _unusable(recording: Recording, twin: Recording | None) -> str:
    if not recording.windows:
        return "nothing can be heard in it"
    if twin is None:
        return ""
    if twin.name != recording.name:
        raise SupportSetError(
            f"classes {twin.name!r} and {recording.name!r} hold the same audio: {twin.path} and {recording.path}",
            help="remove it from the class where it does not belong",
        )
    return f"the same audio as {twin.path.name}"


def _shot(batches: Sequence[Features], own: Tensor, recording: Recording) -> tuple[AudioFeatures, Tensor]:
    """One row: segments side by side, each window with its share of what was heard."""
    rows = [(batches[i // BATCH], i % BATCH) for i in own.tolist()]
    share = torch.tensor([float(window.valid_samples) for window in recording.windows])
    share = (share / share.sum()).to(rows[0][0].caption.device)
    fine = torch.cat([features.audio.fine[i] for features, i in rows])
    weights = torch.cat([features.audio.weights[i] * s for (features, i), s in zip(rows, share, strict=True)])
    coarse = (torch.stack([features.audio.coarse[i] for features, i in rows]) * share[:, None]).sum(0)
    caption = (torch.stack([features.caption[i] for features, i in rows]) * share[:, None]).sum(0)
    unit = torch.nn.functional.normalize
    return AudioFeatures(fine[None], weights[None], unit(coarse, dim=0)[None]), unit(caption, dim=0)[None]
