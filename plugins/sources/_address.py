"""Addresses of streams: checked before use, and shown without what is secret."""

import re
from urllib.parse import SplitResult, urlsplit

from mgcld.errors import ConfigError


def checked(url: str, *schemes: str) -> SplitResult:
    """The parts of `scheme://[user:password@]host[:port]/path`. No error shows the address: it may hold a password.

    Raises:
        ConfigError: another scheme, no host, no valid port, or a user or password that hides where the host begins.
    """
    wanted = " or ".join(f"{scheme}://[user:password@]host[:port]/path" for scheme in schemes)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError("the address is not understood", help=f"write {wanted}, special characters as %40 and so on")
    if "@" in url.partition("://")[2].removeprefix(parts.netloc):
        raise ConfigError(
            "the address has an '@' behind its host",
            help="write special characters of user, password and path as %40 (@), %2F (/), %3F (?), %23 (#)",
        )
    return parts


def public(parts: SplitResult) -> str:
    """An address for logs and messages: no user, no password, no query, and no path from the first `=` on.

    Cheap cameras take the password in the query or the path (`/user=admin_password=...`).
    """
    host = parts.netloc.rpartition("@")[2]
    path, *secret = re.split("[=;]", parts.path, maxsplit=1)
    return f"{parts.scheme}://{host}{path}" + ("…" if secret or parts.query or parts.fragment else "")
