"""The pool in memory, and batches of it: pairs of windows of one text, splices, other levels, masked bands."""

import zlib
from collections import defaultdict
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from mgcld_plugins.encoders._mini_audio import FRAMES_PER_SEGMENT, LOG_FLOOR
from torch import Tensor

from . import together
from .whitening import Whitening

SILENCE = 494  # the number of the tag
NO_NAME = -1
RULING = 0.3
"""A clip with a smaller share of a window's energy does not name it."""


@dataclass
class Batch:
    """Windows and what is known of them; `segments` and `sure` speak of segments, the rest of windows."""

    frames: Tensor  # (batch, frames, 64)
    features: Tensor  # (batch, segments, teacher), whitened
    tags: Tensor  # (batch, segments, tags)
    effects: Tensor  # (batch, segments, effects), as the second teacher gives them
    sure: Tensor  # (batch, segments): 1, less at a splice
    names: Tensor  # (batch,): number of the text, or NO_NAME
    recordings: Tensor  # (batch,): number of the recording, or NO_NAME
    shares: Tensor  # (batch,): of the loudest clip, 0 for splices

    @property
    def trust(self) -> Tensor:
        """(batch,): how far the text holds."""
        return self.shares * ((self.names != NO_NAME) & (self.shares > RULING))

    @property
    def sounding(self) -> Tensor:
        """(batch, segments): how far a segment is neither silent nor at a splice."""
        return (1 - self.tags[..., SILENCE]) * self.sure

    @property
    def clip_tags(self) -> Tensor:
        """(batch, tags): of the window, as the encoder gives them."""
        return 0.5 * self.tags.mean(1) + 0.5 * self.tags.amax(1)

    def cut(self, starts: Tensor, segments: int) -> "Batch":
        """So many segments of each window, from its own start (batch,) on."""
        whole, missing = self.sure.shape[1], self.sure.shape[1] * FRAMES_PER_SEGMENT - self.frames.shape[1]
        place = starts[:, None] + torch.arange(segments)
        frame = starts[:, None] * FRAMES_PER_SEGMENT + torch.arange(segments * FRAMES_PER_SEGMENT - missing)
        row = torch.arange(len(starts))[:, None]
        assert int(place.max()) < whole
        parts = (each[row, place] for each in (self.features, self.tags, self.effects, self.sure))
        return Batch(self.frames[row, frame], *parts, self.names, self.recordings, self.shares)

    def to(self, device: torch.device) -> "Batch":
        """The same elsewhere."""
        return Batch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


class Pool:
    """All shards of a folder that are there; `grow` takes up what has come since."""

    def __init__(
        self, folder: Path, names: list[str], whitening: Whitening, seed: int, without: str = "", only: str = ""
    ) -> None:
        """`names` number the texts; shards are left out whose names start with `without`, or do not with `only`."""
        self._folder, self._whitening, self._without, self._only = folder, whitening, without, only
        self._number = {name: i for i, name in enumerate(names)}
        self._recordings: dict[str, int] = {}
        self._shards: list[dict[str, Tensor]] = []
        self._read: set[Path] = set()
        self._random = np.random.default_rng(seed)
        self._groups: list[list[int]] = []
        self.places: list[tuple[int, int]] = []

    def grow(self) -> None:
        """Read new shards."""
        for path in sorted(set(self._folder.glob("*.npz")) - self._read):
            self._read.add(path)
            if not self._only and zlib.crc32(path.name.encode()) % together.WORLD != together.RANK:
                continue
            if not path.name.startswith(self._only) or (self._without and path.name.startswith(self._without)):
                continue
            self._take(path)
        groups = defaultdict(list)
        for i, (shard, row) in enumerate(self.places):
            if self._shards[shard]["shares"][row] > RULING and self._shards[shard]["recordings"][row] >= 0:
                name = int(self._shards[shard]["names"][row])
                groups[name if name >= 0 else -2 - int(self._shards[shard]["recordings"][row])].append(i)
        self._groups = [group for group in groups.values() if len(group) > 1]
        weights = np.array([len(group) for group in self._groups]) ** 0.6
        self._chances = weights / weights.sum()

    def _take(self, path: Path) -> None:
        raw = np.load(path)
        names = [self._number.get(str(text), NO_NAME) if text else NO_NAME for text in raw["texts"]]
        recordings = [
            self._recordings.setdefault(str(r), len(self._recordings)) if r else -1 for r in raw["recordings"]
        ]
        self.places += [(len(self._shards), row) for row in range(len(names))]
        self._shards.append({
            "frames": torch.from_numpy(raw["frames"]),
            "features": self._whitening(torch.from_numpy(raw["features"]).float()).half(),
            "tags": torch.from_numpy(raw["tags"]),
            "effects": torch.from_numpy(raw["effects"]),
            "names": torch.tensor(names),
            "recordings": torch.tensor(recordings),
            "shares": torch.from_numpy(raw["shares"]),
        })  # fmt: skip

    def draw(self, size: int, segments: int | None = None) -> Batch:
        """Half of it pairs of one text, half anything; worked on; cut where fewer segments are wanted."""
        random = self._random
        chosen = random.choice(len(self._groups), size // 4, replace=len(self._groups) < size // 4, p=self._chances)
        pairs = [i for g in chosen for i in random.choice(self._groups[g], 2, replace=False)]
        batch = self.batch(pairs + random.choice(len(self.places), size - len(pairs)).tolist())
        self._splice(batch, np.flatnonzero(random.random(size - len(pairs)) < 0.3) + len(pairs))
        if segments is not None and segments < batch.sure.shape[1]:
            batch = batch.cut(self._loud_starts(batch, segments), segments)
        self._level(batch)
        self._mask(batch)
        return batch

    def batch(self, rows: list[int]) -> Batch:
        """Windows as they are."""
        places = [self.places[i] for i in rows]

        def stacked(name: str) -> Tensor:
            return torch.stack([self._shards[shard][name][row] for shard, row in places])

        features, names, recordings = stacked("features").float(), stacked("names"), stacked("recordings")
        sure = torch.ones(features.shape[:2])
        heard = (stacked("tags").float(), stacked("effects").float())
        return Batch(stacked("frames").float(), features, *heard, sure, names, recordings, stacked("shares"))

    @staticmethod
    def _loud_starts(batch: Batch, segments: int) -> Tensor:
        """(batch,): drawn so that a cut seldom misses what there is to hear."""
        heard = batch.sounding.unfold(1, segments, 1).sum(-1) + 0.01  # (batch, starts)
        return torch.multinomial(heard.square(), 1)[:, 0]

    def _splice(self, batch: Batch, rows: np.ndarray) -> None:
        """Another window from some segment on: what stays and what comes is each what it was."""
        if len(rows) < 2:
            return
        other = torch.from_numpy(np.roll(rows, 1))
        frames, features, tags, effects = (
            each[other] for each in (batch.frames, batch.features, batch.tags, batch.effects)
        )
        for i, row in enumerate(rows):
            cut = int(self._random.integers(3, batch.sure.shape[1] - 2))
            batch.frames[row, cut * FRAMES_PER_SEGMENT :] = frames[i, cut * FRAMES_PER_SEGMENT :]
            batch.features[row, cut:], batch.tags[row, cut:] = features[i, cut:], tags[i, cut:]
            batch.effects[row, cut:] = effects[i, cut:]
            batch.sure[row, cut - 1 : cut + 1] = 0.1
        batch.shares[rows] = 0

    def _level(self, batch: Batch) -> None:
        """Up to 14 dB softer or 6 dB louder, in half of the windows."""
        rows = torch.from_numpy(self._random.random(len(batch.frames)) < 0.5)
        factor = torch.from_numpy(10 ** (self._random.uniform(-14, 6, len(rows)) / 20)).float()[rows, None, None]
        batch.frames[rows] = torch.log((batch.frames[rows].exp() - LOG_FLOOR).clamp_min(0) * factor + LOG_FLOOR)

    def _mask(self, batch: Batch) -> None:
        """A few neighbouring bands filled with the mean, in a quarter of the windows."""
        for row in np.flatnonzero(self._random.random(len(batch.frames)) < 0.25):
            low, width = int(self._random.integers(0, 58)), int(self._random.integers(1, 7))
            batch.frames[row, :, low : low + width] = batch.frames[row].mean()
