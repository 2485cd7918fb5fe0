"""A camera or any other RTSP stream: its audio, of any codec and rate."""

import errno
import socket
import time
from collections.abc import Iterator
from typing import Any, Literal

import av
from av.audio.stream import AudioStream

from mgcld.data import NANOSECONDS, AudioBlock, nanoseconds
from mgcld.errors import ConfigError, Reason, SourceError
from mgcld.redaction import redacted

from . import _address
from ._ffmpeg import mono, position, reason_of, said
from ._timeline import Timeline

ARRIVAL_UNCERTAINTY_NS = NANOSECONDS
"""What cameras hold back before they send, and networks before they deliver, is commonly under a second."""
MOST_DAMAGED = 100
"""So many packets in a row that cannot be decoded are no bad luck."""
HINTS: dict[Reason, str] = {
    "auth": "check user and password in the URL; write special characters as %40 (@), %3A (:), %2F (/)",
    "decode": "choose AAC, Opus or G.711 in the camera's audio settings",
    "dns": "the host's name is unknown here: check it, or write its IP address",
    "ended": "the other side closed the stream: it restarts, or serves no more viewers",
    "no_audio": "turn on the microphone in the camera's settings",
    "not_found": "the server knows no such stream: check the path in the URL",
    "refused": "nothing serves RTSP there now: check address and port, and whether the camera is on",
    "timeout": "check power and network, or try the other transport (tcp, udp)",
    "unreachable": "no way leads to that host: check the network and the address",
    "unknown": "this may be no RTSP server: try the URL in another player",
}


class RtspSource:
    """Listens to one stream. Only its audio is asked for."""

    live = True

    def __init__(self, url: str, transport: Literal["tcp", "udp"] = "tcp", timeout_seconds: float = 10.0) -> None:
        """`url` may hold user:password@, which no log and no error shows. `timeout_seconds` holds for each wait.

        Raises:
            ConfigError: that is no RTSP address, or no time to wait.
        """
        if timeout_seconds <= 0:
            raise ConfigError(f"timeout_seconds cannot be {timeout_seconds}", help="10 is a good value")
        parts = _address.checked(url, "rtsp", "rtsps")
        self._url = parts.geturl()
        self._host = parts.hostname
        self._public = redacted(self._url)
        self._timeout = timeout_seconds
        self._options = {"rtsp_transport": transport, "allowed_media_types": "audio"}

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        """`rtsp[s]://[user:password@]host[:port]/path`.

        Raises:
            ConfigError: that is no RTSP address.
        """
        _address.checked(address, "rtsp", "rtsps")
        return {"url": address}

    def blocks(self) -> Iterator[AudioBlock]:
        """Open, then yield until the stream ends; lost packets become gaps, as far as the time stamps tell.

        Raises:
            SourceError: it cannot be opened, falls silent, breaks, or changes its rate.
        """
        with self._opened() as container:
            if not container.streams.audio:
                raise self._fault("no_audio", "the stream has no audio")
            timeline: Timeline | None = None
            for frame in self._frames(container, container.streams.audio[0]):
                timeline = timeline or Timeline(frame.sample_rate)
                if frame.sample_rate != timeline.sample_rate:
                    raise self._fault("ended", f"the rate changed to {frame.sample_rate} Hz")
                yield self._block(frame, timeline)

    def _block(self, frame: av.AudioFrame, timeline: Timeline) -> AudioBlock:
        samples, rate = mono(frame), frame.sample_rate
        first = timeline.place(position(frame), len(samples))
        captured_ns = time.time_ns() - nanoseconds(len(samples), rate)
        return AudioBlock(samples, rate, first, captured_ns, "arrival", ARRIVAL_UNCERTAINTY_NS, timeline.epoch)

    def _opened(self) -> av.container.InputContainer:
        began = time.monotonic()
        try:
            return av.open(self._url, options=self._options, timeout=(self._timeout, self._timeout))
        except av.FFmpegError as error:
            reason = self._reason_not_opened(error, time.monotonic() - began)
            # Without its cause: PyAV's text, and so a traceback, holds the whole address.
            raise self._fault(reason, said(error)) from None

    def _reason_not_opened(self, error: av.FFmpegError, waited: float) -> Reason:
        if waited >= self._timeout:
            return "timeout"  # FFmpeg reports the interruption of a handshake as invalid data
        if isinstance(error, av.InvalidDataError):
            return "unknown"
        return "dns" if error.errno == errno.EIO and not _resolves(self._host) else reason_of(error)

    def _frames(self, container: av.container.InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
        damaged = 0
        try:
            for packet in container.demux(stream):
                try:
                    yield from stream.decode(packet)
                    damaged = 0
                except av.InvalidDataError:
                    damaged += 1
                    if damaged > MOST_DAMAGED:
                        raise
        except av.FFmpegError as error:
            # A connection that breaks within a packet is an input/output error to FFmpeg.
            raise self._fault("ended" if error.errno == errno.EIO else reason_of(error), said(error)) from None

    def _fault(self, reason: Reason, text: str) -> SourceError:
        return SourceError(f"{self._public}: {text}", reason=reason, help=HINTS.get(reason, ""))


def _resolves(host: str | None) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False
