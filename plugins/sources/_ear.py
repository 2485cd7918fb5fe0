"""Takes sound over from PortAudio's thread, with its place on the sample axis and the time of its converter."""

import contextlib
import queue
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from mgcld.data import NANOSECONDS, Clock

LATE_SECONDS = 0.1
"""A converter's time is believed if it is older than the device's latency by at most this.

PulseAudio's ALSA plugin is off by half a second in its first seconds.
"""
EARLY = 0.9
"""Share of a chunk: its first sample is at least about as old as the chunk is long."""
ADC_UNCERTAINTY_NS = 30_000_000
"""Between PortAudio's clock and ours stands the wait for the interpreter."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """What one callback brought."""

    samples: Float32[np.ndarray, "samples channels"]
    first_sample: int
    epoch: int
    arrived_ns: int
    age_seconds: float
    """By PortAudio's clock: from samples[0] in the converter to the callback."""

    def captured(self, sample_rate: int, latency: float) -> tuple[int, Clock, int]:
        """When samples[0] was heard (UTC, nanoseconds), by which clock, and how far that may be off (nanoseconds).

        `latency`: the device's (seconds). A converter's time that cannot be true is not believed.
        """
        duration = len(self.samples) / sample_rate
        if EARLY * duration <= self.age_seconds <= max(latency, duration) + LATE_SECONDS:
            return self.arrived_ns - round(self.age_seconds * NANOSECONDS), "adc", ADC_UNCERTAINTY_NS
        uncertainty = round((latency + LATE_SECONDS) * NANOSECONDS)
        return self.arrived_ns - round(duration * NANOSECONDS), "arrival", uncertainty


class Ear:
    """Hears for PortAudio, into a bounded queue. What does not fit is lost, and a jump of `first_sample` says so."""

    def __init__(self, chunks: int) -> None:
        """So many may wait."""
        self._chunks: queue.Queue[Chunk] = queue.Queue(chunks)
        self._heard = 0
        self._epoch = 0

    def hear(self, samples: Float32[np.ndarray, "samples channels"], count: int, times: Any, status: Any) -> None:
        """PortAudio's callback."""
        # PortAudio waits for us here: copy and leave.
        if status.input_overflow:
            self._epoch, self._heard = self._epoch + 1, 0
        age = times.currentTime - times.inputBufferAdcTime
        chunk = Chunk(samples.copy(), self._heard, self._epoch, time.time_ns(), age)
        self._heard += count
        with contextlib.suppress(queue.Full):
            self._chunks.put_nowait(chunk)

    def next(self, timeout: float) -> Chunk | None:
        """The oldest that waits; None if nothing comes within so many seconds."""
        try:
            return self._chunks.get(timeout=timeout)
        except queue.Empty:
            return None
