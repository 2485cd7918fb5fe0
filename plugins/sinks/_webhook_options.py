"""The options of a webhook, looked at: what makes no sense is told before anything is sent."""

import os
import re
import ssl
from pathlib import Path

import httpx

from mgcld.errors import ConfigError, InUse

HELP_URL = "write http://... or https://..., with a host"


def address_of(url: str, help: str = HELP_URL) -> httpx.URL:
    """Of a web server. The error does not show it: its path may be as secret as a password.

    Raises:
        ConfigError: it is none.
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        raise ConfigError("what is given is no URL", help=help) from None
    if (
        address.scheme not in ("http", "https")
        or not address.host
        or not _is_port(address.port)
        or re.search(r"\s", url)
    ):
        raise ConfigError("what is given is no URL of a web server", help=help)
    return address


def _is_port(port: int | None) -> bool:
    return port is None or 0 < port < 65_536


def check_numbers(outbox_events: int, max_age_hours: float, timeout_seconds: float) -> None:
    """Within their bounds.

    Raises:
        ConfigError: one is not.
    """
    if not 1 <= outbox_events <= 1_000_000:
        raise ConfigError(f"outbox_events cannot be {outbox_events}", help="write 1 to 1000000")
    if not 0 < max_age_hours <= 24 * 366:
        raise ConfigError(f"max_age_hours cannot be {max_age_hours:g}", help="write up to 8784, a year")
    if not 0.1 <= timeout_seconds <= 300:
        raise ConfigError(f"timeout_seconds cannot be {timeout_seconds:g}", help="write 0.1 to 300")


def place_of(outbox: Path | None) -> Path:
    """Where the outbox is; without a wish in the service's state directory.

    Raises:
        ConfigError: there is neither.
    """
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if outbox is None and not state:
        raise ConfigError("there is no place for the outbox", help="write one: outbox: /var/lib/mgcld/webhook.sqlite")
    return Path(state) / "webhook.sqlite" if outbox is None else outbox


def held(path: Path) -> InUse:
    """Two would deliver everything twice."""
    return InUse(f"outbox: another process uses {path}", help="end it, or give each its own outbox")


def tls_context(verify: bool, ca_file: Path | None) -> ssl.SSLContext:
    """Whom to believe: what this machine trusts, one file, or anybody.

    Raises:
        ConfigError: the file holds no certificate, or is not asked.
    """
    if ca_file is not None and not verify:
        raise ConfigError("ca_file is given, and verify is false", help="leave one of them out")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"ca_file: {ca_file} holds no certificate: {error.strerror}", help="write a PEM") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
