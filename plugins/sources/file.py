"""A recording as a source: any rate and number of channels, WAV, FLAC, Ogg, Opus, MP3, m4a and more."""

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from mgcld.data import AudioBlock, nanoseconds
from mgcld.errors import ConfigError

from ._recording import Piece, described, pieces

STEP_SECONDS = 0.1
"""At `realtime` it yields, and looks up from its sleep, so often."""
QUERY: dict[str, dict[str, str | bool]] = {
    "pace": {"realtime": "realtime", "max": "max"},
    "loop": {"true": True, "false": False},
}


class FileSource:
    """Plays a recording once, or for ever with `loop`."""

    live = False

    def __init__(self, path: Path, pace: Literal["realtime", "max"] = "realtime", loop: bool = False) -> None:
        """`realtime` gives each sample when it would sound, `max` as fast as they can be read."""
        self._path = path
        self._pace = pace
        self._loop = loop
        self.facts: Mapping[str, Any] = {}
        """Of the recording that was opened last: codec, sample_rate (Hz), channels."""

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        """`[file:]path[?pace=max&loop=true]`.

        Raises:
            ConfigError: no path, or a query that makes no sense.
        """
        path, _, query = re.sub(r"(?i)^file:(//)?", "", address).partition("?")
        if not path:
            raise ConfigError(f"{address!r} names no file", help="write path/to/recording.wav or file:path")
        options = {key: _option(address, key, value) for key, value in parse_qsl(query, keep_blank_values=True)}
        return {"path": Path(path), **options}

    def blocks(self) -> Iterator[AudioBlock]:
        """Decode and yield; a damaged place becomes a gap and a warning in the log.

        Raises:
            SourceError: the file is missing, or holds no sound that can be decoded.
        """
        began_ns, began = time.time_ns(), time.monotonic()
        self.facts = {}
        for piece in self._passes():
            self.facts = self.facts or {**described(self._path), "sample_rate": piece.sample_rate}
            for first, samples in self._steps(piece):
                if self._pace == "realtime":
                    _sleep_until(began + (first + len(samples)) / piece.sample_rate)
                captured_ns = began_ns + nanoseconds(first, piece.sample_rate)
                yield AudioBlock(samples, piece.sample_rate, first, captured_ns, clock="file")

    def _passes(self) -> Iterator[Piece]:
        base = 0
        while True:
            end = base
            for piece in pieces(self._path):
                moved = piece._replace(first_sample=base + piece.first_sample)
                end = moved.first_sample + len(moved.samples)
                yield moved
            if not self._loop:
                return
            base = end

    def _steps(self, piece: Piece) -> Iterator[tuple[int, Any]]:
        longest = max(1, int(piece.sample_rate * STEP_SECONDS)) if self._pace == "realtime" else len(piece.samples)
        for start in range(0, len(piece.samples), longest):
            yield piece.first_sample + start, piece.samples[start : start + longest]


def _option(address: str, key: str, value: str) -> str | bool:
    if key not in QUERY:
        known = " and ".join(QUERY)
        hint = f"known: {known}; a '?' that belongs to the name needs a mapping with `path`"
        raise ConfigError(f"{address!r}: unknown key {key!r}", help=hint)
    if value not in QUERY[key]:
        raise ConfigError(f"{address!r}: {key} cannot be {value!r}", help=f"{key} is {' or '.join(QUERY[key])}")
    return QUERY[key][value]


def _sleep_until(moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, STEP_SECONDS))
