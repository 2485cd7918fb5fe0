"""A secret that stands in a file."""

import logging
import os
from pathlib import Path

from mgcld.errors import ConfigError

logger = logging.getLogger(__name__)

OTHERS = 0o077
_told: set[Path] = set()
"""Files of which it was said that others can read them."""


def read_secret(file: Path, what: str, help: str) -> str:
    """Its text; `what` it is, and the `help` where it is not, are for people.

    Where others than its owner can read it the log says so, once for each file: but for what systemd hands over.

    Raises:
        ConfigError: the file cannot be read, or is no text.
    """
    try:
        text = file.read_text(encoding="utf-8")
        mode = file.stat().st_mode
    except OSError as error:
        raise ConfigError(f"the {what} cannot be read from {file}: {error.strerror}", help=help) from error
    except UnicodeDecodeError:
        raise ConfigError(f"what stands in {file} is no {what}: it is no text", help=help) from None
    if mode & OTHERS and file not in _told and not _is_credential(file):
        _told.add(file)
        logger.warning("others can read the %s in %s: chmod 600 %s", what, file, file)
    return text


def _is_credential(file: Path) -> bool:
    """Whether systemd hands it to this service alone."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and file.resolve().is_relative_to(Path(str(folder)).resolve())
