"""The sound of one event, as it grows: parts without a gap, each of which becomes a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Int16

from ._clip_ring import Chunk, Place, Ring

Cut = Literal["gap", "max_seconds", "no_sound", "memory", "shutdown"]
OVER = frozenset({"source_lost", "source_ended", "paused", "removed", "shutdown"})
"""After an end for one of these reasons no more sound comes."""


@dataclass(slots=True, eq=False)
class Part:
    """Consecutive samples."""

    chunks: list[Chunk] = field(default_factory=list)

    @property
    def samples(self) -> Int16[np.ndarray, " samples"]:
        """All of them."""
        return np.concatenate([chunk.samples for chunk in self.chunks])

    @property
    def first(self) -> Chunk:
        """Where it begins."""
        return self.chunks[0]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return sum(len(chunk.samples) for chunk in self.chunks) / self.first.sample_rate


class Clip:
    """From `pre_seconds` before the event's first sound to `post_seconds` behind its last, never across a gap.

    A gap before the event's first sound, or behind its last, is where the clip begins or ends; after one within it
    another part begins.
    """

    def __init__(self, header: Mapping[str, Any], body: Mapping[str, Any], max_seconds: float) -> None:
        self.header = header
        self.body = body
        """The newest of the event's."""
        self.parts: list[Part] = []
        self.complete = False
        self.cut: Cut | None = None
        """Why it ends before it should."""
        self.seconds = 0.0
        """How long it is so far, all parts together."""
        self._max_seconds = max_seconds
        self._end: Place | None = None

    @property
    def source(self) -> str:
        """Where it was heard."""
        return str(self.header["source"])

    @property
    def bytes(self) -> int:
        """Memory that it holds, at most."""
        return sum(2 * len(chunk.samples) for part in self.parts for chunk in part.chunks)

    def begin(self, ring: Ring, pre_seconds: float) -> None:
        """Take over what was heard before the event was known."""
        onset = ring.onset(self.body["t_on_ns"])
        self.add(ring.since(_before(ring, onset, pre_seconds)))

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Sound that goes on; once complete it stays as it is."""
        for chunk in chunks:
            if not self.complete:
                self._add(chunk)

    def end(self, body: Mapping[str, Any], ring: Ring, post_seconds: float) -> None:
        """The event is over: keep `post_seconds` behind its last sound, and wait for them where they are to come."""
        self.body = body
        place = ring.offset(body["t_off_ns"])
        if place is None or not self.parts:
            self.finish(None)
            return
        rates = [part.first.sample_rate for part in self.parts if part.first.piece == place.piece]
        rate = rates[0] if rates else self.parts[-1].first.sample_rate
        self._end = place._replace(sample=place.sample + round(post_seconds * rate))
        self._trim()
        if not self.complete and (ring.piece > self._end.piece or body["reason"] in OVER):
            self.finish("gap" if ring.piece > self._end.piece else "no_sound")

    def finish(self, cut: Cut | None) -> None:
        """It is as long as it gets."""
        if not self.complete:
            self.complete, self.cut = True, cut

    def _add(self, chunk: Chunk) -> None:
        if self._end is not None and chunk.piece > self._end.piece:
            self.finish("gap")
            return
        left = round((self._max_seconds - self.seconds) * chunk.sample_rate)
        kept = chunk.between(chunk.first_sample, chunk.first_sample + left)
        if len(kept.samples):
            self._append(kept)
        self._trim()
        if len(kept.samples) < len(chunk.samples):
            self.finish("max_seconds")

    def _append(self, chunk: Chunk) -> None:
        last = self.parts[-1].chunks[-1] if self.parts else None
        if last is None or (last.piece, last.end_sample) != (chunk.piece, chunk.first_sample):
            self.parts.append(Part())
        self.parts[-1].chunks.append(chunk)
        self.seconds += len(chunk.samples) / chunk.sample_rate

    def _trim(self) -> None:
        """Nothing beyond its end, if that is known."""
        if self._end is None:
            return
        end = self._end
        for part in self.parts:
            ends = [end.sample if chunk.piece == end.piece else chunk.end_sample for chunk in part.chunks]
            kept = [chunk.between(chunk.first_sample, last) for chunk, last in zip(part.chunks, ends, strict=True)]
            part.chunks = [chunk for chunk in kept if len(chunk.samples) and chunk.piece <= end.piece]
        self.parts = [part for part in self.parts if part.chunks]
        self.seconds = sum(part.seconds for part in self.parts)
        newest = self.parts[-1].chunks[-1] if self.parts else None
        if newest is not None and (newest.piece, newest.end_sample) >= end:
            self.finish(None)


def _before(ring: Ring, onset: Place | None, pre_seconds: float) -> Place | None:
    """So much earlier, in the same piece; where the sound of that time is missing, the next piece's beginning."""
    if onset is None:
        return None
    here = [chunk for chunk in ring.since(Place(onset.piece, 0)) if chunk.piece == onset.piece]
    if here and here[-1].end_sample > onset.sample:
        return onset._replace(sample=onset.sample - round(pre_seconds * here[0].sample_rate))
    return Place(onset.piece + 1, 0) if ring.piece > onset.piece else onset
