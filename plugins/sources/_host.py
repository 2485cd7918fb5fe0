"""A host on the network: its address, with what is secret in it, its TLS, and why it cannot be reached."""

import errno
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

import av

from mgcld.errors import ConfigError, Reason
from mgcld.redaction import redacted

from . import _address
from ._credentials import with_credentials
from ._ffmpeg import reason_of, said

PORTS = {"https": 443, "rtsps": 322}
"""With TLS, where the address names none."""
LOOK_SECONDS = 3.0
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
        if ca_file is not None and not ca_file.is_file():
            raise ConfigError(f"ca_file: {ca_file} is no file", help="name a file of certificates (PEM)")
        self.url = parts.geturl()
        self.shown = redacted(self.url)
        self._name = parts.hostname or ""
        self._tls_port = (parts.port or PORTS[parts.scheme]) if parts.scheme in PORTS else None
        self._verify = verify
        self._authorities = ca_file or _authorities()

    @property
    def options(self) -> Mapping[str, str]:
        """What FFmpeg has to know of its TLS."""
        known = {"ca_file": str(self._authorities)} if self._authorities else {}
        return {"tls_verify": "1", **known} if self._verify else {}

    def explained(self, error: av.FFmpegError) -> tuple[Reason, str]:
        """Why a connection could not be made: an input/output error may be many things to FFmpeg."""
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
        if self._tls_port is None:
            return ""
        context = ssl.create_default_context(cafile=self._authorities)
        if not self._verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection((self._name, self._tls_port), LOOK_SECONDS) as plain:
                context.wrap_socket(plain, server_hostname=self._name).close()
        except ssl.SSLCertVerificationError as error:
            return f"its certificate is not trusted: {error.verify_message}"
        except ssl.SSLError as error:
            return f"no TLS comes about: {error.reason or error.strerror}"
        except OSError:
            return ""
        return ""


def _authorities() -> Path | None:
    """The system's; FFmpeg's wheel would look where another system has them."""
    known = ssl.get_default_verify_paths().cafile
    return next((path for path in (*([Path(known)] if known else []), *AUTHORITIES) if path.is_file()), None)
