"""The folder of those who may listen: one `.key` file each, looked at again while the daemon runs."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from mgcld.errors import ConfigError
from mgcld.service.bus.keys import PUBLIC, public

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
MOST_CLIENTS = 1000
"""So many files of the folder are read, in the order of their names."""
MOST_NAMED = 20

Signature = tuple[tuple[str, int, int], ...]


class Clients:
    """Who may connect. For one thread, but for `reload`; reading must not wait, so the folder is on a local disk."""

    def __init__(self, folder: Path | None, subject: str) -> None:
        """Without a folder nobody may. `subject` begins the lines of its log."""
        self.names: Mapping[bytes, str] = {}
        """Public key in Z85 -> the name of its file, without `.key`."""
        self._folder = folder
        self._subject = subject
        self._seen: Signature | None = None
        self._look_at = 0.0

    def reload(self) -> None:
        """Read every file again at the next look, from any thread."""
        self._seen = None
        self._look_at = 0.0

    def look(self) -> bool:
        """Read the folder again if it is time and it changed; whether others may listen now than before."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_SECONDS
        signature = _signature(self._folder)
        if signature == self._seen:
            return False
        first, self._seen = self._seen is None and not self.names, signature
        before, self.names = self.names, self._read(signature)
        if first or before.keys() != self.names.keys():
            self._tell()
        return before.keys() != self.names.keys()

    def _read(self, signature: Signature) -> dict[bytes, str]:
        names: dict[bytes, str] = {}
        for name, _, _ in signature[:MOST_CLIENTS]:
            assert self._folder is not None
            try:
                names[public(self._folder / name)] = name.removesuffix(PUBLIC)
            except ConfigError as error:
                logger.warning("%s: left out: %s", self._subject, error)
        if len(signature) > MOST_CLIENTS:
            logger.warning("%s: only %d keys of %s are read", self._subject, MOST_CLIENTS, self._folder)
        return names

    def _tell(self) -> None:
        if self._folder is None:
            logger.warning("%s: nobody may connect: publish.curve.clients names no folder of their keys", self._subject)
        elif not self.names:
            text = "%s: nobody may connect: %s holds no .key file; see `mgcld keys allow`"
            logger.warning(text, self._subject, self._folder)
        else:
            names = ", ".join(sorted(self.names.values())[:MOST_NAMED])
            logger.info("%s: %d may connect: %s", self._subject, len(self.names), names)


def _signature(folder: Path | None) -> Signature:
    """What changes whenever a key file does. A folder that cannot be listed holds none."""
    if folder is None:
        return ()
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == PUBLIC and not path.name.startswith("."))
    except OSError:
        return ()
    return tuple((path.name, *_version(path)) for path in paths)


def _version(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # it went while we looked, or leads nowhere: reading it tells
        return (0, 0)
    return (status.st_mtime_ns, status.st_ino)
