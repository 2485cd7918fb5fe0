"""A camera or any other RTSP stream: its audio, of any codec and rate."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import av

from mgcld.data import AudioBlock
from mgcld.errors import Reason, SourceError

from . import _address, _host
from ._host import Host
from ._opening import ANALYSIS_US, USUAL_SECONDS, Opening, checked_wait, patience
from ._reader import Fault, Reader

SCHEMES = ("rtsp", "rtsps")
REFUSED = (av.error.HTTPBadRequestError, av.error.HTTPOtherClientError, av.error.HTTPServerError)
"""What a server answers that does not give the sound alone."""
HELLO = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
HINTS: dict[Reason, str] = {
    **_host.HINTS,
    "codec": "choose AAC, Opus or G.711 in the camera's audio settings",
    "decode": "choose AAC, Opus or G.711 in the camera's audio settings",
    "ended": "the other side closed the stream: it restarts, or serves no more viewers",
    "no_audio": "turn on the microphone in the camera's settings",
    "refused": "nothing serves RTSP there now, or not in this way: check address, port and transport, and the camera",
    "timeout": "check power and network, or try the other transport (tcp, udp)",
    "tls": "name the camera's certificate with ca_file, or set verify to false where you trust the network; "
    "where the port speaks no TLS (WRONG_VERSION_NUMBER) write rtsp for rtsps",
    "unknown": "this may be no RTSP server: try the URL in another player",
}


class RtspSource:
    """Listens to one stream. Only its audio is asked for, unless the server gives that together with a picture only."""

    live = True

    def __init__(
        self,
        url: str,
        transport: Literal["tcp", "udp"] = "tcp",
        timeout_seconds: float = USUAL_SECONDS,
        user: str | None = None,
        password_file: Path | None = None,
        password_env: str | None = None,
        verify: bool = True,
        ca_file: Path | None = None,
        tracks: Literal["auto", "audio", "all"] = "auto",
    ) -> None:
        """`url` may hold user:password@, which no log and no error shows; or they come from the other options.

        `timeout_seconds`: without sound for so long, at the beginning or later, it is given up. `tracks`: whether
        a picture is asked for too, where the sound alone is refused or stays silent (auto), never or always. `verify`:
        whether the certificate of rtsps:// must be signed by an authority of the system, or of `ca_file` (PEM).

        Raises:
            ConfigError: that is no RTSP address, there is no password where one should be, or no time to wait.
        """
        self._host = Host(
            url,
            SCHEMES,
            user=user,
            password_file=password_file,
            password_env=password_env,
            verify=verify,
            ca_file=ca_file,
        )
        self._timeout = checked_wait(timeout_seconds)
        self._transport = transport
        self._all_tracks = tracks == "all"
        self._settled = tracks != "auto"  # whether the server has given sound in this way
        self._opening: Opening | None = None

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        """`rtsp[s]://[user:password@]host[:port]/path`.

        Raises:
            ConfigError: that is no RTSP address.
        """
        _address.checked(address, *SCHEMES)
        return {"url": address}

    @property
    def patience_seconds(self) -> float:
        """Who asks for more time than most gets it from the supervisor, too."""
        return patience(self._timeout)

    @property
    def chosen(self) -> Mapping[str, Any]:
        """What the server gives sound with, once that is known to be a picture."""
        return {"tracks": "all"} if self._settled and self._all_tracks else {}

    @property
    def facts(self) -> Mapping[str, Any]:
        """Codec, sample_rate, channels, transport, and what is known of the sender's clock."""
        if self._opening is None or not self._opening.facts:
            return {}
        ahead = self._opening.clock.offset_seconds
        told = {} if ahead is None else {"sender_clock_offset_seconds": ahead}
        return {**self._opening.facts, "transport": self._transport, **told}

    def blocks(self) -> Iterator[AudioBlock]:
        """Open, then yield until it ends or is closed; lost packets leave a gap of their size, as far as stamps tell.

        Raises:
            SourceError: it cannot be opened, falls silent, breaks, or changes its rate or codec.
        """
        reader = Reader(self._opened, self._host.explaining("unknown", self._timeout))
        self._opening = Opening(reader, self._host.shown, self._timeout)
        try:
            with closing(self._opening.blocks()) as blocks:
                for block in blocks:
                    self._settled = self._settled or len(block.samples) > 0
                    yield block
        except Fault as fault:
            if fault.reason == "timeout" and not self._settled and self._host.answers(HELLO):
                # Some say yes and then send nothing. One that says nothing at all only starts, or hangs.
                self._all_tracks = not self._all_tracks
            text = f"{self._host.shown}: {fault}"
            raise SourceError(text, reason=fault.reason, help=HINTS.get(fault.reason, "")) from None

    def _opened(self) -> av.container.InputContainer:
        try:
            return self._open(all_tracks=self._all_tracks)
        except REFUSED:
            if self._settled or self._all_tracks:
                raise
        container = self._open(all_tracks=True)
        self._all_tracks = True
        return container

    def _open(self, *, all_tracks: bool) -> av.container.InputContainer:
        options = {
            "rtsp_transport": self._transport,
            "allowed_media_types": "audio+video" if all_tracks else "audio",
            "analyzeduration": str(ANALYSIS_US),
            **self._host.options,
        }
        return av.open(self._host.url, options=options, timeout=(self._timeout, self._timeout))
