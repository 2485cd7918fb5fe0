"""Addresses of streams, checked before use."""

from urllib.parse import SplitResult, urlsplit

from mgcld.errors import ConfigError


def checked(url: str, *schemes: str) -> SplitResult:
    """The parts of `scheme://[user:password@]host[:port]/path`. No error shows the address: it may hold a password.

    Raises:
        ConfigError: another scheme, no host, no valid port, or a user or password that hides where the host begins.
    """
    wanted = " or ".join(f"{scheme}://HOST/PATH" for scheme in schemes)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
        valid = valid and url.isprintable() and " " not in url
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError("the address is not understood", help=f"write {wanted}, in a password %40 for @, %2F for /")
    if "@" in url.partition("://")[2].removeprefix(parts.netloc):
        raise ConfigError(
            "the address has an '@' behind its host",
            help="write special characters of user, password and path as %40 (@), %2F (/), %3F (?), %23 (#)",
        )
    return parts
