"""A secret that stands in a file."""

from pathlib import Path

from mgcld.errors import ConfigError


def read_secret(file: Path, what: str, help: str) -> str:
    """Its text; `what` it is, and the `help` where it is not, are for people.

    Raises:
        ConfigError: the file cannot be read, or is no text.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the {what} cannot be read from {file}: {error.strerror}", help=help) from error
    except UnicodeDecodeError:
        raise ConfigError(f"what stands in {file} is no {what}: it is no text", help=help) from None
