"""Takes sound over from PortAudio's thread, with its place on the sample axis and the time of its converter."""

import contextlib
import queue
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from mgcld.data import NANOSECONDS, Clock

OLDEST_SECONDS = 120.0
"""A sound server keeps so much for those who are late, at 8 kHz; what claims to be older is in error."""
EARLY = 0.9
"""Share of a chunk: its first sample is at least about as old as the chunk is long."""
ADC_UNCERTAINTY_NS = 40_000_000
"""Between PortAudio's clock and ours stands the wait for the interpreter.

Against a source of PulseAudio that stamped every sample 2 to 21 ms were seen, 32 at most.
"""
ARRIVAL_UNCERTAINTY_SECONDS = 0.1
"""Beyond the device's latency."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """What one callback brought."""

    samples: Float32[np.ndarray, "samples channels"]
    first_sample: int
    epoch: int
    arrived_ns: int
    age_seconds: float
    """By PortAudio's clock: from samples[0] in the converter to the callback; 0 where what it says cannot be true."""
    slip_seconds: float
    """By the same: how long after the end of the chunk before it samples[0] was heard; 0 where nobody knows."""

    def captured(self, sample_rate: int, latency: float, *, converter: bool = True) -> tuple[int, Clock, int]:
        """When samples[0] was heard (UTC, nanoseconds), by which clock, and how far that may be off (nanoseconds).

        `latency`: the device's (seconds). `converter`: it has one, whose time can be believed.
        """
        if self.age_seconds and converter:
            return self.arrived_ns - round(self.age_seconds * NANOSECONDS), "adc", ADC_UNCERTAINTY_NS
        duration = len(self.samples) / sample_rate
        uncertainty = round((latency + ARRIVAL_UNCERTAINTY_SECONDS) * NANOSECONDS)
        return self.arrived_ns - round(duration * NANOSECONDS), "arrival", uncertainty


class Ear:
    """Hears for PortAudio, into a bounded queue. What does not fit is lost, and a jump of `first_sample` says so."""

    def __init__(self, chunks: int) -> None:
        """So many may wait."""
        self._chunks: queue.Queue[Chunk] = queue.Queue(chunks)
        self._heard = 0
        self._epoch = 0
        self._due: float | None = None  # on our monotonic clock, when the next sample is heard

    def hear(self, samples: Float32[np.ndarray, "samples channels"], seconds: float, times: Any, status: Any) -> None:
        """What PortAudio's callback brings; it lasts so many seconds."""
        # PortAudio waits for us here: copy and leave.
        if status.input_overflow:
            self._epoch, self._heard, self._due = self._epoch + 1, 0, None
        age = _believed(times.currentTime - times.inputBufferAdcTime, seconds)
        heard_at = time.monotonic() - age
        slip = heard_at - self._due if age and self._due is not None else 0.0
        self._due = heard_at + seconds if age else None
        chunk = Chunk(samples.copy(), self._heard, self._epoch, time.time_ns(), age, slip)
        self._heard += len(samples)
        with contextlib.suppress(queue.Full):
            self._chunks.put_nowait(chunk)

    def next(self, timeout: float) -> Chunk | None:
        """The oldest that waits; None if nothing comes within so many seconds."""
        try:
            return self._chunks.get(timeout=timeout)
        except queue.Empty:
            return None


def _believed(age_seconds: float, seconds: float) -> float:
    """The age, or 0 where it cannot be true."""
    return age_seconds if EARLY * seconds <= age_seconds <= OLDEST_SECONDS else 0.0
