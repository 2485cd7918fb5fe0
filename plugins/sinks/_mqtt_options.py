"""Where the broker is, how it is spoken to, and what is secret about that."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from mgcld.errors import ConfigError

from .._secret import read_secret

HELP = "put the password into a file and name that with password_file, or into a variable and name that in password_env"
TLS_HELP = "ca_file, cert_file and key_file are PEM files; they belong to tls: true"


class _Careful(ssl.SSLSocket):
    """Closed where the handshake fails: paho leaves it to the garbage."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except Exception:
            self.close()
            raise


@dataclass(frozen=True, slots=True)
class Address:
    """Everything that a connection needs; the password does not show itself."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    context: ssl.SSLContext | None = field(repr=False)
    verify: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.context else ''}://{host}:{self.port}"


def checked_host(host: str, port: int | None, tls: bool) -> tuple[str, int]:
    """Host and port, by default the usual one: 1883, with TLS 8883.

    Raises:
        ConfigError: there is none such.
    """
    if not host or not host.isprintable() or any(sign in host for sign in "/@ "):
        raise ConfigError("what stands in host is no host", help="write its name or address in host, and nothing else")
    usual = 8883 if tls else 1883
    if port is not None and not 0 < port < 65536:
        raise ConfigError(f"{port} is no port", help=f"leave port out for {usual}")
    return host, usual if port is None else port


def password_from(user: str | None, file: Path | None, variable: str | None) -> str | None:
    """The password, if there is one.

    Raises:
        ConfigError: it is named twice, it is not there, or nobody is named whose it is.
    """
    if file is None and variable is None:
        return None
    if file is not None and variable is not None:
        raise ConfigError("password_file and password_env are both given", help="leave one of them out")
    if not user:
        raise ConfigError("there is a password, and nobody whose it is", help="name its user with user")
    if file is not None:
        value, where = read_secret(file, "password", HELP), str(file)
    else:
        value, where = os.environ.get(variable or "", ""), f"the environment variable {variable}"
    value = value.rstrip("\r\n")
    if not value or not value.isprintable():
        raise ConfigError(f"there is no password in {where}", help=HELP)
    return value


def tls_context(
    tls: bool, verify: bool, ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> ssl.SSLContext | None:
    """How TLS is spoken; None without.

    Raises:
        ConfigError: files without TLS, half a certificate, or files that are none.
    """
    if not tls:
        if ca_file or cert_file or key_file or not verify:
            raise ConfigError("there are options of TLS without tls: true", help=TLS_HELP)
        return None
    if key_file is not None and cert_file is None:
        raise ConfigError("there is a key_file without a cert_file", help=TLS_HELP)
    file: Path | None = ca_file
    try:
        context = ssl.create_default_context(cafile=ca_file)
        file = cert_file
        if cert_file is not None:
            context.load_cert_chain(cert_file, key_file, password="")  # "": an encrypted key is an error, no question
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigError(f"TLS cannot use {file}: {_why(error)}", help=TLS_HELP) from error
    context.sslsocket_class = _Careful
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "it is no such PEM file").replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error)
