"""Where an evaluation writes: told before the work where it cannot."""

import tempfile
from pathlib import Path

from mgcld import files
from mgcld.errors import ConfigError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole, its folder too where there is none.

    Raises:
        ConfigError: it cannot be written; what stood there before still stands.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, content)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", help="choose another place") from error


def check_writable(path: Path) -> None:
    """Make sure before hours of work that a file can be written there.

    Raises:
        ConfigError: it cannot.
    """
    if path.is_dir():
        raise ConfigError(f"cannot write {path}: it is a folder", help="name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", help="choose another place") from error
