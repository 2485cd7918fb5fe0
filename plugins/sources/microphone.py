"""A microphone, or any input that PortAudio knows: at the device's own rate, with the time of its converter."""

import contextlib
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from mgcld.data import NANOSECONDS, AudioBlock
from mgcld.errors import SourceError

from . import _portaudio

BLOCK_SECONDS = 0.05
QUEUE_BLOCKS = 100
"""Five seconds wait at most; what comes then is lost, and becomes a gap."""
SILENCE_SECONDS = 3.0
"""PortAudio does not always notice that a device is gone: one that delivers nothing for so long is."""
STEP_SECONDS = 0.25
BACK = "check the plug; it is opened again when it is back"
LATE_SECONDS = 0.1
"""A converter's time is believed if it is older than the device's latency by at most this.

PulseAudio's ALSA plugin is off by half a second in its first seconds.
"""

ADC_UNCERTAINTY_NS = 20_000_000
"""Between PortAudio's clock and ours stands the wait for the interpreter."""


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """What one callback brought."""

    samples: Float32[np.ndarray, "samples channels"]
    first_sample: int
    epoch: int
    arrived_ns: int
    age_seconds: float
    """By PortAudio's clock: from samples[0] in the converter to the callback."""


class MicrophoneSource:
    """Listens to one device, and never to another in its stead."""

    live = True

    def __init__(self, device: str = "default", channels: int | None = None) -> None:
        """`device`: `default`, an index, or a part of the name that no other device has.

        `channels`: how many to open and average; without it one or two, as the device has.
        """
        self._device = device
        self._channels = channels

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        """`microphone:default`, `microphone:2`, `microphone:USB Audio`; nothing behind the colon is the default."""
        return {"device": address.partition(":")[2].strip() or "default"}

    @staticmethod
    def devices() -> list[_portaudio.Device]:
        """Every device that has inputs.

        Raises:
            SourceError: PortAudio is not installed.
        """
        return _portaudio.devices()

    def blocks(self) -> Iterator[AudioBlock]:
        """Open the device, then yield until it fails.

        Where blocks are not taken in time `first_sample` jumps by what was lost. Where PortAudio itself lost samples
        nobody knows how many: a new epoch begins.

        Raises:
            SourceError: the device is absent, in use, or falls silent.
        """
        ear = _Ear()
        with _portaudio.opened(self._device, self._channels, BLOCK_SECONDS, ear.hear) as stream:
            while True:
                yield _block(ear.next(stream), round(stream.samplerate), stream.latency)


class _Ear:
    """Takes over from PortAudio's thread, through a bounded queue."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[_Chunk] = queue.Queue(QUEUE_BLOCKS)
        self._heard = 0
        self._epoch = 0

    def hear(self, samples: Float32[np.ndarray, "samples channels"], count: int, times: Any, status: Any) -> None:
        # PortAudio waits for us here: copy and leave.
        if status.input_overflow:
            self._epoch, self._heard = self._epoch + 1, 0
        age = times.currentTime - times.inputBufferAdcTime
        chunk = _Chunk(samples.copy(), self._heard, self._epoch, time.time_ns(), age)
        self._heard += count
        with contextlib.suppress(queue.Full):
            self._chunks.put_nowait(chunk)

    def next(self, stream: Any) -> _Chunk:
        deadline = time.monotonic() + SILENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._chunks.get(timeout=STEP_SECONDS)
            except queue.Empty:
                if not stream.active:
                    raise SourceError("the microphone has gone", reason="ended", help=BACK) from None
        message = f"the microphone delivers nothing for {SILENCE_SECONDS:.0f} s"
        raise SourceError(message, reason="timeout", help=BACK)


def _block(chunk: _Chunk, sample_rate: int, latency: float) -> AudioBlock:
    samples = chunk.samples.mean(axis=1, dtype=np.float32)
    duration = len(samples) / sample_rate
    believed = 0 < chunk.age_seconds <= max(latency, duration) + LATE_SECONDS
    age = chunk.age_seconds if believed else duration
    return AudioBlock(
        samples,
        sample_rate,
        chunk.first_sample,
        chunk.arrived_ns - round(age * NANOSECONDS),
        clock="adc" if believed else "arrival",
        clock_uncertainty_ns=ADC_UNCERTAINTY_NS if believed else round((latency + LATE_SECONDS) * NANOSECONDS),
        epoch=chunk.epoch,
    )
