"""One pass through a recording: opened, decoded, and every fault of the file named.

PyAV decodes everything but Vorbis: soundfile knows no AAC, and with one decoder a shot and a stream of the same codec
are heard alike. It gives floats for MP3, Opus and AAC, and reads five minutes of 48 kHz WAV in 70 ms like soundfile.
Of Vorbis FFmpeg loses some hundred samples at the ends, and stamps frames wrongly where long and short blocks meet.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import soundfile
from jaxtyping import Float32

from mgcld.errors import Reason, SourceError

from ._ffmpeg import mono, position, said
from ._timeline import Timeline

logger = logging.getLogger(__name__)

FORMATS = "wav,w64,aiff,au,caf,flac,ogg,mp3,aac,mov,matroska,wv,ape,amr,asf"
"""Recordings only: FFmpeg also reads playlists, which could make it open other files or addresses."""
MISSING_SECONDS = 0.1
"""A recording that is shorter than it claims by more than this lacks its end."""
HEAD_BYTES = 4096
VORBIS_BLOCK = 4096
"""Samples that are decoded at once."""
UNKNOWN_SIZE = 0x7FFF_0000
"""Programs that write WAV into a pipe put at least this as its size."""


class Piece(NamedTuple):
    """Consecutive samples of a recording, mono."""

    first_sample: int
    samples: Float32[np.ndarray, " samples"]
    sample_rate: int


def pieces(path: Path) -> Iterator[Piece]:
    """Decode from the beginning to the end; what is damaged or lacking becomes a warning in the log.

    Raises:
        SourceError: it is missing, is no recording, or holds no sound.
    """
    head, size = _beginning(path)
    with _opened(path) as container:
        if not container.streams.audio:
            raise SourceError(f"{path} has no audio", reason="no_audio", help="give a file with an audio track")
        if container.streams.audio[0].codec_context.name == "vorbis":
            yield from _vorbis(path)
            return
        recording = _Recording(path, container, counted=_is_counted(container.format.name, head))
        yield from recording.pieces()
        recording.report(lacks_end=_lacks_end(head, size))


def described(path: Path) -> dict[str, Any]:
    """A recording's codec and channels.

    Raises:
        SourceError: it is no recording.
    """
    with _opened(path) as container:
        decoder = container.streams.audio[0].codec_context
        return {"codec": decoder.name, "channels": decoder.layout.nb_channels}


class _Recording:
    def __init__(self, path: Path, container: av.container.InputContainer, *, counted: bool) -> None:
        """`counted`: the file itself says how long it is; otherwise FFmpeg guesses."""
        self._path = path
        self._container = container
        self._stream = container.streams.audio[0]
        self._stated_seconds = float((self._stream.duration or 0) * (self._stream.time_base or 0)) if counted else 0.0
        self._timeline: Timeline | None = None
        self._end = 0  # samples so far, lost ones too
        self._lost = 0
        self._beyond = 0  # samples behind the end that the file states
        self._damaged = 0  # packets that could not be decoded

    def pieces(self) -> Iterator[Piece]:
        for frame in self._frames():
            self._timeline = self._timeline or Timeline(frame.sample_rate, restarts=False)
            if frame.sample_rate != self._timeline.sample_rate:
                logger.warning("%s: the rate changes to %d Hz; the rest is not heard", self._path, frame.sample_rate)
                return
            piece = self._piece(frame, self._timeline)
            if len(piece.samples):
                self._lost += piece.first_sample - self._end
                self._end = piece.first_sample + len(piece.samples)
                yield piece

    def report(self, *, lacks_end: bool) -> None:
        if self._timeline is None:
            reason: Reason = "decode" if self._damaged else "no_audio"
            raise SourceError(f"{self._path} holds no sound that can be decoded", reason=reason, help="is it whole?")
        rate = self._timeline.sample_rate
        if self._damaged or self._lost:
            logger.warning("%s: damaged, %.1f s in it cannot be heard", self._path, self._lost / rate)
        if self._beyond > rate:
            logger.warning("%s: %.1f s behind its stated end are not heard", self._path, self._beyond / rate)
        if lacks_end or self._stated_seconds - self._end / rate > MISSING_SECONDS:
            logger.warning("%s: truncated, only %.1f s are there", self._path, self._end / rate)

    def _frames(self) -> Iterator[av.AudioFrame]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from self._stream.decode(packet)
                except av.FFmpegError:
                    self._damaged += 1
        except av.FFmpegError:
            self._damaged += 1

    def _piece(self, frame: av.AudioFrame, timeline: Timeline) -> Piece:
        samples = mono(frame)
        first = timeline.place(position(frame), len(samples))
        if not self._stated_seconds:
            return Piece(first, samples, frame.sample_rate)
        # AAC is padded to whole frames.
        kept = samples[: max(0, round(self._stated_seconds * frame.sample_rate) - first)]
        self._beyond += len(samples) - len(kept)
        return Piece(first, kept, frame.sample_rate)


def _vorbis(path: Path) -> Iterator[Piece]:
    first = 0
    try:
        with soundfile.SoundFile(path) as file:
            for block in file.blocks(VORBIS_BLOCK, dtype="float32", always_2d=True):
                yield Piece(first, block.mean(axis=1), file.samplerate)
                first += len(block)
    except soundfile.LibsndfileError as error:
        raise SourceError(f"{path} cannot be decoded: {error}", reason="decode", help="is it whole?") from error
    if not first:
        raise SourceError(f"{path} holds no sound", reason="no_audio", help="is it whole?")


def _opened(path: Path) -> av.container.InputContainer:
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        return av.open(f"file:{path}", options=options)
    except av.FFmpegError as error:
        hint = "give a recording (wav, flac, ogg, opus, mp3, m4a); play it elsewhere to see whether it is whole"
        raise SourceError(f"{path} is no recording: {said(error)}", reason="decode", help=hint) from error


def _beginning(path: Path) -> tuple[bytes, int]:
    """The first bytes, and the size; SourceError if there are none."""
    hint = "check the path and the permissions"
    try:
        if path.exists() and not path.is_file():
            raise SourceError(f"{path} is no file", reason="not_found", help="give one recording")
        with path.open("rb") as file:
            head, size = file.read(HEAD_BYTES), path.stat().st_size
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist", reason="not_found", help=hint) from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", reason="refused", help=hint) from error
    if not size:
        raise SourceError(f"{path} is empty", reason="no_audio", help="give a recording")
    return head, size


def _lacks_end(head: bytes, size: int) -> bool:
    """Whether a WAV file is shorter than its header says; FFmpeg does not tell."""
    claimed = int.from_bytes(head[4:8], "little") + 8 if head[:4] == b"RIFF" else 0
    return size + 1 < claimed < UNKNOWN_SIZE  # a byte of padding may lack


def _is_counted(kind: str, head: bytes) -> bool:
    """Whether the file says how many samples it has; an MP3 does where its encoder wrote such a header."""
    return kind in ("flac", "ogg") or "mp4" in kind or ("mp3" in kind and (b"Xing" in head or b"Info" in head))
