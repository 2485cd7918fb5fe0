"""Files that are whole or not there."""

import os
import tempfile
from pathlib import Path

from mgcld.errors import ConfigError


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the place, flush to the disk, rename into place.

    Raises:
        ConfigError: it cannot be written; what stood there before still stands.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".mgcld-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
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
