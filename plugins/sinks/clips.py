"""The sound of each event as a file: FLAC, 16 bit, mono, at the encoder's rate, with a .json beside it. Off by default.

A clip begins `pre_seconds` before the event's first window and ends `post_seconds` behind its last one, or when it is
`max_seconds` long; the .json says so then (`cut`). Sound is never put together across a gap: where sound is missing
before the event, or behind it, the clip begins or ends there, and where it is missing within, the event has several
files (`..._2.flac`), whose .json say what is missing between. The same is true where the hop is longer than the window,
for what lies between two windows reaches no sink: then each window is a file.
"""

import io
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import soundfile

from mgcld.data import Message, Window, nanoseconds
from mgcld.errors import ConfigError

from ._classes import WantedClasses
from ._clip import Clip, Cut, Part
from ._clip_name import clip_path
from ._clip_ring import Ring
from ._clip_shelf import NoRoom, Shelf

logger = logging.getLogger(__name__)

DECISION_SECONDS = 60.0
"""An event is known at most so long after its first sound; of one that takes longer the beginning is missing."""
IDLE_SECONDS = 120.0
"""A clip to which no sound came for so long gets no more; longer than any hop."""
FORGOTTEN_SECONDS = 600.0
"""The sound of a source that has sent nothing for so long is let go."""
HELP = "write another one in folder, or give it, or the one above it, to the user that mgcld runs as"
MOST_OPEN = 64
"""So many clips grow at once."""
MOST_BYTES = 128 << 20
"""All growing clips together; then the longest is cut."""


class ClipsSink:
    """Hears every window, keeps the last of each source in memory, and writes down what belongs to an event."""

    def __init__(
        self,
        folder: Path,
        pre_seconds: float = 5.0,
        post_seconds: float = 5.0,
        max_seconds: float = 120.0,
        classes: Sequence[str] | None = None,
        max_megabytes: float = 1000.0,
        max_age_days: float = 30.0,
        min_free_megabytes: float = 500.0,
    ) -> None:
        """Look, but write nothing before the first message.

        Raises:
            ConfigError: an option makes no sense, or the folder cannot be written.
        """
        _check_seconds(pre_seconds, post_seconds, max_seconds)
        _check_bounds(max_megabytes, max_age_days, min_free_megabytes)
        _check_folder(folder)
        self._folder = folder
        self._pre_seconds, self._post_seconds, self._max_seconds = pre_seconds, post_seconds, max_seconds
        self._classes = WantedClasses(f"clips in {folder}", "recorded", classes)
        self._shelf = Shelf(
            folder,
            max_bytes=round(max_megabytes * 1e6),
            max_age_seconds=max_age_days * 86_400,
            min_free_bytes=round(min_free_megabytes * 1e6),
        )
        self._rings: dict[str, Ring] = {}
        self._heard_at: dict[str, float] = {}  # monotonic seconds
        self._open: dict[str, Clip] = {}
        self._clean = False
        self._delivered = self._failed = self._dropped = 0
        self._trouble: str | None = None

    @property
    def facts(self) -> Mapping[str, Any]:
        """`delivered` counts files, `failed` those that the disk did not take, `dropped` clips that a bound forbade."""
        oldest = self._shelf.oldest
        return {
            "delivered": self._delivered,
            "failed": self._failed,
            "dropped": self._dropped,
            "bytes": self._shelf.bytes,
            "oldest": None if oldest is None else datetime.fromtimestamp(oldest, UTC).isoformat(timespec="seconds"),
            "reason": self._trouble,
        }

    def hear(self, window: Window) -> None:
        """Keep what is new in it, for events to come and for those that are open."""
        self._start()
        self._heard_at[window.source] = time.monotonic()
        ring = self._rings.setdefault(window.source, Ring(self._pre_seconds + DECISION_SECONDS))
        chunk = ring.hear(window)
        if chunk is not None:
            for clip in self._open.values():
                if clip.source == window.source:
                    clip.add([chunk])
        self._look_after()

    def take(self, message: Message) -> None:
        """Begin, go on with or end an event's clip."""
        self._start()
        self._classes.follow(message)
        if message.kind == "event" and message.body["class"] in self._classes:
            self._follow(message)
        self._look_after()

    def close(self) -> None:
        """Write what there is of the clips that are open."""
        self._cut_all("shutdown")
        self._write_complete()

    def _follow(self, message: Message) -> None:
        body, id = message.body, str(message.body["id"])
        clip = self._open.get(id)
        if body["phase"] == "start" and clip is None:
            self._begin(message)
        elif clip is not None and body["phase"] == "end":
            clip.end(body, self._ring(clip.source), self._post_seconds)
        elif clip is not None:
            clip.body = body

    def _begin(self, message: Message) -> None:
        if len(self._open) >= MOST_OPEN:
            self._drop(f"more than {MOST_OPEN} events at once")
            return
        clip = Clip(message.header, message.body, self._max_seconds)
        clip.begin(self._ring(clip.source), self._pre_seconds)
        self._open[str(message.body["id"])] = clip

    def _ring(self, source: str) -> Ring:
        return self._rings.get(source) or Ring(0.0)

    def _look_after(self) -> None:
        """End what gets no more sound, or would fill the memory, and write what is complete."""
        now = time.monotonic()
        for source in [source for source, at in self._heard_at.items() if now - at > IDLE_SECONDS]:
            for clip in self._open.values():
                if clip.source == source:
                    clip.finish("no_sound")
            if now - self._heard_at[source] > FORGOTTEN_SECONDS:
                del self._rings[source], self._heard_at[source]
        if sum(clip.bytes for clip in self._open.values()) > MOST_BYTES:
            longest = max(self._open.values(), key=lambda clip: clip.bytes)
            logger.warning("%s: too much sound at once: the clip of %s is cut", self._folder, longest.body["id"])
            longest.finish("memory")
        self._write_complete()

    def _cut_all(self, why: Cut) -> None:
        for clip in self._open.values():
            clip.finish(why)

    def _write_complete(self) -> None:
        for id in [id for id, clip in self._open.items() if clip.complete]:
            clip = self._open.pop(id)
            if not clip.parts:
                self._drop("none of its sound was heard here")
            for number, part in enumerate(clip.parts, start=1):
                self._write(clip, part, number)

    def _write(self, clip: Clip, part: Part, number: int) -> None:
        place = clip_path(clip.source, clip.body["class"], str(clip.body["id"]), part.first.start_ns, number)
        try:
            self._shelf.put(place, _flac(part), _told(clip, part, number))
        except NoRoom as error:
            self._drop(str(error))
        except OSError as error:
            self._failed += 1
            self._complain(f"it cannot be written: {error.strerror}")
        else:
            self._delivered += 1
            if self._trouble is not None:
                logger.info("%s: clips are written again", self._folder)
            self._trouble = None

    def _start(self) -> None:
        if self._clean:
            return
        self._clean = True
        try:
            self._shelf.clean()
        except OSError as error:
            self._complain(f"the folder cannot be used: {error.strerror}; {HELP}")

    def _drop(self, reason: str) -> None:
        self._dropped += 1
        self._complain(reason)

    def _complain(self, reason: str) -> None:
        """Once for as long as it goes on."""
        if reason != self._trouble:
            logger.error("%s: no clip: %s", self._folder, reason)
        self._trouble = reason


def _flac(part: Part) -> bytes:
    """In memory: a disk that is full is then met by one write, and not by the library."""
    file = io.BytesIO()
    soundfile.write(file, part.samples, part.first.sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _told(clip: Clip, part: Part, number: int) -> bytes:
    first, samples = part.first, len(part.samples)
    fields = {
        "event": dict(clip.body),
        **{name: clip.header.get(name) for name in ("source", "adapter", "clock", "clock_uncertainty_ns")},
        "sample_rate": first.sample_rate,
        "epoch": first.epoch,
        "first_sample": first.first_sample,
        "samples": samples,
        "t_start_ns": first.start_ns,
        "t_end_ns": first.start_ns + nanoseconds(samples, first.sample_rate),
        "part": number,
        "parts": len(clip.parts),
        "gap_samples": first.gap_samples if number > 1 else 0,
        "cut": clip.cut,
    }
    return json.dumps(fields, allow_nan=False, indent=2).encode("ascii") + b"\n"


def _check_seconds(pre_seconds: float, post_seconds: float, max_seconds: float) -> None:
    for name, value in (("pre_seconds", pre_seconds), ("post_seconds", post_seconds)):
        if not 0 <= value <= 60:
            raise ConfigError(f"{name} cannot be {value:g}", help="write 0 to 60")
    if not pre_seconds < max_seconds <= 600:
        raise ConfigError(f"max_seconds cannot be {max_seconds:g}", help="write more than pre_seconds, up to 600")


def _check_bounds(max_megabytes: float, max_age_days: float, min_free_megabytes: float) -> None:
    if not 1 <= max_megabytes <= 1e9:
        raise ConfigError(f"max_megabytes cannot be {max_megabytes:g}", help="write at least 1")
    if not 0 < max_age_days <= 36_500:
        raise ConfigError(f"max_age_days cannot be {max_age_days:g}", help="write up to 36500")
    if not 0 <= min_free_megabytes <= 1e9:
        raise ConfigError(f"min_free_megabytes cannot be {min_free_megabytes:g}", help="write 0 or more")


def _check_folder(folder: Path) -> None:
    there = folder if folder.exists() else folder.parent
    if not there.is_dir():
        raise ConfigError(f"folder: {there} is no folder", help="make it, or write another one")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"folder: {there} cannot be written", help="give it to the user that mgcld runs as")
