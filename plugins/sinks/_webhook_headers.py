"""Who we are to a web server: a token, a user and a password, or any headers, from files and variables."""

import base64
import os
import re
from pathlib import Path

import httpx

from mgcld.errors import ConfigError

from .._secret import read_secret

HELP = "put it into a file that only mgcld's user may read, and name that; or into an environment variable"
OURS = re.compile(r"(?i)host|content-.*|transfer-encoding|connection|expect|user-agent|idempotency-key|x-mgcld-.*")
"""Headers that nobody else sets."""


def secret_from(what: str, file: Path | None, variable: str | None) -> str | None:
    """A secret, if there is one; it stands alone in its file.

    Raises:
        ConfigError: there are two, or there is none where one should be.
    """
    if file is not None and variable is not None:
        raise ConfigError(f"{what}_file and {what}_env are both given", help="leave one of them out")
    if file is not None:
        value, where = read_secret(file, what, HELP), str(file)
    elif variable is not None:
        value, where = os.environ.get(variable, ""), f"the environment variable {variable}"
    else:
        return None
    if not value.strip():
        raise ConfigError(f"there is no {what} in {where}", help=HELP)
    return value.strip()


def headers_for(url: httpx.URL, token: str | None, file: Path | None) -> dict[str, str]:
    """What shows who we are.

    Raises:
        ConfigError: it cannot be a header, or there are two of one name.
    """
    headers = {} if file is None else _read(file)
    if token is not None:
        if not _is_value(token) or " " in token:
            raise ConfigError("the token has blanks or signs in it that no token has", help=HELP)
        _add(headers, "Authorization", f"Bearer {token}")
    if url.userinfo:
        credentials = f"{url.username}:{url.password}".encode()
        _add(headers, "Authorization", f"Basic {base64.b64encode(credentials).decode()}")
    return headers


def _read(file: Path) -> dict[str, str]:
    headers: dict[str, str] = {}
    for number, line in enumerate(read_secret(file, "headers", HELP).splitlines(), start=1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not _is_value(value.strip()):
            raise ConfigError(f"line {number} of {file} is no header", help="write lines such as X-Api-Key: abc")
        if OURS.fullmatch(name):
            raise ConfigError(f"line {number} of {file}: {name} is ours to say", help="leave it out")
        _add(headers, name, value.strip())
    return headers


def _add(headers: dict[str, str], name: str, value: str) -> None:
    if name.lower() in {known.lower() for known in headers}:
        raise ConfigError(f"there are two headers {name}", help="leave all but one out")
    headers[name] = value


def _is_value(text: str) -> bool:
    return text.isascii() and text.isprintable() and bool(text)
