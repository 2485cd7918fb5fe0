"""A live source for capture processes that tests start: a tone, and ways to be of no use."""

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mgcld.data import AudioBlock
from mgcld.errors import SourceError

RATE = 8000
STEP = 800
AGE_NS = 150_000_000
"""How old samples[0] is when its block leaves."""


class Strange:
    live = True

    def __init__(self, way: str) -> None:
        self._way = way

    @property
    def facts(self) -> Mapping[str, Any]:
        ahead = {"sender_clock_offset_seconds": 3600.0} if self._way == "ahead" else {}
        return {"codec": "pcm_s16le", "sample_rate": RATE, "channels": 2, **ahead}

    def blocks(self) -> Iterator[AudioBlock]:
        yield from getattr(self, self._way)()

    def plays(self, amplitude: float = 0.5, seconds: float = 600.0, pace: float = 1.0) -> Iterator[AudioBlock]:
        began = time.monotonic()
        for first in range(0, round(seconds * RATE), STEP):
            time.sleep(max(0.0, began + (first + STEP) / RATE / pace - time.monotonic()))
            wave = amplitude * np.sin(2 * np.pi * np.arange(first, first + STEP) / 8)
            samples = np.clip(wave, -1, 1).astype(np.float32)
            yield AudioBlock(samples, RATE, first, time.time_ns() - AGE_NS, "adc", 20_000_000)

    def ahead(self) -> Iterator[AudioBlock]:
        yield from self.plays()

    def is_silent(self) -> Iterator[AudioBlock]:
        yield from self.plays(amplitude=0.0)

    def is_too_loud(self) -> Iterator[AudioBlock]:
        yield from self.plays(amplitude=4.0)

    def loses_some(self) -> Iterator[AudioBlock]:
        for block in self.plays():
            if block.first_sample % (10 * STEP):
                yield block

    def comes_at_once(self) -> Iterator[AudioBlock]:
        """More than one wants to hear, and then the end."""
        yield from self.plays(seconds=10.0, pace=1e6)

    def trickles(self) -> Iterator[AudioBlock]:
        yield from self.plays(pace=0.2)

    def ends(self) -> Iterator[AudioBlock]:
        yield from self.plays(seconds=0.2)

    def stalls(self) -> Iterator[AudioBlock]:
        yield from self.plays(seconds=0.2)
        threading.Event().wait()

    def hangs(self) -> Iterator[AudioBlock]:
        """And will not end when it is asked to."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        yield from self.plays(seconds=0.0)
        threading.Event().wait()

    def breaks(self) -> Iterator[AudioBlock]:
        yield from self.plays(seconds=0.1)
        raise ZeroDivisionError

    def is_refused(self) -> Iterator[AudioBlock]:
        yield from self.plays(seconds=0.0)
        raise SourceError("nobody there", reason="refused", help="is it on?")
