"""Sound that comes over HTTP (Icecast, a playlist of HLS, any file), or through a pipe on standard input."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl

import av

from mgcld.data import AudioBlock, nanoseconds
from mgcld.errors import ConfigError, Reason, SourceError

from . import _address, _host
from ._ffmpeg import reason_of, said
from ._host import Host
from ._opening import ANALYSIS_US, USUAL_SECONDS, Opening, checked_wait, patience
from ._pace import paced
from ._raw import Format, raw_options
from ._reader import Fault, Reader

PIPE = "-"
SCHEMES = ("http", "https")
PROTOCOLS = "http,https,tcp,tls,crypto"
"""All that a playlist may name: never a file of this machine."""
FORMATS = "aac,adts,aiff,amr,asf,au,caf,flac,flv,hls,matroska,mov,mp3,mpegts,ogg,w64,wav"
"""Of these only `hls` names other addresses."""
HINTS: dict[Reason, str] = {
    **_host.HINTS,
    "absent": "pipe sound into it: arecord -f S16_LE -r 16000 | mgcld run --source 'name=-' ...",
    "codec": "nothing known as sound came: give the sound itself or its playlist, not a page; raw samples need format",
    "decode": "give another stream, or tell who runs it",
    "ended": "the other side closed the stream: it is over, or the server restarts",
    "no_audio": "give a stream with sound",
    "refused": "the server does not serve it now: check address and port, or another program reads this pipe",
    "timeout": "check the network, and whether the stream plays elsewhere",
    "tls": "name the authority's certificate with ca_file, or set verify to false where you trust the network; "
    "where the port speaks no TLS (WRONG_VERSION_NUMBER) write http for https",
    "unknown": "try the URL in another player",
}

logger = logging.getLogger(__name__)

_pipe = threading.Lock()  # a process has one standard input


class StreamSource:
    """Listens to one stream."""

    def __init__(
        self,
        url: str,
        format: Format | None = None,
        sample_rate: int | None = None,
        channels: int | None = None,
        timeout_seconds: float = USUAL_SECONDS,
        user: str | None = None,
        password_file: Path | None = None,
        password_env: str | None = None,
        verify: bool = True,
        ca_file: Path | None = None,
    ) -> None:
        """`url`: http(s)://, which may hold user:password@, or `-` for standard input.

        `format`, `sample_rate` (Hz) and `channels` (1 where nothing is said) describe raw samples; anything else says
        itself what it is. A pipe may be silent for as long as it likes, anything else for `timeout_seconds`. `verify`:
        whether the certificate of https:// must be signed by an authority of the system, or of `ca_file` (PEM). FFmpeg
        does so for the address alone, not for what a playlist names: the log warns of that.

        Raises:
            ConfigError: that is no address, there is no password where one should be, or the format is half said.
        """
        self._format = format
        self._raw = raw_options(format, sample_rate, channels)
        self._timeout = checked_wait(timeout_seconds)
        self._opening: Opening | None = None
        self._host: Host | None = None
        if url == PIPE and any((user, password_file, password_env, ca_file)):
            raise ConfigError("standard input has no user, no password and no certificate", help="leave them out")
        if url != PIPE:
            self._host = Host(
                url,
                SCHEMES,
                user=user,
                password_file=password_file,
                password_env=password_env,
                verify=verify,
                ca_file=ca_file,
            )
        self._shown = self._host.shown if self._host else "standard input"

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        """`http[s]://[user:password@]host[:port]/path`, or `-[?format=s16le&sample_rate=16000&channels=1]`.

        Raises:
            ConfigError: that is no such address.
        """
        url, _, query = address.partition("?")
        if url != PIPE:
            _address.checked(address, *SCHEMES)
            return {"url": address}
        options = dict(parse_qsl(query, keep_blank_values=True))
        if unknown := set(options) - {"format", "sample_rate", "channels"}:
            hint = f"write -?format=s16le&sample_rate=16000&channels=1; formats: {', '.join(get_args(Format))}"
            raise ConfigError(f"{address!r}: unknown key {min(unknown)!r}", help=hint)
        return {"url": url, **options}

    @property
    def live(self) -> bool:
        """A server does not wait; a pipe does, and it ends."""
        return self._host is not None

    @property
    def patience_seconds(self) -> float:
        """Who asks for more time than most gets it from the supervisor, too."""
        return patience(self._timeout)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Codec, sample_rate, channels, transport."""
        if self._opening is None or not self._opening.facts:
            return {}
        return {**self._opening.facts, "transport": "http" if self._host else "pipe"}

    def blocks(self) -> Iterator[AudioBlock]:
        """Open, then yield until it ends or is closed: what comes over HTTP hardly faster than it sounds.

        Raises:
            SourceError: it cannot be opened, falls silent, breaks, or changes its rate or codec.
        """
        try:
            yield from self._heard_live(self._host) if self._host else self._heard_in_pipe()
        except Fault as fault:
            text = f"{self._shown}: {fault}"
            raise SourceError(text, reason=fault.reason, help=HINTS.get(fault.reason, "")) from None

    def _heard_live(self, host: Host) -> Iterator[AudioBlock]:
        reader = Reader(lambda: self._open(host), host.explaining("codec", self._timeout))
        self._opening = Opening(reader, self._shown, self._timeout)
        return paced(self._opening.blocks())

    def _open(self, host: Host) -> av.container.InputContainer:
        options = {"protocol_whitelist": PROTOCOLS, **self._known, **host.options}
        container = av.open(host.url, format=self._format, options=options, timeout=(self._timeout, self._timeout))
        if host.verified and container.format.name == "hls":
            # FFmpeg hands its options for TLS on to nothing that a playlist names.
            logger.warning("%s: a playlist; no certificate is verified where its pieces come from", host.shown)
        return container

    def _heard_in_pipe(self) -> Iterator[AudioBlock]:
        if sys.stdin is None:  # as with <&-: what has the number 0 now is something else
            raise Fault("absent", "it is closed")
        if os.isatty(0):
            raise Fault("absent", "that is a terminal")
        if not _pipe.acquire(blocking=False):
            raise Fault("refused", "another source reads it")
        try:
            reader = Reader(self._open_pipe, _explained)
            self._opening = Opening(reader, self._shown, None)
            began_ns = time.time_ns()
            with closing(self._opening.blocks()) as blocks:
                for block in blocks:
                    heard_ns = began_ns + nanoseconds(block.first_sample, block.sample_rate)
                    yield replace(block, captured_ns=heard_ns, clock="file", clock_uncertainty_ns=0)
        finally:
            _pipe.release()

    def _open_pipe(self) -> av.container.InputContainer:
        return av.open("pipe:0", format=self._format, options={"protocol_whitelist": "pipe", **self._known})

    @property
    def _known(self) -> dict[str, str]:
        """What FFmpeg may take it for."""
        return {"analyzeduration": str(ANALYSIS_US), **(self._raw or {"format_whitelist": FORMATS})}


def _explained(error: av.FFmpegError, heard: bool) -> tuple[Reason, str]:
    foreign = isinstance(error, av.InvalidDataError) and not heard
    return "codec" if foreign else reason_of(error), said(error)
