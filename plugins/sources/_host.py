"""A host on the network: its address, with what is secret in it, its TLS, and why it cannot be reached."""

import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import av

from mgcld.errors import ConfigError, Reason
from mgcld.redaction import redacted

from . import _address
from ._credentials import with_credentials
from ._ffmpeg import reason_of, said

HINTS: dict[Reason, str] = {
    "auth": "check user and password; in the URL write special characters as %40 (@), %3A (:), %2F (/)",
    "dns": "the host's name is unknown here: check it, or write its IP address",
    "not_found": "the server knows no such stream: check the path in the URL",
    "unreachable": "no way leads to that host: check the network and the address",
}
"""What to do, whatever the host serves."""
PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
"""Where the address names none."""
LOOK_SECONDS = 2.0
ANSWER_SECONDS = 1.0
AUTHORITIES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/cert.pem"), Path("/etc/ssl/cert.pem"))
MOST_CREDENTIALS = 127
"""FFmpeg cuts off what is longer, of the percent-encoded `user:password`."""


class Host:
    """Where a stream comes from. Nothing that it tells holds a secret but `url`, which is for FFmpeg alone."""

    def __init__(
        self,
        url: str,
        schemes: tuple[str, ...],
        *,
        user: str | None,
        password_file: Path | None,
        password_env: str | None,
        verify: bool,
        ca_file: Path | None,
    ) -> None:
        """Options as the sources take them.

        Raises:
            ConfigError: the address, the credentials or the file of certificates cannot be used.
        """
        parts = with_credentials(_address.checked(url, *schemes), user, password_file, password_env)
        if len(parts.netloc.rpartition("@")[0]) > MOST_CREDENTIALS:
            hint = f"user and password may have {MOST_CREDENTIALS - 1} characters; special ones count as three"
            raise ConfigError("user and password are too long", help=hint)
        if ca_file is not None:
            _check_authorities(ca_file)
        self.url = parts.geturl()
        self.shown = redacted(self.url)
        self._name = parts.hostname or ""
        self._port = parts.port or PORTS[parts.scheme]
        self._tls = parts.scheme in ("https", "rtsps")
        self._verify = verify
        self._authorities = ca_file or _authorities()

    @property
    def verified(self) -> bool:
        """Whether it must show a certificate that can be trusted."""
        return self._tls and self._verify

    @property
    def options(self) -> Mapping[str, str]:
        """What FFmpeg has to know of its TLS."""
        known = {"ca_file": str(self._authorities)} if self._authorities else {}
        return {"tls_verify": "1", **known} if self._verify else {"tls_verify": "0"}

    def explaining(self, foreign: Reason, timeout: float) -> Callable[[av.FFmpegError, bool], tuple[Reason, str]]:
        """For an opening that begins now: why it cannot be opened, or breaks when something was heard.

        `foreign`: the reason where the other side speaks in another way.
        """
        late = time.monotonic() + timeout

        def explained(error: av.FFmpegError, heard: bool) -> tuple[Reason, str]:
            if not heard and time.monotonic() >= late:
                return "timeout", "nothing comes"  # FFmpeg reports the interruption of a handshake as invalid data
            if heard:
                # A connection that breaks within a packet is an input/output error to FFmpeg.
                reason = reason_of(error)
                return ("ended" if reason == "unknown" else reason), said(error)
            reason, text = self._looked_into(error)
            return (foreign if isinstance(error, av.InvalidDataError) else reason), text

        return explained

    def answers(self, question: bytes) -> bool:
        """Whether somebody there says anything to that soon."""
        try:
            with self._connected() as connection:
                connection.settimeout(ANSWER_SECONDS)
                connection.sendall(question)
                return bool(connection.recv(1))
        except OSError:
            return False

    def _looked_into(self, error: av.FFmpegError) -> tuple[Reason, str]:
        """An input/output error may be many things to FFmpeg."""
        if error.errno in (errno.EIO, errno.EINVAL) or type(error) is av.error.UnknownError:
            if not self._resolves():
                return "dns", "nobody knows that host"
            if trouble := self._tls_trouble():
                return "tls", trouble
        return reason_of(error), said(error)

    def _resolves(self) -> bool:
        try:
            return bool(socket.getaddrinfo(self._name, None))
        except OSError:
            return False

    def _tls_trouble(self) -> str:
        """What is wrong with its TLS, asked once more, for FFmpeg does not tell; empty where nothing is."""
        if not self._tls:
            return ""
        try:
            with self._connected():
                pass
        except ssl.SSLCertVerificationError as error:
            return f"its certificate is not trusted: {error.verify_message}"
        except ssl.SSLError as error:
            return f"no TLS comes about: {error.reason or error.strerror}"
        except OSError:
            return ""
        return ""

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.create_connection((self._name, self._port), LOOK_SECONDS) as plain:
            if not self._tls:
                yield plain
                return
            context = ssl.create_default_context(cafile=self._authorities)
            if not self._verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain, server_hostname=self._name) as safe:
                yield safe


def _check_authorities(file: Path) -> None:
    try:
        ssl.create_default_context(cafile=file)
    except OSError as error:  # SSLError is one, too
        hint = "name a file that can be read and holds certificates (PEM)"
        raise ConfigError(f"ca_file: {file} holds no certificates", help=hint) from error


def _authorities() -> Path | None:
    """The system's; FFmpeg's wheel would look where another system has them."""
    known = ssl.get_default_verify_paths().cafile
    return next((path for path in (*([Path(known)] if known else []), *AUTHORITIES) if path.is_file()), None)
