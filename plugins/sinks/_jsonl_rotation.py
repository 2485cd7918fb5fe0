"""path → path.1 → path.2 → ...: the older, the higher; compressed ones end in .gz."""

import gzip
import logging
import shutil
import threading
from pathlib import Path

logger = logging.getLogger(__name__)


class Rotation:
    """Moves a file out of the way of the next one; compressing goes on in a thread of its own."""

    def __init__(self, path: Path, keep: int, compress: bool) -> None:
        """Keep so many older files; with 0 the file is thrown away."""
        self._path = path
        self._keep = keep
        self._compress = compress
        self._compressing: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether the file before is still being compressed: then there is no rotation yet."""
        return self._compressing is not None and self._compressing.is_alive()

    def rotate(self) -> None:
        """Make room at the path.

        Raises:
            OSError: a file cannot be moved; those that could have been.
        """
        if not self._keep:
            self._path.unlink(missing_ok=True)
            return
        for ending in ("", ".gz"):
            self._numbered(self._keep, ending).unlink(missing_ok=True)
            for number in range(self._keep - 1, 0, -1):
                if self._numbered(number, ending).exists():
                    self._numbered(number, ending).replace(self._numbered(number + 1, ending))
        self._path.replace(self._numbered(1))
        if self._compress:
            self._compressing = threading.Thread(target=self._squeeze, name="jsonl gzip", daemon=True)
            self._compressing.start()

    def wait(self, seconds: float) -> None:
        """Until it has been compressed, but not longer."""
        if self._compressing is not None:
            self._compressing.join(seconds)

    def _numbered(self, number: int, ending: str = "") -> Path:
        return self._path.with_name(f"{self._path.name}.{number}{ending}")

    def _squeeze(self) -> None:
        plain, part = self._numbered(1), self._path.with_name(f".{self._path.name}.gz.part")
        try:
            with plain.open("rb") as source, gzip.open(part, "wb", compresslevel=6) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            part.chmod(plain.stat().st_mode & 0o777)
            part.replace(self._numbered(1, ".gz"))
            plain.unlink()
        except OSError as error:
            part.unlink(missing_ok=True)
            logger.warning("%s stays as it is, uncompressed: %s", plain, error.strerror or error)
