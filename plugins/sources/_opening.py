"""One opening of a stream: frames from a reader become blocks, with ticks, timeouts and the end of what changes."""

import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

import numpy as np

from mgcld.data import AudioBlock
from mgcld.errors import ConfigError

from ._ffmpeg import mono, position
from ._reader import Fault, Heard, Reader
from ._sender import SenderClock
from ._timeline import Timeline

USUAL_SECONDS = 10.0
MOST_SECONDS = 600.0
"""Who waits for longer never notices that it is over."""
ANALYSIS_US = 1_000_000
"""FFmpeg looks at so much of it (microseconds): a live playlist has little, and no picture shall hold up its sound."""
UNSTAMPED = {"vorbis"}
"""FFmpeg stamps these wrongly where long and short blocks meet; they come only over what loses nothing."""


def checked_wait(seconds: float) -> float:
    """For so long may nothing come.

    Raises:
        ConfigError: that is no time, or too long.
    """
    if not 0 < seconds <= MOST_SECONDS:
        raise ConfigError(f"timeout_seconds cannot be {seconds}", help="10 is a good value")
    return seconds


def patience(wait_seconds: float) -> float:
    """Who waits for longer than most gets the time from the supervisor, too; 0 where nobody has to know."""
    return wait_seconds if wait_seconds > USUAL_SECONDS else 0.0


class Opening:
    """Turns what a reader hears into blocks."""

    def __init__(self, reader: Reader, name: str, wait_seconds: float | None) -> None:
        """`name`: of the stream, for the log; `wait_seconds`: so long may nothing come, also at the beginning."""
        self._reader = reader
        self._wait_seconds = wait_seconds
        self._heard_at = time.monotonic()
        self._timeline: Timeline | None = None
        self._codec = ""
        self._end = 0
        self.clock = SenderClock(name)
        self.facts: dict[str, Any] = {}
        """Of the sound: codec, sample_rate (Hz), channels."""

    def blocks(self) -> Generator[AudioBlock, None, None]:
        """Until it ends. An empty block says that nothing has come.

        Raises:
            Fault: it cannot be opened, falls silent, breaks, or changes its rate or codec.
        """
        with closing(self._reader):
            for heard in self._reader:
                yield self._tick() if heard is None else self._block(heard)

    def _tick(self) -> AudioBlock:
        quiet = time.monotonic() - self._heard_at
        if self._wait_seconds is not None and quiet >= self._wait_seconds:
            raise Fault("timeout", f"nothing has come for {quiet:.0f} s")
        rate, epoch = (self._timeline.sample_rate, self._timeline.epoch) if self._timeline else (1, 0)
        return AudioBlock(np.empty(0, np.float32), rate, self._end, time.time_ns(), epoch=epoch)

    def _block(self, heard: Heard) -> AudioBlock:
        self._heard_at = time.monotonic()
        timeline = self._checked(heard)
        samples, rate, epoch = mono(heard.frame), heard.frame.sample_rate, timeline.epoch
        if self._codec in UNSTAMPED:
            first = timeline.place(None, len(samples), broken=heard.damaged)
        else:
            first = timeline.place(position(heard.frame), len(samples))
        if timeline.epoch != epoch:
            self.clock.forget()
        self._end = first + len(samples)
        captured_ns, clock, uncertainty_ns = self.clock.stamp(heard, len(samples) / rate)
        return AudioBlock(samples, rate, first, captured_ns, clock, uncertainty_ns, timeline.epoch)

    def _checked(self, heard: Heard) -> Timeline:
        """The axis of the opening; its end where rate or codec change."""
        frame = heard.frame
        if self._timeline is None:
            self._timeline, self._codec = Timeline(frame.sample_rate), heard.codec
            self.facts = {
                "codec": heard.codec,
                "sample_rate": frame.sample_rate,
                "channels": frame.layout.nb_channels,
            }
        if (frame.sample_rate, heard.codec) != (self._timeline.sample_rate, self._codec):
            raise Fault("ended", f"it changed to {heard.codec} of {frame.sample_rate} Hz")
        return self._timeline
