"""The key of a service: from the environment or a file, into the request, and nowhere else."""

import os
from pathlib import Path

from mgcld.errors import ConfigError

from .._secret import read_secret

HELP = "put it into an environment variable and name that with key_env, or into a file and name that with key_file"


class Key:
    """A key that does not show itself."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __bool__(self) -> bool:
        return self._value is not None

    @property
    def headers(self) -> dict[str, str]:
        """What carries it to the service."""
        return {} if self._value is None else {"Authorization": f"Bearer {self._value}"}

    def kept_out_of(self, text: str) -> str:
        """A text of the service's without the key: some say it back."""
        return text if self._value is None else text.replace(self._value, "…")


def key_from(variable: str, file: Path | None, *, needed: bool) -> Key:
    """The key, if there is one.

    Raises:
        ConfigError: the file cannot be read, `needed` and there is none, or it cannot be a key.
    """
    if file is None:
        value, where = os.environ.get(variable, "").strip(), f"the environment variable {variable}"
    else:
        value, where = read_secret(file, "key", HELP).strip(), str(file)
    if not value:
        if needed or file is not None:
            raise ConfigError(f"there is no key in {where}", help=HELP)
        return Key(None)
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise ConfigError(f"what stands in {where} is no key: it has blanks or signs in it", help=HELP)
    return Key(value)
