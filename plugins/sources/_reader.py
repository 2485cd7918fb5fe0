"""Reads with FFmpeg in a thread of its own: whoever waits for the sound can look up, whatever a network does."""

import contextlib
import queue
import struct
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

import av
from av.audio.stream import AudioStream
from av.stream import Discard

from mgcld.errors import Reason

from ._ffmpeg import seconds

QUEUE_FRAMES = 64
"""More wait in the network."""
TICK_SECONDS = 0.5
STEP_SECONDS = 0.1
CLOSE_SECONDS = 0.25
"""A thread that waits for a dead network for longer ends by itself, at its timeout."""
MOST_DAMAGED = 100
"""So many packets in a row that cannot be decoded are no bad luck."""

Opened = Callable[[], av.container.InputContainer]
Explained = Callable[[av.FFmpegError, bool], tuple[Reason, str]]
"""An error, and whether something was heard before it -> why, and in words."""


class Fault(Exception):
    """Why it cannot be opened or read on."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


class Report(NamedTuple):
    """A sender's word on the time (RTCP)."""

    position: Fraction
    """Where on the stream's own axis (seconds)."""
    utc_ns: int
    """When the sound there was heard, by the sender's clock (nanoseconds since the Unix epoch)."""
    arrived_ns: int
    """When it came, by our clock."""


class Heard(NamedTuple):
    """A decoded frame and what is known of it."""

    frame: av.AudioFrame
    codec: str
    arrived_ns: int
    """UTC, nanoseconds since the Unix epoch."""
    report: Report | None
    """The newest one, where it came since the frame before."""
    damaged: bool
    """Before it something came that could not be decoded."""


class Reader:
    """Iterates over what is heard; None says that for `TICK_SECONDS` nothing was. Closing lets go of the stream."""

    def __init__(self, opened: Opened, explained: Explained) -> None:
        """`opened` may raise a Fault or an FFmpegError, which `explained` translates."""
        self._opened = opened
        self._explained = explained
        self._queue: queue.Queue[Heard | BaseException | None] = queue.Queue(QUEUE_FRAMES)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Heard | None]:
        while True:
            try:
                item = self._queue.get(timeout=TICK_SECONDS)
            except queue.Empty:
                yield None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Let the thread end."""
        self._over.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        heard = False
        try:
            with self._opened() as container:
                for frame in self._heard(container):
                    heard = True
                    self._put(frame)
                    if self._over.is_set():
                        return
            self._put(None)
        except av.FFmpegError as error:
            # Without its cause: PyAV's text, and so a traceback, holds the whole address.
            self._put(Fault(*self._explained(error, heard)))
        except BaseException as error:
            self._put(error)

    def _put(self, item: Heard | BaseException | None) -> None:
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=STEP_SECONDS)
                return

    def _heard(self, container: av.container.InputContainer) -> Iterator[Heard]:
        stream = _audio_of(container)
        damaged, report = 0, None
        for packet in container.demux(stream):
            arrived_ns = time.time_ns()
            report = _report_of(packet, arrived_ns) or report
            try:
                frames = stream.decode(packet)
            except av.InvalidDataError:
                damaged += 1
                if damaged > MOST_DAMAGED:
                    raise
                continue
            for frame in frames:
                yield Heard(frame, stream.codec_context.name, arrived_ns, report, damaged > 0)
                report, damaged = None, 0


def _audio_of(container: av.container.InputContainer) -> AudioStream:
    """The one that is meant; the others are thrown away before they cost anything."""
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise Fault("no_audio", "the stream has no audio")
    if stream.codec_context is None:
        raise Fault("codec", "the sound is of a codec that is not known here")
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    return stream


def _report_of(packet: "av.Packet[AudioStream]", arrived_ns: int) -> Report | None:
    """FFmpeg marks the packet behind a report, and says when it was heard."""
    position = seconds(packet.pts, packet.time_base)
    if position is None or not packet.has_sidedata("rtcp_sr") or not packet.has_sidedata("prft"):
        return None
    (utc_us,) = struct.unpack_from("=q", bytes(packet.get_sidedata("prft")))
    return Report(position, utc_us * 1000, arrived_ns)
