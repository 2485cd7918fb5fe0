"""User and password of a stream: from the address, from a file, or from the environment."""

import os
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote

from mgcld.errors import ConfigError

from .._secret import read_secret

HELP = "put the password into a file and name that with password_file, or into a variable and name that in password_env"


def with_credentials(
    parts: SplitResult, user: str | None, password_file: Path | None, password_env: str | None
) -> SplitResult:
    """The address with user and password as FFmpeg wants them, within it; without any as it was.

    Raises:
        ConfigError: a password without a user, two of either, or none where one should be.
    """
    named, colon, _ = parts.netloc.rpartition("@")[0].partition(":")
    if user is not None and named:
        raise ConfigError("there is a user in the address and another one beside it", help="leave one of them out")
    password = _password(password_file, password_env)
    if password is not None and colon:
        raise ConfigError("there is a password in the address and another one beside it", help="leave one of them out")
    user = unquote(named) if user is None else user
    if password is not None and not user:
        raise ConfigError("there is a password, and nobody whose it is", help="name its user with user")
    if (password is None and not user) or colon:
        return parts
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password or '', safe='')}@{host}")


def _password(file: Path | None, variable: str | None) -> str | None:
    if file is not None and variable is not None:
        raise ConfigError("password_file and password_env are both given", help="leave one of them out")
    if file is not None:
        value, where = read_secret(file, "password", HELP), str(file)
    elif variable is not None:
        value, where = os.environ.get(variable, ""), f"the environment variable {variable}"
    else:
        return None
    value = value.rstrip("\r\n")
    if not value or not value.isprintable():
        raise ConfigError(f"there is no password in {where}", help=HELP)
    return value
